"""What the server lets us send, as far as its answers tell.

Theory.  An answer says how much of the budget was left when the server counted it.  Requests that
are still under way may or may not be in that figure, so each of them is taken off: what may leave
is *remaining less in flight*.  Of two answers whose requests were under way together nobody
knows which was counted first, so the smaller figure stands; a request that left after an answer
had arrived was certainly counted later, so its answer replaces the older one.  As another process
may use the same key, no more than a quarter of what remains is under way at once, if that is many;
for a while after a refusal it is an eighth, and of a bucket the last few are left (`contention`).

Nothing is known before the first answer, and after a reset: then only a handful goes out until an
answer comes.  After a budget that ran out it is one, since a sliding limit may have freed just one.
An answer with room in it that was slower than its own reset, as a bucket's often is, still holds
for as long as it took to come.

A 429 pauses everybody once, and then one request asks how things stand.  When the 429 does not
say for how long, or one after the other says too little, the pauses grow; but those that are
guessed do not go past the moment at which a window that began with our first request must have
ended: that request was counted before its answer came.  The first guess is short, since a server
may accept a request every few milliseconds and say nothing (see `pacing`); after a recovery it is
a share of what that recovery took.

A 503 without a word about the limit is a refusal as well: nginx answers so unless it is told
otherwise.  Its pauses are short, and many in a row are an outage, which retries deal with.

What is held back for others (a reserve) is compared with the same figure.  Where a bucket refills
while only the reserve is in the way, the figure grows as the bucket does, or its users would wait
for the whole of it to fill.

A time that cannot be is passed over: a reset that had gone by before the request left, or one
more than two periods ahead.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import attrs

from cloudflow_async._core.http.rate_limit_headers import RELATIVE_RESET
from cloudflow_async._core.messages import RateLimitSeen

from .contention import Contention
from .limit_kind import LimitKind
from .limits import EPSILON
from .pacing import Pacing
from .server_clock import ServerClock

INITIAL_WINDOW = 5
"""Requests that go out before anything is known: a process before us may have spent the minute."""

_SLOW_START_THRESHOLD = 20
"""Requests under way that are not many where answers tell what remains: should all of them be
refused together, retries can pay for it."""

_PACED = 10
"""Most requests under way while an interval is kept between them."""

_SHARE = 8
"""Part of what remains that is under way at once while others are about."""

_LEFT = 3
"""Requests that are left to others of a bucket, so that they find it empty less often."""

_PLENTY = 5
"""Requests that remain; with more, no gap is kept."""

LONGEST_PAUSE = 120.0
"""Seconds; no header stops the traffic for longer, but for what `contention` adds by chance."""

_ROUNDING = 2.0
"""Seconds by which a reset may lie too early: it has whole seconds, and so has ``Date``."""

_PROBES = (1 / 512, 1 / 200, 1 / 57, 1 / 26, 1 / 12, 1 / 5.8, 1 / 4.6, 1 / 3.5, 1 / 2, 1.0)
"""Shares of the period after the first refusal at which one request asks again when a 429 does not
say when.  Some lie just after the periods that limiters commonly have: 1, 10, 30 and 60 seconds."""

_PROBES_BY_TRIES = (0.0, 1 / 10, 1 / 3, 0.9)
"""Shares of the period before which a request that was refused 0, 1, 2, 3 times or more is not the
one that asks, if nothing was accepted since: five attempts outlast a window."""

_PER_TRY = 3
"""Requests to be accepted after a refusal for each attempt of the one that goes next, so that the
last attempts are not those that find out how things stand."""

_PROBE_OF_WINDOW = 1 / 6
"""Share of the period before which nobody asks if the server has accepted as many as it is expected
to accept in a period: that is a window."""

_LAST_RECOVERY = 1 / 4
"""Share of the time that the last recovery took; the next probes begin after it."""

_NEXT_PROBE = 1.1
"""A probe is at least so many times as late as the one before."""

_LATER, _LATER_PACED = 1 / 8, 1 / 4
"""Share of a guessed pause by which chance makes it longer at most; the latter while an interval
is kept."""

_FIRST_DOUBT = 1 / 512
"""Share of the period that the first pause lasts at least, whatever the 429 names."""

_UNTOLD_RESET = 1 / 6
"""Share of the period after which nothing is known any more, if answers say that nothing remains
and not when that changes."""

_OUTAGE = 5
"""Answers with status 503 in a row that are no refusals any more, but an outage."""

_LONGEST_OVERLOAD = 1 / 12
"""Share of the period that a 503 pauses everybody at most."""


@attrs.frozen(kw_only=True)
class Outlook:
    """How the server's budget will come back, if nobody else uses it."""

    begins_at: float
    """When a pause is over."""

    each: int | None
    """Requests a period; None: not known."""

    tokens: float = math.inf
    """What its bucket holds now, if it has one."""

    left: float = math.inf
    """What is left of the window, if it has windows."""

    renews_at: float = math.inf
    """When there are `each` in a window again, and then once in each period."""


