"""An event as one line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from cloudflow_async._core.webhooks import Delivery, WebhookEvent, parse_event
from cloudflow_async.cli.webhooks.event_lines import event_json, event_line
from cloudflow_async.cloudflow.events import EVENTS

SENT_AT = int(datetime(2026, 1, 24, 10, 45, 3, tzinfo=UTC).timestamp())


def read(body: bytes) -> WebhookEvent:
    """Return the event of a body."""
    return parse_event(Delivery(id="msg_1", sent_at=SENT_AT, body=body), EVENTS)


def event(type: str = "workflow.completed", *, timestamp: Any = None, **data: Any) -> WebhookEvent:
    """Return an event with these data."""
    payload = {"event": type, "timestamp": timestamp, "data": data}
    return read(json.dumps(payload).encode())


def test_a_workflow() -> None:
    """When it happened, what, to what, how it went, how long it took, and the delivery."""
    happened = event(
        timestamp="2026-01-24T11:45:00+01:00",
        workflow_id="wf_1",
        execution_id="exec_1",
        status="completed",
        duration_ms=2345,
        records_processed=7,
    )

    expected = "2026-01-24T10:45:00Z  workflow.completed  wf_1  exec_1  completed  2.3 s  msg_1"

    assert expected == event_line(happened)


def test_without_a_time_of_its_own() -> None:
    """It is the time at which the delivery was signed."""
    line = event_line(event("pipeline.failed", pipeline_id="pipe_1"))

    assert "2026-01-24T10:45:03Z  pipeline.failed  pipe_1  msg_1" == line


@pytest.mark.parametrize("duration_ms", [None, "long", True, -1, 1e300, [1]])
def test_what_is_no_duration(duration_ms: Any) -> None:
    """It is left out, and so are names that are no text."""
    odd = event("new.kind", workflow_id=5, status={"a": 1}, duration_ms=duration_ms)

    assert "2026-01-24T10:45:03Z  new.kind  msg_1" == event_line(odd)


def test_a_sender_cannot_reach_the_terminal() -> None:
    """Control characters are escaped, and what is long is cut."""
    line = event_line(event("new\x1b[2J\n", status="\u202e", workflow_id="w" * 1000))

    assert f"2026-01-24T10:45:03Z  new\\u001b[2J\\u000a  {'w' * 80}...  \\u202e  msg_1" == line


def test_json_has_the_payload_as_it_came() -> None:
    """Even what a parser would change: large numbers and repeated names."""
    body = b'\n{"event": "new.kind", "n": 123456789012345678901234567890,\r\n\t"n": 1.10}\n'

    assert (
        '{"id": "msg_1", "sent_at": "2026-01-24T10:45:03Z", "repeated": true, '
        '"payload": {"event": "new.kind", "n": 123456789012345678901234567890,   "n": 1.10}}'
    ) == event_json(read(body), body, repeated=True)


def test_json_is_ascii() -> None:
    """Whatever the terminal speaks; the values stay."""
    text = "ü \u20ac \U0001f600 \x7f \x9b \u2028"
    body = json.dumps({"event": text}, ensure_ascii=False).encode()
    line = event_json(read(body), body)

    assert line.isascii()
    assert line.isprintable()
    assert {"event": text} == json.loads(line)["payload"]


def test_json_can_be_deep() -> None:
    """As deep as a payload may be."""
    body = b'{"event": "a.b", "data": ' + b"[" * 800 + b"]" * 800 + b"}"

    assert event_json(read(body), body).endswith("]" * 800 + "}}")
