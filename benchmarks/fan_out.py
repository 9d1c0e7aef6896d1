"""Many histories at once: ``python -m benchmarks.fan_out [lists pages rounds]``.

The floor knows beforehand how many pages there are and only reads their bytes; everyone else learns
it page by page.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import sys
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Final, TypeAlias, TypeVar

import aiohttp

from benchmarks.measure import Column, Cost, Table, Tables, cost_columns, interleave, metered, say
from benchmarks.peers import FLOOR, HEADERS, client, present
from benchmarks.server import static_server
from cloudflow_async import CloudFlow

T = TypeVar("T")

CONCURRENCY: Final = 16
OURS: Final = "CloudFlow.pipelines.fan_out()"
ITERATED: Final = "fan_out(), iterated"
GATHERED: Final = "fan_out(), gathered in a list"

_MIB: Final = 2**20
_PAGE: Final = 100

Read: TypeAlias = Callable[[Sequence[str]], Awaitable[int]]
"""Reads the histories of these pipelines, and returns the number of their rows."""

Open: TypeAlias = Callable[[str, int], AbstractAsyncContextManager[Read]]
"""Opens a client of a base URL on which histories have so many pages."""

Job: TypeAlias = Callable[[str, Sequence[str], int], Cost]
"""Reads these histories, of so many pages each, from a base URL."""


def run(*, rounds: int, lists: int = 200, pages: int = 5) -> Tables:
    """Return the tables of time and of memory."""
    ids = [f"pipe_{number:06x}" for number in range(lists)]
    with static_server(rows=pages * _PAGE) as base_url:
        return Tables([_costs(base_url, ids, pages, rounds), _memory(base_url, ids, pages, rounds)])


def _costs(base_url: str, ids: Sequence[str], pages: int, rounds: int) -> Table:
    makers: dict[str, Callable[[], Job]] = {
        FLOOR: lambda: _asynchronous(_bytes_only),
        "aiohttp + orjson by hand, dicts": _by_hand,
        "requests.get as documented, dicts": _as_documented,
        OURS: lambda: _asynchronous(_fan_out),
    }
    jobs, absent = present(makers)
    title = f"Fan-out: {len(ids):,} lists of {pages} pages, {CONCURRENCY} requests at a time"
    say(f"  {title}")
    runs = {name: partial(job, base_url, ids, pages) for name, job in jobs.items()}
    columns = cost_columns(interleave(runs, rounds), what="of all", unit="s")
    return Table(title, columns, notes=["requests reads one page after another.", *absent])


def _asynchronous(open_peer: Open) -> Job:
    async def job(base_url: str, ids: Sequence[str], pages: int) -> Cost:
        async with open_peer(base_url, pages) as read:
            await read(ids[:CONCURRENCY])
            with metered() as cost:
                rows = await read(ids)
        assert len(ids) * pages * _PAGE == rows
        return cost

    return lambda base_url, ids, pages: asyncio.run(job(base_url, ids, pages))


@asynccontextmanager
async def _http(base_url: str) -> AsyncIterator[Callable[[str, int], Awaitable[bytes]]]:
    """Yield what returns the bytes of a page of a pipeline."""
    connector = aiohttp.TCPConnector(limit=CONCURRENCY)
    async with aiohttp.ClientSession(headers=HEADERS, connector=connector) as http:

        async def fetch(name: str, page: int) -> bytes:
            query = f"limit={_PAGE}&offset={page * _PAGE}"
            async with http.get(f"{base_url}/pipelines/{name}/executions?{query}") as answer:
                return await answer.read()

        yield fetch


async def _share(work: Callable[[T], Awaitable[int]], items: Iterable[T]) -> int:
    """Return the sum of what workers return that take items in turns."""
    left = iter(items)

    async def worker() -> int:
        rows = 0
        for item in left:
            rows += await work(item)
        return rows

    return sum(await asyncio.gather(*(worker() for _ in range(CONCURRENCY))))


@asynccontextmanager
async def _bytes_only(base_url: str, pages: int) -> AsyncIterator[Read]:
    async with _http(base_url) as fetch:

        async def work(target: tuple[str, int]) -> int:
            await fetch(*target)
            return _PAGE

        yield lambda ids: _share(work, ((name, page) for name in ids for page in range(pages)))


def _by_hand() -> Job:
    loads = importlib.import_module("orjson").loads

    @asynccontextmanager
    async def open_peer(base_url: str, _: int) -> AsyncIterator[Read]:
        async with _http(base_url) as fetch:

            async def history(name: str) -> int:
                rows = page = 0
                more = True
                while more:
                    body = loads(await fetch(name, page))
                    rows += len(body["data"])
                    more = body["pagination"]["has_more"]
                    page += 1
                return rows

            yield partial(_share, history)

    return _asynchronous(open_peer)


def _as_documented() -> Job:
    """Return the document's loop for each list (API document: Pagination, Python Example)."""
    requests = importlib.import_module("requests")

    def history(url: str) -> int:
        rows: list[object] = []
        more = True
        while more:
            query = {"limit": _PAGE, "offset": len(rows)}
            body = requests.get(url, headers=HEADERS, params=query).json()
            rows.extend(body["data"])
            more = body["pagination"]["has_more"]
        return len(rows)

    def job(base_url: str, ids: Sequence[str], pages: int) -> Cost:
        with metered() as cost:
            rows = sum(history(f"{base_url}/pipelines/{name}/executions") for name in ids)
        assert len(ids) * pages * _PAGE == rows
        return cost

    return job


@asynccontextmanager
async def _fan_out(base_url: str, _: int) -> AsyncIterator[Read]:
    async with client(base_url, CONCURRENCY) as cf:
        yield partial(_iterate, cf)


async def _iterate(cf: CloudFlow, ids: Sequence[str]) -> int:
    rows = 0
    async with cf.pipelines.fan_out(ids, concurrency=CONCURRENCY) as history:
        async for _ in history:
            rows += 1
    return rows


async def _gather(cf: CloudFlow, ids: Sequence[str]) -> int:
    async with cf.pipelines.fan_out(ids, concurrency=CONCURRENCY) as history:
        return len([execution async for execution in history])


def _memory(base_url: str, ids: Sequence[str], pages: int, rounds: int) -> Table:
    title = f"Fan-out: most memory above the beginning, {len(ids) * pages * _PAGE:,} executions"
    say(f"  {title}")
    runs = {
        ITERATED: lambda: asyncio.run(_growth(base_url, ids, _iterate)),
        GATHERED: lambda: asyncio.run(_growth(base_url, ids, _gather)),
    }
    # What is allocated hardly varies, and telling it apart makes everything slow.
    results = interleave(runs, min(rounds, 3))
    return Table(title, [Column("memory", "MiB", results, ratios=False)])


async def _growth(
    base_url: str, ids: Sequence[str], read: Callable[[CloudFlow, Sequence[str]], Awaitable[int]]
) -> float:
    """Return the MiB that were allocated at most, above what a first reading leaves."""
    async with client(base_url, CONCURRENCY) as cf:
        await read(cf, ids[:CONCURRENCY])
        gc.collect()
        tracemalloc.start()
        try:
            await read(cf, ids)
            return tracemalloc.get_traced_memory()[1] / _MIB
        finally:
            tracemalloc.stop()


if __name__ == "__main__":
    lists, pages, rounds = map(int, sys.argv[1:] or ("200", "5", "5"))
    print(run(lists=lists, pages=pages, rounds=rounds))
