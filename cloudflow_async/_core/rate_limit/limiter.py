"""Send requests at the allowed rate, in the order in which callers asked for permits.

Theory.  Callers wait in one `WaitQueue`, ordered by priority and then by arrival.  The caller at
its front gets a permit when three conditions hold: our own budget allows it (`limits.Bucket`, and
aiolimiter's bucket as a ceiling that is asked last), the server's budget allows it
(`server_budget.ServerBudget`), and the number of requests under way is below its bound.  Only the
front of the queue is looked at, so callers keep their order and ten thousand of them need one
timer.  If a reserve blocks the front, the first caller of high priority is looked at as well.

A retry presents its earlier permit and keeps its position.  After the server has refused a request,
a retry lets requests pass that were not refused, until three times as many were accepted as the
retry had attempts.  If only retries wait, the one with the fewest attempts is sent, alone.

All times are those of `MonotonicClock`, which continues when one event loop follows another, so
that budget and pauses survive a second `asyncio.run`.

If the queue is empty and no limit applies, `acquire()` returns immediately.  All other decisions
are made in `_advance`.  It is synchronous, and runs when a caller joins or leaves the queue, when
an answer arrives, and when the timer fires.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from aiolimiter import AsyncLimiter

from cloudflow_async._core.errors import DeadlineExceededError
from cloudflow_async._core.messages import LimiterStatistics, RateLimitSeen, RateLimitStatus
from cloudflow_async._core.public import public
from cloudflow_async._core.support.validation import check_callable, check_int, check_kind

from .clock import MonotonicClock
from .forecast import forecast
from .limits import EPSILON, Bucket, Priority, RateLimits, check_priority
from .server_budget import ServerBudget
from .wait_queue import HIGH, Waiter, WaitQueue

_HIGHEST_LIMIT = 100_000
"""Requests a minute; an ``X-RateLimit-Limit`` above it is not believed."""

_SPARE = 0.001
"""Requests by which the ceiling is higher than our own bucket: both round in ways of their own."""


@public("cloudflow_async")
class Permit(NamedTuple):
    """Leave to send one request once; to be returned by `observe` or `release`."""

    number: int
    """Waiter in the line: smaller came earlier."""

    sent_at: float
    """When it was given, on the limiter's clock."""

    tries: int = 0
    """How many the request had before."""


@public("cloudflow_async")
class Limiter(Protocol):
    """Decides when a request may leave.

    The session asks for a permit before each attempt and returns each exactly once.
    """

    async def acquire(
        self,
        *,
        max_wait: float | None = None,
        again: Permit | None = None,
        priority: Priority = "normal",
    ) -> Permit:
        """Wait until one request may leave.

        Cancelling the wait gives the turn to the next in line.

        Args:
            max_wait: Most seconds to wait; 0 fails at once unless the way is free; None waits
                as long as it takes.
            again: The permit of the request's earlier attempt, whose place it keeps.
            priority: ``"high"`` passes ahead of ``"normal"``, and that ahead of ``"low"``, however
                long their line is.  Nobody starves: of any ten requests that leave, one at least
                is of the lower priority that somebody waits with, so that a caller with k others
                of its own priority before it leaves with the 10 (k + 1)th at the latest.

        Raises:
            InvalidArgumentError: The priority is none of the three.
            DeadlineExceededError: The wait is, or would be, longer than `max_wait`.
        """
        ...

    def observe(self, permit: Permit, seen: RateLimitSeen | None) -> None:
        """Return a permit with what the answer said; None when no answer came."""
        ...

    def release(self, permit: Permit) -> None:
        """Release an unused permit.  It does not count against the budget."""
        ...

    def forecast(self, requests: int) -> float:
        """Return the seconds until so many requests more have left.

        They are asked for now, with normal priority, behind all that already wait; nobody else is
        to come, and answers are taken to arrive at once.
        """
        ...

    def status(self) -> RateLimitStatus:
        """Return where things stand."""
        ...

    def statistics(self) -> LimiterStatistics:
        """Return counters."""
        ...


