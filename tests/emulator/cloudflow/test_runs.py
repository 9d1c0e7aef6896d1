"""Runs that are triggered: what they take, what they leave, and who is told."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import pytest

from cloudflow_async.emulator import Emulator
from tests.emulator.conftest import NOON, Api, Clock
from tests.emulator.receiver import Receiver

HOOKED: dict[str, Any] = {"type": "webhook"}
EVENTS = [
    "workflow.started",
    "workflow.completed",
    "workflow.failed",
    "pipeline.completed",
    "pipeline.failed",
]


def shape_of(data: dict[str, Any]) -> dict[str, str]:
    """Return names and JSON types."""
    return {name: type(value).__name__ for name, value in data.items()}


@pytest.mark.parametrize("status", ["completed", "failed"])
async def test_a_run_tells_its_story_by_events(
    api: Api,
    emulator: Emulator,
    clock: Clock,
    document: Callable[[str], Any],
    status: Literal["completed", "failed"],
) -> None:
    """It starts at once and ends after its time, with the documented payload."""
    workflow = emulator.add_workflow(trigger=HOOKED)
    emulator.plan_runs(workflow, seconds=42.5, status=status)
    async with Receiver() as receiver:
        await api("POST", "/webhooks", json={"url": receiver.url, "events": EVENTS})
        answer = (await api("POST", f"/webhooks/{workflow}/trigger")).json
        clock.now += 42
        with pytest.raises(TimeoutError):
            await emulator.wait_for_deliveries(timeout=0.05)
        early = list(receiver.events)
        clock.now += 0.5
        await emulator.wait_for_deliveries()
    payloads = {received.json["event"]: received.json for received in receiver.received}
    started, ended = payloads["workflow.started"], payloads[f"workflow.{status}"]
    sample = document("webhook_payload.json")

    assert early == ["workflow.started"]
    assert set(payloads) == {"workflow.started", f"workflow.{status}", f"pipeline.{status}"}
    assert started["data"] == answer
    assert answer["status"] == "running"
    assert list(sample) == list(ended)
    assert shape_of(sample["data"]) == shape_of(ended["data"])
    assert ended["timestamp"] == "2026-01-24T12:00:42Z"
    assert ended["data"]["execution_id"] == answer["execution_id"]
    assert (ended["data"]["status"], ended["data"]["duration_ms"]) == (status, 42_500)


@pytest.mark.parametrize("status", ["completed", "failed"])
async def test_a_run_appears_in_the_history_of_the_workflows_pipeline(
    api: Api, emulator: Emulator, clock: Clock, status: Literal["completed", "failed"]
) -> None:
    """First running, then ended, under the id that the trigger was answered with."""
    workflow = emulator.add_workflow(trigger=HOOKED)
    pipeline = emulator.pipeline_of(workflow)
    emulator.plan_runs(workflow, seconds=60, status=status)
    execution = (await api("POST", f"/webhooks/{workflow}/trigger")).json["execution_id"]
    (running,) = (await api("GET", f"/pipelines/{pipeline}/executions")).json["data"]
    clock.now += 60
    (ended,) = (await api("GET", f"/pipelines/{pipeline}/executions")).json["data"]
    metrics = (await api("GET", f"/workflows/{workflow}")).json["metrics"]

    assert running == {
        "id": execution,
        "pipeline_id": pipeline,
        "status": "running",
        "started_at": "2026-01-24T12:00:00Z",
        "completed_at": None,
        "duration_ms": None,
        "records_processed": 0,
        "records_failed": 0,
        "error_rate": 0.0,
    }
    assert (ended["id"], ended["status"]) == (execution, status)
    assert (ended["completed_at"], ended["duration_ms"]) == ("2026-01-24T12:01:00Z", 60_000)
    assert metrics["total_runs"] == 1
    assert metrics["avg_duration_ms"] == 60_000
    assert metrics["success_rate"] == (100.0 if status == "completed" else 0.0)
    assert (metrics["last_error"] is None) == (status == "completed")


async def test_the_event_of_the_pipeline_has_the_figures_of_the_history(
    api: Api, emulator: Emulator
) -> None:
    """The document shows no payload of these events."""
    workflow = emulator.add_workflow(trigger=HOOKED)
    pipeline = emulator.pipeline_of(workflow)
    async with Receiver() as receiver:
        hook = {"url": receiver.url, "events": ["pipeline.failed"]}
        await api("POST", "/webhooks", json=hook)
        execution = (await api("POST", f"/webhooks/{workflow}/trigger")).json["execution_id"]
        emulator.end_run(execution, status="failed")
        await emulator.wait_for_deliveries()
    (row,) = (await api("GET", f"/pipelines/{pipeline}/executions")).json["data"]

    assert receiver.received[0].json["data"] == {
        "pipeline_id": pipeline,
        "execution_id": execution,
        "status": "failed",
        "duration_ms": 0,
        "records_processed": row["records_processed"],
        "records_failed": row["records_failed"],
    }


async def test_a_run_can_be_ended_by_hand(api: Api, emulator: Emulator, clock: Clock) -> None:
    """One that would never end, or one that would have ended later; then it is over."""
    workflow = emulator.add_workflow(trigger=HOOKED)
    pipeline = emulator.pipeline_of(workflow)
    ids = []
    for seconds in (math.inf, 60):
        emulator.plan_runs(workflow, seconds=seconds)
        ids.append((await api("POST", f"/webhooks/{workflow}/trigger")).json["execution_id"])
    clock.now += 30
    emulator.end_run(ids[0])
    emulator.end_run(ids[1], status="failed")
    await emulator.wait_for_deliveries()
    clock.now += 60
    rows = (await api("GET", f"/pipelines/{pipeline}/executions")).json["data"]

    assert [(row["id"], row["status"], row["duration_ms"]) for row in rows] == [
        (ids[1], "failed", 30_000),
        (ids[0], "completed", 30_000),
    ]

    for unknown in (*ids, "exec_x"):
        with pytest.raises(KeyError):
            emulator.end_run(unknown)


async def test_a_run_ends_once_when_two_threads_end_it(
    api: Api, emulator: Emulator, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock brings its end after somebody ended it, and before that was noticed."""
    workflow = emulator.add_workflow(trigger=HOOKED)
    async with Receiver() as receiver:
        await api("POST", "/webhooks", json={"url": receiver.url, "events": EVENTS[1:3]})
        execution = (await api("POST", f"/webhooks/{workflow}/trigger")).json["execution_id"]
        monkeypatch.setattr(emulator._app.scheduler, "cancel", lambda _: None)
        emulator.end_run(execution, status="failed")
        clock.now += 1
        await emulator.wait_for_deliveries()

    assert receiver.events == ["workflow.failed"]


