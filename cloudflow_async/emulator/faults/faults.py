"""What can go wrong with requests and their answers, on order."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from types import NoneType
from typing import Final, Literal

import attrs

from cloudflow_async.emulator.base.problems import Reply, envelope
from cloudflow_async.emulator.cloudflow.seeding import Seeding

from .kinds import Kinds, Mistakes, misfits

Headers = tuple[tuple[str, str], ...]

_HTML = """<html>
<head><title>{status} {reason}</title></head>
<body><center><h1>{status} {reason}</h1></center><hr><center>gateway</center></body>
</html>
"""

_REASONS = {429: "Too Many Requests", 502: "Bad Gateway", 503: "Service Unavailable"}


_KINDS: Final[Mapping[str, Kinds]] = {
    "method": (str, NoneType),
    "route": (str, NoneType),
    "nth": (int, NoneType),
    "times": (int, NoneType),
    "probability": (int, float),
    "status": (int, NoneType),
    "processed": (bool,),
    "body": (str, bytes),
    "code": (str, NoneType),
    "message": (str, NoneType),
    "retry_after": (int, float, str, NoneType),
    "rate_limit_headers": (bool,),
    "delay": (int, float),
    "truncate": (int, NoneType),
    "reset": (bool,),
    "raw": (bytes, NoneType),
    "piece_size": (int, NoneType),
    "bandwidth": (int, float, NoneType),
}
_OF_ANSWERS: Final = "status, truncate, headers, rate_limit_headers"
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def _shown(call: object) -> str:
    """Return how a caller's own function is shown: what it is bound to may be a secret."""
    return "None" if call is None else f"<{type(call).__name__}>"


# What is of no fitting type stays as it is, for `_check` to refuse.
def _upper(method: str | None) -> str | None:
    return method.upper() if isinstance(method, str) else method


def _pairs(headers: Mapping[str, str] | list[tuple[str, str]] | Headers) -> Headers:
    if isinstance(headers, Mapping):
        return tuple(headers.items())
    return tuple(headers) if isinstance(headers, list) else headers


