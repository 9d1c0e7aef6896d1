"""Pages on their way while others are read: ``python -m benchmarks.prefetch [rounds]``.

Every answer of the server takes a while, as it does over a network, and there is no rate limit:
how long a history takes is then the number of waits that follow one another.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, TypeAlias

from benchmarks.measure import Table, Tables, interleave, say, table
from benchmarks.peers import PIPELINE, client
from benchmarks.server import static_server
from cloudflow_async import CloudFlow

LATENCY: Final = 0.05
_CONNECTIONS: Final = 100
_PAGE: Final = 100

Read: TypeAlias = Callable[[CloudFlow], Awaitable[int]]
"""Reads the whole history, and returns the number of its rows."""


def run(*, rounds: int, pages: tuple[int, ...] = (20, 100), latency: float = LATENCY) -> Tables:
    """Return a table for each number of pages."""
    return Tables([_run(rounds, count, latency) for count in pages])


def _run(rounds: int, pages: int, latency: float) -> Table:
    readers: dict[str, Read] = {
        "one page after another (prefetch=0)": partial(_iterate, prefetch=0),
        "prefetch=1, the default": partial(_iterate, prefetch=1),
        "prefetch=8": partial(_iterate, prefetch=8),
        "collect()": _collect,
    }
    title = f"{pages} pages from a server that takes {latency * 1000:.0f} ms to answer"
    say(f"  {title}")
    with static_server(rows=pages * _PAGE, latency=latency) as base_url:
        runs = {
            name: lambda read=read: asyncio.run(_seconds(base_url, pages, read))
            for name, read in readers.items()
        }
        return table(title, interleave(runs, rounds), unit="ms", scale=1e3)


async def _seconds(base_url: str, pages: int, read: Read) -> float:
    async with client(base_url, _CONNECTIONS) as cf:
        # Opening connections is no part of it: whoever reads histories has them open.
        await asyncio.gather(*(_first_page(cf) for _ in range(min(pages, _CONNECTIONS))))
        gc.collect()
        begun = time.perf_counter()
        rows = await read(cf)
        elapsed = time.perf_counter() - begun
    assert pages * _PAGE == rows
    return elapsed


async def _first_page(cf: CloudFlow) -> object:
    return await cf.pipelines.executions(PIPELINE)


async def _iterate(cf: CloudFlow, *, prefetch: int) -> int:
    rows = 0
    async for _ in cf.pipelines.executions(PIPELINE, prefetch=prefetch):
        rows += 1
    return rows


async def _collect(cf: CloudFlow) -> int:
    return len(await cf.pipelines.executions(PIPELINE).collect())


if __name__ == "__main__":
    print(run(rounds=int((sys.argv[1:] or ["5"])[0])))
