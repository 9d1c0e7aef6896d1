"""An event loop that jumps to its next timer instead of waiting for it.

Real sockets work in it, because a jump is only made when the kernel has nothing to deliver: what
two ends of a loopback connection send each other is delivered before the clock moves.  Both ends
have to live in this loop.  While a thread works for the loop (`run_in_executor`, `to_thread`, a
look-up of a host name), the clock does not jump: then the loop waits as any other does.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import fcntl
import selectors
import termios
import time
from collections.abc import Callable, Iterator
from typing import Any

Events = list[tuple[selectors.SelectorKey, int]]

EPOCH = 1_769_251_500.0
"""Unix time at which a virtual clock starts: 2026-01-24T10:45:00Z."""

_SHORTEST_JUMP = 1e-6
"""Seconds; a smaller step can vanish in rounding, and a timer would never become due."""

_LONGEST_TIME = 90 * 86_400.0
"""Seconds after which a float is coarser than the resolution of asyncio's timers."""

_SETTLE = 0.0001
"""Real seconds for which the kernel may hold back a few bytes between two sockets."""

_DRAIN = 0.01
"""Real seconds that it may take over more than `_FEW` bytes."""

_FEW = 65536
"""Bytes that fit into one segment, so that sending is the same as delivering them."""

_PATIENCE = 0.2
"""Real seconds without any event after which a loop without timers counts as deadlocked."""


class DeadlockError(RuntimeError):
    """Every task waits, no timer is set, and nothing arrives."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose `time()` starts at 0 and moves only when there is nothing to do."""

    def __init__(self) -> None:
        self._now = 0.0
        self._threads_at_work = 0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        """Return the virtual seconds since the loop was made."""
        return self._now

    def call_at(  # type: ignore[override]  # the base's is generic in what the callback takes
        self, when: float, callback: Callable[..., object], *args: Any, **options: Any
    ) -> asyncio.TimerHandle:
        """Call back at a time; never at once, or a loop of tiny waits would stop the clock."""
        return super().call_at(max(when, self._now + _SHORTEST_JUMP), callback, *args, **options)

    def unix_time(self) -> float:
        """Return the Unix time in seconds that goes with `time()`."""
        return EPOCH + self._now

    def advance(self, seconds: float) -> None:
        """Move the clock, without running anything."""
        self._now += seconds
        if self._now > _LONGEST_TIME:
            message = "the virtual clock is exact for 90 days only: what waits longer?"
            raise OverflowError(message)

    @property
    def must_wait(self) -> bool:
        """Whether a thread works for this loop, whose answer a jump would miss."""
        return self._threads_at_work > 0

    def run_in_executor(  # type: ignore[override]  # the same
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Run a function in a thread; until it is done, the clock does not jump."""
        future = super().run_in_executor(executor, func, *args)
        self._threads_at_work += 1
        future.add_done_callback(lambda _: self._thread_is_done())
        return future

    async def shutdown_default_executor(self, *args: Any) -> None:
        """End the threads; waits for them in real time, where newer Pythons set a timer."""
        with self._waiting():
            await super().shutdown_default_executor(*args)

    @contextlib.contextmanager
    def _waiting(self) -> Iterator[None]:
        self._threads_at_work += 1
        try:
            yield
        finally:
            self._thread_is_done()

    def _thread_is_done(self) -> None:
        self._threads_at_work -= 1


class _JumpingSelector(selectors.DefaultSelector):
    """Report what is ready; when nothing is, move the loop's clock by what it would have waited."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Events:
        """Return what is ready, without waiting longer than the kernel needs to deliver."""
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if self._loop.must_wait:
            return self._wait(timeout)
        if timeout is None:
            return super().select(_PATIENCE) or self._give_up()
        return self._settled() or self._jump(timeout)

    def _wait(self, timeout: float | None) -> Events:
        started_at = time.monotonic()
        ready = super().select(timeout)
        if not ready and timeout is not None and time.monotonic() - started_at >= timeout:
            self._loop.advance(timeout)
        return ready

    def _settled(self) -> Events:
        descriptors = list(self.get_map())
        if any(_unacknowledged(descriptor) > _FEW for descriptor in descriptors):
            return super().select(_DRAIN)
        # The loop's own wake-up pipe is always registered.
        return self._poll(_SETTLE) if len(descriptors) > 1 else []

    def _poll(self, seconds: float) -> Events:
        # A wait shorter than a millisecond is none of the system's: ask again and again.
        until = time.monotonic() + seconds
        ready: Events = []
        while not ready and time.monotonic() < until:
            ready = super().select(0)
        return ready

    def _jump(self, timeout: float) -> Events:
        self._loop.advance(max(timeout, _SHORTEST_JUMP))
        return []

    def _give_up(self) -> Events:
        waiting = "\n".join(f"  {task!r}" for task in asyncio.all_tasks(self._loop))
        message = f"no timer is set and nothing arrives, yet these tasks wait:\n{waiting}"
        raise DeadlockError(message)


def _unacknowledged(descriptor: Any) -> int:
    """Return the number of bytes on their way out of a socket; 0 where that has no meaning."""
    size = array.array("i", [0])
    with contextlib.suppress(OSError):
        fcntl.ioctl(descriptor, termios.TIOCOUTQ, size)
    return size[0]
