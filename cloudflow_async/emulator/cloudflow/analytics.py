"""Metrics of a workflow over a period, computed from the runs that were recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cloudflow_async.emulator.base.timestamps import format_timestamp

from .serializers import average_duration, success_rate
from .state import JsonObject, Run, Workflow

_HOUR = 3600
_DAY = 24 * _HOUR

PERIODS = {"1h": _HOUR, "24h": _DAY, "7d": 7 * _DAY, "30d": 30 * _DAY}
"""The values of `period`, in seconds."""

_BUCKETS = {"1h": 300, "24h": _HOUR, "7d": _DAY, "30d": _DAY}
"""Seconds between two points of the time series; the document shows days for `7d`."""

_Metric = Callable[[Sequence[Run], int], float | None]


def _execution_count(runs: Sequence[Run], _seconds: int) -> int:
    return len(runs)


def _success_rate(runs: Sequence[Run], _seconds: int) -> float | None:
    return success_rate(runs)


def _avg_duration(runs: Sequence[Run], _seconds: int) -> int | None:
    return average_duration(runs)


def _error_count(runs: Sequence[Run], _seconds: int) -> int:
    return sum(run.status == "failed" for run in runs)


def _throughput(runs: Sequence[Run], seconds: int) -> int:
    return round(sum(run.records_processed for run in runs) * _HOUR / seconds)


METRICS: dict[str, _Metric] = {
    "execution_count": _execution_count,
    "success_rate": _success_rate,
    "avg_duration": _avg_duration,
    "error_count": _error_count,
    "throughput": _throughput,
}
"""The metrics of the API document, each computed from the runs and the length in seconds."""


def workflow_metrics(
    workflow: Workflow, period: str, metrics: Sequence[str], now: int
) -> JsonObject:
    """Return the answer to "Get Workflow Metrics" for the period that ends now."""
    seconds = PERIODS[period]
    start = now - seconds
    runs = [run for run in workflow.runs if start < run.started_at <= now]
    return {
        "workflow_id": workflow.id,
        "period": period,
        "start_date": format_timestamp(start),
        "end_date": format_timestamp(now),
        "metrics": {name: METRICS[name](runs, seconds) for name in metrics},
        "timeseries": _timeseries(runs, start, now, _BUCKETS[period]),
    }


def _timeseries(runs: Sequence[Run], start: int, end: int, bucket: int) -> list[JsonObject]:
    by_point: dict[int, list[Run]] = {
        point: [] for point in range(start - start % bucket, end + 1, bucket)
    }
    for run in runs:
        by_point[run.started_at - run.started_at % bucket].append(run)
    return [
        {
            "timestamp": format_timestamp(point),
            "execution_count": len(members),
            "success_rate": success_rate(members),
        }
        for point, members in by_point.items()
    ]
