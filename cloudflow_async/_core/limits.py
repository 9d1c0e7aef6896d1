"""The limits that the API document states, and our own budget that keeps to them.

The document gives two figures that disagree if both are windows: 100 requests a minute, and a
burst allowance of 150 in 10 seconds.  Our reading: a token bucket that holds 150 and gains 100 in
60 seconds, with at most 150 leaving in any 10 seconds.
"""

from __future__ import annotations

from collections import deque
from math import inf

import attrs

from .errors import InvalidArgumentError


@attrs.frozen(kw_only=True)
class RateLimits:
    """How many requests may leave (API document: Rate Limiting, Default Limits)."""

    requests: int = 100
    """Requests gained in `per` seconds."""

    per: float = 60.0
    """Seconds."""

    burst: int = 150
    """Most requests at once after a rest, and most in any sixth of `per`."""

    def __attrs_post_init__(self) -> None:
        if not (self.requests >= 1 and self.burst >= 1 and 0 < self.per < inf):
            raise InvalidArgumentError(
                "RateLimits needs requests >= 1, burst >= 1 and per > 0 seconds."
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
        window = self.per / 6
        return window if self.burst * self.interval >= window else None


class Bucket:
    """Our own budget: a token bucket, and a window over its bursts.  Pure arithmetic."""

    __slots__ = ("_burst_window", "_filled_at", "_leaving", "_tokens", "limits")

    def __init__(self, limits: RateLimits) -> None:
        self.limits = limits
        self._burst_window = limits.burst_window
        self._tokens = float(limits.burst)
        self._filled_at = 0.0
        self._leaving: deque[float] = deque(maxlen=limits.burst)

    def tokens(self, now: float) -> float:
        """Return how many requests could leave now, fractions included."""
        gained = (now - self._filled_at) / self.limits.interval
        if gained > 0:
            self._tokens = min(self.limits.burst, self._tokens + gained)
            self._filled_at = now
        return self._tokens

    def wait(self, now: float, ahead: int = 0) -> float:
        """Return the seconds until a request may leave that has `ahead` others before it."""
        wait = (ahead + 1 - self.tokens(now)) * self.limits.interval
        if self._burst_window is not None and len(self._leaving) == self.limits.burst:
            wait = max(wait, self._leaving[0] + self._burst_window - now)
        return max(0.0, wait)

    def take(self, now: float) -> None:
        """Count a request that leaves now; callers have waited."""
        self._tokens = self.tokens(now) - 1
        self._leaving.append(now)

    def give_back(self) -> None:
        """Take back the last `take`: its request never left."""
        self._tokens = min(self.limits.burst, self._tokens + 1)
        self._leaving.pop()

    def resized(self, limits: RateLimits, now: float) -> Bucket:
        """Return a bucket for other limits in which as much is used up."""
        used = self.limits.burst - self.tokens(now)
        other = Bucket(limits)
        other._tokens = max(0.0, limits.burst - used)
        other._filled_at = now
        other._leaving.extend(self._leaving)
        return other
