"""Fan-out: many lists at once, bounded, with an account of each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from cloudflow_async._core.errors import (
    AuthenticationError,
    ClientClosedError,
    CloudFlowError,
    ForkedClientError,
    InvalidArgumentError,
    InvalidStateError,
    NoCredentialsError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
    WrongLoopError,
)
from cloudflow_async._core.fan_out.fan_out import FanOut
from cloudflow_async._core.fan_out.report import FanOutReport
from cloudflow_async._core.fan_out.segments import SegmentSource, Start
from cloudflow_async._core.paging.page import ListReport, Page
from cloudflow_async._core.paging.pages import Pages

pytestmark = pytest.mark.virtual_time


@attrs.frozen
class Row:
    """A row of a list."""

    id: str


@attrs.define(slots=False)
class Lists:
    """Lists on a server, by id."""

    sizes: dict[str, int]
    errors: dict[str, CloudFlowError] = attrs.field(factory=dict)
    """What ends a list at its second page, or at its first when it has but one."""

    delay: float = 0.01
    cleanup: float = 0.0
    """Seconds that a request takes to end when it is cancelled."""

    asked: list[tuple[str, int]] = attrs.field(factory=list)
    under_way: int = 0
    most_under_way: int = 0

    def open(self, name: str, start: Start = 0) -> Pages[Row]:
        """Return a list, as the client sees it."""

        async def fetch(offset: int, limit: int) -> Page[Row]:
            self.asked.append((name, offset))
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
            try:
                await asyncio.sleep(self.delay)
            except asyncio.CancelledError:
                await asyncio.sleep(self.cleanup)
                raise
            finally:
                self.under_way -= 1
            return self._page(name, offset, limit)

        return Pages(fetch, page_size=10, start=start)

    def _page(self, name: str, offset: int, limit: int) -> Page[Row]:
        total = self.sizes[name]
        if name in self.errors and (offset or total <= limit):
            raise self.errors[name]
        rows = tuple(Row(f"{name}-{n}") for n in range(offset, min(total, offset + limit)))
        return Page(items=rows, offset=offset, total=total, has_more=offset + len(rows) < total)

    def fan_out(self, ids: Any = None, **options: Any) -> FanOut[Row]:
        """Return a fan-out over the lists."""
        return FanOut(SegmentSource(self.open), list(self.sizes) if ids is None else ids, **options)

    def rows_of(self, name: str) -> list[str]:
        """Return the identities of all rows of a list."""
        return [f"{name}-{n}" for n in range(self.sizes[name])]


def some_lists(count: int = 5, size: int = 25, **options: Any) -> Lists:
    """Return so many lists, named a, b, c..., of that size."""
    return Lists({chr(97 + number): size for number in range(count)}, **options)


async def read(fan_out: FanOut[Row]) -> list[str]:
    """Return the identities of all rows, as they came."""
    async with fan_out:
        return [row.id async for row in fan_out]


async def read_into(rows: list[str], fan_out: FanOut[Row]) -> None:
    """Append the identities of all rows, as far as they come."""
    async with fan_out:
        async for row in fan_out:
            rows.append(row.id)  # noqa: PERF401 - what came before an error counts


def of(name: str, rows: list[str]) -> list[str]:
    """Return those rows that belong to a list."""
    return [row for row in rows if row.startswith(f"{name}-")]


def others() -> set[asyncio.Task[Any]]:
    """Return the tasks beside this one."""
    return asyncio.all_tasks() - {asyncio.current_task()}


@pytest.mark.parametrize("concurrency", [1, 2, 16])
async def test_every_row_of_every_list_comes_once(concurrency: int) -> None:
    """Within a list in order; the report has the figures of each."""
    lists = Lists({"a": 25, "b": 0, "c": 1, "d": 30})
    fan_out = lists.fan_out(concurrency=concurrency)
    rows = await read(fan_out)
    report = fan_out.report

    assert {name: lists.rows_of(name) for name in "abcd"} == {
        name: of(name, rows) for name in "abcd"
    }
    assert (56, 8, 0, 4, 4, {}) == (
        report.rows,
        report.pages,
        report.duplicates,
        report.done,
        report.planned,
        report.failures,
    )
    assert report.complete
    assert ListReport(rows=25, pages=3, first_total=25, total=25, done=True) == report.lists["a"]
    assert set() == others()


async def test_no_more_lists_are_read_at_once_than_asked_for() -> None:
    """Each has one page on its way, and one ahead."""
    lists = some_lists(10, size=1)
    await read(lists.fan_out(concurrency=3))
    longer = some_lists(10, size=50)
    await read(longer.fan_out(concurrency=3))

    assert 3 == lists.most_under_way
    assert longer.most_under_way <= 6


async def test_a_slow_consumer_stops_the_reading() -> None:
    """However long the history, only a few pages are held for a consumer that rests."""
    lists = some_lists(20, size=1000)
    async with lists.fan_out(concurrency=4) as fan_out:
        await anext(aiter(fan_out))
        await asyncio.sleep(60)
        held = len(lists.asked)

    # One handed out, four in the queue, and for each worker one in hand and one ahead.
    assert held <= 1 + 4 + 4 + 4
    assert set() == others()


async def test_one_failing_list_leaves_the_others_whole() -> None:
    """With "collect" its error stands in the report, with the place to go on."""
    lists = some_lists(5, errors={"c": NotFoundError("gone", status=404)})
    fan_out = lists.fan_out(on_error="collect")
    rows = await read(fan_out)
    failed = fan_out.report.lists["c"]

    assert [lists.rows_of(name) for name in "abde"] == [of(name, rows) for name in "abde"]
    assert lists.rows_of("c")[:10] == of("c", rows)
    assert {"c": lists.errors["c"]} == fan_out.report.failures
    assert (10, 1, 25, False, 10) == (
        failed.rows,
        failed.pages,
        failed.total,
        failed.done,
        lists.errors["c"].resume_at,
    )
    assert 4 == fan_out.report.done


async def test_one_failing_list_ends_all() -> None:
    """With "raise" its error comes out, after the rows that came before it."""
    lists = some_lists(5, size=1000, errors={"c": ServerError("broken", status=500)})
    fan_out = lists.fan_out()
    rows: list[str] = []
    with pytest.raises(ServerError):
        await read_into(rows, fan_out)

    assert lists.rows_of("c")[:10] == of("c", rows)
    assert lists.errors["c"] is fan_out.report.lists["c"].failure
    assert len(rows) == fan_out.report.rows
    assert set() == others()


async def test_after_an_error_the_iteration_has_ended() -> None:
    """Its workers stop at once; going on gives nothing."""
    lists = some_lists(5, size=1000, errors={"c": ServerError("broken", status=500)})
    async with lists.fan_out() as fan_out:
        with pytest.raises(ServerError):
            _ = [row async for row in fan_out]
        await asyncio.sleep(0.001)
        asked = len(lists.asked)
        await asyncio.sleep(10)

        assert [] == [row async for row in fan_out]
    assert asked == len(lists.asked)


@pytest.mark.parametrize(
    "error",
    [
        AuthenticationError("no", status=401),
        NoCredentialsError("none"),
        ClientClosedError("closed"),
        ForkedClientError("forked"),
        WrongLoopError("elsewhere"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_all_lists_would_meet_ends_all(error: CloudFlowError) -> None:
    """A refused credential or a closed client is no matter of one list."""
    lists = some_lists(50, size=5, errors={"a": error})
    with pytest.raises(type(error)):
        await read(lists.fan_out(on_error="collect", concurrency=2))

    assert len(lists.asked) < 10


async def test_a_missing_permission_is_a_matter_of_one_list() -> None:
    """A key can see some pipelines and not others."""
    lists = some_lists(3, errors={"a": PermissionDeniedError("no", status=403)})
    fan_out = lists.fan_out(on_error="collect")
    await read(fan_out)

    assert 2 == fan_out.report.done


async def test_a_list_that_cannot_be_opened_has_failed() -> None:
    """A bad id is an error of its own list."""
    lists = some_lists(2)

    def open_list(name: str, start: Start) -> Pages[Row]:
        if not name:
            raise InvalidArgumentError("an id has at least one character")
        return lists.open(name, start)

    fan_out = FanOut(SegmentSource(open_list), ["a", "", "b"], on_error="collect")
    rows = await read(fan_out)

    assert 50 == len(rows)
    assert [""] == list(fan_out.report.failures)


def failing_ids() -> Iterator[str]:
    """Give one id, then break."""
    yield "a"
    raise ZeroDivisionError


@pytest.mark.parametrize("concurrency", [1, 4])
async def test_an_iterator_of_ids_may_raise(concurrency: int) -> None:
    """Its exception comes out as it is and soon, however long the lists before it are."""
    lists = some_lists(size=100)
    fan_out = lists.fan_out(failing_ids(), concurrency=concurrency, on_error="collect")
    with pytest.raises(ZeroDivisionError):
        await read(fan_out)

    assert (100 if concurrency == 1 else 0) == fan_out.report.rows
    assert set() == others()


@pytest.mark.parametrize("ids", ["pipe_1", b"pipe_1"])
def test_a_single_id_is_no_list_of_ids(ids: object) -> None:
    """A str is refused, instead of being read letter by letter."""
    with pytest.raises(InvalidArgumentError, match="pipeline_ids must be a list"):
        some_lists().fan_out(ids)


@pytest.mark.parametrize(
    ("ids", "planned"),
    [
        (["a", "b", "a", "a"], 2),
        (("a", "b"), 2),
        ({"a": 1, "b": 2}.keys(), 2),
        (frozenset("ab"), 2),
        (iter("abab"), None),
        ((name for name in "ab"), None),
    ],
    ids=["list", "tuple", "keys", "set", "iterator", "generator"],
)
async def test_each_list_is_read_once(ids: Any, planned: int | None) -> None:
    """However often its id comes; how many there are is known unless an iterator gives them."""
    lists = some_lists()
    fan_out = lists.fan_out(ids)
    rows = await read(fan_out)

    assert 50 == len(rows)
    assert planned == fan_out.report.planned
    assert {"a", "b"} == set(fan_out.report.lists)


async def test_no_ids_give_no_rows() -> None:
    """The iteration ends at once."""
    fan_out = some_lists().fan_out([])

    assert [] == await read(fan_out)
    assert (0, 0) == (fan_out.report.planned, fan_out.report.rows)


@pytest.mark.parametrize("stop_at", [1, 7, 10, 11, 300])
async def test_leaving_in_the_middle_leaves_no_task(stop_at: int) -> None:
    """The report counts the rows that were handed out, to the row."""
    lists = some_lists(20, size=100)
    rows = 0
    async with lists.fan_out() as fan_out:
        async for _ in fan_out:
            rows += 1
            if rows == stop_at:
                break

    assert stop_at == fan_out.report.rows
    assert (0, set()) == (lists.under_way, others())


async def test_leaving_waits_for_what_cleans_up() -> None:
    """Pages ahead that take their time to end have ended, too."""
    lists = some_lists(5, size=1000, delay=1.0, cleanup=1.0)
    async with lists.fan_out() as fan_out:
        await anext(aiter(fan_out))

    assert (0, set()) == (lists.under_way, others())


async def test_an_exception_in_the_block_leaves_no_task() -> None:
    """It goes through."""
    lists = some_lists(20, size=100)

    async def stumble() -> None:
        async with lists.fan_out():
            await asyncio.sleep(0.015)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await stumble()

    assert (0, set()) == (lists.under_way, others())


@pytest.mark.parametrize("after", [0.0, 0.005, 0.015, 0.1])
async def test_cancelling_leaves_no_task(after: float) -> None:
    """When the cancellation comes out, all that was on its way has ended."""
    lists = some_lists(20, size=1000)
    task = asyncio.create_task(read(lists.fan_out()))
    await asyncio.sleep(after)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert (0, set()) == (lists.under_way, others())


async def test_closing_ends_those_who_wait() -> None:
    """A task that waits for a row sees the end; closing twice is closing once."""
    lists = some_lists(5, delay=100.0)
    rows: list[str] = []

    async with lists.fan_out() as fan_out:

        async def consume() -> None:
            async for row in fan_out:
                rows.append(row.id)  # noqa: PERF401 - nothing comes

        consumers = [asyncio.create_task(consume()) for _ in range(2)]
        await asyncio.sleep(1)
        await fan_out.aclose()
        await fan_out.aclose()
        await asyncio.gather(*consumers)

    assert [] == rows


async def test_closing_in_the_middle_of_a_page_ends_it() -> None:
    """No row comes after it."""
    async with some_lists().fan_out() as fan_out:
        await anext(aiter(fan_out))
        await fan_out.aclose()

        assert [] == [row async for row in fan_out]


async def test_several_tasks_may_iterate() -> None:
    """Each row goes to exactly one of them, and all of them end."""
    lists = some_lists(10, size=55)
    taken: list[str] = []
    async with lists.fan_out() as fan_out:

        async def worker() -> None:
            async for row in fan_out:
                taken.append(row.id)
                await asyncio.sleep(0.0001 * (len(taken) % 7))

        await asyncio.gather(*(worker() for _ in range(5)))

    assert sorted(row for name in lists.sizes for row in lists.rows_of(name)) == sorted(taken)
    assert (550, 10) == (fan_out.report.rows, fan_out.report.done)


async def test_progress_is_told() -> None:
    """After each page, each end and each failure, with the one report that goes on."""
    lists = some_lists(3, errors={"c": NotFoundError("gone", status=404)})
    told: list[tuple[int, int, int]] = []

    def note(report: FanOutReport) -> None:
        told.append((report.pages, report.done, len(report.failures)))

    await read(lists.fan_out(on_error="collect", on_progress=note, concurrency=1))

    assert [(1, 0, 0), (2, 0, 0), (3, 0, 0), (3, 1, 0)] == told[:4]
    assert (7, 2, 1) == told[-1]
    assert 10 == len(told)


async def test_a_progress_callback_that_raises_is_heard() -> None:
    """Its exception comes out where the rows do."""

    def note(report: FanOutReport) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await read(some_lists().fan_out(on_progress=note))

    assert set() == others()


async def test_what_changed_meanwhile_stands_in_the_report() -> None:
    """Rows dropped that came twice, pages read again, the totals first and last."""
    lists = some_lists(1, size=35)
    original = lists._page

    def grown(name: str, offset: int, limit: int) -> Page[Row]:
        lists.sizes["a"] = 36
        return attrs.evolve(original(name, offset, limit), items=_before(offset, limit))

    def _before(offset: int, limit: int) -> tuple[Row, ...]:
        # A new row is the first one now.
        return tuple(Row(f"a-{n - 1}") for n in range(offset, min(36, offset + limit)))

    async with lists.fan_out(concurrency=1) as fan_out:
        rows = []
        async for row in fan_out:
            rows.append(row.id)
            lists._page = grown  # type: ignore[method-assign]
    report = fan_out.report

    assert [f"a-{n}" for n in range(35)] == rows
    assert (35, 36, 35) == (report.first_total, report.total, report.rows)
    assert 1 == report.duplicates == report.lists["a"].duplicates
    assert report.reread == report.lists["a"].reread
    assert report.complete


async def test_it_has_to_be_entered() -> None:
    """Iterating before that is refused with advice, and so is entering twice."""
    fan_out = some_lists().fan_out()
    with pytest.raises(InvalidStateError, match="async with"):
        aiter(fan_out)
    await fan_out.__aenter__()
    with pytest.raises(InvalidStateError, match="runs once"):
        await fan_out.__aenter__()
    await fan_out.aclose()


@pytest.mark.parametrize(
    ("option", "value"),
    [("concurrency", 0), ("concurrency", True), ("concurrency", "4"), ("on_error", "ignore")],
)
def test_bad_options_are_refused(option: str, value: object) -> None:
    """By name, before anything is sent."""
    with pytest.raises(InvalidArgumentError, match=option):
        some_lists().fan_out(**{option: value})


async def test_a_foreign_exception_comes_out() -> None:
    """A mistake in a program is not kept in a report."""

    def open_list(name: str, start: Start) -> Pages[Row]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await read(FanOut(SegmentSource(open_list), ["a"], on_error="collect"))