@attrs.frozen(kw_only=True)
class Fault:
    """Something that goes wrong with some requests; inject it with `Emulator.inject()`.

    Of several faults the first injected that hits wins.  Only requests that the rate limiter
    lets through can be hit; they are hit before credentials and parameters are looked at.

    Raises:
        ValueError: No effect, effects that exclude each other, or a value that fits nothing.
    """

    method: str | None = attrs.field(default=None, converter=_upper)
    """HTTP method to hit; None: every method."""

    route: str | None = None
    """Template such as `/workflows/{workflow_id}`, or one concrete path such as
    `/workflows/wf_8x7k2m9p`, without the `/v2`; None: every path.  Those of the TechFlow API begin
    with `/techflow/v2`."""

    nth: int | None = None
    """Hit from the nth matching request on, 1 being the next one; None: from the next one.
    Requests that another fault hits are counted too."""

    times: int | None = 1
    """How many requests to hit; None: all that match."""

    probability: float = 1.0
    """Chance of each matching request to be hit, above 0, at most 1; follows from the seed."""

    status: int | None = None
    """Answer with this status instead of processing the request; None: process it."""

    processed: bool = False
    """With `status` or `raw`: process the request nevertheless, and answer as if it had failed."""

    body: Literal["json", "html", "empty"] | bytes | str = "json"
    """With `status`: the documented error envelope, a gateway's HTML page, nothing, or this.  In
    the TechFlow API the documented error is nothing but its status."""

    code: str | None = None
    """`error.code` of a `json` body; None: the one that goes with the status."""

    message: str | None = None
    """`error.message` of a `json` body; None: the one that goes with the status."""

    retry_after: float | str | None = None
    """`error.retry_after` of a `json` body, in seconds; a string is sent as a JSON string."""

    headers: Headers = attrs.field(default=(), converter=_pairs)
    """Mapping, or pairs, of response headers to send in place of those of the same name."""

    rate_limit_headers: bool = True
    """False: leave out the three `X-RateLimit-` headers."""

    delay: float = 0.0
    """Seconds to wait, on the running loop, before the request is processed."""

    drop: Literal["before", "after"] | None = None
    """Close the connection without an answer, before or after the request is processed."""

    truncate: int | None = None
    """Promise the whole body, send only so many of its bytes, and close the connection."""

    stall: Literal["before", "after"] | int | None = None
    """Say nothing and leave the connection open, before or after the request is processed, or after
    so many bytes of the body, or of `raw`; until the client goes or the emulator stops.  A shorter
    body arrives whole, and what is asked next on that connection stays without an answer."""

    reset: bool = False
    """With `drop`, `truncate` or `raw`: end the connection by a TCP reset, which can overtake what
    the client has not read yet."""

    raw: bytes | None = None
    """Send these bytes instead of an HTTP answer, and close the connection: half a head, garbage,
    two answers at once.  The request is not processed, unless `processed` says so."""

    piece_size: int | None = None
    """Send the answer, its head included, in pieces of so many bytes; None: at once.  Who lives on
    the emulator's loop reads them one by one, others may find several at once."""

    bandwidth: float | None = None
    """Send the answer, its head included, at so many bytes a second of the running loop; without a
    `piece_size` in 20 pieces a second.  None: as fast as it goes."""

    before: Callable[[Seeding], object] | None = attrs.field(default=None, repr=_shown)
    """Called just before the request is processed, for instance to insert or delete rows."""

    def __attrs_post_init__(self) -> None:
        """Refuse what cannot have been meant."""
        _check(self)

    def answer(self, request_id: str) -> Reply:
        """Return what stands in for the real answer; only for a fault with a `status`."""
        status = self.status or 0
        if self.body == "json":
            error = self._error(status)
            return Reply(status=status, body={"error": {**error, "request_id": request_id}})
        if self.body == "html":
            page = _HTML.format(status=status, reason=_REASONS.get(status, "Error"))
            return Reply(status=status, raw=page.encode(), headers={"Content-Type": "text/html"})
        return Reply(status=status, raw=self._raw())

    @property
    def processes(self) -> bool:
        """Whether the request takes its effect on the emulator's state."""
        if "before" in (self.drop, self.stall):
            return False
        return self.processed or (self.status is None and self.raw is None)

    @property
    def answers(self) -> bool:
        """Whether at least the beginning of an HTTP answer is sent."""
        return not self.is_mute and self.raw is None

    @property
    def cuts(self) -> bool:
        """Whether the connection cannot be used after the answer."""
        return self.truncate is not None or self.stall is not None

    @property
    def spoils_sending(self) -> bool:
        """Whether an answer is sent in another way than at once and whole."""
        return self.cuts or self.piece_size is not None or self.bandwidth is not None

    @property
    def is_mute(self) -> bool:
        """Whether nothing at all is sent."""
        return self.drop is not None or isinstance(self.stall, str)

    def _error(self, status: int) -> dict[str, object]:
        message = self.message
        if message is None and status == 429 and self.retry_after is not None:
            message = f"Rate limit exceeded. Please retry after {self.retry_after} seconds."
        return envelope(status, code=self.code, message=message, retry_after=self.retry_after)

    def _raw(self) -> bytes:
        if self.body == "empty":
            return b""
        return self.body.encode() if isinstance(self.body, str) else self.body


def _check(fault: Fault) -> None:
    """Refuse what cannot have been meant.

    Raises:
        ValueError: It says what to do instead.
    """
    for find in (_kinds, _targets, _numbers, _answers, _endings):
        for wrong, advice in find(fault):
            if wrong:
                raise ValueError(advice)


