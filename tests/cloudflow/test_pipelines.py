"""Every endpoint of pipelines, over real sockets against the emulator."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloudflow_async import (
    ClientClosedError,
    CloudFlow,
    ExecutionStatus,
    InvalidArgumentError,
    NotFoundError,
    ResponseMismatchError,
)
from cloudflow_async.emulator import Emulator, Fault


async def test_executions(cf: CloudFlow, emulator: Emulator) -> None:
    """All filters reach the server; rows are typed, and a running one has no end."""
    pipeline_id = emulator.add_pipeline("pipe_4x9k2m")
    emulator.add_executions(pipeline_id, 2, started_at=datetime(2026, 1, 21, tzinfo=UTC))
    [running] = emulator.add_executions(
        pipeline_id, 1, status="running", started_at=datetime(2026, 1, 22, tzinfo=UTC)
    )
    emulator.add_executions(pipeline_id, 3, started_at=datetime(2026, 1, 25, tzinfo=UTC))

    rows = await cf.pipelines.executions(
        pipeline_id,
        status="running",
        start_date=datetime(2026, 1, 20, tzinfo=UTC),
        end_date=datetime(2026, 1, 23, tzinfo=UTC),
    )

    assert [running] == [row.id for row in rows]
    assert (None, None) == (rows[0].completed_at, rows[0].duration_ms)
    assert "/v2/pipelines/pipe_4x9k2m/executions" == emulator.requests[-1].path
    assert "2026-01-20T00:00:00Z" == dict(emulator.requests[-1].query)["start_date"]


async def test_id_that_is_no_segment(cf: CloudFlow, emulator: Emulator) -> None:
    """An id that would leave its place in the path is refused where the list is asked for."""
    with pytest.raises(InvalidArgumentError, match="pipeline_id"):
        cf.pipelines.executions("..")

    assert [] == emulator.requests


async def test_fan_out(cf: CloudFlow, emulator: Emulator) -> None:
    """Every execution of every pipeline comes once; the report counts them."""
    ids = emulator.seed_history(pipelines=5)

    async with cf.pipelines.fan_out([*ids, ids[0]]) as history:
        rows = [row async for row in history]

    assert len(rows) == len({row.id for row in rows}) == history.report.rows
    assert sorted(ids) == sorted(history.report.lists)
    for pipeline_id, report in history.report.lists.items():
        assert report.rows == report.total == sum(row.pipeline_id == pipeline_id for row in rows)


async def test_fan_out_with_a_failure(cf: CloudFlow, emulator: Emulator) -> None:
    """One unknown pipeline ends the iteration, or with "collect" leaves the others whole."""
    ids = [*emulator.seed_history(pipelines=3), "pipe_unknown"]

    async with cf.pipelines.fan_out(ids, on_error="collect") as history:
        async for _ in history:
            pass

    assert (3, ["pipe_unknown"]) == (history.report.done, list(history.report.failures))
    async with cf.pipelines.fan_out(ids) as history:
        with pytest.raises(NotFoundError):
            async for _ in history:
                pass


async def test_fan_out_with_all_options(cf: CloudFlow, emulator: Emulator, tmp_path: Path) -> None:
    """Slices, running ones, checkpoint and estimate work together; nothing is left behind."""
    ids = emulator.seed_history(pipelines=4)
    history = cf.pipelines.fan_out(
        ids, slices="2w", reread_running=True, on_drift="dedupe", checkpoint=tmp_path / "run"
    )
    estimate = await cf.estimate(history, sample=2)
    async with history:
        rows = [row async for row in history]

    assert estimate.lists == 4 == history.report.done
    assert len(rows) == len({row.id for row in rows}) == history.report.total
    assert [] == os.listdir(tmp_path)


def test_fan_out_that_contradicts_itself() -> None:
    """Running executions alone, and none that runs, is not possible."""
    with pytest.raises(InvalidArgumentError, match="reread_running"):
        CloudFlow("cf_test_key").pipelines.fan_out(["a"], status="running", reread_running=True)


def test_fan_out_with_bad_filters() -> None:
    """A filter that cannot be sent is refused once, where the fan-out is made."""
    with pytest.raises(InvalidArgumentError, match="no time zone"):
        CloudFlow("cf_test_key").pipelines.fan_out(
            ["pipe_4x9k2m"],
            start_date=datetime(2026, 1, 1),  # noqa: DTZ001 - the point
        )


async def test_waiting_for_an_execution(cf: CloudFlow, emulator: Emulator) -> None:
    """One that has ended is returned after one request, whole."""
    pipeline_id = emulator.add_pipeline("pipe_4x9k2m")
    [failed] = emulator.add_executions(pipeline_id, 1, status="failed")
    emulator.add_executions(pipeline_id, 50)

    execution = await cf.pipelines.wait_for_execution(pipeline_id, failed, timeout=5)

    assert (failed, pipeline_id, ExecutionStatus.FAILED) == (
        execution.id,
        execution.pipeline_id,
        execution.status,
    )
    assert execution.completed_at is not None
    assert 1 == len(emulator.requests)


async def test_waiting_in_an_unknown_pipeline(cf: CloudFlow) -> None:
    """There is nothing to wait for."""
    with pytest.raises(NotFoundError, match="pipe_unknown"):
        await cf.pipelines.wait_for_execution("pipe_unknown", "exec_7m3k9x2p")


async def test_waiting_with_an_id_that_is_no_segment(cf: CloudFlow, emulator: Emulator) -> None:
    """It is refused before anything is sent."""
    with pytest.raises(InvalidArgumentError, match="pipeline_id"):
        await cf.pipelines.wait_for_execution("..", "exec_7m3k9x2p")

    assert [] == emulator.requests


async def test_waiting_with_a_closed_client(cf: CloudFlow) -> None:
    """It is refused as every call is."""
    await cf.close()

    with pytest.raises(ClientClosedError):
        await cf.pipelines.wait_for_execution("pipe_4x9k2m", "exec_7m3k9x2p")


async def test_swapped_answers(cf: CloudFlow, emulator: Emulator) -> None:
    """Executions of another pipeline are an error, never rows."""
    asked, other = emulator.add_pipeline(), emulator.add_pipeline()
    emulator.add_executions(other, 3)
    answer = await cf.request("GET", f"/pipelines/{other}/executions")
    emulator.inject(Fault(status=200, body=answer.body))
    with pytest.raises(ResponseMismatchError, match=r"^data\[0\].pipeline_id: asked for"):
        await cf.pipelines.executions(asked)
