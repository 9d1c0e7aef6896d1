"""One clock over several event loops: it goes on when one loop follows another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from cloudflow_async._core.errors import WrongLoopError
from cloudflow_async._core.support.event_loop import running_loop


class MonotonicClock:
    """The clock of the event loop in use; when another loop follows, it goes on from there."""

    __slots__ = ("_last", "_loop", "_shift")

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._shift = 0.0
        self._last = 0.0

    def bind(self) -> bool:
        """Go with the running event loop; return whether it is another one than before."""
        loop = running_loop()
        if loop is self._loop:
            return False
        if self.is_running:
            raise WrongLoopError(
                f"This limiter is in use on {self._loop!r} and cannot be used on {loop!r}; "
                "use one limiter for each event loop."
            )
        self._loop = loop
        # A second loop may count from another beginning, as that of a test does.
        self._shift = max(0.0, self._last - loop.time())
        return True

    @property
    def is_running(self) -> bool:
        """Whether there is a loop, and it has not ended."""
        return self._loop is not None and not self._loop.is_closed()

    def drives(self, future: asyncio.Future[None]) -> bool:
        """Return whether a future belongs to the loop in use, and that still runs."""
        return future.get_loop() is self._loop and self.is_running

    def now(self) -> float:
        """Return the time in seconds; it stands still while there is no loop."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            self._last = loop.time() + self._shift
        return self._last

    def call_at(self, at: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """Call back at a time of this clock."""
        return asyncio.get_running_loop().call_at(at - self._shift, callback)
