"""The metrics model."""

from __future__ import annotations

from datetime import UTC, datetime

from cloudflow_async._core.codec.decode import decode
from cloudflow_async.cloudflow.analytics import MetricPoint, MetricValues, WorkflowMetrics
from tests.cloudflow.samples import document

SAMPLE = document("workflow_metrics.200")


def test_metrics_of_a_period() -> None:
    """The document's sample has five metrics, and two in its time series."""
    assert WorkflowMetrics(
        workflow_id="wf_8x7k2m9p",
        period="7d",
        start_date=datetime(2026, 1, 17, 10, 30, tzinfo=UTC),
        end_date=datetime(2026, 1, 24, 10, 30, tzinfo=UTC),
        metrics=MetricValues(
            execution_count=168,
            success_rate=97.6,
            avg_duration=3285.0,
            error_count=4,
            throughput=2847.0,
        ),
        timeseries=(
            MetricPoint(
                timestamp=datetime(2026, 1, 17, tzinfo=UTC), execution_count=24, success_rate=100.0
            ),
            MetricPoint(
                timestamp=datetime(2026, 1, 18, tzinfo=UTC), execution_count=24, success_rate=95.8
            ),
        ),
    ) == decode(WorkflowMetrics, SAMPLE)


def test_unknown_metrics_are_kept() -> None:
    """A metric that the document does not list is in `extra`, of the period and of a point."""
    point = {"timestamp": "2026-01-17T00:00:00Z", "queue_time": 3}
    metrics = decode(
        WorkflowMetrics, SAMPLE | {"metrics": {"queue_time": 5}, "timeseries": [point]}
    )

    assert {"queue_time": 5} == metrics.metrics.extra
    assert None is metrics.metrics.success_rate
    assert {"queue_time": 3} == metrics.timeseries[0].extra


def test_an_answer_without_a_time_series() -> None:
    """A missing time series is an empty one."""
    sample = {name: value for name, value in SAMPLE.items() if name != "timeseries"}

    assert () == decode(WorkflowMetrics, sample).timeseries
