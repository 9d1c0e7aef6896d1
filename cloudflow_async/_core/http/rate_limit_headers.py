"""Read what an answer says about the rate limit: headers, and the wait that a refusal asks for.

Three families of headers say how much is left:

- ``X-RateLimit-Limit``, ``-Remaining`` and ``-Reset``, which the API document names.  The reset is
  a Unix time or, below 10^9, seconds from now.  Servers also send Unix times with a fraction, in
  milliseconds and in microseconds, HTTP dates and RFC 3339 times; all are read.
- ``RateLimit`` with ``RateLimit-Policy`` of draft-ietf-httpapi-ratelimit-headers: from draft 8 on a
  list of policies, ``"default";r=50;t=30``, of which the one with the least left applies (of two
  with the same, the one that is reset later); in draft 7 ``limit=100, remaining=50, reset=30``.
- ``RateLimit-Limit``, ``-Remaining`` and ``-Reset`` of drafts 0 to 6; the reset is in seconds.

The first family in this order that says what remains is used, and the others are not looked at;
values of two families are never mixed.  A partition key (``pk``) is not used: all answers of one
client are of one partition.  Policies in other units than requests (``qu``) are passed over.

What is malformed counts as absent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from cloudflow_async._core.messages import Json, RateLimitSeen, Reply
from cloudflow_async._core.support.validation import is_number

RELATIVE_RESET: Final = 1e9
"""Below it, a reset cannot be a Unix time of this API's life: it is seconds."""

_LONGEST_WAIT = 1e9
_LONGEST_RESET = 120.0
_YEAR_2286 = 1e10

_UNIX_UNITS: Final = ((0.0, 1.0), (1e12, 1e-3), (1e15, 1e-6))
"""Lowest value of a reset in a unit, and the seconds in that unit.  Each range ends at 10^10
seconds (the year 2286); milliseconds and microseconds begin at 10^9 seconds (the year 2001)."""

_NUMBER = re.compile(r"\+?[0-9]{1,18}(\.[0-9]{1,9})?", re.ASCII)
_MOST_DIGITS = 12
_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})?",
    re.ASCII,
)

# RFC 9651: a member of a list or dictionary with its parameters.
_VALUE = (
    r'"(?:[ !#-\[\]-~]|\\["\\])*"|:[A-Za-z0-9+/=]*:|\?[01]|-?[0-9]{1,15}(?:\.[0-9]{1,3})?'
    r"|[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*"
)
_KEY = r"[a-z*][a-z0-9_.*-]*"
_PARAMETER = re.compile(rf"; *({_KEY})(?:=({_VALUE}))?", re.ASCII)
_MEMBER = re.compile(
    rf"(?:({_KEY})=)?({_VALUE})((?: *; *{_KEY}(?:=(?:{_VALUE}))?)*)[ \t]*(?:,[ \t]*(?=.)|$)",
    re.ASCII,
)


class _Budget(NamedTuple):
    """What one family says."""

    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None
    window: float | None = None


class _Member(NamedTuple):
    """A member of a structured field."""

    key: str | None
    value: str
    parameters: Mapping[str, str]


_NOTHING = _Budget()

_Said: TypeAlias = tuple[int | None, int | None, float | None, float | None]
"""What the fields of a `_Budget` are."""

_SILENT: Final[_Said] = (None, None, None, None)

_X_HEADERS: Final = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")


def read_budget(reply: Reply, error: Mapping[str, Json]) -> RateLimitSeen:
    """Return what an answer says about the rate limit.

    Args:
        reply: The answer.
        error: The error object of a 429's body; empty if it has none.
    """
    headers = reply.headers
    limit, remaining, reset, window = _budget(headers)
    throttled = reply.status == 429
    return RateLimitSeen(
        limit=limit,
        remaining=remaining,
        reset=reset,
        window=window,
        date=_date(headers.get("Date")),
        throttled=throttled,
        overloaded=reply.status == 503,
        retry_after=retry_after(reply, error) if throttled else None,
    )


def retry_after(reply: Reply, error: Mapping[str, Json]) -> float | None:
    """Return the seconds that an answer asks to wait; None when it does not say.

    Args:
        reply: The answer.
        error: The error object of its body; empty if it has none.
    """
    # The document shows the wait only in the body of a 429; the header is the standard's way.
    if (asked := _wait_of_header(reply)) is not None:
        return asked
    if (asked := _wait_of_json(error.get("retry_after"))) is not None:
        return asked
    if reply.status != 429:
        return None
    return _wait_of_reset(reply.headers)


def _wait_of_header(reply: Reply) -> float | None:
    text = reply.headers.get("Retry-After")
    if (seconds := _number(text)) is not None:
        return min(seconds, _LONGEST_WAIT)
    if (until := _date(text)) is None:
        return None
    now = _date(reply.headers.get("Date"))
    return None if now is None else max(0.0, until - now)


def _wait_of_json(value: Json) -> float | None:
    if isinstance(value, str):
        value = _number(value)
    if not is_number(value):
        return None
    return min(float(value), _LONGEST_WAIT) if value >= 0 else None


