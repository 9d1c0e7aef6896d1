"""What happens to the caller, the process or the machine meanwhile (x)."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
import logging
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from unittest import mock

import attrs
import pytest

from cloudflow_async import CloudFlowError
from cloudflow_async._core.auth.stores.file_store import FileTokenStore
from cloudflow_async._core.errors import ClientClosedError, TransportError, WrongLoopError

from . import handling, programs
from .checks import nothing_kept, nothing_left, shows_no_secret
from .descriptors import few_descriptors
from .fault import Cell, Fault, row, same
from .operations import EXPIRED, RETRY, Tok, Trial, trial
from .server import Way, answering, then_stalling
from .trying import Ending, ended

_MOST_TURNS = 500


async def _cancel_everywhere(cell: Cell) -> str:
    """Cancelled at each turn of the loop, a call leaves nothing, and the next one succeeds."""
    for turns in itertools.count():
        assert turns < _MOST_TURNS
        if not await _is_cancelled_after(cell, turns):
            break
    assert turns > 1
    return "x"


async def _is_cancelled_after(cell: Cell, turns: int) -> bool:
    async with nothing_kept(), trial(cell.operation) as it:
        await it.prepare()
        async with nothing_left(it.client):
            task = asyncio.create_task(_one(it))
            others = asyncio.create_task(it.call()) if isinstance(it, Tok) else None
            for _ in range(turns):
                await asyncio.sleep(0)
            cancelled = task.cancel()
            await asyncio.wait([task])
            if others is not None:
                await others
                assert 1 == it.server.sends

        assert cancelled is task.cancelled()
        if cancelled:
            await it.again()
        return cancelled


async def _one(it: Trial) -> None:
    if isinstance(it, Tok):
        await it.client.workflows.get("wf_8x7k2m9p")
    else:
        await it.call()


async def _time_out(cell: Cell) -> str:
    """`asyncio.timeout` ends a call in time, by a `TimeoutError` that is not ours."""
    async with nothing_kept(), trial(cell.operation) as it:
        await it.prepare()
        it.server.always(then_stalling())
        begun = asyncio.get_running_loop().time()
        async with nothing_left(it.client):
            with pytest.raises(TimeoutError) as caught:
                async with asyncio.timeout(0.3):
                    await it.call()

        assert 0.3 == pytest.approx(asyncio.get_running_loop().time() - begun, abs=0.01)
        assert not isinstance(caught.value, CloudFlowError)
        it.server.heal()
        await it.again()
    return "x"


def _setting_clocks(seconds: float) -> Fault:
    async def play(cell: Cell) -> str:
        """A wait that the server asks for is as long as it says, and the call succeeds."""
        now = time.time
        async with nothing_kept(), trial(cell.operation) as it:
            await it.prepare()
            it.server.plan(answering(status=429, headers={"Retry-After": "2"}))
            call = asyncio.create_task(ended(it, it.call()))
            await asyncio.sleep(1)
            with mock.patch("time.time", side_effect=lambda: now() + seconds):
                ending = await call
                await it.again()

            assert ending.error is None
            # After a refusal one waits up to a 64th of the period longer, by chance.
        assert 2.0 <= ending.elapsed <= 2.1 + 60 / 64
        return "ok"

    sign = "forward" if seconds > 0 else "back"
    return Fault(
        id="x4" if seconds > 0 else "x5",
        words=f"the clock is set {sign} by an hour",
        play=play,
        cells=row("ok", "ok", "ok", "ok", "401/0"),
    )


async def _use_elsewhere(cell: Cell) -> str:
    """On another loop, while the first one runs, a client refuses to work."""
    async with nothing_kept(), trial(cell.operation) as it:
        await it.prepare()
        with pytest.raises(WrongLoopError) as caught:
            await asyncio.to_thread(asyncio.run, _one(it))

        shows_no_secret(caught.value)
        await it.again()
    return "E WrongLoopError"


async def _use_closed(cell: Cell) -> str:
    async with nothing_kept(), trial(cell.operation) as it:
        await it.prepare()
        await it.client.close()
        ending = await ended(it, it.call())

        assert 0 == ending.sends
        assert isinstance(ending.error, ClientClosedError)
    return f"E {ending.name}"


async def _run_out_of_descriptors(cell: Cell) -> str:
    """What cannot be sent for want of a descriptor is sent when there is one again."""
    retry = attrs.evolve(RETRY, chance=lambda: 1.0)
    async with nothing_kept(), trial(cell.operation, retry=retry) as it:
        # All that is imported on the way needs descriptors too.
        it.server.plan(Way(at="dial", place="refused"))
        await it.prepare()
        it.server.closing = True
        if not isinstance(it, Tok):
            await _drain_pool(it)
        it.server.heal()
        it.server.closing = True
        with few_descriptors():
            ending = await _failure(it)
        with few_descriptors() as restore:
            asyncio.get_running_loop().call_later(0.001, restore.close)
            await it.again()
    assert isinstance(it, Tok) or ending.sends == 3
    return f"R {ending.name}"


async def _failure(it: Trial) -> Ending:
    begun = it.attempts
    with pytest.raises(CloudFlowError) as caught:
        await it.call()
    error = caught.value

    assert not (isinstance(error, TransportError) and error.sent)
    assert not error.may_have_been_applied
    shows_no_secret(error)
    return Ending(error, it.attempts - begun, 0.0)


async def _drain_pool(it: Trial) -> None:
    """Let the connections of the pool be closed by the server."""
    it.server.heal()
    it.server.closing = True
    await it.client.workflows.get("wf_8x7k2m9p")
    await asyncio.sleep(0.01)


def _full(path: Path) -> contextlib.AbstractContextManager[object]:
    return mock.patch("os.fsync", side_effect=OSError(errno.ENOSPC, "No space left on device"))


def _corrupt(path: Path) -> contextlib.AbstractContextManager[object]:
    path.write_bytes(path.read_bytes()[:-9])
    return contextlib.nullcontext()


def _open_to_others(path: Path) -> contextlib.AbstractContextManager[object]:
    path.chmod(0o644)
    return contextlib.nullcontext()


async def _break_store(cell: Cell) -> str:
    """What cannot be saved is used nevertheless; what cannot be trusted is not."""
    found = [await _try_store(cell, way) for way in (_full, _corrupt, _open_to_others)]
    return ", ".join(found)


async def _try_store(
    cell: Cell, spoil: Callable[[Path], contextlib.AbstractContextManager[object]]
) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "token.json"
        store = FileTokenStore(path)
        await store.save(EXPIRED)
        with spoil(path):
            async with nothing_kept(), trial(cell.operation, store=store) as it:
                error = await _with_store(it)
    return "ok" if error is None else f"E {type(error).__name__}"


async def _with_store(it: Trial) -> CloudFlowError | None:
    try:
        await it.prepare()
        await it.call()
    except CloudFlowError as error:
        shows_no_secret(error)
        assert [] == it.server.requests
        return error
    await it.again()
    return None


class _Broken(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        message = "this handler is broken"
        raise RuntimeError(message)


async def _log_in_vain(cell: Cell) -> str:
    log = logging.getLogger("cloudflow_async")
    handler = _Broken()
    log.addHandler(handler)
    level = log.level
    log.setLevel(logging.DEBUG)
    try:
        async with nothing_kept(), trial(cell.operation) as it:
            await it.prepare()
            ending = await ended(it, it.call())
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
    return "ok" if ending.error is None else f"E {ending.name}"


FAULTS: Final[tuple[Fault, ...]] = (
    Fault(
        id="x1",
        words="the caller is cancelled, at each turn of the loop",
        play=_cancel_everywhere,
        plays={"HOOK": handling.cancel},
        cells=row("x", "x", "x", "x", "x/1"),
    ),
    Fault(
        id="x2",
        words="asyncio.timeout around the call",
        play=_time_out,
        plays={"HOOK": handling.time_out},
        cells=row("x", "x", "x", "x", "500/1, 504/1"),
    ),
    Fault(
        id="x3",
        words="SIGINT",
        play=programs.interrupted,
        plays={"HOOK": programs.interrupted},
        cells=row("x", "x", "x", "x", "x/1"),
    ),
    _setting_clocks(3600.0),
    _setting_clocks(-3600.0),
    Fault(
        id="x6",
        words="the process is forked",
        play=programs.forked,
        cells=same("E ForkedClientError"),
    ),
    Fault(
        id="x7",
        words="used on another event loop",
        play=_use_elsewhere,
        cells=same("E WrongLoopError"),
    ),
    Fault(
        id="x8",
        words="used after it was closed",
        play=_use_closed,
        cells=same("E ClientClosedError"),
    ),
    Fault(
        id="x9",
        words="no descriptor is free",
        play=_run_out_of_descriptors,
        plays={"HOOK": handling.run_out_of_descriptors},
        cells=same("R TransportError", tok="R TokenRequestError", hook="204/1"),
    ),
    Fault(
        id="x10",
        words="the store of tokens cannot be written, is corrupt, or open to others",
        play=_break_store,
        cells=same("ok, E CredentialError, E InsecureFileError"),
    ),
    Fault(
        id="x11",
        words="a log handler that raises",
        play=_log_in_vain,
        cells=row("ok", "ok", "ok", "ok", "204/1"),
    ),
)
