"""The execution model."""

from __future__ import annotations

from datetime import UTC, datetime

from cloudflow_async._core.codec.decode import decode, decode_list
from cloudflow_async.cloudflow.pipelines import Execution, ExecutionStatus
from tests.cloudflow.samples import document

ROW = document("list_executions.200")["data"][0]


def test_a_completed_execution() -> None:
    """The document's sample is decoded; the error rate is percent, as it came."""
    assert Execution(
        id="exec_7m3k9x2p",
        pipeline_id="pipe_4x9k2m",
        status=ExecutionStatus.COMPLETED,
        started_at=datetime(2026, 1, 23, 15, tzinfo=UTC),
        completed_at=datetime(2026, 1, 23, 15, 3, 42, tzinfo=UTC),
        duration_ms=222000,
        records_processed=15420,
        records_failed=3,
        error_rate=0.02,
    ) == decode(Execution, ROW)


def test_running_executions_among_others() -> None:
    """What a running execution lacks is None, whether it is null or absent."""
    running = ROW | {"status": "running", "completed_at": None, "duration_ms": None}
    sparse = {name: ROW[name] for name in ("id", "pipeline_id", "started_at")}
    rows = [ROW, running, sparse | {"status": "queued"}]
    done, current, queued = decode_list(Execution, rows)

    assert decode(Execution, ROW) == done
    assert (ExecutionStatus.RUNNING, None, None) == (
        current.status,
        current.completed_at,
        current.duration_ms,
    )
    assert ("queued", None, None) == (queued.status, queued.error_rate, queued.records_failed)


def test_a_whole_error_rate_is_a_float() -> None:
    """A rate that the server writes as an integer is a float all the same."""
    rate = decode(Execution, ROW | {"error_rate": 0}).error_rate

    assert (float, 0.0) == (type(rate), rate)
