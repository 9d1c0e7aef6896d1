"""Read request bodies: a workflow is a document, whose known fields are checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cloudflow_async.emulator.base.problems import Problem, invalid, missing
from cloudflow_async.emulator.base.strict_json import read_json
from cloudflow_async.emulator.cloudflow.state import JsonObject

_CREATED_STATUS = "active"


def read_value(body: bytes) -> Any:
    """Return the JSON value of a body, of whatever content type, or raise the 400."""
    try:
        return read_json(body)
    except ValueError:
        raise Problem(400, "Request body contains malformed JSON", code="invalid_json") from None


def read_document(value: Any, identifier: str | None = None) -> JsonObject:
    """Return all fields of a workflow but its id; what is absent gets its default.

    The document shows `name`, `description`, `triggers` and `status`.  Other fields are kept as
    they are, since it does not say that there are no more.

    Args:
        value: What was sent.
        identifier: The id that it may repeat; None: any, it gets a new one.

    Raises:
        Problem: The 400.
    """
    if not isinstance(value, dict):
        raise Problem(400, "Request body must be a JSON object")
    if "name" not in value:
        raise missing("name")
    fields = {**value}
    sent_id = fields.pop("id", identifier)
    if identifier is not None and sent_id != identifier:
        raise invalid("id", "The 'id' field is not the one in the path")
    document = {"status": _CREATED_STATUS, "description": None, "triggers": [], **fields}
    for name, is_valid in _CHECKS.items():
        if not is_valid(document[name]):
            raise invalid(name, f"The '{name}' field has a wrong type or is empty")
    return document


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "name": _is_text,
    "status": _is_text,
    "description": lambda value: value is None or isinstance(value, str),
    "triggers": lambda value: isinstance(value, list),
}
