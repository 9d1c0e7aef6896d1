"""Run a command's asynchronous work until it is done or a signal ends it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> int:
    """Run `work` on an event loop of its own.

    The first SIGINT or SIGTERM cancels it, so that it can close what it has opened; a second one
    ends the process at once.

    Returns:
        0 when it is done, 130 or 143 when a signal cancelled it.
    """
    with _blocked():
        return asyncio.run(_until_stopped(work))


async def _until_stopped(work: Callable[[], Coroutine[Any, Any, None]]) -> int:
    received: list[int] = []
    task = asyncio.current_task()
    assert task is not None

    def stop(number: int) -> None:
        if received:
            _leave_at_once(number)
        received.append(number)
        task.cancel()

    try:
        with _handling(stop):
            await work()
    except asyncio.CancelledError:
        if not received:
            raise
    return 128 + received[0] if received else 0


@contextlib.contextmanager
def _handling(stop: Callable[[int], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    handled: list[signal.Signals] = []
    # Windows has no such handlers; there, asyncio itself cancels the work on Ctrl-C.
    with contextlib.suppress(NotImplementedError):
        for number in _SIGNALS:
            loop.add_signal_handler(number, stop, number)
            handled.append(number)
    try:
        with _unblocked():
            yield
    finally:
        for number in handled:
            loop.remove_signal_handler(number)


@contextlib.contextmanager
def _blocked() -> Iterator[None]:
    """Keep signals for later that come while an event loop is made or closed: it would be torn."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _unblocked() -> Iterator[None]:
    """Let them come meanwhile, and those that came before."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)


def _leave_at_once(number: int) -> None:
    # A thread may hang in a write to a pipe that nobody reads: waiting for it would take forever.
    if sys.stderr is not None and sys.stderr.isatty():
        sys.stderr.write("\x1b[?25h")  # the progress bar hides the cursor
        sys.stderr.flush()
    os._exit(128 + number)
