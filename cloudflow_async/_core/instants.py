"""Instants as the API writes them: ISO 8601 with a time and a zone (RFC 3339).

`datetime.fromisoformat` alone takes more than that: week dates, dates without a time, any
character between date and time, times without a zone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from .errors import InvalidArgumentError

_DOCUMENTED: Final = "YYYY-MM-DDThh:mm:ssZ"
_MARKS: Final = [(at, mark) for at, mark in enumerate(_DOCUMENTED) if mark in "-T:Z"]


def format_instant(moment: datetime) -> str:
    """Return an instant in UTC as ``2026-01-20T00:00:00Z``; with microseconds if it has any.

    Raises:
        InvalidArgumentError: It has no time zone.
    """
    if moment.utcoffset() is None:
        raise InvalidArgumentError(
            f"{moment.isoformat()} has no time zone, so it names no instant:"
            " use datetime(..., tzinfo=UTC) or moment.astimezone()"
        )
    try:
        return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
    except OverflowError:
        problem = f"{moment.isoformat()} is outside the years 1 to 9999 in UTC"
    raise InvalidArgumentError(problem)


def parse_instant(text: str) -> datetime:
    """Return an instant in UTC.

    Raises:
        ValueError: It is not of the documented form, or names no zone.
        OverflowError: It lies outside the years 1 to 9999.
    """
    moment = datetime.fromisoformat(text)
    # One slice has all five marks between the digits.
    if text[4:17:3] != "--T::" or moment.tzinfo is None:
        raise ValueError(text)
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


def parse_instants(texts: Sequence[str]) -> list[datetime]:
    """Return many instants in UTC; half the time of one by one if all have the usual form.

    Raises:
        ValueError: One of them is not of the documented form, or names no zone.
        OverflowError: One of them lies outside the years 1 to 9999.
    """
    if _have_documented_form(texts):
        return [*map(datetime.fromisoformat, texts)]
    return [*map(parse_instant, texts)]


def _have_documented_form(texts: Sequence[str]) -> bool:
    """Tell whether the texts in a row have the documented form's marks in their places.

    One text longer and another shorter than the form can hide there; but then the shorter is
    cut before a mark, the next begins with it, and no parser takes that.
    """
    joined, width = "".join(texts), len(_DOCUMENTED)
    if len(joined) != width * len(texts):
        return False
    return all(joined[at::width] == mark * len(texts) for at, mark in _MARKS)
