"""Metrics that follow from what was recorded."""

from __future__ import annotations

import pytest

from cloudflow_async.emulator.base.timestamps import format_timestamp, parse_timestamp
from cloudflow_async.emulator.cloudflow.analytics import METRICS, workflow_metrics
from cloudflow_async.emulator.cloudflow.state import State, Workflow
from tests.emulator.conftest import NOON, Clock

HOUR = 3600
DAY = 24 * HOUR


def workflow_with_runs(*ages: int, failed: tuple[int, ...] = ()) -> Workflow:
    """Return a workflow that ran so many seconds ago; those in `failed` failed."""
    state = State(Clock(), 0)
    workflow = state.add_workflow(name="w", trigger={"type": "webhook"}, steps=[])
    for age in ages:
        state.add_run(
            workflow,
            started_at=NOON - age,
            status="failed" if age in failed else "completed",
            duration_ms=1000 + age,
            records_processed=10,
        )
    return workflow


def test_the_metrics_count_the_runs_of_the_period() -> None:
    """Rates in percent, durations in milliseconds, throughput per hour."""
    workflow = workflow_with_runs(0, 60, 120, DAY - 1, DAY, 3 * DAY, failed=(60, DAY))
    shape = workflow_metrics(workflow, "24h", tuple(METRICS), NOON)

    assert shape["metrics"] == {
        "execution_count": 4,
        "success_rate": 75.0,
        "avg_duration": round(1000 + (60 + 120 + DAY - 1) / 4),
        "error_count": 1,
        "throughput": round(40 / 24),
    }


def test_only_the_metrics_asked_for_are_there() -> None:
    """In the document's order."""
    shape = workflow_metrics(workflow_with_runs(5), "1h", ("error_count",), NOON)

    assert shape["metrics"] == {"error_count": 0}


@pytest.mark.parametrize(
    ("period", "seconds", "bucket", "points"),
    [
        ("1h", HOUR, 300, 13),
        ("24h", DAY, HOUR, 25),
        ("7d", 7 * DAY, DAY, 8),
        ("30d", 30 * DAY, DAY, 31),
    ],
)
def test_the_series_covers_the_period_in_aligned_buckets(
    period: str, seconds: int, bucket: int, points: int
) -> None:
    """From the bucket in which it starts to the one in which it ends, now."""
    shape = workflow_metrics(workflow_with_runs(0, seconds - 1), period, ("throughput",), NOON)
    series = shape["timeseries"]
    instants = [parse_timestamp(point["timestamp"]) for point in series]

    assert shape["start_date"] == format_timestamp(NOON - seconds)
    assert shape["end_date"] == format_timestamp(NOON)
    assert len(series) == points
    assert all(instant % bucket == 0 for instant in instants)
    assert instants[0] <= NOON - seconds < instants[1]
    assert instants[-1] <= NOON
    assert (series[0]["execution_count"], series[-1]["execution_count"]) == (1, 1)


def test_the_series_tells_the_rate_of_each_bucket() -> None:
    """100 percent, half, and null where nothing ran."""
    workflow = workflow_with_runs(10, DAY, DAY + 1, failed=(DAY,))
    series = workflow_metrics(workflow, "7d", ("throughput",), NOON)["timeseries"]
    tail = [(point["execution_count"], point["success_rate"]) for point in series[-3:]]

    assert tail == [(0, None), (2, 50.0), (1, 100.0)]


def test_without_runs_counts_are_zero_and_rates_are_null() -> None:
    """An idle period has no success rate and no duration."""
    shape = workflow_metrics(workflow_with_runs(), "1h", tuple(METRICS), NOON)

    assert shape["metrics"] == {
        "execution_count": 0,
        "success_rate": None,
        "avg_duration": None,
        "error_count": 0,
        "throughput": 0,
    }
