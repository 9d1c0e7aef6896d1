"""Pages: each row once, in order, as many requests as needed, and nothing left behind."""

from __future__ import annotations

import asyncio
import gc
import itertools
import random
import tracemalloc
from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Any

import attrs
import pytest

from cloudflow_async._core.errors import (
    CloudFlowError,
    DriftError,
    InvalidArgumentError,
    PaginationError,
    ServerError,
    TransportError,
)
from cloudflow_async._core.paging.page import Page
from cloudflow_async._core.paging.pages import Pages, rows_after
from tests.faults.rows import FaultyList, read_in_memory


@attrs.frozen
class Row:
    """A row with an identity."""

    id: int


@attrs.define
class SegmentSource:
    """A list on a server: what is asked of it, and what it answers."""

    rows: list[Row]
    largest: int = 100
    """Rows a page at most, whatever is asked for."""

    tells_total: bool = True
    delay: float = 0.01
    errors: dict[int, list[CloudFlowError]] = attrs.field(factory=dict)
    """What goes wrong with the next requests, by offset."""

    change: Callable[[Page[Row]], Page[Row]] = lambda page: page
    asked: list[tuple[int, int]] = attrs.field(factory=list)
    under_way: int = 0
    most_under_way: int = 0

    async def fetch(self, offset: int, limit: int) -> Page[Row]:
        """Answer one request."""
        self.asked.append((offset, limit))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await asyncio.sleep(self.delay)
        finally:
            self.under_way -= 1
        if self.errors.get(offset):
            raise self.errors[offset].pop(0)
        found = tuple(self.rows[offset : offset + min(limit, self.largest)])
        total = len(self.rows)
        return self.change(
            Page(
                items=found,
                offset=offset,
                total=total if self.tells_total else None,
                has_more=offset + len(found) < total,
            )
        )

    def pages(self, **options: Any) -> Pages[Row]:
        """Return the list as the client sees it; a closed one, whose pages are easily counted."""
        return Pages(self.fetch, **{"is_closed": True, **options})

    @property
    def offsets(self) -> list[int]:
        """Which pages were asked for."""
        return [offset for offset, _ in self.asked]


def a_source(count: int, **options: Any) -> SegmentSource:
    """Return a list of so many rows."""
    return SegmentSource([Row(number) for number in range(count)], **options)


def ids(rows: list[Row]) -> list[int]:
    """Return the rows' identities."""
    return [row.id for row in rows]


async def read(pages: Pages[Row]) -> list[int]:
    """Return the identities of all rows."""
    return [row.id async for row in pages]


async def read_into(rows: list[int], pages: AsyncIterable[Row]) -> None:
    """Append the identities of all rows, as far as they come."""
    async for row in pages:
        rows.append(row.id)  # noqa: PERF401 - what came before an error counts


def others() -> set[asyncio.Task[Any]]:
    """Return the tasks beside this one."""
    return asyncio.all_tasks() - {asyncio.current_task()}


pytestmark = pytest.mark.virtual_time


