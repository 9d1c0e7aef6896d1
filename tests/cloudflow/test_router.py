"""The router for CloudFlow's events."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloudflow_async._core.errors import InvalidArgumentError
from cloudflow_async._core.webhooks import WebhookEvent
from cloudflow_async.cloudflow.events import EVENTS, WorkflowCompleted
from cloudflow_async.cloudflow.router import WebhookRouter
from tests.deliveries import SECRET, delivery, signed

SAMPLE = Path(__file__).parent.parent / "documents" / "cloudflow" / "webhook_payload.json"


async def test_the_documents_own_sample() -> None:
    """The payload that the document shows reaches a handler, typed."""
    router = WebhookRouter(SECRET)
    events: list[WorkflowCompleted] = []

    @router.on("workflow.completed")
    async def remember(event: WorkflowCompleted) -> None:
        events.append(event)

    sent = signed(SAMPLE.read_bytes())

    assert 204 == await router.handle(sent.body, sent.headers)
    assert [("wf_8x7k2m9p", 1247)] == [
        (event.data.workflow_id, event.data.records_processed) for event in events
    ]


@pytest.mark.parametrize("name", EVENTS)
async def test_each_event_comes_in_its_class(name: str) -> None:
    """The five documented events are heard by name, by kind and by ``*``, always in their class."""
    router = WebhookRouter(SECRET)
    events: list[WebhookEvent] = []

    async def remember(event: WebhookEvent) -> None:
        events.append(event)

    for pattern in (name, f"{name.partition('.')[0]}.*", "*"):
        router.on(pattern)(remember)
    sent = delivery(name)

    assert 204 == await router.handle(sent.body, sent.headers)
    assert [EVENTS[name]] * 3 == [type(event) for event in events]


async def test_events_of_another_api() -> None:
    """Events that the document does not know come as plain ones, whatever they are called."""
    router = WebhookRouter(SECRET)
    events: list[WebhookEvent] = []

    @router.on("execution.failed")
    async def remember(event: WebhookEvent) -> None:
        events.append(event)

    sent = delivery("execution.failed")

    assert 204 == await router.handle(sent.body, sent.headers)
    assert [WebhookEvent] == [type(event) for event in events]
    assert "wf_8x7k2m9p" == events[0].data["workflow_id"]


def test_a_decorator_without_names() -> None:
    """``@router.on()`` is a mistake and not "everything"."""
    with pytest.raises(InvalidArgumentError, match=r'"\*" stands for all'):
        WebhookRouter(SECRET).on()