class ServerBudget:
    """Remaining, reset and pauses, from the server's answers.  Pure arithmetic.

    Args:
        per: Seconds of the period in which the server is expected to count.
        chance: Returns 0 to 1.
        expected: Requests that it is expected to accept in a period.
    """

    __slots__ = (
        "_allowance",
        "_answered_at",
        "_began_at",
        "_clock",
        "_expected",
        "_first_probe",
        "_noted_at",
        "_pacing",
        "_per",
        "_refusals",
        "_refused_at",
        "_remaining",
        "_reset_at",
        "_shape",
        "_threshold",
        "_window_ends_at",
        "contention",
        "in_flight",
        "limit",
        "paused_until",
        "reset",
    )

    def __init__(
        self, per: float, chance: Callable[[], float] = random.random, expected: float = math.inf
    ) -> None:
        self.in_flight = 0
        self.limit: int | None = None
        self.reset: float | None = None
        self.paused_until = -math.inf
        self.contention = Contention(per, chance)
        self._per = per
        self._expected = expected
        self._clock = ServerClock()
        self._remaining: int | None = None
        self._noted_at = -math.inf
        self._reset_at = math.inf
        self._window_ends_at: float | None = None
        self._shape = LimitKind()
        self._allowance: float = INITIAL_WINDOW
        self._threshold: float = INITIAL_WINDOW
        self._answered_at = -math.inf
        self._began_at = -math.inf
        self._refusals = 0
        self._refused_at = -math.inf
        self._first_probe = 0.0
        self._pacing = Pacing(per)

    def remaining(self, now: float) -> int | None:
        """Return how many requests the server would still take; None when unknown."""
        self._expire(now)
        return None if self._remaining is None else max(0, self._remaining - self.in_flight)

    def wait(self, now: float, reserve: int = 0, tries: int = 0) -> float:
        """Return the seconds until a request may leave; infinity: when an answer has come.

        Args:
            now: The monotonic clock.
            reserve: How many it leaves for others.
            tries: How many attempts it had before.
        """
        # A timer may ring a trifle early; a trifle of a wait would let everybody leave.
        if now < self.paused_until - EPSILON:
            return self.paused_until - now
        if (gap := self.contention.wait(now)) and (self._remaining or 0) <= _PLENTY:
            return gap
        if self._pacing.interval and (interval := self._pacing.wait(now, tries)):
            return interval
        if self._remaining is None or now >= self._reset_at - EPSILON:
            self._expire(now)
            return 0.0 if self.in_flight < self._most_unknown(reserve) else math.inf
        if self._shape.refills and self.contention.suspected(now):
            reserve += _LEFT
        lacking = self.in_flight + 1 + reserve - self._remaining
        if lacking <= 0:
            return 0.0 if self.in_flight < self._most_known(now) else math.inf
        wait = self._reset_at - now
        if reserve and self._shape.refills:
            wait = min(wait, max(0.0, self._noted_at + lacking * self._interval - now))
        return wait

    def outlook(self, now: float, size: int) -> Outlook:
        """Return what is to be expected of a server that, if it has a bucket, has one of `size`."""
        self._expire(now)
        begins_at, each = max(now, self.paused_until), self.limit or None
        if each is None:
            return Outlook(begins_at=begins_at, each=None)
        left = None if self._remaining is None else self._remaining - self.in_flight
        if self._shape.is_like(size, self._interval):
            gained = (now - self._noted_at) / self._interval
            tokens = math.inf if left is None else left + gained
            return Outlook(begins_at=begins_at, each=each, tokens=tokens)
        if left is None:
            left, renews_at = each - self.in_flight, self._next_window(begins_at)
        else:
            renews_at = self._reset_at
        return Outlook(begins_at=begins_at, each=each, left=left, renews_at=renews_at)

    def most_tries(self, now: float) -> float:
        """Return how many attempts a request may have had that goes before fresh ones."""
        return self.contention.accepted / _PER_TRY if self.contention.suspected(now) else math.inf

    def send(self, now: float) -> None:
        """Count a request that leaves now."""
        self.in_flight += 1
        self.contention.send(now)
        self._pacing.send(now)

    def give_back(self) -> None:
        """Take back a `send`: its request never left."""
        self.in_flight -= 1

    def lose(self) -> None:
        """Count a request to which no answer came; the server may have counted it."""
        self.in_flight -= 1
        if self._remaining is not None:
            self._remaining -= 1

    def observe(
        self, seen: RateLimitSeen, sent_at: float, now: float, wall: float, tries: int = 0
    ) -> None:
        """Take in an answer.

        Args:
            seen: What its headers, and the body of a 429, say.
            sent_at: When its request left, on the monotonic clock.
            now: The monotonic clock.
            wall: Our wall clock, for a server that sends no ``Date``.
            tries: How many attempts the request had before.
        """
        self.in_flight -= 1
        if seen.date is not None:
            self._clock.observe(seen.date, sent_at, now)
        if seen.limit is not None and seen.window in {None, self._per}:
            self.limit = seen.limit
        reset_at = self._local_reset(seen, sent_at, now, wall)
        if reset_at is not None:
            self._compare(seen, reset_at, now)
            self._window_ends_at = reset_at = min(reset_at, now + self._per)
        if seen.throttled:
            self._pause(seen.retry_after, reset_at, sent_at, now, tries)
            return
        if seen.overloaded and seen.remaining is None:
            self._overload(sent_at, now)
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
        is_news = self._remaining != remaining
        self._remaining = remaining
        self._noted_at = now
        self.contention.learn()
        if reset_at is None:
            reset_at = now + self._per * (1 if remaining else _UNTOLD_RESET)
        if remaining:
            self._reset_at = max(reset_at, 2 * now - sent_at)
        elif is_news:
            self._reset_at = reset_at + self.contention.delay(now)
        else:
            self._reset_at = max(reset_at, self._reset_at)

    def _grow(self) -> None:
        # A server without these headers gets TCP's slow start, and its congestion avoidance.
        if self._pacing.interval:
            self._allowance = min(self._allowance + 1, _PACED)
        else:
            self._allowance += 1 if self._allowance < self._threshold else 1 / self._allowance
        if self._remaining is not None:
            self._remaining -= 1

    def _begin(self, sent_at: float, now: float) -> None:
        is_late = sent_at < self.paused_until - EPSILON
        self._pacing.accept(now, is_late=is_late)
        if is_late:
            return
        self.contention.accept()
        if self._refusals:
            lasted = min(1.0, (now - self._refused_at) / self._per)
            self._first_probe = _LAST_RECOVERY * lasted
        if self._refusals or sent_at >= self._began_at + self._per:
            self._refusals = 0
            self._began_at = now

    def _expire(self, now: float) -> None:
        if self._remaining is not None and now >= self._reset_at - EPSILON:
            self._forget(max(1, min(self._remaining, INITIAL_WINDOW)))

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
        return reset_at

    def _compare(self, seen: RateLimitSeen, reset_at: float, now: float) -> None:
        if seen.remaining and not seen.throttled:
            self._shape.observe(seen.remaining, reset_at - now, self._interval)

    def _next_window(self, at: float) -> float:
        if self._window_ends_at is None or at == self.paused_until:
            return at + self._per
        return self._window_ends_at + self._per * math.ceil((at - self._window_ends_at) / self._per)

    def _most_unknown(self, reserve: int) -> float:
        if not reserve or self.limit is None:
            return self._allowance
        return min(self._allowance, max(1, self.limit - reserve))

    def _most_known(self, now: float) -> float:
        remaining = self._remaining or 0
        if self.contention.suspected(now):
            return max(1, remaining / _SHARE)
        return max(_SLOW_START_THRESHOLD, remaining / 4)

    @property
    def _interval(self) -> float:
        return self._per / (self.limit or 1)

    def _pause(
        self, asked: float | None, reset_at: float | None, sent_at: float, now: float, tries: int
    ) -> None:
        # Those that were under way when the pause began are refused as well: that is no news.
        is_news = sent_at >= self.paused_until - EPSILON
        if is_news and not self._refusals:
            self._refused_at = now
        if asked is not None:
            least = max(self._per * _FIRST_DOUBT, self._pacing.interval)
            until = now + max(min(asked, LONGEST_PAUSE), self._doubling(least, tries))
        elif reset_at is not None and reset_at > now:
            until = reset_at
        elif is_news:
            until = self._guess(now, tries)
        else:
            until = now
        if is_news:
            until = self._refuse(until, now, guessed=asked is None and reset_at is None)
        self._pause_until(until)

    def _overload(self, sent_at: float, now: float) -> None:
        if self._refusals >= _OUTAGE:
            self._grow()
        elif sent_at >= self.paused_until - EPSILON:
            if not self._refusals:
                self._refused_at = now
            until = min(self._guess(now, 0), now + self._per * _LONGEST_OVERLOAD)
            self._pause_until(self._refuse(until, now, guessed=True))

    def _refuse(self, until: float, now: float, *, guessed: bool) -> float:
        if self.contention.accepted:
            self._threshold = max(1, min(self._allowance / 2, self.contention.accepted / 4))
        self.contention.refuse(now, guessed=guessed)
        later = self.contention.delay(now, self._refusals)
        if guessed:
            share = _LATER_PACED if self._pacing.interval else _LATER
            later = min(later, (until - now) * share)
        if guessed or not self.contention.told:
            self._pacing.refuse(now)
        self._refusals += 1
        return until + later

    def _pause_until(self, until: float) -> None:
        self.paused_until = max(self.paused_until, until)
        self._forget(1)

    def _guess(self, now: float, tries: int) -> float:
        if interval := self._pacing.interval:
            until = now + self._doubling(interval, tries)
        else:
            until = self._next_probe(now, tries)
        window_ends_at = self._began_at + self._per
        return min(until, window_ends_at) if now < window_ends_at else until

    def _next_probe(self, now: float, tries: int) -> float:
        least = max(_NEXT_PROBE * (now - self._refused_at) / self._per, self._first_probe)
        if self.contention.accepted >= self._expected:
            least = max(least, _PROBE_OF_WINDOW)
        if tries <= self._refusals:
            least = max(least, _PROBES_BY_TRIES[min(tries, len(_PROBES_BY_TRIES) - 1)])
        share = next((share for share in _PROBES if share > least), None)
        return now + self._per if share is None else self._refused_at + share * self._per

    def _doubling(self, first: float, tries: int) -> float:
        doublings = self._refusals
        if 1 <= tries <= self._refusals:
            doublings = max(doublings, tries + 2)
        return min(self._per, first * 2.0 ** min(doublings, 10))
