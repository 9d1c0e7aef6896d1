"""The six events of TechFlow, out of signed deliveries."""

from __future__ import annotations

import copy
import json
import pickle
import time
from typing import Any

import pytest

from cloudflow_async import WebhookEvent, WebhookPayloadError, WebhookVerificationError
from cloudflow_async._core.codec.decode import encode
from cloudflow_async._core.errors import InvalidArgumentError
from cloudflow_async.cloudflow.events import EVENTS as EVENTS_OF_CLOUDFLOW
from cloudflow_async.techflow import (
    EVENTS,
    ExecutionCompleted,
    ExecutionEvent,
    ExecutionEventData,
    ExecutionFailed,
    ExecutionStarted,
    WorkflowCreated,
    WorkflowDeleted,
    WorkflowEvent,
    WorkflowEventData,
    WorkflowUpdated,
    verify_webhook,
)
from tests.canaries import Lookout
from tests.core.webhooks.samples import CANARY, NOW, SECRET, signed

DATA = {"workflow_id": "wf_123", "execution_id": "exec_1", "status": "failed", "n": [1]}


def received(event: str, data: Any = DATA, **changes: Any) -> WebhookEvent:
    """Return an event that was signed and delivered."""
    body = json.dumps({"event": event, "timestamp": "2026-01-24T10:45:00Z", "data": data}).encode()
    return verify_webhook(body, signed(body), **{"secrets": SECRET, "now": NOW} | changes)


@pytest.mark.parametrize(
    ("name", "cls", "family"),
    [
        ("workflow.created", WorkflowCreated, WorkflowEvent),
        ("workflow.updated", WorkflowUpdated, WorkflowEvent),
        ("workflow.deleted", WorkflowDeleted, WorkflowEvent),
        ("execution.started", ExecutionStarted, ExecutionEvent),
        ("execution.completed", ExecutionCompleted, ExecutionEvent),
        ("execution.failed", ExecutionFailed, ExecutionEvent),
    ],
)
def test_each_event_has_its_class(
    name: str, cls: type[WebhookEvent], family: type[WebhookEvent]
) -> None:
    """And each class tells in its docstring which event it is."""
    event = received(name)

    assert (cls, cls) == (type(event), EVENTS[name])
    assert isinstance(event, family)
    assert f"``{name}``." == cls.__doc__


def test_what_an_execution_tells() -> None:
    """The ids have fields, whatever else comes is kept."""
    data = ExecutionEventData(
        workflow_id="wf_123", execution_id="exec_1", status="failed", extra={"n": [1]}
    )

    assert data == received("execution.failed").data


def test_what_a_workflow_tells() -> None:
    """The same, without an execution."""
    data = WorkflowEventData(
        workflow_id="wf_123", status="failed", extra={"execution_id": "exec_1", "n": [1]}
    )

    assert data == received("workflow.updated").data


@pytest.mark.parametrize("name", EVENTS)
def test_no_field_is_certain(name: str) -> None:
    """The document shows no payload, so that nothing need be there."""
    assert EVENTS[name] is type(received(name, {}))
    assert EVENTS[name] is type(received(name, None))
    assert WebhookEvent is type(received(name, {"workflow_id": 5}))


@pytest.mark.parametrize("name", sorted({*EVENTS_OF_CLOUDFLOW} | {"workflow.archived"}))
def test_other_events_are_plain_ones(name: str) -> None:
    """So are those of CloudFlow: no name belongs to both."""
    event = received(name)

    assert (WebhookEvent, DATA) == (type(event), event.data)


@pytest.mark.parametrize("name", EVENTS)
def test_events_travel_and_read_as_they_came(name: str) -> None:
    """Copies are equal and hash alike; the data are a mapping, and the JSON that they were."""
    event = received(name)

    for other in (pickle.loads(pickle.dumps(event)), copy.copy(event), copy.deepcopy(event)):  # noqa: S301 - our own
        assert (type(event), event, hash(event)) == (type(other), other, hash(other))
    assert DATA == dict(event.data) == encode(event.data)


def test_the_time_is_now_unless_told() -> None:
    """A delivery of this moment is accepted without a word, one of long ago is not."""
    body = b'{"event": "workflow.created"}'

    assert verify_webhook(body, signed(body, timestamp=time.time()), secrets=[SECRET])
    with pytest.raises(WebhookVerificationError, match="s ago"):
        verify_webhook(body, signed(body), secrets=[SECRET])


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"secrets": CANARY}, WebhookVerificationError),
        ({"now": NOW + 1001, "tolerance": 1000}, WebhookVerificationError),
        ({"secrets": CANARY + "x"}, InvalidArgumentError),
        ({"secrets": CANARY, "secret_encoding": "utf8"}, WebhookVerificationError),
    ],
    ids=["other secret", "late", "odd secret", "other encoding"],
)
def test_what_is_refused(changes: dict[str, Any], error: type[Exception]) -> None:
    """The errors are those of CloudFlow's deliveries, and show no secret."""
    lookout = Lookout()
    with pytest.raises(error) as caught:
        received("workflow.created", **changes)
    lookout.see("error", caught.value)

    assert [] == lookout.finds()


def test_a_signed_body_that_is_no_event() -> None:
    """It is the sender's mistake and no attack."""
    body = b'{"type": "workflow.created"}'

    with pytest.raises(WebhookPayloadError):
        verify_webhook(body, signed(body), secrets=SECRET, now=NOW)