async def test_a_run_takes_a_moment_unless_told_otherwise(
    api: Api, emulator: Emulator, clock: Clock
) -> None:
    """Less than a third of a second, made up from the seed."""
    workflow = emulator.add_workflow(trigger=HOOKED)
    pipeline = emulator.pipeline_of(workflow)
    path = f"/pipelines/{pipeline}/executions?status=running"
    await api("POST", f"/webhooks/{workflow}/trigger")
    at_once = (await api("GET", path)).ids
    clock.now += 0.3
    a_moment_later = (await api("GET", path)).ids

    assert (len(at_once), a_moment_later) == (1, [])


async def test_time_passes_by_itself_on_the_real_clock() -> None:
    """Nobody has to turn anything."""
    async with Emulator() as emulator:
        workflow = emulator.add_workflow(trigger=HOOKED)
        state = emulator._app.state
        run = emulator._app.runs.start(state, state.workflows[workflow])
        await emulator.wait_for_deliveries()

    assert run.status == "completed"
    assert 90 <= run.duration_ms < 5000


async def test_an_execution_that_was_deleted_meanwhile_is_not_told_of(
    api: Api, emulator: Emulator
) -> None:
    """The workflow's own events come nevertheless."""
    workflow = emulator.add_workflow(trigger=HOOKED)
    async with Receiver() as receiver:
        await api("POST", "/webhooks", json={"url": receiver.url, "events": EVENTS})
        execution = (await api("POST", f"/webhooks/{workflow}/trigger")).json["execution_id"]
        emulator.delete_executions(emulator.pipeline_of(workflow), [execution])
        emulator.end_run(execution)
        await emulator.wait_for_deliveries()

    assert sorted(receiver.events) == ["workflow.completed", "workflow.started"]


