"""Durations and failures over time."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudflow_async.cli.export.timeline import Column, Timeline
from cloudflow_async.cloudflow.pipelines import Execution

_BEGIN = datetime(2026, 1, 19, tzinfo=UTC)
"""A Monday."""


def run(after: float = 0.0, duration_ms: int | None = 1000, status: str = "completed") -> Execution:
    """Return an execution that started so many seconds after `_BEGIN`."""
    return Execution(
        id="exec_1",
        pipeline_id="pipe_1",
        status=status,
        started_at=_BEGIN + timedelta(seconds=after),
        duration_ms=duration_ms,
    )


def _filled(*executions: Execution) -> Timeline:
    timeline = Timeline()
    for execution in executions:
        timeline.add(execution)
    return timeline


def test_executions_are_counted_by_the_minute_at_first() -> None:
    """With what failed; a minute without any has a column too."""
    timeline = _filled(run(0), run(59, status="failed"), run(130))

    assert 60 == timeline.width
    assert 3 == len(timeline)
    assert [
        (_BEGIN.timestamp(), 2, 1),
        (_BEGIN.timestamp() + 60, 0, 0),
        (_BEGIN.timestamp() + 120, 1, 0),
    ] == [(at, column.rows, column.failed) for at, column in timeline]


def test_nothing_has_no_column() -> None:
    """Before the first execution there is no time to show."""
    assert [] == list(Timeline())
    assert [] == list(Timeline().fitted(10))


@pytest.mark.parametrize(
    ("days", "width"),
    [(0.17, 60), (0.8, 300), (2.5, 900), (10, 3600), (250, 86_400), (1500, 604_800)],
)
def test_columns_grow_with_the_range(days: float, width: int) -> None:
    """There are never more than 256, whatever comes first."""
    seconds = [0, days * 86_400, days * 43_200]
    timeline = _filled(*map(run, seconds))

    assert width == timeline.width
    assert len(timeline) <= 256
    assert 3 == sum(column.rows for _, column in timeline)
    assert [*timeline] == [*_filled(*map(run, reversed(seconds)))]


def test_weeks_begin_on_mondays() -> None:
    """As in most calendars."""
    timeline = _filled(run(3 * 86_400), run(2000 * 86_400))
    first = next(at for at, _ in timeline)

    assert _BEGIN == datetime.fromtimestamp(first, UTC)


def test_all_years_have_a_place() -> None:
    """From 1 to 9999, and still two columns are possible."""
    timeline = Timeline()
    for year in (1, 2026, 9999):
        timeline.add(
            Execution(
                id="exec_1",
                pipeline_id="pipe_1",
                status="completed",
                started_at=datetime(year, 1, 1, tzinfo=UTC),
            )
        )

    assert len(timeline) <= 256
    assert len(timeline.fitted(2)) <= 2
    assert 1 <= len(timeline.fitted(1)) <= 2


def test_a_fitted_copy_leaves_the_original() -> None:
    """It has fewer and wider columns with the same sums."""
    timeline = _filled(*(run(minute * 60, status="failed") for minute in range(60)))
    fitted = timeline.fitted(4)

    assert (60, 60, 900, 4) == (timeline.width, len(timeline), fitted.width, len(fitted))
    assert [(15, 15)] * 4 == [(column.rows, column.failed) for _, column in fitted]
    assert [15] * 4 == [column.classes.total() for _, column in fitted]


@given(st.lists(st.integers(min_value=0, max_value=10**8), min_size=1, max_size=200))
def test_percentiles_are_known_to_5_percent(durations: list[int]) -> None:
    """Whatever the durations are."""
    ((_, column),) = _filled(*(run(duration_ms=duration) for duration in durations))
    for share in (0.5, 0.95):
        exact = sorted(durations)[max(0, -int(-share * len(durations) // 1) - 1)]

        assert exact / 1000 == pytest.approx(column.duration(share), rel=0.051)


def test_a_duration_beyond_all_bounds_is_counted() -> None:
    """A server may write any whole number as a duration; the longest class has an end."""
    ((_, column),) = _filled(run(duration_ms=2**64), run(duration_ms=10**308))

    assert 2 == column.rows
    assert 2**64 / 1000 == pytest.approx(column.duration(1), rel=0.051)


def test_what_still_runs_has_no_duration() -> None:
    """It is counted as an execution, and does not change the median."""
    timeline = _filled(run(duration_ms=None), run(duration_ms=None), run(duration_ms=0))
    ((_, column),) = timeline

    assert 3 == column.rows
    assert 0 == column.duration(0.5)
    assert Column().duration(0.5) is None


def test_it_comes_back_from_json() -> None:
    """With all it needs to go on."""
    timeline = _filled(run(0), run(10_000_000, duration_ms=7), run(5_000, status="failed"))
    again = Timeline.from_json(json.loads(json.dumps(timeline.to_json())))
    assert [*timeline] == [*again]
    for each in (timeline, again):
        each.add(run(30_000_000))

    assert timeline.to_json() == again.to_json()


@pytest.mark.parametrize(
    "stored", [None, {}, {"width": 61, "columns": []}, {"width": 60, "columns": [[1]]}]
)
def test_something_else_is_refused(stored: object) -> None:
    """By an error that its reader expects."""
    with pytest.raises((KeyError, TypeError, ValueError)):
        Timeline.from_json(stored)  # type: ignore[arg-type]
