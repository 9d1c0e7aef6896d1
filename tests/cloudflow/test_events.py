"""The five events of CloudFlow, out of signed deliveries."""

from __future__ import annotations

import copy
import json
import pickle
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest

from cloudflow_async._core.codec.decode import encode
from cloudflow_async._core.errors import (
    InvalidArgumentError,
    WebhookPayloadError,
    WebhookVerificationError,
)
from cloudflow_async._core.webhooks import WebhookEvent, sign_webhook
from cloudflow_async.cloudflow.events import (
    EVENTS,
    PipelineCompleted,
    PipelineEvent,
    PipelineEventData,
    PipelineFailed,
    WorkflowCompleted,
    WorkflowEvent,
    WorkflowEventData,
    WorkflowFailed,
    WorkflowStarted,
    verify_webhook,
)
from tests.canaries import Lookout
from tests.cloudflow.samples import document
from tests.core.webhooks.samples import CANARY, NOW, SECRET, signed

SAMPLE = document("webhook_payload")
DATA = SAMPLE["data"]
SAMPLE_SECRET = document("create_webhook.request")["secret"]
TECHFLOW_EVENTS = [
    f"{noun}.{verb}"
    for noun, verbs in {
        "workflow": ["created", "updated", "deleted"],
        "execution": ["started", "completed", "failed"],
    }.items()
    for verb in verbs
]


def received(payload: Any, **changes: Any) -> WebhookEvent:
    """Return the event of a payload that was signed and delivered."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return verify_webhook(body, signed(body), **{"secrets": SECRET, "now": NOW} | changes)


def test_the_document_s_own_payload() -> None:
    """Every field that the document shows has its place."""
    body = (Path(__file__).parents[1] / "documents/cloudflow/webhook_payload.json").read_bytes()

    assert WorkflowCompleted(
        id="msg_1",
        type="workflow.completed",
        timestamp=datetime(2026, 1, 24, 10, 45, tzinfo=UTC),
        sent_at=datetime.fromtimestamp(NOW, UTC),
        data=WorkflowEventData(
            workflow_id="wf_8x7k2m9p",
            execution_id="exec_9k3m7n2q",
            status="completed",
            duration_ms=3420,
            records_processed=1247,
        ),
    ) == received(body)


@pytest.mark.parametrize(
    ("name", "cls", "family"),
    [
        ("workflow.started", WorkflowStarted, WorkflowEvent),
        ("workflow.completed", WorkflowCompleted, WorkflowEvent),
        ("workflow.failed", WorkflowFailed, WorkflowEvent),
        ("pipeline.completed", PipelineCompleted, PipelineEvent),
        ("pipeline.failed", PipelineFailed, PipelineEvent),
    ],
)
def test_each_supported_event_has_its_class(
    name: str, cls: type[WebhookEvent], family: type[WebhookEvent]
) -> None:
    """And each class tells in its docstring which event it is."""
    event = received(SAMPLE | {"event": name})

    assert (cls, cls) == (type(event), EVENTS[name])
    assert isinstance(event, family)
    assert f"``{name}``." == cls.__doc__


def test_all_supported_events_are_known() -> None:
    """There are five in the document."""
    assert 5 == len(EVENTS)


def test_a_workflow_s_event_needs_a_workflow() -> None:
    """Anything else may be missing: the document shows the data of one event only."""
    only = received(SAMPLE | {"event": "workflow.started", "data": {"workflow_id": "wf_1"}})
    without = received(SAMPLE | {"data": {"execution_id": "exec_1"}})

    assert WorkflowEventData(workflow_id="wf_1") == only.data
    assert (WebhookEvent, {"execution_id": "exec_1"}) == (type(without), without.data)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, PipelineEventData()),
        (
            {"pipeline_id": "pipe_1", "records_failed": 3, "new": 1},
            PipelineEventData(pipeline_id="pipe_1", records_failed=3, extra={"new": 1}),
        ),
        (
            {"workflow_id": "wf_1", "duration_ms": 3420},
            PipelineEventData(duration_ms=3420, extra={"workflow_id": "wf_1"}),
        ),
    ],
)
def test_a_pipeline_s_event_may_tell_anything(data: Any, expected: Any) -> None:
    """The document shows none of its data."""
    event = received({"event": "pipeline.completed", "data": data})

    assert (PipelineCompleted, expected) == (type(event), event.data)


@pytest.mark.parametrize("name", ["workflow.paused", "Workflow.failed", *TECHFLOW_EVENTS])
def test_other_events_are_plain_ones(name: str) -> None:
    """So are the six of TechFlow; their data are as they came."""
    event = received({"event": name, "data": {"a": [1]}, "new": 2})

    assert (WebhookEvent, name, {"a": [1]}, {"new": 2}) == (
        type(event),
        event.type,
        event.data,
        event.extra,
    )


def test_the_document_s_own_secret() -> None:
    """It is no base64: the refusal names the way out, and that way works."""
    body = json.dumps(SAMPLE).encode()
    headers = sign_webhook(
        body, secret=SAMPLE_SECRET, message_id="1", timestamp=NOW, secret_encoding="utf8"
    )
    with pytest.raises(InvalidArgumentError, match='secret_encoding="utf8"'):
        verify_webhook(body, headers, secrets=SAMPLE_SECRET, now=NOW)

    assert verify_webhook(body, headers, secrets=SAMPLE_SECRET, now=NOW, secret_encoding="utf8")


def test_the_time_is_now_unless_told() -> None:
    """A delivery of this moment is accepted without a word, one of long ago is not."""
    body = json.dumps(SAMPLE).encode()

    assert verify_webhook(body, signed(body, timestamp=time.time()), secrets=[SECRET])
    with pytest.raises(WebhookVerificationError, match="s ago"):
        verify_webhook(body, signed(body, timestamp=NOW - 10**8), secrets=[SECRET])


def test_the_tolerance_is_passed_on() -> None:
    """In seconds."""
    assert received(SAMPLE, now=NOW + 1000, tolerance=1000)
    with pytest.raises(WebhookVerificationError, match="1001 s ago; 1000 s"):
        received(SAMPLE, now=NOW + 1001, tolerance=1000)


def test_a_signed_body_that_is_no_event() -> None:
    """It has an error of its own, for it is the sender's mistake and no attack."""
    with pytest.raises(WebhookPayloadError):
        received([SAMPLE])


