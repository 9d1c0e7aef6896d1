"""Histories of many pipelines: where they end, how they are cut, and what still runs."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cloudflow_async._core.errors import (
    CheckpointError,
    InvalidArgumentError,
    NotFoundError,
    ServerError,
)
from cloudflow_async._core.messages import UNSET
from tests.cloudflow.pipelines_server import BEGIN, NOON, Asked, Order, Row, read, server

pytestmark = pytest.mark.virtual_time

DAY = timedelta(days=1)
SIZES = {"a": 95, "b": 0, "c": 7, "d": 230}


@pytest.mark.parametrize("order", ["newest first", "oldest first", "shuffled"])
@pytest.mark.parametrize(("first", "last"), [*itertools.product([True, False], repeat=2)])
@pytest.mark.parametrize("slices", ["1d", "7h", "2w", "auto"])
@pytest.mark.parametrize("start_date", [None, BEGIN])
async def test_slices_lose_and_double_nothing(
    order: Order, first: bool, last: bool, slices: str, start_date: datetime | None
) -> None:
    """However the server reads its bounds and orders its rows; the report adds up."""
    one = server(SIZES, includes_start=first, includes_end=last, order=order)
    # The outer bounds are the caller's own: here they leave nobody at the edge.
    edge = timedelta(seconds=1)
    asked = {
        "start_date": None if start_date is None else start_date - edge,
        "end_date": NOON,
        "slices": slices,
    }
    fan_out = one.fan_out(**asked)
    rows = await read(fan_out)
    report = fan_out.report

    assert one.ids() == sorted(rows)
    assert (332, 332, True, 4) == (report.rows, report.total, report.complete, report.done)


async def test_rows_on_the_edge_belong_to_one_slice() -> None:
    """Those that start at a bound are the later slice's; those at the very end are the last's."""
    one = server({"a": 0}, includes_start=False, includes_end=False)
    one.rows["a"] = [Row(f"a-{n}", BEGIN + n * DAY / 2) for n in range(21)]
    rows = await read(
        one.fan_out(start_date=BEGIN, end_date=BEGIN + 10 * DAY, slices="1d", concurrency=1)
    )

    assert [f"a-{n}" for day in range(9) for n in (2 * day + 1, 2 * day)] == rows[:18]
    assert ["a-20", "a-19", "a-18"] == rows[18:]


async def test_rows_beside_a_bound_are_left_to_the_other_slice() -> None:
    """Both slices ask for them, whatever fraction of a second they have."""
    one = server({"a": 0})
    bound, step = BEGIN + 5 * DAY, timedelta(milliseconds=250)
    one.rows["a"] = [Row(f"a-{n}", bound + n * step) for n in range(-8, 9)]
    fan_out = one.fan_out(start_date=BEGIN, end_date=BEGIN + 10 * DAY, slices="5d")
    rows = await read(fan_out)

    assert one.ids() == sorted(rows)
    assert 17 == fan_out.report.total


async def test_slices_are_read_concurrently() -> None:
    """Each is a list of its own, asked for with a second to spare on either side."""
    one = server({"a": 200})
    await read(one.fan_out(start_date=BEGIN, end_date=BEGIN + 10 * DAY, slices="5d", concurrency=2))
    second, middle = timedelta(seconds=1), BEGIN + 5 * DAY

    assert {
        (BEGIN - second, middle + second),
        (middle - second, BEGIN + 10 * DAY + second),
    } == {(asked.start_date, asked.end_date) for asked in one.asked[:2]}


async def test_short_histories_are_not_cut() -> None:
    """Those of one page, and with "auto" those of twenty pages: their first page is not lost."""
    one = server({"a": 10, "b": 200})
    await read(one.fan_out(slices="auto"))

    assert 21 == len(one.asked)


async def test_auto_cuts_long_histories_by_their_length() -> None:
    """Two requests go ahead: the first page, and the last row."""
    one = server({"a": 600})
    rows = await read(one.fan_out(slices="auto", end_date=NOON))
    windows = {(asked.start_date, asked.end_date) for asked in one.asked}

    assert one.ids() == sorted(rows)
    assert (None, NOON) == (one.asked[0].start_date, one.asked[0].end_date)
    assert 599 == one.asked[1].offset
    assert 1 + 3 == len(windows)
    assert len(one.asked) <= 2 + 60 + 3


async def test_without_an_end_the_last_slice_is_open() -> None:
    """What begins meanwhile is in it."""
    one = server({"a": 25})
    one.rows["a"].append(Row("a-late", NOON + DAY))
    rows = await read(one.fan_out(slices="1d", start_date=BEGIN))

    assert one.ids() == sorted(rows)


async def test_too_many_slices_are_refused() -> None:
    """When both ends are known: at once, or on entering when the end is the start of the run."""
    one = server({"a": 5})
    with pytest.raises(InvalidArgumentError, match="at most 1,000"):
        one.histories(start_date=BEGIN, end_date=NOON, slices="1m")
    with pytest.raises(InvalidArgumentError, match="at most 1,000"):
        await read(one.fan_out(start_date=BEGIN, end_date=UNSET, slices="1m"))

    assert [] == one.asked


async def test_a_slice_that_fails_leaves_the_others_whole() -> None:
    """The pipeline has failed; an offset within a slice is no place to go on."""
    one = server({"a": 100})

    def fail(asked: Asked) -> None:
        if asked.start_date is not None and asked.start_date > BEGIN and asked.offset:
            raise ServerError("broken", status=500)

    one.before = fail
    fan_out = one.fan_out(
        start_date=BEGIN, end_date=BEGIN + 10 * DAY, slices="5d", on_error="collect"
    )
    rows = await read(fan_out)
    report = fan_out.report.lists["a"]
    early = [row.id for row in one.rows["a"] if row.started_at < BEGIN + 5 * DAY]

    assert (False, False) == (report.done, report.complete)
    assert isinstance(report.failure, ServerError)
    assert report.failure.resume_at is None
    assert {*early} < {*rows}
    assert len(early) + 10 == len(rows) == report.rows


async def test_when_all_slices_fail_the_first_reason_counts() -> None:
    """It is the pipeline's."""
    one = server({"a": 100}, errors={"a": NotFoundError("gone", status=404)})
    fan_out = one.fan_out(start_date=BEGIN, end_date=NOON, slices="2d", on_error="collect")

    assert [] == await read(fan_out)
    assert {"a": one.errors["a"]} == fan_out.report.failures