def _wait_of_reset(headers: Mapping[str, str]) -> float | None:
    _, _, wait, _ = _budget(headers)
    if wait is not None and wait >= RELATIVE_RESET:
        now = _date(headers.get("Date"))
        wait = None if now is None else max(0.0, wait - now)
    # Farther off than a minute's limit can be, it is a mistake, and no reason to give up.
    return wait if wait is not None and wait <= _LONGEST_RESET else None


def _budget(headers: Mapping[str, str]) -> _Said:
    limit, remaining, reset = map(headers.get, _X_HEADERS)
    told = _SILENT
    if not (limit is remaining is reset is None):
        told = _whole(limit), _whole(remaining), _reset(reset), None
    # Most servers send the first family or none, and each call comes here.
    if told[1] is not None or not ("RateLimit" in headers or "RateLimit-Remaining" in headers):
        return told
    for family in _OTHER_FAMILIES:
        found = family(headers)
        if found.remaining is not None:
            return found
    return told


def _combined(headers: Mapping[str, str]) -> _Budget:
    text = _lines(headers, "RateLimit")
    return _read_combined(text, _lines(headers, "RateLimit-Policy")) if text else _NOTHING


def _lines(headers: Mapping[str, str], name: str) -> str:
    # Several limiters of one server add a line each; together they are one list.
    if name not in headers:
        return ""
    every = getattr(headers, "getall", None)
    return headers[name] if every is None else ", ".join(every(name))


def _separate(headers: Mapping[str, str]) -> _Budget:
    remaining = _whole(headers.get("RateLimit-Remaining"))
    if remaining is None:
        return _NOTHING
    limit = _whole(headers.get("RateLimit-Limit"))
    return _Budget(
        limit,
        remaining,
        _seconds(headers.get("RateLimit-Reset")),
        _window(limit, _lines(headers, "RateLimit-Policy")),
    )


_OTHER_FAMILIES: Final = (_combined, _separate)


@lru_cache(maxsize=8)
def _read_combined(text: str, policies: str) -> _Budget:
    members = _members(text)
    if members and members[0].key is not None:
        values = {member.key: member.value for member in members}
        limit = _whole(values.get("limit"))
        reset = _seconds(values.get("reset"))
        return _Budget(limit, _whole(values.get("remaining")), reset, _window(limit, policies))
    by_name = {policy.value: policy.parameters for policy in _members(policies)}
    budgets = (_of_policy(member, by_name.get(member.value, {})) for member in members)
    told = [budget for budget in budgets if budget.remaining is not None]
    return min(told, key=_tightness, default=_NOTHING)


def _of_policy(member: _Member, policy: Mapping[str, str]) -> _Budget:
    if policy.get("qu", '"requests"') not in {'"requests"', "requests", '"request"', "request"}:
        return _NOTHING
    values = member.parameters
    return _Budget(
        _whole(policy.get("q")),
        _whole(values.get("r")),
        _seconds(values.get("t")),
        _seconds(policy.get("w")),
    )


def _tightness(budget: _Budget) -> tuple[int, float]:
    return budget.remaining or 0, -(budget.reset or 0.0)


@lru_cache(maxsize=8)
def _window(limit: int | None, policies: str) -> float | None:
    for policy in _members(policies):
        if limit is not None and _whole(policy.value) == limit:
            return _seconds(policy.parameters.get("w"))
    return None


def _members(text: str) -> list[_Member]:
    """Return the members of a structured field; none when it is malformed (RFC 9651, 4.2)."""
    members, at, text = [], 0, text.strip(" ")
    while at < len(text):
        if (match := _MEMBER.match(text, at)) is None:
            return []
        key, value, parameters = match.groups()
        members.append(_Member(key, value, dict(_PARAMETER.findall(parameters))))
        at = match.end()
    return members


@lru_cache(maxsize=8)  # answers of one minute have the same
def _reset(text: str | None) -> float | None:
    if text is None:
        return None
    if (number := _number(text)) is not None:
        return _unix_in_any_unit(number)
    if _RFC_3339.fullmatch(text := text.strip(" \t")) is None:
        # A date with another zone after GMT, as JavaScript writes it, would be read wrongly.
        return _date(text) if text.endswith("GMT") else None
    return _unix_of(lambda: datetime.fromisoformat(text.upper()))


def _unix_in_any_unit(number: float) -> float | None:
    for lowest, seconds in _UNIX_UNITS:
        if lowest <= number < _YEAR_2286 / seconds:
            return number * seconds
    return None


def _seconds(text: str | None) -> float | None:
    seconds = _number(text)
    return seconds if seconds is not None and seconds < RELATIVE_RESET else None


def _number(text: str | None) -> float | None:
    if text is None or _NUMBER.fullmatch(text := text.strip(" \t")) is None:
        return None
    return float(text)


def _whole(text: str | None) -> int | None:
    if text is None:
        return None
    text = text.strip(" \t")
    return int(text) if text.isdigit() and text.isascii() and len(text) <= _MOST_DIGITS else None


def _date(text: str | None) -> float | None:
    return _parse_date(text) if text else None


@lru_cache(maxsize=8)  # parsing takes longer than all the rest, and a second has one date
def _parse_date(text: str) -> float | None:
    return _unix_of(lambda: parsedate_to_datetime(text))


def _unix_of(parse: Callable[[], datetime]) -> float | None:
    try:
        moment = parse()
        unix = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return unix if 0 <= unix < _YEAR_2286 else None
