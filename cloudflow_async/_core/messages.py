"""What travels: requests, answers and the state of the rate limit, as frozen values."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime
from typing import Final, TypeAlias, TypedDict

import attrs

from .public import public
from .support.secret import Secret

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
"""Any JSON value."""


@public("cloudflow_async")
class Unset(enum.Enum):
    """The type of `UNSET`."""

    UNSET = "UNSET"

    def __repr__(self) -> str:
        return "UNSET"

    def __bool__(self) -> bool:
        return False


UNSET: Final = Unset.UNSET
"""Says that a body field is absent; `None` would send ``null``."""


@attrs.frozen(kw_only=True)
class Request:
    """One request before it is signed."""

    method: str
    """HTTP method, upper case."""

    path: str
    """Path template, such as ``/workflows/{workflow_id}``: what errors and logs show."""

    target: str = attrs.field(repr=False)
    """Path and query as they go on the wire after the base URL, encoded."""

    body: bytes | None = attrs.field(default=None, repr=False)
    """JSON text; None sends no body."""

    headers: Mapping[str, str] = attrs.field(factory=dict)
    """Headers beside those that every request carries."""

    expects_json: bool = True
    """Whether a successful answer has to be JSON."""

    secrets: tuple[Secret, ...] = attrs.field(default=(), repr=False)
    """What its body holds that errors must not show, should the server repeat it."""

    scope: str | None = None
    """The scope that it needs, such as ``workflows:read``; None: not known."""


@attrs.frozen(kw_only=True)
class Reply:
    """What came over the wire: status, headers and bytes, as yet unjudged."""

    status: int
    """HTTP status."""

    headers: Mapping[str, str] = attrs.field(repr=False)
    """Case-insensitive."""

    body: bytes = attrs.field(repr=False)
    """The whole body, decompressed."""

    elapsed: float
    """Seconds from sending to the last byte."""


@public("cloudflow_async")
@attrs.frozen(kw_only=True)
class RateLimitSeen:
    """What one answer says about the rate limit (API document: Rate Limit Headers).

    Also read are the `RateLimit` headers of the IETF drafts, in all their versions.
    """

    limit: int | None = None
    """`X-RateLimit-Limit`, or what the server sends instead of it."""

    remaining: int | None = None
    """`X-RateLimit-Remaining`, or what the server sends instead of it."""

    reset: float | None = None
    """`X-RateLimit-Reset` in seconds, or what the server sends instead of it: a Unix time; below
    10^9 seconds from now."""

    window: float | None = None
    """Seconds in which `limit` requests are accepted, by `RateLimit-Policy`; None: it does not
    say.  A limit of another period than the limiter's is not learned."""

    date: float | None = None
    """The server's `Date` as a Unix time."""

    throttled: bool = False
    """Whether the answer is a 429."""

    overloaded: bool = False
    """Whether the answer is a 503."""

    retry_after: float | None = None
    """Seconds to wait, from the header or the body of a 429."""


@public("cloudflow_async")
@attrs.frozen(kw_only=True)
class RateLimitStatus:
    """Where a client stands with its rate limit."""

    limit: int | None
    """Requests a minute, by the server's last word, else by our own setting."""

    remaining: int | None
    """Requests that may leave at once, by the stricter of server and own budget."""

    reset_at: datetime | None
    """When the server said that its budget is renewed; None before its first answer."""

    waiting: int
    """Calls that wait for their turn."""

    in_flight: int
    """Requests under way."""

    paused_for: float
    """Seconds for which nothing leaves, because the server asked for a pause; else 0."""


class LimiterStatistics(TypedDict):
    """Counters of a limiter since it was made."""

    granted: int
    """Permits given."""

    waited: float
    """Seconds that all callers together have waited."""

    pauses: int
    """Times that a 429, or a 503 that looks like one, made everybody wait."""


@public("cloudflow_async")
@attrs.frozen(kw_only=True)
class Statistics:
    """Counters of a client since it was made."""

    requests: int
    """Requests sent, every attempt counted."""

    retries: int
    """Attempts after the first."""

    throttled: int
    """Answers with status 429."""

    waiting: int
    """Calls that wait for their turn."""

    in_flight: int
    """Requests under way."""

    retry_tokens: int
    """What is left of the retry budget; when it is spent, calls fail at once."""

    waited: float
    """Seconds that all callers of the limiter together have waited for their turn."""

    pauses: int
    """Times that a 429, or a 503 that looks like one, made everybody wait."""

    connections: int
    """Open connections of the pool."""

    connections_in_use: int
    """Those of them that carry a request; with a session of your own, of whomever."""
