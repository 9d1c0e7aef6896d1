"""Every endpoint of workflows, over real sockets against the emulator."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from cloudflow_async import (
    BadRequestError,
    CloudFlow,
    FetchDataStep,
    InvalidArgumentError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    ResponseMismatchError,
    ScheduleTrigger,
    TransformStep,
    UnknownStep,
    WebhookTrigger,
)
from cloudflow_async.emulator import Emulator, Fault


async def test_list_filters(cf: CloudFlow, emulator: Emulator) -> None:
    """`status` and `created_after` reach the server as the document spells them."""
    emulator.add_workflow(name="old", status="paused", created_at=datetime(2025, 1, 1, tzinfo=UTC))
    emulator.add_workflow(name="new", status="paused", created_at=datetime(2026, 1, 1, tzinfo=UTC))
    emulator.add_workflow(name="other", status="active")

    rows = await cf.workflows.list(
        status="paused", created_after=datetime(2025, 6, 1, tzinfo=UTC)
    ).collect()

    assert ["new"] == [row.name for row in rows]
    assert {
        "status": "paused",
        "created_after": "2025-06-01T00:00:00Z",
        "limit": "100",
        "offset": "0",
    } == dict(emulator.requests[-1].query)


async def test_naive_filter(cf: CloudFlow, emulator: Emulator) -> None:
    """A datetime without a zone is refused where the list is asked for."""
    with pytest.raises(InvalidArgumentError, match="no time zone"):
        cf.workflows.list(created_after=datetime(2026, 1, 1))  # noqa: DTZ001 - the point

    assert [] == emulator.requests


async def test_create(cf: CloudFlow, emulator: Emulator) -> None:
    """Objects and dicts are sent as the document shows them; absent fields are absent."""
    created = await cf.workflows.create(
        name="Email Campaign Automation",
        trigger=WebhookTrigger(),
        steps=[FetchDataStep(source="users_table"), {"type": "wait", "minutes": 5}],
    )

    assert {
        "name": "Email Campaign Automation",
        "trigger": {"type": "webhook"},
        "steps": [
            {"type": "fetch_data", "source": "users_table"},
            {"type": "wait", "minutes": 5},
        ],
    } == json.loads(emulator.requests[-1].body)
    assert "active" == created.status
    assert f"{emulator.base_url}/webhooks/{created.id}/trigger" == created.webhook_url


async def test_description_of_none(cf: CloudFlow, emulator: Emulator) -> None:
    """None is sent as null, which is not the same as leaving it out."""
    created = await cf.workflows.create(
        name="x", trigger=ScheduleTrigger(cron="0 * * * *"), steps=[TransformStep(script="1")]
    )

    await cf.workflows.update(created.id, description=None)

    assert {"description": None} == json.loads(emulator.requests[-1].body)


async def test_get(cf: CloudFlow) -> None:
    """Details carry typed steps; a type that the document does not know is kept."""
    created = await cf.workflows.create(
        name="x",
        trigger=ScheduleTrigger(cron="0 * * * *"),
        steps=[FetchDataStep(source="users_table"), {"type": "wait", "minutes": 5}],
    )

    workflow = await cf.workflows.get(created.id)

    assert ScheduleTrigger(cron="0 * * * *", timezone="UTC") == workflow.trigger
    assert (
        FetchDataStep(id="step_1", source="users_table"),
        UnknownStep(id="step_2", type="wait", extra={"minutes": 5}),
    ) == workflow.steps


async def test_update(cf: CloudFlow, emulator: Emulator) -> None:
    """Only what is given is sent; the answer merges into the workflow at hand."""
    workflow_id = emulator.add_workflow(name="x")
    before = await cf.workflows.get(workflow_id)

    updated = await cf.workflows.update(workflow_id, status="paused")

    assert {"status": "paused"} == json.loads(emulator.requests[-1].body)
    assert "PATCH" == emulator.requests[-1].method
    assert await cf.workflows.get(workflow_id) == updated.apply_to(before)


async def test_empty_update(cf: CloudFlow, emulator: Emulator) -> None:
    """An update without a change is refused before anything is sent."""
    with pytest.raises(InvalidArgumentError, match="at least one field"):
        await cf.workflows.update("wf_8x7k2m9p")

    assert [] == emulator.requests


async def test_delete(cf: CloudFlow, emulator: Emulator) -> None:
    """A deleted workflow is gone, and cannot be deleted again."""
    workflow_id = emulator.add_workflow(name="x")

    await cf.workflows.delete(workflow_id)

    with pytest.raises(NotFoundError) as caught:
        await cf.workflows.delete(workflow_id)
    assert (404, "resource_not_found", 1) == (
        caught.value.status,
        caught.value.code,
        caught.value.attempts,
    )
    assert caught.value.request_id is not None


async def test_delete_whose_answer_is_lost(cf: CloudFlow, emulator: Emulator) -> None:
    """A DELETE that was carried out although its answer was lost ends well."""
    workflow_id = emulator.add_workflow(name="x")
    emulator.inject(Fault(method="DELETE", drop="after"))

    await cf.workflows.delete(workflow_id)

    assert [None, 404] == [request.status for request in emulator.requests]


async def test_trigger(cf: CloudFlow, emulator: Emulator) -> None:
    """A trigger posts to the path of the webhook URL, and the run shows in the metrics."""
    created = await cf.workflows.create(
        name="x", trigger=WebhookTrigger(), steps=[FetchDataStep(source="t")]
    )

    answer = await cf.workflows.trigger(created.id, {"user": 42})

    workflow = await cf.workflows.get(created.id)
    assert isinstance(answer, dict)
    assert created.id == answer["workflow_id"]
    assert workflow.metrics is not None
    assert 1 == workflow.metrics.total_runs
    assert {"user": 42} == json.loads(emulator.requests[1].body)


async def test_trigger_without_an_answer(cf: CloudFlow, emulator: Emulator) -> None:
    """An empty answer to a trigger, of which the document says nothing, is None."""
    emulator.inject(Fault(route="/webhooks/{workflow_id}/trigger", status=200, body="empty"))

    assert await cf.workflows.trigger("wf_8x7k2m9p") is None


async def test_refused_create(cf: CloudFlow) -> None:
    """A refused field is named by the error."""
    with pytest.raises(BadRequestError) as caught:
        await cf.workflows.create(name="", trigger=WebhookTrigger(), steps=[])

    assert caught.value.field in {"name", "steps"}


async def test_create_is_sent_once(cf: CloudFlow, emulator: Emulator) -> None:
    """A create that may have been applied is not sent again."""
    emulator.inject(Fault(method="POST", drop="after"))

    with pytest.raises(OutcomeUnknownError) as caught:
        await cf.workflows.create(
            name="x", trigger=WebhookTrigger(), steps=[FetchDataStep(source="t")]
        )

    assert 1 == len(emulator.requests)
    assert caught.value.may_have_been_applied
    assert 1 == (await cf.workflows.list()).total


async def test_missing_scope(emulator: Emulator) -> None:
    """A key without the scope gets a 403 of its own class."""
    key = emulator.add_key("workflows:read")
    async with CloudFlow(key, base_url=emulator.base_url) as cf:
        await cf.workflows.list()

        with pytest.raises(PermissionDeniedError, match="insufficient_permissions"):
            await cf.workflows.delete("wf_8x7k2m9p")


async def test_swapped_answers(cf: CloudFlow, emulator: Emulator) -> None:
    """A workflow that was not asked for is an error, never a result."""
    asked, other = emulator.add_workflow(name="asked"), emulator.add_workflow(name="other")
    swapped = json.dumps(
        {
            "id": other,
            "name": "other",
            "status": "active",
            "trigger": {"type": "webhook"},
            "steps": [],
            "created_at": "2026-01-24T10:45:00Z",
            "updated_at": "2026-01-24T10:45:00Z",
        }
    )
    emulator.inject(Fault(status=200, body=swapped, times=2))
    with pytest.raises(ResponseMismatchError, match=f"^id: asked for '{asked}', .* '{other}'; "):
        await cf.workflows.get(asked)
    with pytest.raises(ResponseMismatchError) as caught:
        await cf.workflows.update(asked, name="new")

    assert caught.value.may_have_been_applied
    assert "asked" == (await cf.workflows.get(asked)).name