@public("cloudflow_async")
class LocalLimiter:
    """The limiter of one process.

    Args:
        limits: Requests a period, and burst.  None: those of an authenticated user, until
            the server's ``X-RateLimit-Limit`` tells of another tier.
        max_in_flight: Most requests under way at once.  The rest wait in line, where a pause
            still reaches them.
        reserve: Requests that only calls of high priority may use: the others leave while more
            than these are left in our budget and in what the server says.  Less than the limits'
            `requests` and `burst`; where the server's tier turns out to be smaller, all of it
            but one.  The steady rate stays the same, but for servers that count in windows, each
            of which then has so many less.  Calls of high priority that use up the whole rate
            keep the others waiting.
        chance: Returns 0 to 1: how much longer than told one waits where others use the key.

    One limiter may serve several clients of one event loop that share a key.  It belongs to the
    loop that uses it first; when that has ended, the next one goes on with the same budget.
    """

    def __init__(
        self,
        limits: RateLimits | None = None,
        *,
        max_in_flight: int = 100,
        reserve: int = 0,
        chance: Callable[[], float] = random.random,
    ) -> None:
        if limits is not None:
            check_kind("limits", limits, RateLimits, "RateLimits(...)")
        check_callable("chance", chance, "a callable that returns 0 to 1", arguments=0)
        self._learns = limits is None
        self._limits = limits or RateLimits.standard()
        check_int("max_in_flight", max_in_flight, 1)
        check_int("reserve", reserve, 0, min(self._limits.requests, self._limits.burst) - 1)
        self._reserve = self._held = reserve
        self._max_in_flight = max_in_flight
        self._numbers = itertools.count(1)
        self._line = WaitQueue()
        self._permits: set[Permit] = set()
        self._granted = 0
        self._waited = 0.0
        self._pauses = 0
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = math.inf
        self._clock = MonotonicClock()
        self._server = ServerBudget(self._limits.per, chance, self._limits.requests)
        self._bucket = Bucket(self._limits)
        self._ceiling = _new_ceiling(self._limits)

    def __repr__(self) -> str:
        return (
            f"<LocalLimiter {self._limits.requests}/{self._limits.per:g} s, "
            f"burst {self._limits.burst}: {self._line.waiting} waiting, "
            f"{self._server.in_flight} in flight>"
        )

    @property
    def limits(self) -> RateLimits:
        """The limits in force."""
        return self._limits

    async def acquire(
        self,
        *,
        max_wait: float | None = None,
        again: Permit | None = None,
        priority: Priority = "normal",
    ) -> Permit:
        """Wait until one request may leave; see `Limiter.acquire`."""
        if self._clock.bind():
            self._begin_anew()
        priority_class = check_priority(priority)
        number = next(self._numbers) if again is None else again.number
        tries = 0 if again is None else again.tries + 1
        now = self._clock.now()
        if not self._line.waiting and self._wait(now, priority_class) <= 0:
            self._take(now)
        else:
            if max_wait is not None:
                ahead = self._line.ahead(priority_class, again=again is not None)
                self._refuse_long_wait(now, max_wait, priority_class, ahead)
            await self._stand_in_line(self._line.join(number, priority_class, tries), max_wait)
        try:
            await self._ceiling.acquire()
        except BaseException:
            self._give_back()
            raise
        permit = Permit(number, self._clock.now(), tries)
        self._permits.add(permit)
        self._granted += 1
        return permit

    def observe(self, permit: Permit, seen: RateLimitSeen | None) -> None:
        """Return a permit; see `Limiter.observe`."""
        if permit not in self._permits:
            return
        self._permits.remove(permit)
        now = self._clock.now()
        if seen is None:
            self._server.lose()
        else:
            paused_until = self._server.paused_until
            self._server.observe(seen, permit.sent_at, now, time.time(), permit.tries)
            self._pauses += paused_until <= now < self._server.paused_until
            self._learn(now)
        self._advance()

    def release(self, permit: Permit) -> None:
        """Release an unused permit; see `Limiter.release`."""
        if permit in self._permits:
            self._permits.remove(permit)
            self._give_back()

    def forecast(self, requests: int) -> float:
        """Return the seconds until so many requests more have left; see `Limiter.forecast`.

        It comes within a few percent of a server that has a bucket or fixed windows, as soon as
        the first answers have told which.  What a sliding window gives back when, no answer says:
        there it may be one period too long, or too short.
        """
        now = self._clock.now()
        outlook = self._server.outlook(now, self._limits.burst)
        in_all = self._line.waiting + max(0, requests)
        if not in_all:
            return 0.0
        return forecast(self._bucket, outlook, in_all, self._held) - now

    def status(self) -> RateLimitStatus:
        """Return where things stand."""
        server, now = self._server, self._clock.now()
        own, told = max(0, int(self._bucket.tokens(now) + EPSILON)), server.remaining(now)
        return RateLimitStatus(
            limit=server.limit or self._limits.requests,
            remaining=own if told is None else min(own, told),
            reset_at=None if server.reset is None else datetime.fromtimestamp(server.reset, UTC),
            waiting=self._line.waiting,
            in_flight=server.in_flight,
            paused_for=max(0.0, server.paused_until - now),
        )

    def statistics(self) -> LimiterStatistics:
        """Return counters."""
        return {"granted": self._granted, "waited": self._waited, "pauses": self._pauses}

    def _begin_anew(self) -> None:
        """Forget those who waited, or were under way, on a loop that has ended."""
        self._server.forget_flights()
        self._permits.clear()
        self._line = WaitQueue()
        self._timer = None
        self._rings_at = math.inf
        self._ceiling = _new_ceiling(self._limits)

    async def _stand_in_line(self, place: Waiter, max_wait: float | None) -> None:
        self._advance()
        if place.served:
            return
        began_at = self._clock.now()
        place.turn = turn = asyncio.get_running_loop().create_future()
        try:
            if max_wait is None:
                await turn
            else:
                async with asyncio.timeout(max_wait):
                    await turn
        except BaseException as error:
            self._leave_line(place, turn)
            if isinstance(error, TimeoutError):
                raise _too_long(max_wait or 0.0, None) from None
            raise
        finally:
            self._waited += self._clock.now() - began_at

    def _leave_line(self, place: Waiter, turn: asyncio.Future[None]) -> None:
        if not self._clock.drives(turn):
            return
        if place.served:
            self._give_back()
            return
        self._line.leave(place)
        self._advance()

    def _refuse_long_wait(
        self, now: float, max_wait: float, priority_class: int, ahead: int
    ) -> None:
        reserve = 0 if priority_class == HIGH else self._held
        told = self._server.wait(now, reserve)
        own = self._bucket.wait(now, ahead, reserve)
        known = max(own, 0.0 if told == math.inf else told)
        must_wait = ahead > 0 or self._wait(now, priority_class) > 0
        if known > max_wait or (must_wait and max_wait <= 0):
            raise _too_long(max_wait, known or None)

    def _wait(self, now: float, priority_class: int, tries: int = 0) -> float:
        if self._server.in_flight >= self._max_in_flight:
            return math.inf
        reserve = 0 if priority_class == HIGH else self._held
        own, told = self._bucket.wait(now, 0, reserve), self._server.wait(now, reserve, tries)
        return own if own > told else told

    def _take(self, now: float) -> None:
        self._bucket.take(now)
        self._server.send(now)

    def _give_back(self) -> None:
        self._bucket.give_back()
        self._server.give_back()
        self._advance()

    def _advance(self) -> None:
        """Let the first in line leave while it may; set the timer for the next."""
        if not self._clock.is_running:
            return
        now = self._clock.now()
        while (place := self._line.first(most := self._server.most_tries(now))) is not None:
            goes_alone = place.tries > most and self._server.in_flight > 0
            wait = math.inf if goes_alone else self._wait(now, place.priority_class, place.tries)
            if wait > EPSILON and self._held and (high := self._line.first_high()) is not None:
                place, wait = high, self._wait(now, HIGH)
            if wait > EPSILON:
                self._ring(now + wait)
                return
            self._serve(place, now)
        self._ring(math.inf)

    def _serve(self, place: Waiter, now: float) -> None:
        self._take(now)
        self._line.serve(place)
        if place.turn is not None and not place.turn.done():
            place.turn.set_result(None)

    def _ring(self, at: float) -> None:
        if at == self._rings_at or abs(at - self._rings_at) <= EPSILON:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._clock.call_at(at, self._on_timer) if at < math.inf else None
        self._rings_at = at

    def _on_timer(self) -> None:
        self._timer = None
        self._rings_at = math.inf
        self._advance()

    def _learn(self, now: float) -> None:
        limit = self._server.limit
        if limit is None or not 1 <= limit <= _HIGHEST_LIMIT:
            return
        if self._learns and limit != self._limits.requests:
            self._limits = _limits_of_tier(limit)
            self._bucket = self._bucket.resized(self._limits, now)
            self._ceiling = _new_ceiling(self._limits)
        self._held = min(self._reserve, limit - 1, self._limits.requests - 1)


def _limits_of_tier(requests: int) -> RateLimits:
    # The document names a burst beyond the minute's budget for 100 a minute only.
    standard = RateLimits.standard()
    return (
        standard if requests == standard.requests else RateLimits(requests=requests, burst=requests)
    )


def _new_ceiling(limits: RateLimits) -> AsyncLimiter:
    capacity = limits.burst + _SPARE
    return AsyncLimiter(capacity, capacity * limits.interval)


def _too_long(max_wait: float, known: float | None) -> DeadlineExceededError:
    if known is None:
        return DeadlineExceededError(
            f"The rate limit left no room within {max_wait:.3g} seconds; nothing was sent."
        )
    return DeadlineExceededError(
        f"The rate limit asks to wait {known:.3g} seconds, and {max_wait:.3g} are allowed; "
        "nothing was sent.",
        retry_after=known,
    )
