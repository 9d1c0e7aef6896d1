"""The workflow models: four shapes, typed triggers and steps."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from cloudflow_async._core.codec.decode import decode, encode
from cloudflow_async._core.errors import DecodeError, InvalidArgumentError
from cloudflow_async.cloudflow.workflows import (
    CreatedWorkflow,
    FetchDataStep,
    ScheduleTrigger,
    SendEmailStep,
    TransformStep,
    UnknownStep,
    UnknownTrigger,
    UpdatedWorkflow,
    WebhookTrigger,
    Workflow,
    WorkflowRunMetrics,
    WorkflowStatus,
    WorkflowSummary,
)
from tests.cloudflow.samples import document

DETAILS: dict[str, Any] = document("get_workflow.200")


def test_a_row_of_the_list_counts_its_steps() -> None:
    """In lists ``steps`` is a number, `last_run` is there and a schedule has no zone."""
    assert WorkflowSummary(
        id="wf_8x7k2m9p",
        name="Data Processing Pipeline",
        description="Processes customer data every hour",
        status=WorkflowStatus.ACTIVE,
        trigger=ScheduleTrigger(cron="0 * * * *"),
        step_count=12,
        created_at=datetime(2026, 1, 15, 10, 30, tzinfo=UTC),
        updated_at=datetime(2026, 1, 23, 14, 22, tzinfo=UTC),
        last_run=datetime(2026, 1, 24, 9, tzinfo=UTC),
    ) == decode(WorkflowSummary, document("list_workflows.200")["data"][0])


def test_details_have_steps_metrics_and_a_zone() -> None:
    """In details ``steps`` is a list, metrics are there and a schedule has its zone."""
    assert Workflow(
        id="wf_8x7k2m9p",
        name="Data Processing Pipeline",
        description="Processes customer data every hour",
        status=WorkflowStatus.ACTIVE,
        trigger=ScheduleTrigger(cron="0 * * * *", timezone="UTC"),
        steps=(
            FetchDataStep(
                id="step_1",
                source="customer_db",
                query="SELECT * FROM customers WHERE updated_at > :last_run",
            ),
            TransformStep(id="step_2", script_id="scr_transform_v3"),
        ),
        metrics=WorkflowRunMetrics(total_runs=1247, success_rate=98.7, avg_duration_ms=3420.0),
        created_at=datetime(2026, 1, 15, 10, 30, tzinfo=UTC),
        updated_at=datetime(2026, 1, 23, 14, 22, tzinfo=UTC),
    ) == decode(Workflow, DETAILS)


def test_the_answer_to_a_creation() -> None:
    """A created workflow has neither trigger nor steps, and the URL of its webhook."""
    assert CreatedWorkflow(
        id="wf_9k3m7n2q",
        name="Email Campaign Automation",
        status=WorkflowStatus.ACTIVE,
        created_at=datetime(2026, 1, 24, 10, 15, tzinfo=UTC),
        webhook_url="https://api.cloudflow.io/v2/webhooks/wf_9k3m7n2q/trigger",
    ) == decode(CreatedWorkflow, document("create_workflow.201"))


def test_the_answer_to_a_change() -> None:
    """An updated workflow tells its id, its status and when it was changed."""
    assert UpdatedWorkflow(
        id="wf_8x7k2m9p",
        status=WorkflowStatus.PAUSED,
        updated_at=datetime(2026, 1, 24, 10, 30, tzinfo=UTC),
    ) == decode(UpdatedWorkflow, document("update_workflow.200"))


def test_triggers_and_steps_that_users_make_are_the_documents_request() -> None:
    """The request of the document can be made of triggers and steps."""
    body = {
        "name": "Email Campaign Automation",
        "description": "Sends personalized emails based on user behavior",
        "trigger": WebhookTrigger(url="https://your-app.com/webhook"),
        "steps": [
            FetchDataStep(source="users_table", filters={"active": True}),
            TransformStep(
                script="data.map(user => ({ ...user, segment: calculateSegment(user) }))"
            ),
            SendEmailStep(template_id="tpl_welcome_v2"),
        ],
    }

    assert document("create_workflow.request") == encode(body)


@pytest.mark.parametrize(
    ("made", "sent"),
    [
        (WebhookTrigger(), {"type": "webhook"}),
        (ScheduleTrigger(cron="0 9 * * 1"), {"type": "schedule", "cron": "0 9 * * 1"}),
        (UnknownTrigger(type="event", extra={"on": "x"}), {"type": "event", "on": "x"}),
        (UnknownStep(type="wait", extra={"seconds": 5}), {"type": "wait", "seconds": 5}),
        (SendEmailStep(template_id="t", extra={"cc": None}), None),
    ],
)
def test_what_was_not_set_is_not_sent(made: object, sent: object) -> None:
    """Fields that are None are left out; nulls in `extra` are sent."""
    expected = sent or {"type": "send_email", "template_id": "t", "cc": None}

    assert expected == encode(made)


def test_unknown_triggers_steps_and_states_are_kept() -> None:
    """What the document does not know is decoded into open variants."""
    workflow = decode(
        Workflow,
        DETAILS
        | {
            "status": "suspended",
            "trigger": {"type": "event", "topic": "orders"},
            "steps": [{"id": "step_1", "type": "wait", "seconds": 5}],
        },
    )

    assert "suspended" == workflow.status
    assert not isinstance(workflow.status, WorkflowStatus)
    assert UnknownTrigger(type="event", extra={"topic": "orders"}) == workflow.trigger
    assert (UnknownStep(id="step_1", type="wait", extra={"seconds": 5}),) == workflow.steps


def test_a_state_compares_with_strings() -> None:
    """A known state is a member and equals its string, in sets and dictionaries too."""
    status = decode(UpdatedWorkflow, document("update_workflow.200")).status

    assert status is WorkflowStatus.PAUSED
    assert "paused" == status
    assert {"paused": 1}[status] == 1
    assert "paused" == f"{status}"


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"trigger": {"type": "schedule"}}, "trigger.cron"),
        ({"trigger": {"type": "webhook", "url": 5}}, "trigger.url"),
        ({"trigger": None}, "trigger"),
        ({"steps": 12}, "steps"),
        ({"steps": [{"type": "fetch_data"}]}, "steps[0].source"),
        ({"steps": [{"type": "transform"}, {"type": "send_email"}]}, "steps[1].template_id"),
        ({"metrics": {"success_rate": "98.7"}}, "metrics.success_rate"),
        ({"created_at": "2026-01-15"}, "created_at"),
    ],
)
def test_known_types_are_checked(changes: dict[str, Any], path: str) -> None:
    """A known trigger or step with an odd field is an error, not an unknown one."""
    with pytest.raises(DecodeError) as caught:
        decode(Workflow, DETAILS | changes)

    assert path == caught.value.path


def test_a_workflow_that_never_ran() -> None:
    """Fields that only some answers have may be absent or null."""
    row = document("list_workflows.200")["data"][0] | {"last_run": None}
    del row["description"]
    summary = decode(WorkflowSummary, row)

    assert (None, None) == (summary.last_run, summary.description)


WORKFLOW = decode(Workflow, DETAILS)
LATER = datetime(2026, 1, 24, 10, 30, tzinfo=UTC)


def test_a_change_is_applied() -> None:
    """A change replaces what its answer tells and leaves the rest."""
    update = decode(UpdatedWorkflow, document("update_workflow.200"))
    paused = update.apply_to(WORKFLOW)

    assert (WorkflowStatus.PAUSED, LATER) == (paused.status, paused.updated_at)
    assert (WORKFLOW.name, WORKFLOW.steps) == (paused.name, paused.steps)


def test_a_change_that_tells_more_is_applied_too() -> None:
    """Documented fields in `extra` are decoded, and null clears; the rest goes to `extra`."""
    update = decode(
        UpdatedWorkflow,
        {
            "id": WORKFLOW.id,
            "updated_at": "2026-01-24T10:30:00Z",
            "description": None,
            "trigger": {"type": "webhook"},
            "version": 2,
        },
    )
    changed = update.apply_to(WORKFLOW)

    assert (WorkflowStatus.ACTIVE, LATER) == (changed.status, changed.updated_at)
    assert (None, WebhookTrigger()) == (changed.description, changed.trigger)
    assert {"version": 2} == changed.extra


def test_a_change_of_another_workflow_is_refused() -> None:
    """A change applies to its own workflow only."""
    update = UpdatedWorkflow(id="wf_other", updated_at=LATER)

    with pytest.raises(InvalidArgumentError, match="of wf_other, not of wf_8x7k2m9p"):
        update.apply_to(WORKFLOW)


def test_a_change_that_does_not_fit_is_refused() -> None:
    """A field of the answer that no workflow can have is a DecodeError."""
    update = UpdatedWorkflow(id=WORKFLOW.id, updated_at=LATER, extra={"steps": 12})

    with pytest.raises(DecodeError, match=r"^steps: expected an array, got 12$"):
        update.apply_to(WORKFLOW)