@pytest.mark.parametrize(
    "travel",
    [lambda event: pickle.loads(pickle.dumps(event)), copy.copy, copy.deepcopy, attrs.evolve],  # noqa: S301 - our own
    ids=["pickle", "copy", "deepcopy", "evolve"],
)
@pytest.mark.parametrize("name", [*EVENTS, "workflow.paused"])
def test_events_travel(name: str, travel: Callable[[Any], Any]) -> None:
    """Copies of any kind are equal, of the same class and hash alike."""
    event = received(SAMPLE | {"event": name, "new": 1})
    other = travel(event)

    assert (type(event), event, hash(event)) == (type(other), other, hash(other))
    assert event != received(SAMPLE | {"event": name})


@pytest.mark.parametrize("name", [*EVENTS, "workflow.paused"])
def test_events_cannot_be_changed(name: str) -> None:
    """Nor can their typed data."""
    event = received(SAMPLE | {"event": name})
    with pytest.raises(AttributeError):
        event.type = "x"  # type: ignore[misc]
    if name in EVENTS:
        with pytest.raises(AttributeError):
            event.data.status = "x"  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", [*EVENTS, "workflow.paused"])
def test_data_are_written_as_they_came(name: str) -> None:
    """Whatever the class, they read like a mapping and become the JSON that they were."""
    event = received(SAMPLE | {"event": name})

    assert DATA == dict(event.data) == encode(event.data)
    assert DATA["workflow_id"] == event.data["workflow_id"]


@pytest.mark.parametrize(
    "change",
    [
        {"secrets": CANARY + "x"},
        {"secrets": [CANARY, CANARY]},
        {"secrets": CANARY, "tolerance": -1},
        {"secrets": CANARY, "now": "x"},
        {"secrets": CANARY, "secret_encoding": "hex"},
        {"secrets": CANARY, "secret_encoding": "utf8"},
    ],
    ids=["secret", "signature", "tolerance", "now", "encoding", "other encoding"],
)
def test_no_error_shows_a_secret(change: Any) -> None:
    """Not in its text, nor in the variables of our frames in its traceback."""
    lookout = Lookout()
    with pytest.raises((WebhookVerificationError, InvalidArgumentError)) as caught:
        received(SAMPLE, **change)
    lookout.see("error", caught.value)

    assert [] == lookout.finds()
