"""Lists whose pages fail again and again: is a row lost, or does one come twice?

    python -m tests.faults.rows --seeds 200 --rows 100000
    python -m tests.faults.rows --socket --seeds 20 --rows 10000

Each seed reads one list in a way of its own, and goes on after each error.  A fifth of the
requests fail: of a list in memory, or with --socket of one at a server on a bad network.  Prints
what was lost or came twice; 20 million rows in memory take some minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Any, Final, TypeAlias

import attrs

from cloudflow_async import CloudFlow, CloudFlowError, LocalLimiter, RateLimits, RetryPolicy
from cloudflow_async._core.errors import ServerError, TransportError
from cloudflow_async._core.paging.page import Bookmark, Page
from cloudflow_async._core.paging.pages import Pages

from .soak_server import soak_server

FAULTS: Final = 0.2
"""Share of the requests that fail."""

_TIMEOUT: Final = 0.3
"""Seconds for an attempt: as long a stalled one takes."""

_LIMITS: Final = RateLimits(requests=100_000, per=1.0, burst=100_000)
"""None that is felt: after a refusal one waits for a share of the period."""

_TOGETHER: Final = 20
"""Lists that are read at the same time from a server."""

OpenList: TypeAlias = Callable[..., Pages[Any]]
"""Opens a list; takes `start` and `prefetch`."""


@attrs.define
class Reading:
    """What came of a list."""

    expected: Sequence[str]
    """Ids of its rows."""

    seen: list[str] = attrs.field(factory=list)
    errors: Counter[str] = attrs.field(factory=Counter)
    """After which the reading went on, by class."""

    @property
    def lost(self) -> int:
        """How many rows did not come."""
        return len(set(self.expected) - set(self.seen))

    @property
    def doubled(self) -> int:
        """How many rows came that had come before."""
        return len(self.seen) - len(set(self.seen))

    @property
    def is_good(self) -> bool:
        """Whether each row came once, and in order."""
        return self.seen == self.expected


async def read_on(open_list: OpenList, expected: Sequence[str], chance: random.Random) -> Reading:
    """Read a list to its end in several ways, going on after each error."""
    found = Reading(expected)
    start: int | Bookmark = 0
    while True:
        pages = open_list(start=start, prefetch=chance.randint(0, 8))
        way = chance.choice([_by_row, _by_page])
        try:
            async with aclosing(pages):
                async for ids in way(pages):
                    found.seen += ids
        except CloudFlowError as error:
            found.errors[type(error).__name__] += 1
            start = pages.bookmark if chance.random() < 0.5 else error.resume_at or 0
        else:
            return found


async def _by_row(pages: Pages[Any]) -> AsyncIterator[list[str]]:
    async for row in pages:
        yield [row.id]


async def _by_page(pages: Pages[Any]) -> AsyncIterator[list[str]]:
    async for page in pages.pages():
        yield [row.id for row in page]


@attrs.frozen
class _Row:
    id: str


class FaultyList:
    """A list in memory, a fifth of whose requests fail."""

    def __init__(self, rows: int) -> None:
        self.ids = [f"r{number}" for number in range(rows)]
        self._rows = tuple(map(_Row, self.ids))

    def opened_by(self, chance: random.Random) -> OpenList:
        """Return what opens it; `chance` decides what fails."""

        async def fetch(offset: int, limit: int) -> Page[_Row]:
            await asyncio.sleep(0)
            if chance.random() < FAULTS:
                raise chance.choice([ServerError, TransportError])("it fails")
            rows, total = self._rows[offset : offset + limit], len(self._rows)
            more = offset + len(rows) < total
            return Page(items=rows, offset=offset, limit=limit, total=total, has_more=more)

        return lambda **options: Pages(fetch, **options)


async def read_in_memory(faulty: FaultyList, seed: int) -> Reading:
    """Read a list in a way that the seed decides."""
    chance = random.Random(seed)
    return await read_on(faulty.opened_by(chance), faulty.ids, chance)


async def read_at(url: str, rows: int, seed: int) -> Reading:
    """Read the list of a server in a way that the seed decides."""
    expected, chance = [f"wf_{number}" for number in range(rows)], random.Random(seed)
    async with CloudFlow(
        "cf_test_0123456789",
        base_url=url,
        limiter=LocalLimiter(_LIMITS),
        retry=chance.choice([RetryPolicy(base=0.005), RetryPolicy.never()]),
        timeout=_TIMEOUT,
    ) as client:
        return await read_on(client.workflows.list, expected, chance)


async def _read_all(seeds: range, rows: int) -> AsyncIterator[Reading]:
    faulty = FaultyList(rows)
    for seed in seeds:
        yield await read_in_memory(faulty, seed)


async def _read_all_at_server(seeds: range, rows: int) -> AsyncIterator[Reading]:
    with soak_server(share=FAULTS, seed=seeds.start, rows=rows) as url:
        for at in range(0, len(seeds), _TOGETHER):
            some = seeds[at : at + _TOGETHER]
            for reading in await asyncio.gather(*(read_at(url, rows, seed) for seed in some)):
                yield reading


@attrs.define
class _Sum:
    rows: int = 0
    lost: int = 0
    doubled: int = 0
    bad: int = 0
    errors: Counter[str] = attrs.field(factory=Counter)

    def add(self, found: Reading) -> None:
        self.rows += len(found.seen)
        self.lost += found.lost
        self.doubled += found.doubled
        self.bad += not found.is_good
        self.errors += found.errors


async def _read(readings: AsyncIterator[Reading], seeds: range) -> int:
    begun, found = time.monotonic(), _Sum()
    for seed in seeds:
        reading = await anext(readings)
        found.add(reading)
        if not reading.is_good:
            print(f"seed {seed}: {reading.lost} lost, {reading.doubled} doubled, or out of order")
    print(f"{len(seeds)} lists, {found.rows:,} rows in {time.monotonic() - begun:.0f} s")
    print(f"lost {found.lost}, doubled {found.doubled}, lists with a fault {found.bad}")
    for name, times in found.errors.most_common():
        print(f"  {times:>8,} times gone on after {name}")
    return found.bad


def _main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--socket", action="store_true", help="of a server")
    parser.add_argument("--seeds", type=int, default=200, help="how many lists")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--rows", type=int, default=100_000, help="of each list")
    chosen = parser.parse_args()
    seeds = range(chosen.first, chosen.first + chosen.seeds)
    way = _read_all_at_server if chosen.socket else _read_all
    return min(asyncio.run(_read(way(seeds, chosen.rows), seeds)), 1)


if __name__ == "__main__":
    sys.exit(_main())
