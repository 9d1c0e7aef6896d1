"""Try a cell, and tell its outcome from what happened alone: the promise is not looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import attrs

from cloudflow_async import CloudFlowError, OutcomeUnknownError, StatusError
from cloudflow_async._core.errors import (
    DeadlineExceededError,
    DecodeError,
    PaginationError,
    ReauthenticationRequiredError,
)

from . import hooks
from .checks import nothing_kept, nothing_left, shows_no_secret
from .fault import Cell, Fault
from .operations import DEADLINE, PAGE_SIZE, Page, Post, Tok, Trial, trial
from .server import Way, arrived

SLACK = 0.25
"""Seconds by which a call may outlast its deadline."""

SHORT = 0.5
"""Seconds of deadline for what waits."""


@attrs.frozen
class Ending:
    """How a call ended."""

    error: CloudFlowError | None
    sends: int
    elapsed: float

    @property
    def name(self) -> str:
        """The kind of error, of an unknown outcome that which caused it."""
        error = self.error
        if isinstance(error, OutcomeUnknownError):
            error = error.error
        return type(error).__name__


async def play(cell: Cell, **options: Any) -> str:
    """Try a cell in all its ways, and return the outcomes that differ.

    Options are those of the trial, for faults of the wire; the others have their own.
    """
    fault = cell.fault
    own = fault.plays.get(cell.operation)
    if own is not None:
        return await own(cell)
    if cell.operation == "HOOK":
        return await hooks.play(cell)
    if fault.play is not None:
        return await fault.play(cell)
    found = dict.fromkeys([await _outcome(cell, way, options) for way in fault.ways])
    return ", ".join(found)


async def _outcome(cell: Cell, way: Way, options: dict[str, Any]) -> str:
    options = {**options, **cell.fault.options}
    always = await _try(cell, way, options, for_all=True)
    if always.error is None:
        assert 1 == always.sends
        return "ok"
    if way.waits:
        await _try_in_short_time(cell, way, options)
    if always.error.may_have_been_applied:
        assert 1 == always.sends
        return f"U {always.name}"
    if always.sends == 1:
        return f"E {always.name}"
    once = await _try(cell, way, options)
    assert 2 == once.sends
    if once.error is not None:
        return f"R1! {once.name}"
    return f"{_how_often(cell, always)} {always.name}"


def _how_often(cell: Cell, ending: Ending) -> str:
    error = ending.error
    throttled = isinstance(error, StatusError) and error.status in {429, 503}
    most = 5 if throttled and cell.operation != "TOK" else 3
    if ending.sends == 2:
        return "R1"
    assert most == ending.sends
    return "R"


async def _try(cell: Cell, way: Way, options: dict[str, Any], *, for_all: bool = False) -> Ending:
    """Let one attempt go wrong, or all; check that nothing stays behind, and that it recovers."""
    async with nothing_kept(), trial(cell.operation, **options) as it:
        await _prepare(cell.fault, it)
        if for_all:
            it.server.always(way)
        else:
            it.server.plan(way)
        async with nothing_left(it.client):
            ending = await ended(it, it.call())
        if ending.error is not None:
            check_error(it, ending)
        it.server.heal()
        # What a server says unasked is on its way.
        await arrived()
        await arrived()
        if not (isinstance(it, Tok) and _is_logged_out(it, ending)):
            await _recovers(it, cell.fault.pause)
    return ending


def _is_logged_out(it: Tok, ending: Ending) -> bool:
    return it.server.spent or isinstance(ending.error, ReauthenticationRequiredError)


async def _recovers(it: Trial, pause: float) -> None:
    """The next call succeeds, after a pause of so many seconds.

    By chance it is longer: up to a quarter of a period, and gaps of a fifth of one before each of
    two requests (see `contention`).
    """
    begun = asyncio.get_running_loop().time()
    await it.again()

    assert asyncio.get_running_loop().time() - begun <= 1.75 * pause + SLACK


async def _prepare(fault: Fault, it: Trial) -> None:
    if fault.prepare is not None:
        fault.prepare(it)
    if fault.is_reused:
        await it.use()
    it.server.closing = any(way.at != "request" for way in fault.ways)
    await it.prepare()
    if "host" in fault.options and isinstance(it, Page):
        # How long a name is remembered, aiohttp reads from a clock that is not ours.
        it.client._session._transport._http.connector.clear_dns_cache()  # type: ignore[attr-defined]


async def ended(it: Trial, call: Awaitable[object], *, deadline: float = DEADLINE) -> Ending:
    """Await a call, and return how it ended: well, or with an error of this package, in time."""
    loop = asyncio.get_running_loop()
    begun, sends, attempts = loop.time(), it.server.sends, it.attempts
    error: CloudFlowError | None = None
    try:
        await call
    except CloudFlowError as caught:
        error = caught
    elapsed = loop.time() - begun
    attempts, sends = it.attempts - attempts, it.server.sends - sends

    assert elapsed <= deadline + SLACK
    assert attempts == sends or it.server.shares_look_ups
    return Ending(error, attempts, elapsed)


def check_error(it: Trial, ending: Ending) -> None:
    """Fail when an error does not tell the truth, or more than it should."""
    error = ending.error
    assert error is not None
    shows_no_secret(error)
    if isinstance(it, Tok):
        return
    # What contradicts itself is one page, of several that were asked for.
    fewest = 1 if isinstance(error, PaginationError) else ending.sends
    assert fewest <= error.attempts <= ending.sends
    if isinstance(error, OutcomeUnknownError):
        assert error.may_have_been_applied
    if isinstance(it, Page):
        assert PAGE_SIZE == error.resume_at
        # What is wrong with a row names the row.
        assert not (isinstance(error, DecodeError) and error.path) or error.path[:4] == "data"


async def _try_in_short_time(cell: Cell, way: Way, options: dict[str, Any]) -> None:
    """What waits ends with the deadline, and tells whether something may have been done."""
    async with nothing_kept(), trial(cell.operation, **options, deadline=SHORT) as it:
        await _prepare(cell.fault, it)
        it.server.always(way)
        async with nothing_left(it.client):
            ending = await ended(it, it.call(), deadline=SHORT)

        assert isinstance(ending.error, DeadlineExceededError), ending
        applied = isinstance(it, Post) and way.at in {"connect", "request"}
        assert applied is ending.error.may_have_been_applied
