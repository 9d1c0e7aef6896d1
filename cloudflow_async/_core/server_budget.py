"""What the server lets us send, as far as its answers tell.

Theory.  An answer says how much of the budget was left when the server counted it.  Requests that
are still under way may or may not be in that figure, so each of them is taken off: what may leave
is *remaining less in flight*.  Of two answers whose requests were under way together nobody
knows which was counted first, so the smaller figure stands; a request that left after an answer
had arrived was certainly counted later, so its answer replaces the older one.

Nothing is known before the first answer, and after a reset: then only a handful goes out until an
answer comes.  After a budget that ran out it is one, since a sliding limit may have freed just one.
An answer with room in it that was slower than its own reset, as a bucket's often is, still holds
for as long as it took to come.

A 429 pauses everybody once, and then one request asks how things stand.  When the 429 does not
say for how long, or one after the other says too little, the pauses grow; but those that are
guessed do not go past the moment at which a window that began with our first request must have
ended: that request was counted before its answer came.

A time that cannot be is passed over: a reset that had gone by before the request left, or one
more than two periods ahead.
"""

from __future__ import annotations

import math

from .messages import RateLimitSeen
from .server_clock import ServerClock
from .wire import RELATIVE_RESET

HANDFUL = 5
"""Requests that go out before anything is known: a process before us may have spent the minute."""

LONGEST_PAUSE = 120.0
"""Seconds; no header stops the traffic for longer."""

_ROUNDING = 2.0
"""Seconds by which a reset may lie too early: it has whole seconds, and so has ``Date``."""

_FIRST_GUESS = 1 / 6
"""Share of the period that the first pause lasts when a 429 names none.  Doubling, three fill the
period, so that a call which is refused all the way has an attempt left."""

_FIRST_DOUBT = 1 / 512
"""Share of the period that the first pause lasts at least, whatever the 429 names."""


class ServerBudget:
    """Remaining, reset and pauses, from the server's answers.  Pure arithmetic."""

    __slots__ = (
        "_allowance",
        "_answered_at",
        "_began_at",
        "_clock",
        "_per",
        "_refusals",
        "_remaining",
        "_reset_at",
        "in_flight",
        "limit",
        "paused_until",
        "reset",
    )

    def __init__(self, per: float) -> None:
        self.in_flight = 0
        self.limit: int | None = None
        self.reset: float | None = None
        self.paused_until = -math.inf
        self._per = per
        self._clock = ServerClock()
        self._remaining: int | None = None
        self._reset_at = math.inf
        self._allowance = HANDFUL
        self._answered_at = -math.inf
        self._began_at = -math.inf
        self._refusals = 0

    def remaining(self, now: float) -> int | None:
        """Return how many requests the server would still take; None when unknown."""
        self._expire(now)
        return None if self._remaining is None else max(0, self._remaining - self.in_flight)

    def wait(self, now: float) -> float:
        """Return the seconds until a request may leave; infinity: when an answer has come."""
        if now < self.paused_until:
            return self.paused_until - now
        self._expire(now)
        if self._remaining is None:
            return 0.0 if self.in_flight < self._allowance else math.inf
        return 0.0 if self._remaining > self.in_flight else self._reset_at - now

    def send(self) -> None:
        """Count a request that leaves now."""
        self.in_flight += 1

    def give_back(self) -> None:
        """Take back a `send`: its request never left."""
        self.in_flight -= 1

    def lose(self) -> None:
        """Count a request to which no answer came; the server may have counted it."""
        self.in_flight -= 1
        if self._remaining is not None:
            self._remaining -= 1

    def observe(self, seen: RateLimitSeen, sent_at: float, now: float, wall: float) -> None:
        """Take in an answer.

        Args:
            seen: What its headers, and the body of a 429, say.
            sent_at: When its request left, on the monotonic clock.
            now: The monotonic clock.
            wall: Our wall clock, for a server that sends no ``Date``.
        """
        self.in_flight -= 1
        if seen.date is not None:
            self._clock.observe(seen.date, sent_at, now)
        if seen.limit is not None:
            self.limit = seen.limit
        reset_at = self._local_reset(seen, sent_at, now, wall)
        if seen.throttled:
            self._pause(seen.retry_after, reset_at, sent_at, now)
            return
        self._begin(sent_at, now)
        if seen.remaining is None:
            self._grow()
        else:
            self._note(seen.remaining, reset_at, sent_at, now)

    def forget_flights(self) -> None:
        """Forget what is under way: its event loop has ended."""
        self.in_flight = 0

    def _note(self, remaining: int, reset_at: float | None, sent_at: float, now: float) -> None:
        # Equal times are those of a request that left because of that answer.
        counted_later = sent_at >= self._answered_at
        self._answered_at = now
        if not counted_later and (self._remaining is None or self._remaining <= remaining):
            return
        self._remaining = remaining
        if reset_at is None:
            reset_at = now + self._per * (1 if remaining else _FIRST_GUESS)
        if remaining:
            reset_at = max(reset_at, 2 * now - sent_at)
        self._reset_at = reset_at

    def _grow(self) -> None:
        # A server without these headers gets the doubling of TCP's slow start.
        self._allowance += 1
        if self._remaining is not None:
            self._remaining -= 1

    def _begin(self, sent_at: float, now: float) -> None:
        if sent_at < self.paused_until:
            return
        if self._refusals or sent_at >= self._began_at + self._per:
            self._refusals = 0
            self._began_at = now

    def _expire(self, now: float) -> None:
        if self._remaining is not None and now >= self._reset_at:
            self._forget(max(1, min(self._remaining, HANDFUL)))

    def _forget(self, allowance: int) -> None:
        self._remaining = None
        self._reset_at = math.inf
        self._allowance = allowance

    def _local_reset(
        self, seen: RateLimitSeen, sent_at: float, now: float, wall: float
    ) -> float | None:
        if seen.reset is None:
            return None
        if seen.reset < RELATIVE_RESET:
            unix, reset_at = wall + seen.reset, now + seen.reset
        else:
            unix, reset_at = seen.reset, self._clock.local(seen.reset, now, wall)
        if not sent_at - _ROUNDING <= reset_at <= now + 2 * self._per:
            return None
        self.reset = unix
        return min(reset_at, now + self._per)

    def _pause(
        self, asked: float | None, reset_at: float | None, sent_at: float, now: float
    ) -> None:
        # Those that were under way when the pause began are refused as well: that is no news.
        is_news = sent_at >= self.paused_until
        if asked is not None:
            until = now + max(min(asked, LONGEST_PAUSE), self._doubling(_FIRST_DOUBT))
        elif reset_at is not None and reset_at > now:
            until = reset_at
        else:
            until = self._guess(now) if is_news else now
        self._refusals += is_news
        self.paused_until = max(self.paused_until, until)
        self._forget(1)

    def _guess(self, now: float) -> float:
        until = now + self._doubling(_FIRST_GUESS)
        window_ends_at = self._began_at + self._per
        return min(until, window_ends_at) if now < window_ends_at else until

    def _doubling(self, first: float) -> float:
        return self._per * min(1.0, first * 2.0 ** min(self._refusals, 10))
