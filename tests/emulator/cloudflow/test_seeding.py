"""What tests put on the stage."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from cloudflow_async.emulator import Emulator
from tests.emulator.conftest import NOON, Api, Clock


def times(emulator: Emulator, pipeline: str) -> list[int]:
    """Return when the executions of a pipeline started, the oldest first."""
    return [one.started_at for one in emulator._app.state.pipelines[pipeline].executions]


async def test_a_workflow_has_every_field_by_default(api: Api, emulator: Emulator) -> None:
    """Only what matters to a test has to be given."""
    identifier = emulator.add_workflow(runs=2)
    details = (await api("GET", f"/workflows/{identifier}")).json

    assert details["status"] == "active"
    assert details["trigger"]["type"] == "schedule"
    assert len(details["steps"]) == 1
    assert details["metrics"]["total_runs"] == 2
    assert details["metrics"]["success_rate"] == 100.0


async def test_a_workflow_has_the_fields_that_are_given(api: Api, emulator: Emulator) -> None:
    """Whatever the test changes in its own dicts afterwards."""
    step: dict[str, Any] = {"type": "transform", "options": {"a": 1}}
    emulator.add_workflow(
        id="wf_1",
        name="n",
        description="d",
        status="paused",
        trigger={"type": "webhook"},
        steps=[step, step],
        created_at=datetime(2026, 1, 15, 10, 30, tzinfo=UTC),
    )
    step["options"]["a"] = 2
    details = (await api("GET", "/workflows/wf_1")).json

    assert (details["name"], details["description"], details["status"]) == ("n", "d", "paused")
    assert details["created_at"] == details["updated_at"] == "2026-01-15T10:30:00Z"
    assert [one["options"] for one in details["steps"]] == [{"a": 1}, {"a": 1}]


@pytest.mark.parametrize(
    "fields", [{"name": ""}, {"status": "new"}, {"trigger": {}}, {"steps": ["x"]}]
)
def test_a_workflow_that_the_api_would_refuse_is_refused(fields: dict[str, Any]) -> None:
    """A stage cannot be set with what cannot exist."""
    with pytest.raises(ValueError, match=next(iter(fields))):
        Emulator().add_workflow(**fields)


async def test_runs_show_in_the_metrics(api: Api, emulator: Emulator) -> None:
    """With the figures that are given."""
    identifier = emulator.add_workflow()
    first = emulator.add_runs(identifier, 3, duration_ms=100, records_processed=5)
    emulator.add_runs(identifier, status="failed", error="disk full", started_at=NOON - 7200)
    details = (await api("GET", f"/workflows/{identifier}")).json["metrics"]
    hour = (await api("GET", f"/analytics/workflows/{identifier}?period=1h")).json["metrics"]

    assert len(set(first)) == 3
    assert (details["total_runs"], details["success_rate"]) == (4, 75.0)
    assert details["last_error"] == "disk full"
    assert (hour["execution_count"], hour["avg_duration"], hour["throughput"]) == (3, 100, 15)


def test_runs_are_completed_or_failed() -> None:
    """Nothing else can be recorded, nor for a workflow that does not exist."""
    emulator = Emulator()
    identifier = emulator.add_workflow()

    with pytest.raises(ValueError, match="completed, failed"):
        emulator.add_runs(identifier, status="running")
    with pytest.raises(KeyError):
        emulator.add_runs("wf_x")


def test_a_pipeline_has_the_id_that_is_given_or_a_new_one() -> None:
    """In the documented form."""
    emulator = Emulator()

    assert emulator.add_pipeline("pipe_4x9k2m") == "pipe_4x9k2m"
    assert emulator.add_pipeline().startswith("pipe_")


def test_executions_are_a_minute_apart_and_over_by_now() -> None:
    """The last one began ten minutes ago, so that none of them ends in the future."""
    emulator = Emulator(clock=Clock())
    pipeline = emulator.add_pipeline()
    emulator.add_executions(pipeline, 3)
    ends = [one.completed_at for one in emulator._app.state.pipelines[pipeline].executions]

    assert times(emulator, pipeline) == [NOON - 720, NOON - 660, NOON - 600]
    assert all(end is not None and end <= NOON for end in ends)


def test_later_executions_are_never_older_than_those_that_are_there() -> None:
    """However little time has passed since."""
    clock = Clock()
    emulator = Emulator(clock=clock)
    pipeline = emulator.add_pipeline()
    first = emulator.add_executions(pipeline, 2)
    second = emulator.add_executions(pipeline, 2)
    clock.now += 30
    third = emulator.add_executions(pipeline, 2)
    order = [one.id for one in emulator._app.state.pipelines[pipeline].executions]

    assert order == [*first, *second, *third]
    assert times(emulator, pipeline)[-1] == NOON - 570


def test_executions_can_be_put_into_the_past() -> None:
    """A given time is taken as it is."""
    emulator = Emulator(clock=Clock())
    pipeline = emulator.add_pipeline()
    emulator.add_executions(pipeline)
    emulator.add_executions(pipeline, 2, started_at=NOON - 9000)

    assert times(emulator, pipeline) == [NOON - 9000, NOON - 9000, NOON - 600]


async def test_executions_have_the_fields_that_are_given(api: Api, emulator: Emulator) -> None:
    """As in the document's sample."""
    pipeline = emulator.add_pipeline()
    emulator.add_executions(
        pipeline, duration_ms=222_000, records_processed=15_420, records_failed=3
    )
    row = (await api("GET", f"/pipelines/{pipeline}/executions")).json["data"][0]

    assert (row["duration_ms"], row["records_processed"]) == (222_000, 15_420)
    assert (row["records_failed"], row["error_rate"]) == (3, 0.02)


