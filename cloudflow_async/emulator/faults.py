"""Faults on order: which requests they hit, and what they do to them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Literal

import attrs

from .chance import seeded
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


def _upper(method: str | None) -> str | None:
    return None if method is None else method.upper()


def _pairs(headers: Mapping[str, str] | list[tuple[str, str]] | Headers) -> Headers:
    return tuple(headers if isinstance(headers, (list, tuple)) else headers.items())


@attrs.frozen(kw_only=True)
class Fault:
    """Something that goes wrong with some requests; inject it with `Emulator.inject()`.

    Of several faults the first injected that hits wins.  Only requests that the rate limiter
    lets through can be hit; they are hit before credentials and parameters are looked at.

    Raises:
        ValueError: No effect, or effects that exclude each other.
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
    """With `status`: process the request nevertheless, and answer as if it had failed."""

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

    before: Callable[[Emulator], object] | None = None
    """Called just before the request is processed, for instance to insert or delete rows."""

    def __attrs_post_init__(self) -> None:
        """Refuse what cannot have been meant."""
        for wrong, advice in self._mistakes():
            if wrong:
                raise ValueError(advice)

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
        return self.drop != "before" and (self.status is None or self.processed)

    def _error(self, status: int) -> dict[str, object]:
        message = self.message
        if message is None and status == 429 and self.retry_after is not None:
            message = f"Rate limit exceeded. Please retry after {self.retry_after} seconds."
        return envelope(status, code=self.code, message=message, retry_after=self.retry_after)

    def _raw(self) -> bytes:
        if self.body == "empty":
            return b""
        return self.body.encode() if isinstance(self.body, str) else self.body

    def _mistakes(self) -> Iterable[tuple[bool, str]]:
        yield from self._mistaken_numbers()
        yield from self._mistaken_effects()

    def _mistaken_numbers(self) -> Iterable[tuple[bool, str]]:
        yield self.nth is not None and self.nth < 1, "nth counts from 1, the next request"
        yield self.times is not None and self.times < 1, "times must be at least 1, or None for all"
        yield not 0 < self.probability <= 1, "probability must be above 0 and at most 1"
        finite = math.isfinite(self.delay) and self.delay >= 0
        yield not finite, "delay must be seconds, 0 or more"
        yield self.truncate is not None and self.truncate < 0, "truncate must be 0 bytes or more"
        valid = self.status is None or 200 <= self.status <= 599
        yield not valid, "status must be between 200 and 599"
        relative = self.route is None or self.route.startswith("/")
        yield not relative, "route must begin with a slash, as in /workflows/{workflow_id}"

    def _mistaken_effects(self) -> Iterable[tuple[bool, str]]:
        envelope_fields = (self.code, self.message, self.retry_after)
        in_envelope = any(value is not None for value in envelope_fields)
        yield self._is_harmless(), "the fault has no effect: give it a status, delay, drop, ..."
        unused = in_envelope or self.body != "json" or self.processed
        yield (
            self.status is None and unused,
            "body, code, message, retry_after and processed need a status to go with",
        )
        yield in_envelope and self.body != "json", "code, message, retry_after need body='json'"
        yield (
            self.status is not None and self.status < 400 and self.body == "json",
            "body='json' is an error: give a status of 400 or more, or the body as bytes or str",
        )
        answered = self.status is not None or self.truncate is not None
        altered = bool(self.headers) or not self.rate_limit_headers
        yield (
            self.drop is not None and (answered or altered),
            "drop sends no answer: leave out status, truncate, headers and rate_limit_headers",
        )

    def _is_harmless(self) -> bool:
        effects = (self.status, self.drop, self.truncate, self.before)
        silent = all(effect is None for effect in effects) and not self.delay
        return silent and not self.headers and self.rate_limit_headers


@attrs.define
class _Injected:
    """A fault on duty, with the requests that it has seen and hit so far."""

    fault: Fault
    seen: int = 0
    hits: int = 0


class FaultPlan:
    """The faults of one emulator, in the order in which they were injected."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.clear()

    def clear(self) -> None:
        """Forget all faults, and begin again at the seed."""
        self._injected: list[_Injected] = []
        self._chance = seeded(self._seed, "faults")

    def add(self, fault: Fault) -> None:
        """Put a fault on duty, after those that are."""
        self._injected.append(_Injected(fault))

    def choose(self, method: str, paths: Iterable[str | None]) -> Fault | None:
        """Return the fault that hits this request, and count the hit.

        Args:
            method: Upper case.
            paths: The names under which a fault can mean it: template and concrete path.
        """
        names = {None, *paths}
        matching = [one for one in self._injected if _matches(one.fault, method, names)]
        for one in matching:
            one.seen += 1
        for one in matching:
            if self._fires(one):
                one.hits += 1
                return one.fault
        return None

    def _fires(self, one: _Injected) -> bool:
        fault = one.fault
        if fault.times is not None and one.hits >= fault.times:
            return False
        if fault.nth is not None and one.seen < fault.nth:
            return False
        return fault.probability == 1.0 or self._chance.random() < fault.probability


def _matches(fault: Fault, method: str, names: set[str | None]) -> bool:
    return fault.method in (None, method) and fault.route in names
