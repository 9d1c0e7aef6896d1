"""Executions at TechFlow: what they take, what they leave, and who is told."""

from __future__ import annotations

import math
from typing import Any, Literal

import pytest

from cloudflow_async.emulator import Emulator
from cloudflow_async.emulator.techflow.seeding import TechFlowSeeding
from tests.emulator.conftest import Api, Clock
from tests.emulator.receiver import Receiver


@pytest.mark.parametrize("status", ["completed", "failed"])
async def test_an_execution_tells_its_story_by_events(
    ask: Api,
    emulator: Emulator,
    techflow: TechFlowSeeding,
    clock: Clock,
    status: Literal["completed", "failed"],
) -> None:
    """It starts at once and ends after its time."""
    techflow.add_workflow(id="wf_1")
    techflow.plan_executions("wf_1", seconds=42.5, status=status)
    async with Receiver() as receiver:
        techflow.configure_webhook(receiver.url)
        execution = (await ask("POST", "/workflows/wf_1/execute")).json["id"]
        clock.now += 42
        with pytest.raises(TimeoutError):
            await emulator.wait_for_deliveries(timeout=0.05)
        early = list(receiver.events)
        clock.now += 0.5
        await emulator.wait_for_deliveries()
    started, ended = (received.json for received in receiver.received)
    data: dict[str, Any] = {"execution_id": execution, "workflow_id": "wf_1"}

    assert ["execution.started"] == early
    assert {
        "event": "execution.started",
        "timestamp": "2026-01-24T12:00:00Z",
        "data": {**data, "status": "running"},
    } == started
    assert {
        "event": f"execution.{status}",
        "timestamp": "2026-01-24T12:00:42Z",
        "data": {**data, "status": status, "duration_ms": 42_500},
    } == ended


@pytest.mark.parametrize("status", ["completed", "failed"])
async def test_an_execution_can_be_ended_by_hand(
    ask: Api, techflow: TechFlowSeeding, clock: Clock, status: Literal["completed", "failed"]
) -> None:
    """Once, and before its time or without one."""
    techflow.add_workflow(id="wf_1")
    ids = []
    for seconds in (60, math.inf):
        techflow.plan_executions("wf_1", seconds=seconds)
        ids.append((await ask("POST", "/workflows/wf_1/execute")).json["id"])
    for identifier in ids:
        techflow.end_execution(identifier, status=status)
    clock.now += 3600
    answer = await ask("GET", "/executions")

    assert [(identifier, status) for identifier in ids[::-1]] == [
        (row["id"], row["status"]) for row in answer.json["executions"]
    ]
    assert {"2026-01-24T12:00:00Z"} == {row["completed_at"] for row in answer.json["executions"]}
    with pytest.raises(KeyError):
        techflow.end_execution(ids[0])


async def test_an_execution_takes_a_moment_unless_told_otherwise(
    ask: Api, techflow: TechFlowSeeding, clock: Clock
) -> None:
    """Long enough to be seen running."""
    techflow.add_workflow(id="wf_1")
    await ask("POST", "/workflows/wf_1/execute")
    seen = []
    for step in (0.09, 0.22):
        clock.now += step
        answer = await ask("GET", "/executions")
        seen.append(answer.json["executions"][0]["status"])

    assert ["running", "completed"] == seen


async def test_an_execution_outlives_its_workflow(
    ask: Api, emulator: Emulator, techflow: TechFlowSeeding, clock: Clock
) -> None:
    """It ends, and tells so, when the workflow has been deleted meanwhile."""
    techflow.add_workflow(id="wf_1")
    async with Receiver() as receiver:
        techflow.configure_webhook(receiver.url, events=["execution.completed"])
        await ask("POST", "/workflows/wf_1/execute")
        await ask("DELETE", "/workflows/wf_1")
        clock.now += 1
        await emulator.wait_for_deliveries()

    assert ["execution.completed"] == receiver.events


async def test_an_execution_ends_once_when_two_threads_end_it(
    ask: Api, techflow: TechFlowSeeding, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its time may come while somebody ends it by hand, too late to take it off the scheduler."""
    techflow.add_workflow(id="wf_1")
    execution = (await ask("POST", "/workflows/wf_1/execute")).json["id"]
    with monkeypatch.context() as patch:
        patch.setattr("cloudflow_async.emulator.base.scheduler.Scheduler.cancel", lambda *_: None)
        techflow.end_execution(execution, status="failed")
    clock.now += 1
    answer = await ask("GET", "/executions")

    assert "failed" == answer.json["executions"][0]["status"]


async def test_a_reset_forgets_what_is_under_way(
    ask: Api, emulator: Emulator, techflow: TechFlowSeeding, clock: Clock
) -> None:
    """Nothing ends that nobody knows any more, and lengths repeat from the seed."""
    lengths = []
    for _ in range(2):
        workflow = techflow.add_workflow()
        await ask("POST", f"/workflows/{workflow}/execute")
        ((at, _, _),) = emulator._app.scheduler._entries
        lengths.append(at - clock.now)
        emulator.reset()
        clock.now += 1
        with pytest.raises(KeyError):
            techflow.end_execution("exec_101")

    assert lengths[0] == pytest.approx(lengths[1])


async def test_time_passes_by_itself_on_the_real_clock() -> None:
    """Who waits for deliveries waits for the end of executions, too."""
    async with Emulator() as emulator:
        emulator.techflow.add_workflow(id="wf_1")
        emulator.techflow.plan_executions("wf_1", seconds=0.01)
        workflow = emulator._app.techflow.state.workflows["wf_1"]
        emulator._app.techflow.executions.start(workflow)
        await emulator.wait_for_deliveries()

    assert ["completed"] == [one["status"] for one in emulator.techflow.executions]
