"""How an export stands."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import attrs
import pytest

from cloudflow_async._core.client import Client
from cloudflow_async._core.errors import NotFoundError
from cloudflow_async._core.fan_out.report import FanOutReport
from cloudflow_async._core.paging.page import ListReport
from cloudflow_async.cli.export.counts import Tally
from tests.cli.export.test_timeline import run


@attrs.define
class Clock:
    """Seconds, turned by hand."""

    now: float = 100.0

    def __call__(self) -> float:
        """Return the instant to which it was turned."""
        return self.now


def _client(**state: Any) -> Client:
    """Return what a client tells about itself."""
    known = {"limit": 100, "remaining": 150, "waiting": 0, "in_flight": 0}
    limit = SimpleNamespace(**{**known, **state})
    counters = SimpleNamespace(requests=7, retries=2, throttled=1)
    return cast("Client", SimpleNamespace(rate_limit=limit, statistics=lambda: counters))


def _tally(*lists: ListReport, planned: int | None, clock: Clock | None = None) -> Tally:
    reports = {f"pipe_{number}": report for number, report in enumerate(lists)}
    return Tally(report=FanOutReport(lists=reports, planned=planned), clock=clock or Clock())


def test_looking_notes_the_counters() -> None:
    """The client's counters and its budget are taken over."""
    tally = Tally(clock=Clock())

    tally.look(_client(remaining=42))

    assert (7, 2, 1) == (tally.requests, tally.retries, tally.throttled)
    assert (42, 100) == (tally.left_this_minute, tally.per_minute)


def test_waits_are_counted_while_nothing_is_on_its_way() -> None:
    """Only time in which the rate limit alone holds up the export is a wait."""
    clock = Clock()
    tally = Tally(clock=clock)

    tally.look(_client(waiting=3))
    clock.now += 5
    tally.look(_client(waiting=3, in_flight=1))
    clock.now += 2
    tally.look(_client())

    assert 5 == tally.waited
    assert not tally.waiting
    assert 7 == tally.elapsed


def test_nothing_is_known_before_the_first_page() -> None:
    """Without a total there is no estimate, and the share counts pipelines."""
    tally = _tally(ListReport(), planned=4)

    assert tally.seconds_left() is None
    assert 0 == tally.share_done()


def test_nothing_is_known_about_lists_without_number() -> None:
    """An unknown number of pipelines has no end to be estimated."""
    assert _tally(ListReport(total=100, pages=1), planned=None).seconds_left() is None


def test_the_pace_so_far_tells_the_rest() -> None:
    """Pipelines that have not begun count as many pages as the known ones have on average."""
    clock = Clock()
    tally = _tally(
        ListReport(total=300, pages=3, done=True),
        ListReport(total=101, pages=1),
        ListReport(),
        planned=4,
        clock=clock,
    )
    clock.now += 8

    # One page of the second, and two pipelines of 2.5 pages each.
    assert 6 * 8 / 4 == tally.seconds_left()
    assert 4 / 10 == tally.share_done()


def test_the_rate_limit_tells_the_rest_where_it_is_slower() -> None:
    """Beyond the requests of this minute, pages take as long as the limit says."""
    clock = Clock()
    tally = _tally(ListReport(total=20_000, pages=50), planned=1, clock=clock)
    clock.now += 1
    tally.look(_client(remaining=50))

    assert (150 - 50) * 0.6 == pytest.approx(tally.seconds_left())


def test_what_has_ended_is_not_waited_for() -> None:
    """Failed pipelines and empty ones need no further request."""
    failed = ListReport(total=500, pages=1, failure=NotFoundError("gone"))
    tally = _tally(failed, ListReport(total=0, pages=1, done=True), planned=2)

    assert 2 == tally.ended
    assert 0 == tally.seconds_left()
    assert 1 == tally.share_done()


def test_rows_are_counted_by_status_and_time() -> None:
    """Their sum is the number of rows."""
    tally = Tally()
    for status in ("completed", "failed", "completed"):
        tally.add(run(status=status))
    ((_, column),) = tally.timeline

    assert {"completed": 2, "failed": 1} == tally.statuses
    assert 3 == tally.rows == column.rows


def test_the_pace_is_that_since_it_went_on() -> None:
    """Pages of before an interruption tell nothing of it."""
    clock = Clock()
    report = FanOutReport(lists={"pipe_1": ListReport(total=1000, pages=6)}, planned=1)
    tally = Tally(clock=clock)
    tally.follow(report)
    report.lists["pipe_1"].pages += 2
    clock.now += 3

    assert 2 * 3 / 2 == tally.seconds_left()


def test_one_list_has_no_pages_ahead() -> None:
    """One request brings all, so there is nothing to be estimated by."""
    tally = _tally(ListReport(total=20_000, pages=1), planned=1)
    tally.one_list = True

    assert tally.seconds_left() is None
    assert 0 == tally.share_done()


def test_rows_that_tell_no_time_are_counted_by_status() -> None:
    """Those that tell no status either are counted as such."""
    tally = Tally()
    for status in ("failed", None, "failed"):
        tally.add_status(status)

    assert {"failed": 2, "without status": 1} == tally.statuses
    assert 0 == len(tally.timeline)
