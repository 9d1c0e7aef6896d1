"""What can go wrong with requests and their answers, on order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal

import attrs

from .fault_checks import check_fault
from .problems import Reply, envelope

if TYPE_CHECKING:
    from .server import Emulator

Headers = tuple[tuple[str, str], ...]

_HTML = """<html>
<head><title>{status} {reason}</title></head>
<body><center><h1>{status} {reason}</h1></center><hr><center>gateway</center></body>
</html>
"""

_REASONS = {429: "Too Many Requests", 502: "Bad Gateway", 503: "Service Unavailable"}


def _shown(call: object) -> str:
    """Return how a caller's own function is shown: what it is bound to may be a secret."""
    return "None" if call is None else f"<{type(call).__name__}>"


# What is of no fitting type stays as it is, for `check_fault` to refuse.
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

    before: Callable[[Emulator], object] | None = attrs.field(default=None, repr=_shown)
    """Called just before the request is processed, for instance to insert or delete rows."""

    def __attrs_post_init__(self) -> None:
        """Refuse what cannot have been meant."""
        check_fault(self)

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