@pytest.mark.parametrize("prefetch", [0, 1, 3, 20])
@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 350])
async def test_each_row_comes_once_and_in_order(count: int, prefetch: int) -> None:
    """Row by row, page by page and collected alike, in as many requests as there are pages."""
    source = a_source(count)
    pages = source.pages(prefetch=prefetch)
    rows = await read(pages)
    requests = len(source.asked)
    by_page = [row.id async for page in pages.pages() for row in page]
    collected = ids(await pages.collect())

    assert list(range(count)) == rows == by_page == collected
    assert max(1, -(-count // 100)) == requests
    assert 3 * requests == len(source.asked)
    assert (count, count) == (pages.total, pages.resume_at)


@pytest.mark.parametrize("tells_total", [True, False])
async def test_without_a_total_nothing_is_planned(*, tells_total: bool) -> None:
    """Then each page is asked for when the one before has said that more follow."""
    source = a_source(350, tells_total=tells_total)
    rows = await read(source.pages(prefetch=3))

    assert list(range(350)) == rows
    assert ([0, 99, 198, 297] if tells_total else [0, 100, 200, 300]) == source.offsets
    assert (3 if tells_total else 1) == source.most_under_way


async def test_nothing_is_sent_before_it_is_read() -> None:
    """Neither making a list nor an iterator of it asks the server."""
    source = a_source(350)
    pages = source.pages()
    aiter(pages)
    pages.pages()
    await asyncio.sleep(1)

    assert [] == source.asked
    assert "<Pages from 0, total None, resume at 0>" == repr(pages)


async def test_awaiting_gives_the_first_page() -> None:
    """One request is made, and the list knows its total and where to go on."""
    source = a_source(350)
    pages = source.pages(page_size=50)
    page = await pages
    await asyncio.sleep(1)

    assert list(range(50)) == ids(list(page))
    assert (350, 50, 50) == (pages.total, pages.resume_at, page.next_offset)
    assert [(0, 50)] == source.asked


async def test_an_error_of_the_first_page_tells_where_to_go_on() -> None:
    """It is where the list was to begin."""
    source = a_source(350)
    source.errors[20] = [ServerError("broken")]
    with pytest.raises(ServerError) as caught:
        await source.pages(start=20)

    assert 20 == caught.value.resume_at


async def test_a_contradiction_of_the_first_page_tells_the_same() -> None:
    """With the attempts of that page."""
    source = a_source(350, change=lambda page: attrs.evolve(page, total=-1, attempts=2))
    with pytest.raises(PaginationError) as caught:
        await source.pages(start=20)

    assert (20, 2) == (caught.value.resume_at, caught.value.attempts)


async def test_a_page_is_a_sequence() -> None:
    """It has a length, indices and slices."""
    page = await a_source(3).pages()

    assert (3, Row(0), Row(2), (Row(1), Row(2))) == (len(page), page[0], page[-1], page[1:])
    assert Row(1) in page


@pytest.mark.parametrize("prefetch", [0, 1, 2, 5])
async def test_no_more_pages_are_ahead_than_asked_for(prefetch: int) -> None:
    """A reader who stops at the first page has cost at most `prefetch` requests more."""
    source = a_source(2000)
    iterator = source.pages(prefetch=prefetch).pages()
    await anext(iterator)
    await asyncio.sleep(1)

    assert 1 + prefetch == len(source.asked)
    assert prefetch == source.most_under_way or not prefetch


async def test_prefetching_hides_the_delay() -> None:
    """With as many pages ahead as there are, the second to the last come in one delay."""
    source = a_source(1000, delay=1.0)
    begun = asyncio.get_running_loop().time()
    await read(source.pages(prefetch=9))

    assert 2.0 == pytest.approx(asyncio.get_running_loop().time() - begun, abs=0.1)


async def test_collecting_fetches_concurrently() -> None:
    """After the first page, 100 more and one are under way; the order stays."""
    source = a_source(15_000, delay=1.0)
    begun = asyncio.get_running_loop().time()
    rows = await source.pages().collect()

    assert list(range(15_000)) == ids(rows)
    assert 101 == source.most_under_way
    assert 3.0 == pytest.approx(asyncio.get_running_loop().time() - begun, abs=0.1)


@pytest.mark.parametrize(
    ("pages", "prefetch", "share"), [(20, 8, 0.22), (20, None, 0.13), (100, None, 0.03)]
)
async def test_a_window_is_worth_its_share(pages: int, prefetch: int | None, share: float) -> None:
    """Time against one page after another; no window stands for `collect`."""
    source = a_source(100 * pages, delay=0.05)
    begun = asyncio.get_running_loop().time()
    if prefetch is None:
        await source.pages().collect()
    else:
        await read(source.pages(prefetch=prefetch))

    assert asyncio.get_running_loop().time() - begun <= share * 0.05 * pages
    assert pages == len(source.asked)


@pytest.mark.parametrize("tells_total", [True, False])
@pytest.mark.parametrize("prefetch", [0, 1, 3])
@pytest.mark.parametrize("largest", [50, 30])
async def test_a_clamped_limit_is_followed(
    largest: int, prefetch: int, *, tells_total: bool
) -> None:
    """Pages begin where the rows received end: nothing is lost, doubled or asked for in vain."""
    source = a_source(350, largest=largest, tells_total=tells_total)
    rows = await read(source.pages(prefetch=prefetch))

    assert list(range(350)) == rows
    assert -(-350 // largest) == len(source.asked)


async def test_one_short_page_does_not_slow_down_the_rest() -> None:
    """A page of one row is no reason to ask for one row at a time."""
    source = a_source(500)

    def shorten(page: Page[Row]) -> Page[Row]:
        return page if page.offset != 100 else attrs.evolve(page, items=page.items[:1], received=1)

    source.change = shorten
    rows = await read(source.pages())

    assert list(range(500)) == rows
    assert len(source.asked) < 12
    assert {100} == {limit for _, limit in source.asked}


@pytest.mark.parametrize("prefetch", [0, 1])
async def test_a_server_may_give_more_than_asked_for(prefetch: int) -> None:
    """All its rows are handed out; pages go on after them."""
    source = a_source(350)

    async def generous(offset: int, limit: int) -> Page[Row]:
        source.asked.append((offset, limit))
        found = tuple(source.rows[offset : offset + 150])
        return Page(items=found, offset=offset, total=350, has_more=offset + len(found) < 350)

    rows = await read(Pages(generous, prefetch=prefetch))

    assert list(range(350)) == rows
    assert [0, 149, 298] == source.offsets


@pytest.mark.parametrize("prefetch", [0, 2])
@pytest.mark.parametrize(("start", "most"), [(0, 150), (0, 100), (250, 70), (30, 1), (300, 500)])
async def test_a_list_can_be_cut_out(start: int, most: int, prefetch: int) -> None:
    """`start` and `max_items` bound it exactly; no row past the end is asked for."""
    source = a_source(350)
    pages = source.pages(start=start, max_items=most, prefetch=prefetch)
    wanted = list(range(350))[start : start + most]

    assert wanted == await read(pages)
    assert wanted == ids(await pages.collect())
    assert pages.resume_at == start + len(wanted)
    assert all(offset + limit <= start + most for offset, limit in source.asked)


async def test_a_list_of_nothing_asks_nothing() -> None:
    """With `max_items=0` there is no row, and no request."""
    source = a_source(350)
    pages = source.pages(max_items=0, start=7)
    first = await pages

    assert [] == await read(pages)
    assert [] == await pages.collect()
    assert (0, 7, False) == (len(first), first.offset, first.has_more)
    assert [] == source.asked


async def test_a_server_that_ignores_the_limit_does_not_break_max_items() -> None:
    """Rows past the bound are dropped."""

    async def generous(offset: int, limit: int) -> Page[Row]:
        return Page(items=tuple(Row(n) for n in range(350)), offset=offset, total=350)

    pages: Pages[Row] = Pages(generous, max_items=150)

    assert list(range(150)) == await read(pages)
    assert 150 == pages.resume_at
    assert 150 == len(await pages)


@pytest.mark.parametrize("wait", [0.0, 0.005, 1.0], ids=["at once", "under way", "arrived"])
@pytest.mark.parametrize("stop_at", [0, 19, 20, 99, 100])
async def test_leaving_a_loop_leaves_no_task(stop_at: int, wait: float) -> None:
    """After `break` all that was on its way has ended within a few turns of the loop."""
    source = a_source(2000)
    async for row in source.pages(prefetch=5):
        if row.id == stop_at:
            await asyncio.sleep(wait)
            break
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert set() == others()
    assert 0 == source.under_way


async def test_an_exception_in_the_loop_leaves_no_task() -> None:
    """It goes through, and takes the pages on their way with it."""
    source = a_source(2000)

    async def stumble() -> None:
        async for _ in source.pages(prefetch=5):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await stumble()
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert set() == others()


async def test_abandoned_iterators_say_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """No "never retrieved", no "was destroyed": not even when a page fails in being cancelled."""
    source = a_source(2000)

    async def fragile(offset: int, limit: int) -> Page[Row]:
        try:
            return await source.fetch(offset, limit)
        except asyncio.CancelledError:
            raise ServerError("broken") from None

    for wait in [0.0, 0.005, 1.0] * 30:
        iterator = Pages(fragile, prefetch=5).pages()
        await anext(iterator)
        await asyncio.sleep(wait)
        del iterator
    await asyncio.sleep(1)
    gc.collect()

    assert set() == others()
    assert "" == caplog.text


async def test_closing_ends_the_iterations() -> None:
    """Whoever waits for a page gets the end of the list, not a cancellation; twice is once."""
    source = a_source(350, delay=1.0)
    pages = source.pages(prefetch=2)
    iterator = pages.pages()
    await anext(iterator)
    waiting = asyncio.create_task(anext(iterator, None))
    await asyncio.sleep(0.5)
    await pages.aclose()
    await pages.aclose()

    assert await waiting is None
    assert [] == [page async for page in iterator]
    assert 0 == source.under_way


async def test_closing_in_the_middle_of_a_first_page_lets_it_come() -> None:
    """It is the reader's own request; after it the list has ended."""
    source = a_source(350, delay=1.0)
    pages = source.pages()
    reading = asyncio.create_task(read(pages))
    await asyncio.sleep(0.5)
    await pages.aclose()

    assert list(range(100)) == await reading
    assert [0] == source.offsets


async def test_iterating_twice_reads_twice() -> None:
    """Each iteration begins anew, and `resume_at` is of the one begun last."""
    source = a_source(150)
    pages = source.pages()
    older = aiter(pages)
    first = [(await anext(older)).id for _ in range(3)]
    second = await read(pages)
    await anext(older)

    assert [0, 1, 2] == first
    assert list(range(150)) == second
    assert 150 == pages.resume_at


async def test_several_readers_of_one_list_get_all_of_it() -> None:
    """They do not disturb each other."""
    source = a_source(350)
    pages = source.pages()
    every = await asyncio.gather(*(read(pages) for _ in range(5)), pages.collect())

    assert all(list(range(350)) == rows for rows in every[:5])
    assert 24 == len(source.asked)


@pytest.mark.parametrize("by_page", [False, True])
async def test_several_tasks_may_share_an_iterator(*, by_page: bool) -> None:
    """Each row goes to exactly one of them, and all of them end."""
    source = a_source(950)
    pages = source.pages(prefetch=2)
    iterator: Any = pages.pages() if by_page else aiter(pages)
    taken: list[int] = []

    async def worker() -> None:
        async for found in iterator:
            taken.extend(row.id for row in found) if by_page else taken.append(found.id)
            await asyncio.sleep(random.random() / 100)

    await asyncio.gather(*(worker() for _ in range(7)))

    assert list(range(950)) == sorted(taken)
    assert 10 == len(source.asked)


@pytest.mark.parametrize("prefetch", [0, 1, 4])
async def test_errors_come_in_order(prefetch: int) -> None:
    """All rows before a page that fails come first; the error says where to go on."""
    source = a_source(1000)
    source.errors[300] = [ServerError("broken")]
    pages = source.pages(prefetch=prefetch)
    rows: list[int] = []
    with pytest.raises(ServerError) as caught:
        await read_into(rows, pages)
    await asyncio.sleep(0)

    assert list(range(300)) == rows
    assert (300, 300) == (caught.value.resume_at, pages.resume_at)
    assert set() == others()


@pytest.mark.parametrize("prefetch", [0, 1, 4])
async def test_an_iterator_goes_on_after_an_error(prefetch: int) -> None:
    """The next step asks for the same page again: nothing is lost or doubled."""
    source = a_source(1000)
    source.errors = {0: [ServerError("a")], 300: [ServerError("b"), TransportError("c")]}
    iterator = aiter(source.pages(prefetch=prefetch))
    rows: list[int] = []
    failures = 0
    while failures < 10:
        try:
            rows.append((await anext(iterator)).id)
        except CloudFlowError:
            failures += 1
        except StopAsyncIteration:
            break

    assert 3 == failures
    assert list(range(1000)) == rows


async def test_going_on_with_another_list() -> None:
    """`resume_at` is the `start` of a list that has exactly the rest."""
    source = a_source(1000)
    source.errors[700] = [ServerError("broken")]
    rows: list[int] = []
    with pytest.raises(ServerError) as caught:
        await read_into(rows, source.pages())
    assert caught.value.resume_at is not None
    rows += await read(source.pages(start=caught.value.resume_at))

    assert list(range(1000)) == rows


@pytest.mark.parametrize("stop_at", [0, 1, 57, 99, 100, 349])
async def test_going_on_after_a_break(stop_at: int) -> None:
    """It counts the rows handed out, not the pages."""
    source = a_source(350)
    pages = source.pages()
    async for row in pages:
        if row.id == stop_at:
            break

    assert stop_at + 1 == pages.resume_at
    assert list(range(stop_at + 1, 350)) == await read(source.pages(start=pages.resume_at))


async def test_going_on_after_a_cancellation() -> None:
    """Cancelled at any moment, the rest begins where the rows handed out end."""
    for after in range(1, 60, 3):
        source = a_source(350)
        pages = source.pages(prefetch=2)
        rows: list[int] = []

        async def consume(pages: Pages[Row] = pages, rows: list[int] = rows) -> None:
            async for row in pages:
                rows.append(row.id)
                await asyncio.sleep(0.0001)

        task = asyncio.create_task(consume())
        await asyncio.sleep(after / 1000)
        task.cancel()
        await asyncio.wait([task])
        await asyncio.sleep(0)
        rows += await read(source.pages(start=pages.resume_at))

        assert list(range(350)) == rows
        assert set() == others()


@pytest.mark.parametrize("prefetch", [0, 1])
async def test_an_iterator_goes_on_after_a_timeout(prefetch: int) -> None:
    """A step that was given up asks again when it is repeated."""
    source = a_source(350, delay=0.1)
    iterator = aiter(source.pages(prefetch=prefetch))
    rows: list[int] = []
    given_up = 0
    while True:
        try:
            async with asyncio.timeout(0.25 if given_up % 2 else 0.05):
                rows.append((await anext(iterator)).id)
        except TimeoutError:
            given_up += 1
        except StopAsyncIteration:
            break

    assert given_up > 0
    assert list(range(350)) == rows


async def test_collecting_is_all_or_nothing() -> None:
    """Its error says to begin again, since the rows that were read are gone."""
    source = a_source(1000)
    source.errors[300] = [ServerError("broken")]
    pages = source.pages(start=100)
    with pytest.raises(ServerError) as caught:
        await pages.collect()

    assert (100, 100) == (caught.value.resume_at, pages.resume_at)
    assert set() == others()


async def test_collecting_can_be_cancelled() -> None:
    """All that is on its way has ended when the cancellation comes out."""
    source = a_source(1000, delay=1.0)
    task = asyncio.create_task(source.pages().collect())
    await asyncio.sleep(1.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert (0, set()) == (source.under_way, others())


async def test_collecting_waits_for_what_cleans_up() -> None:
    """Pages that take their time to be cancelled have ended when the error comes out."""
    source = a_source(1000, delay=1.0)
    source.errors[100] = [ServerError("broken")]

    async def thorough(offset: int, limit: int) -> Page[Row]:
        await asyncio.sleep(offset / 1000)
        try:
            return await source.fetch(offset, limit)
        except asyncio.CancelledError:
            await asyncio.sleep(1)
            raise

    with pytest.raises(ServerError):
        await Pages(thorough, is_closed=True).collect()

    assert set() == others()


@pytest.mark.parametrize("seed", range(5))
async def test_many_faults_lose_no_row(seed: int) -> None:
    """20 % failing pages, any window: each row comes exactly once, and in order."""
    found = await read_in_memory(FaultyList(5000), seed)

    assert found.expected == found.seen
    assert found.errors


def contradiction(**changes: Any) -> Callable[[Page[Row]], Page[Row]]:
    """Return a change of every page but the first."""

    def change(page: Page[Row]) -> Page[Row]:
        return attrs.evolve(page, **changes) if page.offset else page

    return change


@pytest.mark.parametrize("prefetch", [0, 1])
@pytest.mark.parametrize(
    "change",
    [
        contradiction(items=(), received=0, has_more=True),
        contradiction(items=tuple(Row(n) for n in range(100)), has_more=True),
        contradiction(offset=0),
        contradiction(offset=150),
        contradiction(total=-1),
    ],
    ids=["empty page", "same page", "offset ignored", "wrong offset", "negative total"],
)
async def test_contradictions_end_the_list(
    change: Callable[[Page[Row]], Page[Row]], prefetch: int
) -> None:
    """Instead of going on for ever, they are an error at the page where they show."""
    source = a_source(1000, change=lambda page: attrs.evolve(change(page), attempts=3))
    rows: list[int] = []
    pages = source.pages(prefetch=prefetch)
    with pytest.raises(PaginationError) as caught:
        await read_into(rows, pages)
    await asyncio.sleep(0)

    assert list(range(100)) == rows
    assert 100 == caught.value.resume_at
    assert 3 == caught.value.attempts
    assert len(source.asked) <= 2 + prefetch + 1
    assert set() == others()


async def test_a_shrinking_list_ends() -> None:
    """When rows vanish, two requests more find out that none is left."""
    source = a_source(1000)

    def shrink(page: Page[Row]) -> Page[Row]:
        if page.offset == 100:
            del source.rows[150:]
        return page

    source.change = shrink
    pages = source.pages(prefetch=3)

    assert list(range(200)) == await read(pages)
    assert len(source.asked) <= 6 + 2
    assert pages.report.complete


@pytest.mark.parametrize("prefetch", [0, 3])
async def test_rows_inserted_at_the_head_are_not_doubled(prefetch: int) -> None:
    """They push rows of the page before into the next one, where they are dropped and counted."""
    source = a_source(350)

    def insert(page: Page[Row]) -> Page[Row]:
        if page.offset == 0:
            source.rows[:0] = [Row(-1), Row(-2), Row(-3)]
        return page

    source.change = insert
    pages = source.pages(prefetch=prefetch)
    resume: list[int] = []
    rows = []
    async for row in pages:
        rows.append(row.id)
        resume.append(pages.resume_at)

    assert list(range(350)) == rows
    assert (3, 0) == (pages.duplicates, pages.report.reread)
    assert (104, 353) == (resume[100], resume[-1])


async def test_doubled_rows_may_stand_anywhere() -> None:
    """`resume_at` goes by the place of the row that was handed out."""
    first, second = [Row(n) for n in range(4)], [Row(9), Row(2), Row(8), Row(3)]
    source = SegmentSource(first + second)
    pages = source.pages(page_size=4)
    seen = [(row.id, pages.resume_at) async for row in pages]

    assert [(0, 1), (1, 2), (2, 3), (3, 4), (9, 5), (8, 8)] == seen
    assert 2 == pages.duplicates


async def test_rows_without_an_identity_are_never_dropped() -> None:
    """Equal rows are all handed out."""

    async def fetch(offset: int, limit: int) -> Page[str]:
        return Page(items=("same",) * limit, offset=offset, total=6, has_more=offset + limit < 6)

    assert ["same"] * 6 == await Pages(fetch, page_size=2).collect()


def shift(source: SegmentSource, *numbers: int) -> None:
    """Delete a row at the head just before these answers are made."""
    answers = itertools.count(2)

    def change(page: Page[Row]) -> Page[Row]:
        if next(answers) in numbers:
            del source.rows[0]
        return page

    source.change = change


async def test_the_report_tells_how_it_goes() -> None:
    """Rows and pages as they are handed out, totals first and last, pages read again."""
    source = a_source(350)
    shift(source, 3)
    pages = source.pages(prefetch=0)
    seen = []
    async for row in pages:
        if row.id in {0, 100, 349}:
            report = pages.report
            seen.append((report.rows, report.pages, report.reread, report.total, report.done))

    assert [(1, 1, 0, 350, False), (101, 2, 0, 350, False), (350, 5, 1, 349, False)] == seen
    assert (350, True, True) == (
        pages.report.first_total,
        pages.report.done,
        pages.report.complete,
    )


async def test_the_first_page_alone_has_a_report() -> None:
    """It is of one page, and done only when there is no other."""
    pages = a_source(350).pages()
    await pages
    whole = a_source(50).pages()
    await whole

    assert (100, 1) == (pages.report.rows, pages.report.pages)
    assert (350, False) == (pages.report.total, pages.report.done)
    assert whole.report.complete


@pytest.mark.parametrize("stop_at", [0, 1, 57, 99, 100, 199, 250])
@pytest.mark.parametrize("page_size", [10, 100])
async def test_a_bookmark_goes_on_in_a_changed_list(stop_at: int, page_size: int) -> None:
    """After the row handed out last, wherever it is then."""
    source = a_source(350)
    pages = source.pages(page_size=page_size)
    rows = []
    async for row in pages:
        rows.append(row.id)
        if row.id == stop_at:
            break
    del source.rows[: min(stop_at, 30)]
    source.rows.insert(5, Row(-1))
    rest = source.pages(start=pages.bookmark, page_size=page_size)
    rows += await read(rest)

    assert list(range(350)) == [row for row in rows if row >= 0]
    assert rest.report.complete


async def test_a_bookmark_comes_from_anywhere() -> None:
    """From a list that was not read yet, from a first page, and from one that was collected."""
    source = a_source(350)
    pages = source.pages(start=20, page_size=50)
    unread = pages.bookmark
    page = await pages
    after_page = pages.bookmark
    again = await source.pages(start=after_page, page_size=50)
    await pages.collect()

    assert (20, ()) == (unread.offset, unread.last_ids)
    assert [str(row) for row in range(20, 70)] == list(map(str, after_page.last_ids))
    assert (70, 350) == (after_page.offset, after_page.total)
    assert ids(list(page)) == list(range(20, 70))
    assert ids(list(again)) == list(range(70, 120))
    assert (350, 350) == (pages.bookmark.offset, pages.resume_at)


async def test_nothing_follows_a_bookmark_at_the_end() -> None:
    """One request finds that out."""
    source = a_source(30)
    pages = source.pages()
    await pages.collect()
    source.asked.clear()
    rest = source.pages(start=pages.bookmark)
    page = await rest

    assert (0, [(29, 100)]) == (len(page), source.asked)
    assert [] == await read(rest)


async def test_batches_have_a_bookmark_for_each_row() -> None:
    """And a window of their own."""
    source = a_source(350)
    pages = source.pages()
    batches = [batch async for batch in pages.batches(lambda: 2)]
    bookmark = batches[1].bookmark(30)

    assert list(range(350)) == [row.id for batch in batches for row in batch.page]
    assert (130, ["129"]) == (bookmark.offset, [str(key) for key in bookmark.last_ids[-1:]])
    assert list(range(130, 350)) == await read(source.pages(start=bookmark))
    assert (350, 4, True) == (pages.report.rows, pages.report.pages, pages.report.done)


@pytest.mark.parametrize("way", ["rows", "collect"])
async def test_any_change_can_be_an_error(way: str) -> None:
    """It says what was seen, and the rows before it stand."""
    source = a_source(350)
    shift(source, 3)
    pages = source.pages(prefetch=0, on_drift="raise")
    rows: list[int] = []
    with pytest.raises(DriftError, match="it has 349 rows, and had 350") as caught:
        await (read_into(rows, pages) if way == "rows" else pages.collect())

    assert (list(range(199)) if way == "rows" else []) == rows
    assert (199 if way == "rows" else 0) == caught.value.resume_at


async def test_collecting_can_begin_anew() -> None:
    """What comes is a reading in which nothing changed: deleted rows are not in it."""
    source = a_source(350)
    shift(source, 3, 7)
    pages = source.pages(on_drift="restart")
    rows = ids(await pages.collect())

    assert list(range(2, 350)) == rows
    assert (348, True) == (pages.report.rows, pages.report.complete)
    assert pages.report.reread > 0


async def test_collecting_anew_ends() -> None:
    """After five readings."""
    source = a_source(350)
    shift(source, *range(1, 200))
    with pytest.raises(DriftError) as caught:
        await source.pages(on_drift="restart").collect()

    assert 0 == caught.value.resume_at
    assert 5 == source.offsets.count(0)


async def test_memory_does_not_grow_with_the_list() -> None:
    """Iterating keeps the pages on their way and some ids, however many rows went by."""

    async def fetch(offset: int, limit: int) -> Page[Row]:
        rows = tuple(Row(number) for number in range(offset, min(offset + limit, 20_000)))
        return Page(items=rows, offset=offset, total=20_000, has_more=offset + limit < 20_000)

    count = before = 0
    tracemalloc.start()
    try:
        async for _ in Pages(fetch):
            count += 1
            if count == 2000:
                before = tracemalloc.get_traced_memory()[0]
                tracemalloc.reset_peak()
        grown = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()

    assert 20_000 == count
    assert grown < 2**19


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("page_size", 0),
        ("page_size", 101),
        ("page_size", True),
        ("page_size", 1.0),
        ("page_size", "10"),
        ("max_items", -1),
        ("max_items", "10"),
        ("start", -1),
        ("start", None),
        ("prefetch", -1),
        ("prefetch", None),
        ("on_drift", "forget"),
    ],
)
async def test_arguments_out_of_range_are_refused(name: str, value: object) -> None:
    """At once, by name, and before anything is sent."""
    with pytest.raises(InvalidArgumentError, match=name):
        a_source(1).pages(**{name: value})


def test_a_list_can_outlive_its_loop() -> None:
    """Pages that were on their way when the loop was closed cannot be cancelled any more."""
    source = a_source(350)
    kept: list[AsyncIterator[Page[Row]]] = []

    async def leave() -> None:
        iterator = source.pages(prefetch=2).pages()
        await anext(iterator)
        await asyncio.sleep(0)
        kept.append(iterator)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(leave())
    loop.close()
    kept.clear()
    gc.collect()

    assert 0 == source.under_way


def first_page(
    offset: int = 0, *, total: int | None = 250, rows: int = 100, more: bool = True
) -> Page[int]:
    """Return a page."""
    return Page(items=tuple(range(rows)), offset=offset, total=total, has_more=more)


@pytest.mark.parametrize(
    ("page", "bound", "requests", "rows"),
    [
        (first_page(), None, 2, 150),
        (first_page(100), None, 1, 50),
        (first_page(200, rows=50, more=False), None, 0, 0),
        (first_page(), 150, 1, 50),
        (first_page(), 100, 0, 0),
        (first_page(), 1000, 2, 150),
        (first_page(total=None), None, 1, 0),
        (first_page(total=99), None, 1, 0),
        (first_page(rows=0), None, 250, 250),
    ],
    ids=["2", "1", "last", "bound", "bound here", "bound far", "no total", "wrong total", "empty"],
)
def test_what_follows_a_page(page: Page[int], bound: int | None, requests: int, rows: int) -> None:
    """By total and by the rows that a page really has; here, of a closed list."""
    closed = Pages(never, max_items=bound, is_closed=True)

    assert (requests, rows) == (closed.requests_after(page), rows_after(page, bound))


async def never(offset: int, limit: int) -> Page[int]:
    """Fetch nothing."""
    raise AssertionError


@pytest.mark.parametrize(
    ("options", "served", "total", "requests"),
    [
        ({}, 100, 100, 1),
        ({}, 100, 101, 2),
        ({}, 100, 199, 2),
        ({}, 100, 200, 3),
        ({}, 100, 1000, 11),
        ({}, 100, 10_000, 101),
        ({"is_closed": True}, 100, 200, 2),
        ({"is_closed": True}, 100, 1000, 10),
        ({"on_drift": "ignore"}, 100, 1000, 10),
        ({"on_drift": "raise"}, 100, 1000, 11),
        ({"page_size": 99}, 100, 990, 10),
        ({"page_size": 50}, 100, 1000, 20),
        ({"page_size": 50}, 20, 200, 11),
        ({"page_size": 1}, 100, 5, 5),
    ],
)
@pytest.mark.parametrize("read", ["rows", "collect"])
async def test_requests_for_rows(
    options: dict[str, Any], served: int, total: int, requests: int, read: str
) -> None:
    """N rows of an open list cost 1 + (N - 100) / 99 requests, of a closed one N / 100."""
    asked = []

    async def fetch(offset: int, limit: int) -> Page[Numbered]:
        asked.append((offset, limit))
        rows = range(total)[offset : offset + min(limit, served)]
        more = rows.stop < total
        return Page(items=tuple(map(Numbered, rows)), offset=offset, total=total, has_more=more)

    pages = Pages(fetch, **options)
    rows = await pages.collect() if read == "collect" else [row async for row in pages]

    assert [*range(total)] == [row.id for row in rows]
    assert requests == len(asked)
    first = await pages
    assert requests == 1 + pages.requests_after(first)


@attrs.frozen
class Numbered:
    """A row."""

    id: int
