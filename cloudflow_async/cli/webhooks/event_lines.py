"""Format an event as one line, for people and for programs."""

from __future__ import annotations

import json
import re
from typing import Final

from cloudflow_async._core.http.response import printable
from cloudflow_async._core.messages import Json
from cloudflow_async._core.webhooks import WebhookEvent
from cloudflow_async.cli.shared.console import duration

_INSTANT: Final = "%Y-%m-%dT%H:%M:%SZ"
_LONGEST: Final = 80
_LONGEST_MS: Final = 1e12
_SHOWN: Final = ("workflow_id", "pipeline_id", "execution_id", "status")
_NOT_PLAIN: Final = re.compile("[^ -~]")


def event_line(event: WebhookEvent) -> str:
    """Return when it happened, what, to what, how it went and how long it took, and its id."""
    at = event.timestamp or event.sent_at
    told = [event.data.get(name) for name in _SHOWN]
    took = _duration(event.data.get("duration_ms"))
    texts = [event.type, *(text for text in told if isinstance(text, str)), *took, event.id]
    return "  ".join([at.strftime(_INSTANT), *map(_shortened, texts)])


def event_json(event: WebhookEvent, body: bytes, **notes: bool | int) -> str:
    """Return an event as one line of JSON: the payload as it came, and what is around it.

    Args:
        event: What the delivery told.
        body: The delivery itself, which is a JSON object.
        notes: Further members.
    """
    head = {"id": event.id, "sent_at": event.sent_at.strftime(_INSTANT), **notes}
    return f'{json.dumps(head)[:-1]}, "payload": {_on_one_line(body.decode().strip())}}}'


def _duration(milliseconds: Json) -> list[str]:
    if not isinstance(milliseconds, int | float) or isinstance(milliseconds, bool):
        return []
    return [duration(milliseconds / 1000)] if 0 <= milliseconds < _LONGEST_MS else []


def _shortened(text: str) -> str:
    shown = printable(text[:_LONGEST])
    return f"{shown}..." if len(text) > _LONGEST else shown


def _on_one_line(text: str) -> str:
    """Return JSON on one line of plain ASCII, without parsing it: no value changes."""
    return _NOT_PLAIN.sub(lambda match: _plain(match[0]), text)


def _plain(character: str) -> str:
    # JSON has none of the first three inside of strings, and nothing else outside of them.
    return " " if character in "\t\r\n" else json.dumps(character)[1:-1]
