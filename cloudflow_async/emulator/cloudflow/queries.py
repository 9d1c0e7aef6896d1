"""Read query parameters.  Unknown ones are ignored, wrong ones are a 400 with the field."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import attrs

from cloudflow_async.emulator.base.problems import invalid
from cloudflow_async.emulator.base.timestamps import parse_timestamp

ALWAYS = (float("-inf"), float("inf"))
"""The span of time when neither `start_date` nor `end_date` is given."""

_DEFAULT_LIMIT = 20
_MAX_LIMIT = 100
_INTEGER = re.compile(r"[+-]?0*\d{1,19}", flags=re.ASCII)
_MAX_OFFSET = 2**63 - 1


@attrs.frozen
class PageWanted:
    """Which rows of a list are asked for ("Pagination")."""

    limit: int
    offset: int


def read_page(query: Mapping[str, str]) -> PageWanted:
    """Return `limit` (1 to 100, default 20) and `offset` (0 or more, default 0)."""
    return PageWanted(
        # "Error Response Format" has this message.
        limit=_integer(query, "limit", _DEFAULT_LIMIT, 1, _MAX_LIMIT, due="between"),
        offset=_integer(query, "offset", 0, 0, _MAX_OFFSET, due="a whole number between"),
    )


def read_choice(query: Mapping[str, str], name: str, choices: Sequence[str]) -> str | None:
    """Return an optional parameter that must be one of `choices`."""
    value = query.get(name)
    if value is not None and value not in choices:
        raise invalid(name, f"The '{name}' parameter must be one of {', '.join(choices)}")
    return value


def read_required_choice(query: Mapping[str, str], name: str, choices: Sequence[str]) -> str:
    """Return a parameter that must be there and be one of `choices`."""
    value = read_choice(query, name, choices)
    if value is None:
        raise invalid(name, f"The '{name}' parameter is required: {', '.join(choices)}")
    return value


def read_choices(query: Mapping[str, str], name: str, choices: Sequence[str]) -> tuple[str, ...]:
    """Return a comma-separated list of some of `choices`; all of them when it is absent."""
    if name not in query:
        return tuple(choices)
    wanted = query[name].split(",")
    if not set(wanted) <= set(choices):
        raise invalid(name, f"The '{name}' parameter must be a list of {', '.join(choices)}")
    return tuple(choice for choice in choices if choice in wanted)


def read_instant(query: Mapping[str, str], name: str) -> float | None:
    """Return an optional ISO 8601 timestamp as Unix seconds."""
    if name not in query:
        return None
    try:
        return parse_timestamp(query[name])
    except ValueError:
        message = f"The '{name}' parameter must be an ISO 8601 timestamp with a time zone"
        raise invalid(name, message) from None


def read_span(query: Mapping[str, str]) -> tuple[float, float]:
    """Return `start_date` and `end_date` as Unix seconds, infinite where they are absent."""
    start, end = read_instant(query, "start_date"), read_instant(query, "end_date")
    if start is not None and end is not None and start > end:
        raise invalid("start_date", "The 'start_date' parameter must not be after 'end_date'")
    return (ALWAYS[0] if start is None else start, ALWAYS[1] if end is None else end)


def _integer(
    query: Mapping[str, str], name: str, default: int, least: int, most: int, *, due: str
) -> int:
    """Return an optional parameter that must be a whole number in decimal digits."""
    text = query.get(name)
    if text is None:
        return default
    # int() refuses thousands of digits, and a bound has nineteen.
    value = int(text) if _INTEGER.fullmatch(text) else least - 1
    if not least <= value <= most:
        raise invalid(name, f"The '{name}' parameter must be {due} {least} and {most}")
    return value
