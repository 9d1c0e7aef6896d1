"""The limits that the API document states, and our own budget that keeps to them.

The document gives two figures that disagree if both are windows: 100 requests a minute, and a
burst allowance of 150 in 10 seconds.  Our reading: a token bucket that holds 150 and gains 100 in
60 seconds, with at most 150 leaving in any 10 seconds.
"""

from __future__ import annotations

from collections import deque
from math import ceil, inf
from typing import Final, Literal, TypeAlias

import attrs

from cloudflow_async._core.errors import InvalidArgumentError
from cloudflow_async._core.public import public
from cloudflow_async._core.support.validation import check_choice, check_int, check_seconds

Priority: TypeAlias = Literal["high", "normal", "low"]
"""Who passes ahead of whom; see `Limiter.acquire`."""

PRIORITIES: Final[tuple[Priority, ...]] = ("high", "normal", "low")
"""The most urgent first."""

EPSILON: Final = 1e-6
"""Seconds that are no wait, but what rounding leaves."""


def check_priority(priority: Priority) -> int:
    """Return the place of a priority in `PRIORITIES`, or raise `InvalidArgumentError`."""
    check_choice("priority", priority, PRIORITIES)
    return PRIORITIES.index(priority)


@public("cloudflow_async")
@attrs.frozen(kw_only=True)
class RateLimits:
    """How many requests may leave (API document: Rate Limiting, Default Limits)."""

    requests: int = 100
    """Requests gained in `per` seconds."""

    per: float = 60.0
    """Seconds."""

    burst: int = 150
    """Most requests at once after a rest, and most in any `burst_per` seconds.

    With 1, requests are evenly spaced.  That suits a server that spaces them itself and does not
    tell, such as nginx's `limit_req` and haproxy's counters: no request is refused.  With more, the
    limiter learns the rate from refusals.
    """

    burst_per: float | None = None
    """Seconds; None: a sixth of `per`.

    With as many as `per`, and a `burst` of `requests`, no `per` seconds see more than `requests`.
    That suits a server with fixed windows that does not tell: 300 calls at 100 a minute take 120
    seconds, and none is refused.  It does not suit a server that counts any 60 seconds: an answer
    that takes long moves its window, and a refused call then waits for a whole one, so that the
    same calls take 180 seconds instead of 125.
    """

    def __attrs_post_init__(self) -> None:
        check_int("requests", self.requests, 1)
        check_int("burst", self.burst, 1)
        check_seconds("per", self.per)
        check_seconds("burst_per", self.burst_per, optional=True)
        most = self.burst * self.interval
        if self.burst_per is not None and self.burst_per > most:
            raise InvalidArgumentError(
                f"burst_per must be at most burst * per / requests, {most:g} seconds here, "
                f"not {self.burst_per:g}."
            )

    @classmethod
    def standard(cls) -> RateLimits:
        """Return 100 a minute with bursts of 150: the limits of an authenticated user."""
        return cls()

    @classmethod
    def unauthenticated(cls) -> RateLimits:
        """Return 20 a minute: the limits without a credential."""
        return cls(requests=20, burst=20)

    @classmethod
    def enterprise(cls) -> RateLimits:
        """Return 1000 a minute; the document names no burst for this tier, so none is added."""
        return cls(requests=1000, burst=1000)

    @property
    def interval(self) -> float:
        """Seconds in which one request is gained."""
        return self.per / self.requests

    @property
    def burst_window(self) -> float | None:
        """Seconds in which at most `burst` leave; None where the steady rate alone is higher."""
        window = self.per / 6 if self.burst_per is None else self.burst_per
        return window if self.burst * self.interval >= window else None


class Bucket:
    """Our own budget: a token bucket, and a window over its bursts.  Pure arithmetic.

    The bucket is kept as the time at which it will be full: one more request moves it on by the
    time in which one is gained.
    """

    __slots__ = ("_burst_window", "_full_at", "_interval", "_least", "_leaving", "limits")

    def __init__(self, limits: RateLimits) -> None:
        self.limits = limits
        self._interval = limits.interval
        self._burst_window = limits.burst_window
        # No reserve may slow the steady rate down.
        self._least = min(limits.burst, ceil((limits.burst_window or 0.0) / limits.interval))
        self._full_at = -inf
        self._leaving: deque[float] = deque(maxlen=limits.burst)

    def tokens(self, now: float) -> float:
        """Return how many requests could leave now, fractions included."""
        return self.limits.burst - max(0.0, self._full_at - now) / self._interval

    def wait(self, now: float, ahead: int = 0, reserve: int = 0) -> float:
        """Return the seconds until a request may leave.

        Args:
            now: The monotonic clock.
            ahead: How many leave before it.
            reserve: How many it leaves for others.
        """
        burst = self.limits.burst
        wait = self._full_at - now + (ahead + 1 + reserve - burst) * self._interval
        if self._burst_window is not None:
            most = burst - reserve
            most = max(most, self._least)
            if len(self._leaving) >= most:
                wait = max(wait, self._leaving[-most] + self._burst_window - now)
        return wait if wait > EPSILON else 0.0

    def take(self, now: float) -> None:
        """Count a request that leaves now; callers have waited."""
        full_at = self._full_at
        self._full_at = (full_at if full_at > now else now) + self._interval
        self._leaving.append(now)

    def give_back(self) -> None:
        """Take back the last `take`: its request never left."""
        self._full_at -= self._interval
        self._leaving.pop()

    def copy(self, now: float, at_most: float = inf) -> Bucket:
        """Return a bucket that goes its own way, with no more than so many tokens."""
        other = Bucket(self.limits)
        other._fill(now, min(self.tokens(now), at_most))
        other._leaving.extend(self._leaving)
        return other

    def resized(self, limits: RateLimits, now: float) -> Bucket:
        """Return a bucket for other limits in which as much is used up."""
        used = self.limits.burst - self.tokens(now)
        other = Bucket(limits)
        other._fill(now, max(0.0, limits.burst - used))
        other._leaving.extend(self._leaving)
        return other

    def _fill(self, now: float, tokens: float) -> None:
        self._full_at = now + (self.limits.burst - tokens) * self._interval