def test_executions_have_a_documented_status_and_an_existing_pipeline() -> None:
    """Anything else is a mistake in the test."""
    emulator = Emulator()
    pipeline = emulator.add_pipeline()

    with pytest.raises(ValueError, match="running, completed, failed"):
        emulator.add_executions(pipeline, status="active")
    with pytest.raises(KeyError):
        emulator.add_executions("pipe_x")


async def test_executions_are_removed_by_id_or_from_the_head(api: Api, emulator: Emulator) -> None:
    """The head is what the first page begins with."""
    pipeline = emulator.add_pipeline()
    ids = emulator.add_executions(pipeline, 6)
    emulator.delete_executions(pipeline, 2)
    emulator.delete_executions(pipeline, [ids[0], "exec_x"])
    left = await api("GET", f"/pipelines/{pipeline}/executions")

    assert left.ids == [ids[3], ids[2], ids[1]]


async def test_running_executions_have_not_ended(api: Api, emulator: Emulator) -> None:
    """Neither end nor duration."""
    pipeline = emulator.add_pipeline()
    emulator.add_executions(pipeline, status="running")
    row = (await api("GET", f"/pipelines/{pipeline}/executions")).json["data"][0]

    assert (row["status"], row["completed_at"], row["duration_ms"]) == ("running", None, None)


async def test_accounts_do_not_collide(api: Api, emulator: Emulator) -> None:
    """The same webhook can be registered in each, once; made-up ids differ."""
    webhook = {"url": "https://x.example", "events": ["workflow.failed"]}
    keys = [emulator.add_key("admin:full", account=name) for name in ("acme", "other")]
    answers = [await api("POST", "/webhooks", json=webhook, key=key) for key in keys * 2]

    assert [201, 201, 409, 409] == [answer.status for answer in answers]
    assert answers[0].json["id"] != answers[1].json["id"]


async def test_the_emulator_is_the_stage_of_the_default_account(
    api: Api, emulator: Emulator
) -> None:
    """What is put there by either name is seen by those who were given no account."""
    emulator.account("default").add_workflow(id="wf_1")
    emulator.add_workflow(id="wf_2", created_at=NOON - 1)
    answer = await api("GET", "/workflows")

    assert answer.ids == ["wf_2", "wf_1"]


async def test_a_reset_empties_every_account(api: Api, emulator: Emulator) -> None:
    """Their stages and their credentials stay good for what comes next."""
    acme = emulator.account("acme")
    key, bearer = emulator.add_key("admin:full", account="acme"), emulator.add_token("admin:full")
    first = acme.add_workflow()
    emulator.reset()
    empty = await api("GET", "/workflows", key=key)
    again = acme.add_workflow()
    full = await api("GET", "/workflows", key=key)
    header = {"Authorization": f"Bearer {bearer}"}

    assert (empty.ids, full.ids) == ([], [first])
    assert first == again
    assert (await api("GET", "/workflows", key=None, headers=header)).status == 200
