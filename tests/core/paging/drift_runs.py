"""Readings of lists that change meanwhile, made up from a seed: what was lost, what came twice.

``python -m tests.core.paging.drift_runs --seeds 20000`` makes many of them and tells what it found.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

import attrs

from cloudflow_async._core.errors import DriftError, PaginationError
from cloudflow_async._core.paging.page import LARGEST_PAGE, MOST_IDS, Bookmark, Page
from cloudflow_async._core.paging.pages import Pages

_SIZES = (1, 2, 3, 7, 10, 25, 50, 98, 99, 100, 100)
_LENGTHS = (0, 1, 2, 5, 20, 99, 100, 101, 200, 300, 347, 500, 800, 1200)


@attrs.frozen
class Row:
    """A row with an identity."""

    id: str


class ChangingList:
    """A list on a server; rows come and go between any two answers, each of which is one moment.

    Args:
        chance: Decides everything.
        largest: Rows in an answer at most, whatever is asked for.
        is_closed: Whether rows only go.
    """

    def __init__(self, chance: random.Random, *, largest: int, is_closed: bool) -> None:
        self.requests = 0
        self.first: list[str] | None = None
        self.start = 0
        self.begins_anew = False
        self.chance = chance
        self.rows = [f"r{n}" for n in range(chance.choice(_LENGTHS))]
        self.largest = largest
        self.has_changed = False
        self._restless = chance.choice([0.0, 0.05, 0.2, 0.5])
        self._most = chance.choice([1, 1, 3, 10, 40])
        self._is_even = not is_closed and chance.random() < 0.4
        self._kinds = ["-"] if is_closed else chance.choice(["+-", "+-", "+", "-"])
        self._place = chance.choice(["head", "tail", "any", "near"])
        self._made = 0
        self.most_new = 600
        self.changes_left = chance.choice([1, 3, 10, 100])
        self._near = 0

    async def fetch(self, offset: int, limit: int) -> Page[Row]:
        """Answer one request at a moment of its own."""
        self.requests += 1
        await self._wait()
        self.change()
        rows = self.rows[offset : offset + min(limit, self.largest)]
        total = len(self.rows)
        if self.first is None or (self.begins_anew and offset == self.start):
            self.first = list(self.rows)
        self._near = offset + len(rows)
        await self._wait()
        return Page(
            items=tuple(map(Row, rows)),
            offset=offset,
            limit=limit,
            total=total,
            has_more=offset + len(rows) < total,
        )

    def change(self) -> None:
        """Let rows come or go, or not."""
        if self.changes_left and self.chance.random() < self._restless:
            self.changes_left -= 1
            self.has_changed = True
            for _ in range(self.chance.randint(1, 3)):
                count = self.chance.randint(1, self._most)
                for kind in "-+" if self._is_even else self.chance.choice(self._kinds):
                    (self._insert if kind == "+" else self._delete)(count)

    async def _wait(self) -> None:
        for _ in range(self.chance.choice([0, 0, 1, 2, 5])):
            await asyncio.sleep(0)

    def _where(self) -> int:
        last = len(self.rows)
        near = min(max(self._near + self.chance.randint(-9, 9), 0), last)
        places = {"head": 0, "tail": last, "any": self.chance.randint(0, last), "near": near}
        return places[self._place]

    def _insert(self, count: int) -> None:
        if self._made > self.most_new:
            return
        if self.chance.random() < 0.5:
            place = self._where()
            self.rows[place:place] = self._new(count)
        else:
            for row in self._new(count):
                self.rows.insert(self._where(), row)

    def _new(self, count: int) -> list[str]:
        self._made += count
        return [f"n{n}" for n in range(self._made - count, self._made)]

    def _delete(self, count: int) -> None:
        if self.chance.random() < 0.5:
            place = self._where()
            del self.rows[place : place + count]
        else:
            for _ in range(min(count, len(self.rows))):
                del self.rows[min(self._where(), len(self.rows) - 1)]


@attrs.define
class Run:
    """One reading, and what it did wrong."""

    seed: int
    options: dict[str, Any] = attrs.field(factory=dict)
    rows: list[str] = attrs.field(factory=list)
    error: DriftError | None = None
    requests: int = 0
    reread: int = 0
    lost: list[str] = attrs.field(factory=list)
    doubled: list[str] = attrs.field(factory=list)
    faults: list[str] = attrs.field(factory=list)

    @property
    def is_good(self) -> bool:
        """Whether each row that was there all the time came once."""
        return not (self.lost or self.doubled or self.faults)


async def run(seed: int) -> Run:
    """Read a list that changes, in a way that the seed decides."""
    chance = random.Random(seed)
    page_size = chance.choice([*_SIZES, chance.randint(1, 100)])
    largest = chance.choice([1000] * 9 + [chance.randint(20, 100)])
    is_closed = chance.random() < 0.3
    source = ChangingList(chance, largest=largest, is_closed=is_closed)
    start = chance.choice([0, 0, 0, chance.randint(0, len(source.rows))])
    most = chance.choice([None, None, None, chance.randint(0, 400)])
    way = chance.choice(["rows", "rows", "pages", "batches", "collect"])
    options: dict[str, Any] = {
        "page_size": page_size,
        "prefetch": chance.randint(0, 8),
        "on_drift": chance.choice(["dedupe"] * 6 + ["restart", "raise"]),
        "is_closed": is_closed,
    }
    anew = options["on_drift"] == "restart"
    source.start, source.begins_anew = start, anew
    done = Run(seed, {**options, "start": start, "max_items": most, "way": way})
    pages = Pages(source.fetch, start=start, max_items=most, **options)
    try:
        if way == "rows" and chance.random() < 0.5 and most is None and not anew:
            pages = await _read_with_breaks(done, source, pages, options)
        else:
            await _read(done, source, pages, way)
    except DriftError as error:
        done.error = error
    except PaginationError as error:
        done.faults.append(error.message)
    done.requests = source.requests
    _judge(done, source, pages)
    return done


async def _read(done: Run, source: ChangingList, pages: Pages[Row], way: str) -> None:
    if way == "collect":
        done.rows = [row.id for row in await pages.collect()]
        return
    async with aclosing(pages):
        async for rows in _pieces(source, pages, way):
            done.rows += [row.id for row in rows]
            if source.chance.random() < 0.1:
                source.change()


async def _pieces(
    source: ChangingList, pages: Pages[Row], way: str
) -> AsyncIterator[Sequence[Row]]:
    if way == "rows":
        async for row in pages:
            yield [row]
    elif way == "pages":
        async for page in pages.pages():
            yield page
    else:
        async for batch in pages.batches(lambda: source.chance.randint(0, 8)):
            yield batch.page


async def _read_with_breaks(
    done: Run, source: ChangingList, pages: Pages[Row], options: dict[str, Any]
) -> Pages[Row]:
    """Leave the loop at random rows, and go on at the bookmark, which was written as JSON."""
    done.options["way"] = "bookmarks"
    # A bookmark remembers a hundred rows, a reader a thousand: more between them hide the place.
    source.most_new = 60
    while True:
        async with aclosing(pages):
            async for row in pages:
                done.rows.append(row.id)
                if source.chance.random() < 0.01:
                    break
            else:
                return pages
        bookmark = Bookmark.from_dict(pages.bookmark.to_dict())
        source.change()
        done.reread += pages.report.reread
        pages = Pages(source.fetch, start=bookmark, **options)


def _judge(done: Run, source: ChangingList, pages: Pages[Row]) -> None:
    first, most = source.first or [], done.options["max_items"]
    there = set(source.rows)
    owed = [row for row in first[done.options["start"] :] if row in there]
    got = Counter(done.rows)
    done.doubled = [row for row, count in got.items() if count > 1]
    full = most is not None and len(done.rows) >= most
    if full or done.error is not None or done.faults:
        # What lies before the last of the rows that came had to come too.
        reached = [place for place, row in enumerate(owed) if row in got]
        owed = owed[: reached[-1] + 1] if reached else []
    anew = done.options["on_drift"] == "restart"
    if not anew or (done.error is None and most is None):
        done.lost = [row for row in owed if row not in got]
    if not anew and done.error is not None and "none of" in done.error.message:
        left = there & set(done.rows[-MOST_IDS:])
        done.faults += ["rows read last are there"] * bool(left)
    done.reread += pages.report.reread
    if not anew:
        came = [row for row in done.rows if row in set(owed)]
        done.faults += [] if came == [row for row in owed if row in got] else ["out of order"]
    if done.error is None and not pages.report.complete:
        done.faults.append("said to be incomplete")
    is_full = source.largest != done.options["page_size"]
    if is_full and not source.has_changed and done.options["way"] != "bookmarks":
        read = len(done.rows) if most is not None else len(first) - done.options["start"]
        needed = max(_requests(done.options, read, source.largest), most != 0)
        done.faults += ["requests in vain"] * (source.requests != needed)
        done.faults += ["reread"] * bool(done.reread)
    if most is not None and len(done.rows) > most:
        done.faults.append("more rows than asked for")


def _requests(options: dict[str, Any], rows: int, largest: int) -> int:
    """Return how many requests so many rows cost in a list that does not change."""
    size = min(options["page_size"], largest)
    if options["is_closed"] or min(options["page_size"] + 1, largest, LARGEST_PAGE) > size:
        return -(-rows // size)
    return min(rows, 1) + -(-max(rows - size, 0) // (size - 1))


async def _run_all(seeds: range) -> int:
    bad, errors, requests, reread = 0, Counter[str](), 0, 0
    for seed in seeds:
        done = await run(seed)
        requests += done.requests
        reread += done.reread
        if done.error is not None:
            errors[f"{done.options['on_drift']}: {done.error.message[:40]}"] += 1
        if not done.is_good:
            bad += 1
            print(f"{seed}: lost {done.lost[:5]}, doubled {done.doubled[:5]}, {done.faults}")
            print(f"    {done.options}")
    print(f"{len(seeds)} readings, {bad} bad; {requests} requests, {reread} of them reread")
    for message, count in errors.most_common():
        print(f"    {count} times {message}")
    return bad


def main() -> int:
    """Make many readings and tell what was lost or came twice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20_000, help="how many readings")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    chosen = parser.parse_args()
    return min(asyncio.run(_run_all(range(chosen.first, chosen.first + chosen.seeds))), 1)


if __name__ == "__main__":
    sys.exit(main())
