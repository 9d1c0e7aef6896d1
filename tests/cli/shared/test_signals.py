"""Work that a signal may end."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
import threading

import pytest

from cloudflow_async.cli.shared.signals import run
from tests.cli.export.display.test_progress import Terminal


def test_work_that_is_done_gives_zero() -> None:
    """Nothing interfered."""
    done: list[bool] = []

    async def work() -> None:
        done.append(True)

    assert 0 == run(work)
    assert [True] == done


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_cancels_the_work(number: signal.Signals, status: int) -> None:
    """It may close what it has opened; the status tells the signal."""
    closed: list[bool] = []

    async def work() -> None:
        os.kill(os.getpid(), number)
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            closed.append(True)

    assert status == run(work)
    assert [True] == closed


def test_a_signal_that_comes_too_early_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the event loop is made, nothing is torn: the work begins, and is cancelled at once."""
    begun: list[bool] = []
    new_event_loop = asyncio.events.new_event_loop

    def interrupted() -> asyncio.AbstractEventLoop:
        # To this thread: a process with others, as pytest-xdist makes them, could have it there.
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        return new_event_loop()

    monkeypatch.setattr(asyncio.events, "new_event_loop", interrupted)

    async def work() -> None:
        begun.append(True)
        await asyncio.Event().wait()

    assert 130 == run(work)
    assert [True] == begun
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_a_system_that_cannot_keep_signals_runs_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has no masks of signals."""
    monkeypatch.delattr(signal, "pthread_sigmask")
    done: list[bool] = []

    async def work() -> None:
        done.append(True)

    assert 0 == run(work)
    assert [True] == done


@pytest.mark.parametrize(("stderr", "written"), [(Terminal(), "\x1b[?25h"), (io.StringIO(), "")])
def test_a_second_signal_leaves_at_once(
    stderr: io.StringIO, written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is waited for any more; a terminal gets back the cursor that a bar hides."""
    left: list[int] = []
    monkeypatch.setattr(os, "_exit", left.append)
    monkeypatch.setattr(sys, "stderr", stderr)

    async def work() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        try:
            await asyncio.Event().wait()
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.Event().wait()

    run(work)

    assert [143] == left
    assert written == stderr.getvalue()


def test_handlers_are_put_back() -> None:
    """After the work, Ctrl-C does what it did before."""

    async def work() -> None:
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL

    run(work)

    assert signal.default_int_handler == signal.getsignal(signal.SIGINT)
    assert signal.SIG_DFL == signal.getsignal(signal.SIGTERM)


def test_failures_come_out() -> None:
    """What the work raises is raised."""

    async def work() -> None:
        raise LookupError("no")

    with pytest.raises(LookupError, match="no"):
        run(work)


def test_a_cancellation_without_a_signal_is_not_mistaken_for_one() -> None:
    """Work that cancels itself is not reported as stopped by the person."""

    async def work() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        run(work)


def test_a_platform_without_such_handlers_still_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows the loop has none, and asyncio itself cancels the work on Ctrl-C."""

    def refuse(*_: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(asyncio.SelectorEventLoop, "add_signal_handler", refuse)

    async def work() -> None:
        signal.raise_signal(signal.SIGINT)
        await asyncio.Event().wait()

    with pytest.raises(KeyboardInterrupt):
        run(work)