async def test_a_pipeline_that_cannot_be_cut_has_failed() -> None:
    """Its first page could not be had; the others are read."""
    one = server({"a": 100, "b": 30}, errors={"a": NotFoundError("gone", status=404)})
    fan_out = one.fan_out(slices="2d", on_error="collect")
    rows = await read(fan_out)

    assert 30 == len(rows)
    assert {"a": one.errors["a"]} == fan_out.report.failures


async def test_the_size_of_what_is_cut_is_guessed_a_little_high() -> None:
    """From the first page of the whole history; what is not cut is known exactly."""
    one = server({"a": 200, "b": 7})
    fixed = one.fan_out(start_date=BEGIN, end_date=NOON, slices="2d")
    size = await fixed.size()
    one.asked.clear()
    rows = await read(fixed)

    assert (207, 207) == (len(rows), size.rows)
    assert len(one.asked) <= size.requests <= 1.2 * len(one.asked)

    auto = one.fan_out(slices="auto")
    size = await auto.size()
    one.asked.clear()
    await read(auto)

    assert (19, 207) == (size.requests, size.rows)
    assert 19 == len(one.asked)


async def test_the_size_of_a_long_history_is_told_by_its_planning() -> None:
    """Its first page is not asked for once more."""
    one = server({"a": 600})
    fan_out = one.fan_out(slices="auto", end_date=NOON)
    size = await fan_out.size()

    assert 2 == len(one.asked)
    assert (600, 63) == (size.rows, size.requests)
    assert 600 == len(await read(fan_out))


