"""Pages: each row once, in order, as many requests as needed, and nothing left behind."""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Any

import attrs
import pytest

from cloudflow_async._core.errors import (
    CloudFlowError,
    InvalidArgumentError,
    PaginationError,
    ServerError,
    TransportError,
)
from cloudflow_async._core.paging import Page, Pages


@attrs.frozen
class Row:
    """A row with an identity."""

    id: int


@attrs.define
class Source:
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
        """Return the list as the client sees it."""
        return Pages(self.fetch, **options)

    @property
    def offsets(self) -> list[int]:
        """Which pages were asked for."""
        return [offset for offset, _ in self.asked]


def a_source(count: int, **options: Any) -> Source:
    """Return a list of so many rows."""
    return Source([Row(number) for number in range(count)], **options)


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
    assert [0, 100, 200, 300] == source.offsets
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
    """After the first page, 20 more and one are under way; the order stays."""
    source = a_source(5000, delay=1.0)
    begun = asyncio.get_running_loop().time()
    rows = await source.pages().collect()

    assert list(range(5000)) == ids(rows)
    assert 21 == source.most_under_way
    assert asyncio.get_running_loop().time() - begun < 5


@pytest.mark.parametrize("tells_total", [True, False])
@pytest.mark.parametrize("prefetch", [0, 1, 3])
@pytest.mark.parametrize("largest", [50, 30])
async def test_a_clamped_limit_is_followed(
    largest: int, prefetch: int, *, tells_total: bool
) -> None:
    """Pages begin where the rows received end: nothing is lost, doubled or asked for in vain."""
    source = a_source(350, largest=largest, tells_total=tells_total)
    rows = await read(source.pages(prefetch=prefetch))
    needed = list(range(0, 350, largest))

    assert list(range(350)) == rows
    assert needed == source.offsets


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
    assert [0, 150, 300] == source.offsets


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
        await Pages(thorough).collect()

    assert set() == others()


@pytest.mark.parametrize("seed", range(5))
async def test_many_faults_lose_no_row(seed: int) -> None:
    """20 % failing pages, any window: each row comes exactly once."""
    chance = random.Random(seed)
    source = a_source(5000, delay=0.0)
    for offset in range(0, 5000, 100):
        source.errors[offset] = [ServerError("x") for _ in range(chance.choice([0, 0, 0, 0, 1, 2]))]
    start = 0
    rows: list[int] = []
    for _ in range(100):
        pages = source.pages(start=start, prefetch=chance.randint(0, 6))
        try:
            await read_into(rows, pages)
            break
        except ServerError as error:
            start = error.resume_at or 0

    assert list(range(5000)) == rows


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
    source = a_source(1000, change=change)
    rows: list[int] = []
    pages = source.pages(prefetch=prefetch)
    with pytest.raises(PaginationError) as caught:
        await read_into(rows, pages)
    await asyncio.sleep(0)

    assert list(range(100)) == rows
    assert 100 == caught.value.resume_at
    assert len(source.asked) <= 2 + prefetch + 1
    assert set() == others()


async def test_a_shrinking_list_ends() -> None:
    """When rows vanish, the last page is the one that says so."""
    source = a_source(1000)

    def shrink(page: Page[Row]) -> Page[Row]:
        if page.offset == 100:
            del source.rows[150:]
        return page

    source.change = shrink
    pages = source.pages(prefetch=3)

    assert list(range(200)) == await read(pages)
    assert len(source.asked) <= 6


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
    assert 3 == pages.duplicates
    assert (104, 353) == (resume[100], resume[-1])


async def test_doubled_rows_may_stand_anywhere() -> None:
    """`resume_at` goes by the place of the row that was handed out."""
    first, second = [Row(n) for n in range(4)], [Row(9), Row(2), Row(8), Row(3)]
    source = Source(first + second)
    pages = source.pages(page_size=4)
    seen = [(row.id, pages.resume_at) async for row in pages]

    assert [(0, 1), (1, 2), (2, 3), (3, 4), (9, 5), (8, 7)] == seen
    assert 2 == pages.duplicates


async def test_rows_without_an_identity_are_never_dropped() -> None:
    """Equal rows are all handed out."""

    async def fetch(offset: int, limit: int) -> Page[str]:
        return Page(items=("same",) * limit, offset=offset, total=6, has_more=offset + limit < 6)

    assert ["same"] * 6 == await Pages(fetch, page_size=2).collect()


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