async def test_other_executions_of_the_pipeline_are_left_alone(
    api: Api, emulator: Emulator, clock: Clock
) -> None:
    """However many there are, before and after."""
    workflow = emulator.add_workflow(trigger=HOOKED)
    pipeline = emulator.pipeline_of(workflow)
    emulator.add_executions(pipeline, 3, status="running")
    execution = (await api("POST", f"/webhooks/{workflow}/trigger")).json["execution_id"]
    emulator.add_executions(pipeline, 2, status="running", started_at=NOON + 5)
    emulator.end_run(execution)
    rows = (await api("GET", f"/pipelines/{pipeline}/executions")).json["data"]

    assert [row["status"] for row in rows] == ["running"] * 2 + ["completed"] + ["running"] * 3


async def test_a_reset_forgets_runs_that_are_under_way(
    api: Api, emulator: Emulator, clock: Clock
) -> None:
    """They do not end in the life that follows."""
    workflow = emulator.add_workflow(trigger=HOOKED)
    execution = (await api("POST", f"/webhooks/{workflow}/trigger")).json["execution_id"]
    emulator.reset()
    clock.now += 60
    await emulator.wait_for_deliveries()

    assert emulator.deliveries == []

    with pytest.raises(KeyError):
        emulator.end_run(execution)


async def test_accounts_have_runs_of_their_own(api: Api, emulator: Emulator, clock: Clock) -> None:
    """Nobody else's webhook hears of them."""
    acme = emulator.account("acme")
    key = emulator.add_key("admin:full", account="acme")
    workflow = acme.add_workflow(trigger=HOOKED)
    acme.plan_runs(workflow, seconds=math.inf)
    async with Receiver() as stranger, Receiver() as own:
        await api("POST", "/webhooks", json={"url": stranger.url, "events": EVENTS})
        await api("POST", "/webhooks", json={"url": own.url, "events": EVENTS}, key=key)
        answer = await api("POST", f"/webhooks/{workflow}/trigger", key=key)
        execution = answer.json["execution_id"]
        with pytest.raises(KeyError):
            emulator.end_run(execution)
        acme.end_run(execution)
        await emulator.wait_for_deliveries()

    assert sorted(own.events) == ["pipeline.completed", "workflow.completed", "workflow.started"]
    assert stranger.events == []


async def test_a_pipeline_belongs_to_its_workflow(emulator: Emulator) -> None:
    """One for each, always the same."""
    workflows = [emulator.add_workflow() for _ in range(2)]
    first = [emulator.pipeline_of(workflow) for workflow in workflows]

    assert len(set(first)) == 2
    assert first == [emulator.pipeline_of(workflow) for workflow in workflows]

    with pytest.raises(KeyError):
        emulator.pipeline_of("wf_x")


def test_a_plan_that_cannot_be_is_refused(emulator: Emulator) -> None:
    """Unknown endings, times that are none, workflows that do not exist."""
    workflow = emulator.add_workflow()
    for fields in ({"status": "running"}, {"seconds": -1}, {"seconds": math.nan}):
        with pytest.raises(ValueError, match="must be"):
            emulator.plan_runs(workflow, **fields)
    with pytest.raises(KeyError):
        emulator.plan_runs("wf_x")
    with pytest.raises(ValueError, match="completed, failed"):
        emulator.end_run("exec_x", status="running")  # type: ignore[arg-type]  # the point