async def test_the_end_is_the_start_of_the_run() -> None:
    """To the full second after it, by the clock that is given; None leaves it open."""
    one = server({"a": 5})
    one.rows["a"].append(Row("a-late", NOON + timedelta(seconds=2)))
    fan_out = one.fan_out(end_date=UNSET)

    assert fan_out.end_date is None
    assert 5 == len(await read(fan_out))
    assert NOON + timedelta(seconds=1) == fan_out.end_date
    assert {fan_out.end_date} == {asked.end_date for asked in one.asked}

    open_ended = one.fan_out(end_date=None)

    assert 6 == len(await read(open_ended))
    assert open_ended.end_date is None


async def test_what_runs_is_read_again_at_the_end() -> None:
    """Once, as it is then; neighbours are asked for together, and nothing else is handed out."""
    one = server({"a": 95, "b": 12})
    running = [one.rows["a"][3], one.rows["a"][4], one.rows["a"][50], one.rows["b"][11]]
    running[1].started_at = running[0].started_at + timedelta(seconds=30)
    for row in running:
        row.status = "running"
    one.rows["a"].append(Row("a-between", running[0].started_at + timedelta(seconds=15)))
    one.rows["a"].sort(key=lambda row: row.started_at)

    def end_some(asked: Asked) -> None:
        if len(one.asked) > 12:
            running[0].status = running[2].status = "failed"

    one.before = end_some
    async with one.fan_out(reread_running=True) as fan_out:
        rows = [row async for row in fan_out]
    last = {row.id: row.status for row in rows[-4:]}

    assert one.ids() == sorted(row.id for row in rows)
    assert {row.id: row.status for row in running} == last
    assert ["completed", "failed", "running"] == sorted({row.status for row in rows})
    assert 10 + 2 + 3 == len(one.asked)
    assert (108, 108, 2, True) == (
        fan_out.report.rows,
        fan_out.report.total,
        fan_out.report.done,
        fan_out.report.complete,
    )


async def test_what_ran_and_was_deleted_does_not_come() -> None:
    """The pipeline is done nevertheless."""
    one = server({"a": 15})
    one.rows["a"][7].status = "running"

    def delete(asked: Asked) -> None:
        if len(one.asked) > 2:
            one.rows["a"] = [row for row in one.rows["a"] if row.status != "running"]

    one.before = delete
    fan_out = one.fan_out(reread_running=True)
    rows = await read(fan_out)

    assert one.ids() == sorted(rows)
    assert 1 == fan_out.report.done


async def test_what_cannot_be_read_again_is_told() -> None:
    """The pipeline has failed, with all other rows handed out."""
    one = server({"a": 15, "b": 5})
    one.rows["a"][7].status = "running"

    def break_down(asked: Asked) -> None:
        if len(one.asked) > 3:
            one.errors["a"] = NotFoundError("gone", status=404)

    one.before = break_down
    fan_out = one.fan_out(reread_running=True, on_error="collect")
    rows = await read(fan_out)

    assert 19 == len(rows)
    assert (["a"], 1, False) == (
        list(fan_out.report.failures),
        fan_out.report.done,
        fan_out.report.complete,
    )


async def test_what_runs_at_the_edge_of_time_is_found() -> None:
    """Bounds stay within the years that can be written."""
    one = server({"a": 0})
    ends = [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC, microsecond=0)]
    one.rows["a"] = [Row(f"a-{n}", end, "running") for n, end in enumerate(ends)]

    assert ["a-0", "a-1"] == sorted(await read(one.fan_out(reread_running=True)))


@pytest.mark.parametrize("memo", [7, [], ["2026-01-01T00:00:00Z"], [None, "yesterday"], [1, 2]])
async def test_a_memo_that_is_none_is_a_damaged_checkpoint(memo: Any) -> None:
    """Rather than a history that is cut somewhere else."""
    histories = server({"a": 5}).histories(slices="1d")
    with pytest.raises(CheckpointError, match="damaged"):
        await histories.plan("a", memo)


def test_an_end_before_that_is_none_is_a_damaged_checkpoint() -> None:
    """Rather than another end."""
    histories = server({"a": 5}).histories(end_date=UNSET)
    with pytest.raises(CheckpointError, match="damaged"):
        histories.begin({"end_is_pinned": True, "end_date": None})
