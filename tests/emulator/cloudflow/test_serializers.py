"""The shapes of the API document, checked against its own samples through real requests."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from cloudflow_async.emulator import Emulator
from cloudflow_async.emulator.cloudflow.queries import PageWanted
from cloudflow_async.emulator.cloudflow.serializers import (
    average_duration,
    event_body,
    execution_row,
    page,
    success_rate,
    workflow_details,
    workflow_row,
)
from cloudflow_async.emulator.cloudflow.state import State
from tests.emulator.conftest import DOCUMENTS, NOON, Api, Clock

SCHEDULE = {"type": "schedule", "cron": "0 * * * *"}
WEBHOOK = {"type": "webhook"}


def shape_of(value: Any) -> Any:
    """Return the keys of objects and the JSON types of everything else, recursively."""
    if isinstance(value, dict):
        return {name: shape_of(member) for name, member in value.items()}
    if isinstance(value, list):
        return [shape_of(value[-1])] if value else []
    return type(value).__name__


@pytest.mark.parametrize(
    ("sample", "method", "path"),
    [
        ("list_workflows.200.json", "GET", "/workflows?status=active&limit=25"),
        ("create_workflow.201.json", "POST", "/workflows"),
        ("update_workflow.200.json", "PATCH", "/workflows/wf_8x7k2m9p"),
        ("list_executions.200.json", "GET", "/pipelines/pipe_4x9k2m/executions?limit=50"),
        (
            "workflow_metrics.200.json",
            "GET",
            "/analytics/workflows/wf_8x7k2m9p?period=7d",
        ),
        ("error.400.json", "GET", "/workflows?limit=101"),
    ],
)
async def test_answers_have_the_shape_of_the_documents_samples(
    sample: str,
    method: str,
    path: str,
    api: Api,
    emulator: Emulator,
    document: Callable[[str], Any],
) -> None:
    """The same names at every depth, and the same JSON types."""
    emulator.add_workflow(
        id="wf_8x7k2m9p", description="Processes customer data every hour", runs=3
    )
    emulator.add_executions(emulator.add_pipeline("pipe_4x9k2m"), 60)
    bodies = {"POST": "create_workflow.request.json", "PATCH": "update_workflow.request.json"}
    body = document(bodies[method]) if method in bodies else None
    answer = await api(method, path, json=body)
    status = int(sample.split(".")[1])

    assert answer.status == status
    assert shape_of(document(sample)) == shape_of(answer.json)


async def test_details_have_the_shape_of_the_sample(
    api: Api, emulator: Emulator, document: Callable[[str], Any]
) -> None:
    """With the very steps of the sample: their fields come back as they were sent."""
    sample = document("get_workflow.200.json")
    emulator.add_workflow(
        id=sample["id"], description=sample["description"], steps=sample["steps"], runs=2
    )
    answer = await api("GET", f"/workflows/{sample['id']}")

    assert shape_of(sample) == shape_of(answer.json)
    assert sample["steps"] == answer.json["steps"]
    assert sample["trigger"] == answer.json["trigger"]


async def test_a_429_has_the_shape_of_the_sample(
    api: Api, emulator: Emulator, document: Callable[[str], Any]
) -> None:
    """And a request id, as "Error Response Format" shows for every error."""
    for _ in range(20):
        await api("GET", "/workflows", key=None)
    answer = await api("GET", "/workflows", key=None)
    sample = document("rate_limited.429.json")
    sample["error"]["request_id"] = "req_8k3m9x2p"

    assert answer.status == 429
    assert shape_of(sample) == shape_of(answer.json)


def test_the_page_of_the_sample_is_made() -> None:
    """Total, limit and offset are told back, and whether more follows."""
    shape = page([{}] * 50, 347, PageWanted(50, 100))
    expected = (DOCUMENTS / "cloudflow" / "pagination.txt").read_text()

    assert list(shape) == ["data", "pagination"]
    assert all(
        f'"{name}": {str(value).lower()}' in expected for name, value in shape["pagination"].items()
    )


@pytest.mark.parametrize(
    ("rows", "offset", "has_more"), [(2, 0, True), (2, 3, False), (1, 4, False), (0, 9, False)]
)
def test_more_follows_until_the_last_row_was_shown(rows: int, offset: int, has_more: bool) -> None:
    """Of five rows, in pages of two; beyond the end there is nothing more."""
    shape = page([{}] * rows, 5, PageWanted(2, offset))

    assert shape["pagination"]["has_more"] is has_more


def test_a_time_zone_is_shown_in_details_only() -> None:
    """Schedules are in UTC unless they say otherwise; webhooks have no zone."""
    state = State(Clock(), 0)
    plain = state.add_workflow(name="w", trigger=SCHEDULE, steps=[])
    zoned = state.add_workflow(name="w", trigger={**SCHEDULE, "timezone": "Asia/Tokyo"}, steps=[])
    hook = state.add_workflow(name="w", trigger=WEBHOOK, steps=[])

    assert workflow_details(plain)["trigger"]["timezone"] == "UTC"
    assert workflow_details(zoned)["trigger"]["timezone"] == "Asia/Tokyo"
    assert workflow_details(hook)["trigger"] == WEBHOOK
    assert workflow_row(zoned)["trigger"] == SCHEDULE


def test_the_last_run_is_the_latest_and_null_before_the_first() -> None:
    """Whatever the order in which runs were recorded."""
    state = State(Clock(), 0)
    workflow = state.add_workflow(name="w", trigger=SCHEDULE, steps=[])
    never = workflow_row(workflow)["last_run"]
    for instant in (NOON, NOON - 60):
        state.add_run(workflow, started_at=instant)

    assert never is None
    assert workflow_row(workflow)["last_run"] == "2026-01-24T12:00:00Z"


def test_lifetime_metrics_follow_from_all_runs() -> None:
    """The last error stays until another one comes."""
    state = State(Clock(), 0)
    workflow = state.add_workflow(name="w", trigger=SCHEDULE, steps=[])
    for status, error in (("failed", "a"), ("failed", "b"), ("completed", None)):
        state.add_run(workflow, started_at=NOON, status=status, duration_ms=1000, error=error)

    assert workflow_details(workflow)["metrics"] == {
        "total_runs": 3,
        "success_rate": 33.3,
        "avg_duration_ms": 1000,
        "last_error": "b",
    }


def test_without_runs_there_are_no_rates() -> None:
    """There is nothing to divide by, and nothing failed."""
    assert (success_rate([]), average_duration([])) == (None, None)


def test_rates_are_those_of_the_runs_that_ended() -> None:
    """One that is under way has neither succeeded nor failed, but it counts as a run."""
    state = State(Clock(), 0)
    workflow = state.add_workflow(name="w", trigger=WEBHOOK, steps=[])
    state.add_run(workflow, started_at=NOON, duration_ms=1000)
    state.start_run(workflow)
    metrics = workflow_details(workflow)["metrics"]

    assert (metrics["total_runs"], metrics["success_rate"]) == (2, 100.0)
    assert metrics["avg_duration_ms"] == 1000


def test_a_payload_is_the_documents_own(document: Callable[[str], Any]) -> None:
    """The names in their order; the time in whole seconds."""
    sample = document("webhook_payload.json")
    body = event_body(sample["event"], 1_769_251_500.9, sample["data"])

    assert json.loads(body) == sample
    assert list(json.loads(body)) == list(sample)


def test_the_error_rate_is_in_percent() -> None:
    """3 of 15420 are 0.02, as in the sample; nothing processed is 0.0."""
    state = State(Clock(), 0)
    pipeline = state.add_pipeline()
    sample = state.add_execution(
        pipeline, started_at=NOON, records_processed=15_420, records_failed=3
    )
    idle = state.add_execution(pipeline, started_at=NOON, records_processed=0)

    assert execution_row(sample)["error_rate"] == 0.02
    assert execution_row(idle)["error_rate"] == 0.0


def test_a_running_execution_has_nulls_for_what_is_not_known() -> None:
    """The names are there all the same."""
    state = State(Clock(), 0)
    running = state.add_execution(state.add_pipeline(), started_at=NOON, status="running")
    row = execution_row(running)

    assert (row["completed_at"], row["duration_ms"]) == (None, None)
