"""The interval between requests for a server that refuses and does not say what remains.

Theory.  A limiter such as `limit_req` of nginx, or a counter of haproxy, accepts a steady rate and
says nothing but "refused".  The rate is measured.  A *cycle* lasts from the first request that is
accepted after a refusal to the next such request.  A token bucket gains in that time exactly the
requests that it accepts, so cycle time divided by accepted requests is the interval to keep.
Cycles in which nothing was accepted say nothing.  Cycles that accepted many requests and waited for
most of the period look like a window: the next window may be used at once, so no interval is kept.

The measured interval can be too long: a server without a burst gains nothing beyond one request
while it is left alone.  As in TCP, the interval therefore shrinks by a fixed share with each
accepted request (slow start) down to a threshold near the interval that was refused last, and then
slowly and the faster the longer no refusal follows (congestion avoidance, with the plateau of
CUBIC).  Below the interval that was refused last without a refusal, the server accepts more than
before, for example because another client is done, and slow start begins again.  A refusal
lengthens the interval: a little when many requests were accepted before it, more when few were.
When the next request is refused too, the measured interval counts again, since a counter over a
period answers late.

An interval that did not limit the traffic says nothing about the server: requests farther apart
do not shrink it (RFC 7661).
"""

from __future__ import annotations

import math

from .limits import EPSILON

_FEW = 5
"""Accepted requests in a cycle; with fewer, the cycle is measured whatever its length."""

_WINDOW = 0.6
"""Share of the period; a longer cycle with many accepted requests is a window."""

_LONGEST_MEASURED = 1 / 64
"""Share of the period; a longer interval is reached by refusals only."""

_LONGEST = 1 / 8
"""Share of the period; the longest interval."""

_SHORTEST = 1 / 2**14
"""Share of the period; a shorter interval is no interval."""

_SLOW_START = 0.9
"""Factor for the interval after each request accepted in slow start."""

_AVOIDANCE = 5e-5
"""Share by which the interval shrinks in congestion avoidance, times the requests accepted in this
cycle."""

_AVOIDANCE_BY_TIME = 1.5
"""The same, times the time since the cycle began and times the interval, both as shares of the
period; the greater of the two counts."""

_BACK_OFF = 1.07
"""Factor for the interval after a refusal that follows many accepted requests."""

_FAR_BACK_OFF = 1.5
"""The same after few."""

_NEAR = 1.1
"""Slow start ends at so many times the interval that was refused last."""

_NEAR_MEASURED = 0.7
"""The same for the measured interval, which includes the time spent waiting."""

_BEYOND = 0.97
"""Slow start begins again below so many times the interval that was refused last."""


class Pacing:
    """Learns the interval from acceptances and refusals.  Pure arithmetic.

    Args:
        per: Seconds of the period in which the server is expected to count.
    """

    __slots__ = (
        "_accepted",
        "_began_at",
        "_is_limiting",
        "_per",
        "_refused",
        "_refused_at",
        "_refused_interval",
        "_sent_at",
        "_threshold",
        "interval",
    )

    def __init__(self, per: float) -> None:
        self.interval = 0.0
        """Seconds between two requests; 0: none."""
        self._per = per
        self._accepted = 0
        self._began_at = -math.inf
        self._refused = 0
        self._refused_at = -math.inf
        self._refused_interval = 0.0
        self._threshold = 0.0
        self._sent_at = -math.inf
        self._is_limiting = False

    def accept(self, now: float, *, is_late: bool = False) -> None:
        """Count a request that was accepted.

        Args:
            now: The monotonic clock.
            is_late: Whether it left before the last refusal was known.
        """
        if self._refused and not is_late:
            self._end_cycle(now)
        elif not self._accepted:
            self._began_at = now
        self._accepted += 1
        if self.interval and self._is_limiting:
            self.interval *= self._factor(now)
            if self.interval < self._per * _SHORTEST:
                self.interval = 0.0

    def refuse(self, now: float) -> None:
        """Count a refusal that is news."""
        self._refused += 1
        if self._refused == 1:
            self._refused_at = now
            if self.interval and self._is_limiting:
                self._back_off(now)
        elif self.interval and self._accepted:
            self._measure(now)

    def send(self, now: float) -> None:
        """Count a request that leaves now."""
        self._is_limiting = now - self._sent_at < 2 * self.interval
        self._sent_at = now

    def wait(self, now: float, tries: int = 0) -> float:
        """Return the seconds until a request may leave.

        Args:
            now: The monotonic clock.
            tries: How many times it was refused; it keeps as many intervals, so that it is not
                refused to the end.
        """
        wait = self._sent_at + self.interval * max(1, tries) - now
        return wait if wait > EPSILON else 0.0

    def _factor(self, now: float) -> float:
        if self.interval > self._threshold or self.interval < _BEYOND * self._refused_interval:
            return _SLOW_START
        lasted, interval = (now - self._began_at) / self._per, self.interval / self._per
        share = max(_AVOIDANCE * self._accepted, _AVOIDANCE_BY_TIME * lasted * interval)
        return max(_SLOW_START, 1 - share)

    def _back_off(self, now: float) -> None:
        refused, longer = self.interval, self.interval * _FAR_BACK_OFF
        if self._accepted >= _FEW:
            measured = (now - self._began_at) / self._accepted
            longer = max(refused * _BACK_OFF, min(measured, self._refused_interval))
        self._refused_interval = refused
        self._threshold = refused * _NEAR
        self.interval = min(longer, self._per * _LONGEST)

    def _end_cycle(self, now: float) -> None:
        waited_since = self._refused_at if self.interval else self._began_at
        is_window = now - waited_since >= self._per * _WINDOW
        if self._accepted >= _FEW and is_window:
            self.interval = self._threshold = self._refused_interval = 0.0
        elif self._accepted and self._says_more():
            self._measure(now)
        self._refused = self._accepted = 0
        self._began_at = now

    def _says_more(self) -> bool:
        return not self.interval or self._refused > 1 or self._accepted < _FEW

    def _measure(self, now: float) -> None:
        measured = min((now - self._began_at) / self._accepted, self._per * _LONGEST_MEASURED)
        if self._accepted >= _FEW and measured > self.interval:
            self._threshold = max(self._threshold, measured * _NEAR_MEASURED)
        self.interval = max(self.interval, measured)
