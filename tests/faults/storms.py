"""A server that refuses everybody for a minute, while many call (e13)."""

from __future__ import annotations

import asyncio
from typing import Final

import attrs

from tests.raw_server import Sent

from .checks import nothing_kept, nothing_left
from .fault import Cell, Fault, row
from .operations import PAGE_SIZE, ROWS, Page, Post, Tok, Trial, trial
from .server import Answer, Api

TASKS: Final = 1000
"""Calls at the same time."""

_LISTS = 20
_DEADLINE = 900.0
_ENDS_AT = 60.0
_FIRST = 20
"""Requests that may leave before the first answer tells how things stand."""


@attrs.define
class _Storm:
    """Answers 429 until the minute is over."""

    api: Api
    refused: int = 0

    def __call__(self, sent: Sent) -> Answer:
        wait = _ENDS_AT - asyncio.get_running_loop().time()
        if wait <= 0:
            return self.api(sent)
        self.refused += 1
        return Answer(status=429, headers={"Retry-After": str(int(wait) + 1)})


async def _weather(cell: Cell) -> str:
    """All calls succeed, and few are sent while the storm lasts."""
    async with nothing_kept(), trial(cell.operation, deadline=_DEADLINE) as it:
        where = it.healthy if isinstance(it, Tok) else it.server
        where.api = storm = _Storm(where.api)
        async with nothing_left(it.client):
            done = await asyncio.gather(*_calls(it))

        assert 0 < storm.refused <= _FIRST
        assert where.sends == storm.refused + sum(done)
        if isinstance(it, Tok):
            assert 1 == it.server.sends
    return "ok"


def _calls(it: Trial) -> list[asyncio.Task[int]]:
    if isinstance(it, Page):
        return [asyncio.create_task(_read(it)) for _ in range(_LISTS)]
    return [asyncio.create_task(_call(it)) for _ in range(TASKS)]


async def _call(it: Trial) -> int:
    if isinstance(it, Post):
        await it.call()
    else:
        await it.client.workflows.get("wf_8x7k2m9p")
    return 1


async def _read(it: Trial) -> int:
    rows = it.client.workflows.list(page_size=PAGE_SIZE, prefetch=0)
    seen = [row.id async for row in rows]

    assert [f"wf_{number}" for number in range(ROWS)] == seen
    return rows.report.pages


FAULTS: Final[tuple[Fault, ...]] = (
    Fault(
        id="e13",
        words="429 for a minute, while 1,000 call",
        play=_weather,
        cells=row("ok", "ok", "ok", "ok"),
    ),
)
