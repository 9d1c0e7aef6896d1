"""Read request bodies: which fields there are, which must be there, and what they may hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import attrs

from cloudflow_async.emulator.base.problems import Problem, invalid, missing
from cloudflow_async.emulator.base.strict_json import read_json

from .state import JsonObject

WORKFLOW_STATUSES = ("active", "paused", "archived")
"""The values of `status` ("List Workflows")."""

WEBHOOK_EVENTS = (
    "workflow.started",
    "workflow.completed",
    "workflow.failed",
    "pipeline.completed",
    "pipeline.failed",
)
"""The events that a webhook can be registered for ("Webhooks")."""

_JSON_TYPES = ("application/octet-stream", "text/plain")
"""Content types that say too little to refuse the body for them."""


@attrs.frozen
class _Form:
    """The fields of one kind of body."""

    known: tuple[str, ...]
    required: tuple[str, ...]


_NEW_WORKFLOW = _Form(
    ("name", "description", "trigger", "steps"), required=("name", "trigger", "steps")
)
_CHANGED_WORKFLOW = _Form(("name", "description", "status", "trigger", "steps"), required=())
_NEW_WEBHOOK = _Form(("url", "events", "secret"), required=("url", "events"))


def read_value(body: bytes, content_type: str | None) -> Any:
    """Return the JSON value of a body; the content type is only asked whether it denies JSON."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind and "json" not in kind and kind not in _JSON_TYPES:
        raise Problem(415)
    try:
        return read_json(body)
    except ValueError:
        raise Problem(400, "Request body contains malformed JSON", code="invalid_json") from None


def read_new_workflow(value: Any) -> JsonObject:
    """Return the checked fields of a workflow to create."""
    return _read_form(value, _NEW_WORKFLOW)


def read_changes(value: Any) -> JsonObject:
    """Return the checked fields of a workflow to change, at least one."""
    changes = _read_form(value, _CHANGED_WORKFLOW)
    if not changes:
        names = ", ".join(_CHANGED_WORKFLOW.known)
        raise Problem(400, f"At least one of {names} is required", code="missing_required_field")
    return changes


def read_new_webhook(value: Any) -> JsonObject:
    """Return the checked fields of a webhook to register."""
    return _read_form(value, _NEW_WEBHOOK)


def _read_form(value: Any, form: _Form) -> JsonObject:
    if not isinstance(value, dict):
        raise Problem(400, "Request body must be a JSON object", code="invalid_parameter")
    for name in form.required:
        if name not in value:
            raise missing(name)
    for name, content in value.items():
        if name not in form.known:
            raise invalid(name, f"The '{name}' field is unknown")
        _CHECKS[name](name, content)
    return value


def _check_text(name: str, value: Any) -> None:
    if not isinstance(value, str) or not value.strip():
        raise invalid(name, f"The '{name}' field must be a string that is not empty")


def _check_description(name: str, value: Any) -> None:
    if value is not None and not isinstance(value, str):
        raise invalid(name, f"The '{name}' field must be a string or null")


def _check_status(name: str, value: Any) -> None:
    if value not in WORKFLOW_STATUSES:
        raise invalid(name, f"The '{name}' field must be one of {', '.join(WORKFLOW_STATUSES)}")


def _check_trigger(name: str, value: Any) -> None:
    _check_typed_object(name, value)
    if value["type"] == "schedule" and "cron" not in value:
        raise missing(f"{name}.cron")
    for field in ("cron", "timezone", "url"):
        if field in value:
            _check_text(f"{name}.{field}", value[field])


def _check_steps(name: str, value: Any) -> None:
    if not isinstance(value, list):
        raise invalid(name, f"The '{name}' field must be a list of steps")
    for index, step in enumerate(value):
        _check_typed_object(f"{name}[{index}]", step)
        if "id" in step:
            _check_text(f"{name}[{index}].id", step["id"])


def _check_typed_object(name: str, value: Any) -> None:
    if not isinstance(value, dict):
        raise invalid(name, f"The '{name}' field must be an object")
    if "type" not in value:
        raise missing(f"{name}.type")
    _check_text(f"{name}.type", value["type"])


def _check_url(name: str, value: Any) -> None:
    if not isinstance(value, str) or not _is_web_address(value):
        raise invalid(name, f"The '{name}' field must be an http or https URL")


def _check_events(name: str, value: Any) -> None:
    if not _is_list_of(value, WEBHOOK_EVENTS):
        message = f"The '{name}' field must be a list of {', '.join(WEBHOOK_EVENTS)}"
        raise invalid(name, message)


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _is_list_of(value: Any, choices: Sequence[str]) -> bool:
    return isinstance(value, list) and bool(value) and all(item in choices for item in value)


_CHECKS: dict[str, Callable[[str, Any], None]] = {
    "name": _check_text,
    "description": _check_description,
    "status": _check_status,
    "trigger": _check_trigger,
    "steps": _check_steps,
    "url": _check_url,
    "events": _check_events,
    "secret": _check_text,
}
