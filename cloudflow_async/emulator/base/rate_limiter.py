"""Count requests against a budget, in the four ways the API document can be read.

"Rate Limiting" of the API document names "100 requests per minute" and a "burst allowance: 150
requests in a 10-second window".  Both cannot be windows at once, so the service may mean:

- `bucket`: a token bucket that holds `burst` and refills `requests` in every `per` seconds,
- `fixed`: `requests` in each window of `per` seconds,
- `sliding`: `requests` in any `per` seconds,
- `windows`: `requests` in any `per` seconds and `burst` in any `burst_window` seconds.

Nothing here reads a clock or does I/O: `now` is an argument.  Inside, time is counted in whole
nanoseconds, so that a hundred thousand requests later the count is still exact.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Hashable
from math import inf
from typing import Any, Literal, TypeAlias

import attrs

LimitsMode = Literal["bucket", "fixed", "sliding", "windows"]
"""The names of the four readings."""

_NS = 1_000_000_000


def _whole(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{attribute.name} must be a whole number of at least 1, not {value!r}")


def _seconds(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < inf:
        raise ValueError(f"{attribute.name} must be more than 0 seconds, not {value!r}")


@attrs.frozen(kw_only=True)
class EmulatorLimits:
    """How many requests one identity may send.

    Raises:
        ValueError: A field is of another kind, or out of range.
    """

    requests: int = attrs.field(default=100, validator=_whole)
    """Requests in `per` seconds; also the value of `X-RateLimit-Limit` in every mode."""

    per: float = attrs.field(default=60.0, validator=_seconds)
    """Seconds in which `requests` are allowed."""

    burst: int = attrs.field(default=150, validator=_whole)
    """Size of the bucket (`bucket`), or requests in `burst_window` seconds (`windows`)."""

    burst_window: float = attrs.field(default=10.0, validator=_seconds)
    """Seconds in which `burst` are allowed; only `windows` looks at it."""

    windows_begin: Literal["clock", "first_request"] = attrs.field(
        default="clock", validator=attrs.validators.in_(("clock", "first_request"))
    )
    """Where the windows of `fixed` begin: at multiples of `per` of the Unix clock, or at the
    first request that an identity sends after its last window ended."""

    @classmethod
    def unauthenticated(cls) -> EmulatorLimits:
        """Return the documented budget without credentials: 20 requests a minute, no burst."""
        return cls(requests=20, burst=20)

    @classmethod
    def techflow(cls) -> EmulatorLimits:
        """Return the budget that the TechFlow document names: 100 requests a minute, no burst."""
        return cls(burst=100)


@attrs.frozen(kw_only=True)
class Verdict:
    """What the limiter says about one request."""

    allowed: bool
    """False: the answer is a 429, and the request cost nothing."""

    limit: int
    """Value of `X-RateLimit-Limit`."""

    remaining: int
    """Requests that would still be accepted at this moment; in a bucket more than `limit`, while
    there is a burst left."""

    reset_at: int
    """Unix seconds, rounded up: the moment from which one more request is accepted when nothing
    remains, otherwise the moment at which the budget is whole again."""

    retry_after: int
    """Seconds to wait, rounded up and at least 1; 0 for a request that is allowed."""


class _Meter(ABC):
    """One way of counting.  All instants are nanoseconds."""

    @abstractmethod
    def remaining(self, now: int) -> int:
        """Return how many requests would be accepted now, zero or more."""

    @abstractmethod
    def take(self, now: int) -> None:
        """Count one request; only called when at least one remains."""

    @abstractmethod
    def free_at(self, now: int) -> int:
        """Return the instant from which one more request is accepted when none remains."""

    @abstractmethod
    def whole_at(self, now: int) -> int:
        """Return the instant at which the budget is whole again."""


class _Bucket(_Meter):
    """A token bucket, kept as the instant at which it will be full.

    A token takes `per / requests` seconds, which is rarely a whole number of nanoseconds.
    Counting in units of 1 / `requests` ns makes every quantity an integer.
    """

    def __init__(self, limits: EmulatorLimits) -> None:
        self._rate = limits.requests
        self._cost = _ns(limits.per)
        self._size = limits.burst * self._cost
        self._full_at = 0

    def remaining(self, now: int) -> int:
        return max(0, (self._size - self._missing(now)) // self._cost)

    def take(self, now: int) -> None:
        self._full_at = now * self._rate + self._missing(now) + self._cost

    def free_at(self, now: int) -> int:
        return max(now, _ceil_div(self._full_at - self._size + self._cost, self._rate))

    def whole_at(self, now: int) -> int:
        return max(now, _ceil_div(self._full_at, self._rate))

    def _missing(self, now: int) -> int:
        return max(0, self._full_at - now * self._rate)


class _FixedWindow(_Meter):
    """A count that starts anew with every window."""

    def __init__(self, limits: EmulatorLimits) -> None:
        self._requests = limits.requests
        self._per = _ns(limits.per)
        self._aligned = limits.windows_begin == "clock"
        self._start: int | None = None
        self._used = 0

    def remaining(self, now: int) -> int:
        return self._requests - (self._used if self._window(now) == self._start else 0)

    def take(self, now: int) -> None:
        window = self._window(now)
        if window != self._start:
            self._start, self._used = window, 0
        self._used += 1

    def free_at(self, now: int) -> int:
        return self._window(now) + self._per

    def whole_at(self, now: int) -> int:
        return self._window(now) + self._per

    def _window(self, now: int) -> int:
        """Return the start of the window that `now` falls into."""
        if self._aligned:
            return now - now % self._per
        if self._start is not None and self._start <= now < self._start + self._per:
            return self._start
        return now


class _SlidingLog(_Meter):
    """The instants of the requests accepted in the last `per` nanoseconds."""

    def __init__(self, requests: int, per: int) -> None:
        self._requests = requests
        self._per = per
        self._log: deque[int] = deque()

    def remaining(self, now: int) -> int:
        while self._log and self._log[0] <= now - self._per:
            self._log.popleft()
        return self._requests - len(self._log)

    def take(self, now: int) -> None:
        self._log.append(now)

    def free_at(self, now: int) -> int:
        return self._log[0] + self._per if self.remaining(now) == 0 else now

    def whole_at(self, now: int) -> int:
        return self._log[-1] + self._per if self._log else now


class _TwoWindows(_Meter):
    """Two sliding windows at once; a request must fit into both."""

    def __init__(self, limits: EmulatorLimits) -> None:
        self._both = (
            _SlidingLog(limits.requests, _ns(limits.per)),
            _SlidingLog(limits.burst, _ns(limits.burst_window)),
        )

    def remaining(self, now: int) -> int:
        return min(log.remaining(now) for log in self._both)

    def take(self, now: int) -> None:
        for log in self._both:
            log.take(now)

    def free_at(self, now: int) -> int:
        return max(log.free_at(now) for log in self._both)

    def whole_at(self, now: int) -> int:
        return max(log.whole_at(now) for log in self._both)


def _sliding(limits: EmulatorLimits) -> _Meter:
    return _SlidingLog(limits.requests, _ns(limits.per))


_METERS: dict[LimitsMode, Callable[[EmulatorLimits], _Meter]] = {
    "bucket": _Bucket,
    "fixed": _FixedWindow,
    "sliding": _sliding,
    "windows": _TwoWindows,
}


class Budget:
    """The budget of one identity."""

    def __init__(self, limits: EmulatorLimits, mode: LimitsMode) -> None:
        self._limit = limits.requests
        self._meter = _METERS[mode](limits)

    def count(self, now: float) -> Verdict:
        """Count one request at `now` (Unix seconds); a refused one costs nothing."""
        instant = _ns(now)
        allowed = self._meter.remaining(instant) > 0
        if allowed:
            self._meter.take(instant)
        return self._verdict(instant, allowed=allowed)

    def peek(self, now: float) -> Verdict:
        """Return what stands at `now` (Unix seconds) without counting anything."""
        return self._verdict(_ns(now), allowed=True)

    def _verdict(self, now: int, *, allowed: bool) -> Verdict:
        remaining = self._meter.remaining(now)
        free_at = self._meter.free_at(now)
        return Verdict(
            allowed=allowed,
            limit=self._limit,
            remaining=remaining,
            reset_at=_ceil_div(self._meter.whole_at(now) if remaining else free_at, _NS),
            retry_after=0 if allowed else max(1, _ceil_div(free_at - now, _NS)),
        )


Limits: TypeAlias = "EmulatorLimits | Literal['off']"
"""A budget, or ``"off"``: nothing is counted, and no answer has rate-limit headers."""


def check_limits(name: str, value: object, documented: EmulatorLimits) -> Limits:
    """Return an argument that is a budget or ``"off"``; the documented one for None.

    Raises:
        ValueError: It is neither.
    """
    if value is None:
        return documented
    if isinstance(value, EmulatorLimits):
        return value
    if value == "off":
        return "off"
    raise ValueError(
        f"{name} must be EmulatorLimits(requests=..., per=...), 'off' or None, "
        f"not {type(value).__name__}"
    )


class RateLimiter:
    """The budgets of all identities: one for each user, one for each anonymous address."""

    def __init__(
        self,
        mode: LimitsMode,
        *,
        authenticated: Limits,
        anonymous: Limits | None = None,
    ) -> None:
        """Refuse a mode that is not one of the four with a ValueError."""
        if mode not in list(_METERS):
            raise ValueError(f"limits_mode must be one of {', '.join(_METERS)}, not {mode!r}")
        self._mode: LimitsMode = mode
        self._authenticated = authenticated
        self._anonymous = anonymous or EmulatorLimits.unauthenticated()
        self._budgets: dict[Hashable, Budget] = {}

    def budget(self, *, user: Hashable | None, peer: str | None) -> Budget | None:
        """Return the budget of an authenticated user, or without one of the peer's address.

        None: there is no limit.
        """
        limits = self._authenticated if user is not None else self._anonymous
        if not isinstance(limits, EmulatorLimits):
            return None
        identity = ("user", user) if user is not None else ("peer", peer)
        if identity not in self._budgets:
            self._budgets[identity] = Budget(limits, self._mode)
        return self._budgets[identity]

    def reset(self) -> None:
        """Make every budget whole."""
        self._budgets.clear()


def _ns(seconds: float) -> int:
    return round(seconds * _NS)


def _ceil_div(dividend: int, divisor: int) -> int:
    return -(-dividend // divisor)
