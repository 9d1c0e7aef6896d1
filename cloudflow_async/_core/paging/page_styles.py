"""Turn the JSON of one page into a `Page`: one function for each style that an API uses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias, TypeVar

from cloudflow_async._core.codec.decode import decode_list
from cloudflow_async._core.errors import DecodeError
from cloudflow_async._core.messages import Json

from .page import Page

T = TypeVar("T")

_TOO_MANY: Final = 2**64

PageStyle: TypeAlias = Callable[[type[T], Json, int, int], Page[T]]
"""From the class of the rows, the JSON, the offset and the limit asked for."""


def offset_envelope(cls: type[T], value: Json, offset: int, limit: int) -> Page[T]:
    """Read ``{"data": [...], "pagination": {...}}`` (API document: Pagination)."""
    envelope = value if isinstance(value, dict) else {}
    rows = envelope.get("data")
    if not isinstance(rows, list):
        raise DecodeError("The answer has no list named 'data'.", path="data")
    about = envelope.get("pagination")
    about = about if isinstance(about, dict) else {}
    total = _count(about, "total")
    told_offset, told_limit = _count(about, "offset"), _count(about, "limit")
    has_more = about.get("has_more")
    if not isinstance(has_more, bool):
        has_more = len(rows) >= limit if total is None else offset + len(rows) < total
    return Page(
        items=tuple(decode_list(cls, rows, path="data")),
        offset=offset if told_offset is None else told_offset,
        limit=limit if told_limit is None else told_limit,
        total=total,
        has_more=has_more,
    )


def whole_list(name: str) -> PageStyle[Any]:
    """Return the style of a list that comes whole: ``{name: [...]}``, or an array alone.

    What precedes the offset is dropped, since such a list is always sent from its beginning.
    """

    def read(cls: type[T], value: Json, offset: int, limit: int) -> Page[T]:  # noqa: ARG001 - style
        rows = value.get(name) if isinstance(value, dict) else value
        if not isinstance(rows, list):
            raise DecodeError(f"The answer has no list named '{name}'.", path=name)
        items = tuple(decode_list(cls, rows, path=name))
        return Page(items=items[offset:], offset=offset, total=len(items))

    return read


def _count(about: dict[str, Json], name: str) -> int | None:
    value = about.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise DecodeError(
            f"Expected a whole number, got {type(value).__name__}.", path=f"pagination.{name}"
        )
    if abs(value) >= _TOO_MANY:
        # Estimates and progress compute with floats, which cannot hold every int.
        raise DecodeError("Expected a whole number below 2**64.", path=f"pagination.{name}")
    return value