def _kinds(fault: Fault) -> Mistakes:
    yield from misfits(fault, _KINDS)
    yield fault.drop not in (None, "before", "after"), "drop must be 'before' or 'after'"
    yield not _can_stall(fault.stall), "stall must be 'before', 'after' or 0 bytes or more"
    yield (
        not (fault.before is None or callable(fault.before)),
        "before must be a function that takes the emulator",
    )
    headers: object = fault.headers
    yield (
        not (isinstance(headers, tuple) and all(map(_is_header, headers))),
        "headers must be names with values as in HTTP; other bytes can be sent as raw",
    )


def _can_stall(stall: object) -> bool:
    if isinstance(stall, int) and not isinstance(stall, bool):
        return stall >= 0
    return stall in (None, "before", "after")


def _is_header(pair: object) -> bool:
    match pair:
        case (str(name), str(value)):
            return bool(_HEADER_NAME.fullmatch(name)) and not _CONTROL.search(value)
    return False


def _targets(fault: Fault) -> Mistakes:
    yield fault.nth is not None and fault.nth < 1, "nth counts from 1, the next request"
    yield fault.times is not None and fault.times < 1, "times must be at least 1, or None for all"
    yield not 0 < fault.probability <= 1, "probability must be above 0 and at most 1"
    relative = fault.route is None or fault.route.startswith("/")
    yield not relative, "route must begin with a slash, as in /workflows/{workflow_id}"


def _numbers(fault: Fault) -> Mistakes:
    finite = math.isfinite(fault.delay) and fault.delay >= 0
    yield not finite, "delay must be seconds, 0 or more"
    yield fault.truncate is not None and fault.truncate < 0, "truncate must be 0 bytes or more"
    valid = fault.status is None or 200 <= fault.status <= 599
    yield not valid, "status must be between 200 and 599"
    yield fault.piece_size is not None and fault.piece_size < 1, "piece_size must be 1 or more"
    fast = fault.bandwidth is None or (math.isfinite(fault.bandwidth) and fault.bandwidth > 0)
    yield not fast, "bandwidth must be bytes per second, more than 0"


def _answers(fault: Fault) -> Mistakes:
    in_envelope = any(item is not None for item in (fault.code, fault.message, fault.retry_after))
    yield _is_harmless(fault), "the fault has no effect: give it a status, delay, drop, ..."
    yield (
        fault.status is None and (in_envelope or fault.body != "json"),
        "body, code, message and retry_after need a status to go with",
    )
    yield (
        fault.processed and fault.status is None and fault.raw is None,
        "processed needs a status or raw bytes to go with",
    )
    yield in_envelope and fault.body != "json", "code, message, retry_after need body='json'"
    yield (
        fault.status is not None and fault.status < 400 and fault.body == "json",
        "body='json' is an error: give a status of 400 or more, or the body as bytes or str",
    )


def _endings(fault: Fault) -> Mistakes:
    answered = fault.status is not None or fault.truncate is not None
    altered = bool(fault.headers) or not fault.rate_limit_headers
    paced = fault.piece_size is not None or fault.bandwidth is not None
    mute = "stall" if fault.drop is None else "drop"
    yield (
        fault.is_mute and (answered or altered or paced or fault.raw is not None),
        f"{mute} sends no answer: leave out {_OF_ANSWERS}, raw, piece_size and bandwidth",
    )
    yield (
        fault.raw is not None and (answered or altered),
        f"raw is all that is sent: leave out {_OF_ANSWERS}",
    )
    yield (
        fault.stall is not None and (fault.drop is not None or fault.truncate is not None),
        "stall leaves the connection open: leave out drop and truncate",
    )
    ended = any(end is not None for end in (fault.drop, fault.truncate, fault.raw))
    yield (
        fault.reset and (fault.stall is not None or not ended),
        "reset is an end of the connection: give it drop, truncate or raw, and no stall",
    )


def _is_harmless(fault: Fault) -> bool:
    effects = (fault.status, fault.raw, fault.drop, fault.stall, fault.truncate, fault.before)
    pace = (fault.piece_size, fault.bandwidth)
    silent = all(effect is None for effect in effects + pace) and not fault.delay
    return silent and not fault.headers and fault.rate_limit_headers and not fault.reset
