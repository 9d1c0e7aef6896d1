"""Instants as the API writes them (RFC 3339): a date, a time and an offset from UTC.

Every time of a server is read by the same rule, the grammar of RFC 3339, section 5.6:

    2026-01-15T10:30:00Z             the documented form
    2026-01-15t10:30:00z             both letters may be lower case
    2026-01-15 10:30:00+05:30        a space may stand for the T; offsets reach +-23:59
    2026-01-15T10:30:00-00:00        UTC, from an unknown place
    2026-01-15T10:30:00.123456789Z   any number of digits; those after the sixth are dropped
    2016-12-31T23:59:60Z             a leap second, in the last minute of a month in UTC

A `datetime` has no leap seconds: such an instant becomes the last microsecond of its minute, so
that neither its day nor the order of instants changes.

`datetime.fromisoformat` alone takes more than that (week dates, dates without a time, the basic
format, any character between date and time, a decimal comma, offsets with seconds, times without
an offset, since Python 3.14 the hour 24) and less (no lower-case ``z``, no leap second).
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from cloudflow_async._core.errors import InvalidArgumentError

_DOCUMENTED: Final = "YYYY-MM-DDThh:mm:ssZ"
_MARKS: Final = [(at, mark) for at, mark in enumerate(_DOCUMENTED) if mark in "-T:Z"]
_HOUR: Final = _DOCUMENTED.index("h")

_MINUTE: Final = r"\d{4}-\d\d-\d\d[Tt ](?:[01]\d|2[0-3]):[0-5]\d"
_SECOND: Final = r"[0-5]\d(?:\.\d+)?"
_OFFSET: Final = r"[+-](?:[01]\d|2[0-3]):[0-5]\d"
# The forms that fromisoformat reads as they are meant, a line each.
_USUAL_LINES: Final = re.compile(rf"(?:{_MINUTE}:{_SECOND}(?:Z|{_OFFSET})\n)*+", re.ASCII)
_RFC_3339: Final = re.compile(
    rf"({_MINUTE}):(?:{_SECOND}|(?P<leap>60)(?:\.\d+)?)([Zz]|{_OFFSET})", re.ASCII
)


def format_instant(moment: datetime) -> str:
    """Return an instant in UTC as ``2026-01-20T00:00:00Z``; with microseconds if it has any.

    Raises:
        InvalidArgumentError: It has no time zone.
    """
    if moment.utcoffset() is None:
        raise InvalidArgumentError(
            f"{moment.isoformat()} has no time zone, so it names no instant: "
            "use datetime(..., tzinfo=UTC) or moment.astimezone()."
        )
    try:
        return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
    except OverflowError:
        problem = f"{moment.isoformat()} is outside the years 1 to 9999 in UTC."
    raise InvalidArgumentError(problem)


def instant(name: str, value: datetime | None) -> datetime | None:
    """Return an argument that is an aware datetime, or None.

    Raises:
        InvalidArgumentError: It is neither; the message says how to make one.
    """
    if value is None:
        return None
    if not isinstance(value, datetime):
        raise InvalidArgumentError(
            f"{name} must be a datetime with a time zone, such as "
            f"datetime(2026, 1, 20, tzinfo=UTC), not {type(value).__name__}."
            + (" datetime.fromisoformat() makes one of a text." if isinstance(value, str) else "")
        )
    try:
        format_instant(value)
    except InvalidArgumentError as error:
        problem = f"{name}: {error}"
    else:
        return value
    raise InvalidArgumentError(problem)


def parse_instant(text: str) -> datetime:
    """Return an instant in UTC.

    Raises:
        ValueError: RFC 3339 does not allow it, or it names a day that does not exist.
        OverflowError: It lies outside the years 1 to 9999.
    """
    found = _RFC_3339.fullmatch(text)
    if found is None:
        raise ValueError(text)
    if found["leap"]:
        return _leap_second(f"{found[1]}:59{found[3]}")
    return _in_utc(text)


def parse_instants(texts: Sequence[str]) -> list[datetime]:
    """Return many instants in UTC; a fraction of the time of one by one in all usual forms.

    Raises:
        ValueError: RFC 3339 does not allow one of them, or it names a day that does not exist.
        OverflowError: One of them lies outside the years 1 to 9999.
    """
    if _have_documented_form(texts):
        try:
            return [*map(datetime.fromisoformat, texts)]
        except ValueError:
            pass  # the form has room for a leap second
    if _USUAL_LINES.fullmatch("\n".join([*texts, ""])):
        moments = map(datetime.fromisoformat, texts)
        return [each if each.tzinfo is UTC else each.astimezone(UTC) for each in moments]
    return [*map(parse_instant, texts)]


def _leap_second(second_before: str) -> datetime:
    moment = _in_utc(second_before)
    _, last_day = monthrange(moment.year, moment.month)
    if (moment.day, moment.hour, moment.minute) != (last_day, 23, 59):
        raise ValueError(second_before)
    return moment.replace(microsecond=999_999)


def _in_utc(text: str) -> datetime:
    return datetime.fromisoformat(text.upper()).astimezone(UTC)


def _have_documented_form(texts: Sequence[str]) -> bool:
    """Tell whether the texts in a row have the documented form's marks in their places.

    One text longer and another shorter than the form can hide there; but then the shorter is
    cut before a mark, the next begins with it, and no parser takes that.
    """
    joined, width = "".join(texts), len(_DOCUMENTED)
    if len(joined) != width * len(texts):
        return False
    if any(joined[at::width] != mark * len(texts) for at, mark in _MARKS):
        return False
    # The first test takes a tenth of the second's time, and decides for most of the day.
    return "2" not in joined[_HOUR::width] or "T24" not in joined
