"""Let requests leave one after another, in the order in which they asked, at the allowed rate.

Theory.  Callers stand in one line.  The first of it leaves when three agree: our own budget
(`limits.Bucket`, and aiolimiter's bucket as the ceiling that is asked last), what the server said
(`server_budget.ServerBudget`), and the number of requests under way.  Nobody else is looked at, so
nobody is overtaken, and ten thousand callers cost one timer.  A caller that tries again shows its
earlier permit and stands where it stood.

All times are those of `_Clock`, which goes on when one event loop follows another, so that budget
and pauses survive a second `asyncio.run`.

Who finds nobody in line and the way free leaves at once.  All other decisions are made in
`_advance`, which is synchronous: it runs when somebody joins or leaves the line, when an answer
comes, and when the timer rings.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

import attrs
from aiolimiter import AsyncLimiter

from .errors import DeadlineExceededError, InvalidArgumentError, WrongLoopError
from .limits import Bucket, RateLimits
from .messages import RateLimitSeen, RateLimitStatus
from .server_budget import ServerBudget

_DUST = 1e-6
"""Seconds that a timer may ring early, by rounding."""

_HIGHEST_LIMIT = 100_000
"""Requests a minute; an ``X-RateLimit-Limit`` above it is not believed."""

_SPARE = 0.001
"""Requests by which the ceiling is higher than our own bucket: both round in ways of their own."""


@attrs.frozen(kw_only=True)
class Permit:
    """Leave to send one request once; to be returned by `observe` or `release`."""

    number: int
    """Place in the line: smaller came earlier."""

    sent_at: float
    """When it was given, on the limiter's clock."""


class Limiter(Protocol):
    """Decides when a request may leave.

    The session asks for a permit before each attempt and returns each exactly once.
    """

    async def acquire(
        self, *, max_wait: float | None = None, again: Permit | None = None
    ) -> Permit:
        """Wait until one request may leave.

        Cancelling the wait gives the turn to the next in line.

        Args:
            max_wait: Most seconds to wait; 0 fails at once unless the way is free; None waits
                as long as it takes.
            again: The permit of the request's earlier attempt, whose place it keeps.

        Raises:
            DeadlineExceededError: The wait is, or would be, longer than `max_wait`.
        """
        ...

    def observe(self, permit: Permit, seen: RateLimitSeen | None) -> None:
        """Return a permit with what the answer said; None when no answer came."""
        ...

    def release(self, permit: Permit) -> None:
        """Return a permit that was not used: nothing was sent, so it costs nothing."""
        ...

    def status(self) -> RateLimitStatus:
        """Return where things stand."""
        ...


@attrs.define(eq=False)
class _Waiter:
    """One caller in the line."""

    number: int
    turn: asyncio.Future[None]

    def __lt__(self, other: _Waiter) -> bool:
        return self.number < other.number


class _Clock:
    """The clock of the event loop in use; when another loop follows, it goes on from there."""

    __slots__ = ("_last", "_loop", "_shift")

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._shift = 0.0
        self._last = 0.0

    def bind(self) -> bool:
        """Go with the running event loop; return whether it is another one than before."""
        loop = asyncio.get_running_loop()
        if loop is self._loop:
            return False
        if self.is_running:
            raise WrongLoopError(
                f"This limiter is in use on {self._loop!r} and cannot be used on {loop!r}; "
                "use one limiter for each event loop."
            )
        self._loop = loop
        # A second loop may count from another beginning, as that of a test does.
        self._shift = max(0.0, self._last - loop.time())
        return True

    @property
    def is_running(self) -> bool:
        """Whether there is a loop, and it has not ended."""
        return self._loop is not None and not self._loop.is_closed()

    def drives(self, future: asyncio.Future[None]) -> bool:
        """Return whether a future belongs to the loop in use, and that still runs."""
        return future.get_loop() is self._loop and self.is_running

    def now(self) -> float:
        """Return the time in seconds; it stands still while there is no loop."""
        if self._loop is not None and not self._loop.is_closed():
            self._last = self._loop.time() + self._shift
        return self._last

    def call_at(self, at: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """Call back at a time of this clock."""
        return asyncio.get_running_loop().call_at(at - self._shift, callback)


class LocalLimiter:
    """The limiter of one process.

    Args:
        limits: Requests a period, and burst.  None: those of an authenticated user, until
            the server's ``X-RateLimit-Limit`` tells of another tier.
        max_in_flight: Most requests under way at once.  The rest wait in line, where a pause
            still reaches them.

    One limiter may serve several clients of one event loop that share a key.  It belongs to the
    loop that uses it first; when that has ended, the next one goes on with the same budget.
    """

    def __init__(self, limits: RateLimits | None = None, *, max_in_flight: int = 20) -> None:
        if max_in_flight < 1:
            raise InvalidArgumentError("max_in_flight must be >= 1.")
        self._learns = limits is None
        self._limits = limits or RateLimits.standard()
        self._max_in_flight = max_in_flight
        self._numbers = itertools.count(1)
        self._line: list[_Waiter] = []
        self._waiting = 0
        self._permits: set[Permit] = set()
        self._granted = 0
        self._waited = 0.0
        self._pauses = 0
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = math.inf
        self._clock = _Clock()
        self._server = ServerBudget(self._limits.per)
        self._bucket = Bucket(self._limits)
        self._ceiling = _new_ceiling(self._limits)

    def __repr__(self) -> str:
        return (
            f"<LocalLimiter {self._limits.requests}/{self._limits.per:g} s, "
            f"burst {self._limits.burst}: {self._waiting} waiting, "
            f"{self._server.in_flight} in flight>"
        )

    @property
    def limits(self) -> RateLimits:
        """The limits in force."""
        return self._limits

    async def acquire(
        self, *, max_wait: float | None = None, again: Permit | None = None
    ) -> Permit:
        """Wait until one request may leave; see `Limiter.acquire`."""
        if self._clock.bind():
            self._begin_anew()
        number = next(self._numbers) if again is None else again.number
        now = self._clock.now()
        if not self._waiting and self._wait(now) <= 0:
            self._take(now)
        else:
            # Those who came before a request that tries again are not counted: there are few.
            self._refuse_long_wait(now, max_wait, ahead=self._waiting if again is None else 0)
            await self._stand_in_line(number, max_wait)
        return await self._ask_ceiling(number)

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
            self._server.observe(seen, permit.sent_at, now, time.time())
            self._pauses += seen.throttled and paused_until <= now < self._server.paused_until
            self._learn(now)
        self._advance()

    def release(self, permit: Permit) -> None:
        """Return a permit that was not used; see `Limiter.release`."""
        if permit in self._permits:
            self._permits.remove(permit)
            self._give_back()

    def status(self) -> RateLimitStatus:
        """Return where things stand."""
        server, now = self._server, self._clock.now()
        own, told = max(0, int(self._bucket.tokens(now))), server.remaining(now)
        return RateLimitStatus(
            limit=server.limit or self._limits.requests,
            remaining=own if told is None else min(own, told),
            reset_at=None if server.reset is None else datetime.fromtimestamp(server.reset, UTC),
            waiting=self._waiting,
            in_flight=server.in_flight,
            paused_for=max(0.0, server.paused_until - now),
        )

    def statistics(self) -> dict[str, float]:
        """Return counters: permits granted, seconds waited by all callers, pauses by 429."""
        return {"granted": self._granted, "waited": self._waited, "pauses": self._pauses}

    def _begin_anew(self) -> None:
        """Forget those who waited, or were under way, on a loop that has ended."""
        self._server.forget_flights()
        self._permits.clear()
        self._line.clear()
        self._waiting = 0
        self._timer = None
        self._rings_at = math.inf
        self._ceiling = _new_ceiling(self._limits)

    async def _stand_in_line(self, number: int, max_wait: float | None) -> None:
        waiter = _Waiter(number, asyncio.get_running_loop().create_future())
        heapq.heappush(self._line, waiter)
        self._waiting += 1
        self._advance()
        began_at = self._clock.now()
        try:
            async with asyncio.timeout(max_wait):
                await waiter.turn
        except BaseException as error:
            self._leave_line(waiter)
            if isinstance(error, TimeoutError):
                raise _too_long(max_wait or 0.0, None) from None
            raise
        finally:
            self._waited += self._clock.now() - began_at

    def _leave_line(self, waiter: _Waiter) -> None:
        if not self._clock.drives(waiter.turn):
            return
        if waiter.turn.done() and not waiter.turn.cancelled():
            self._give_back()
            return
        waiter.turn.cancel()
        self._waiting -= 1
        if len(self._line) > 2 * self._waiting + 64:
            self._line = [other for other in self._line if not other.turn.done()]
            heapq.heapify(self._line)
        self._advance()

    async def _ask_ceiling(self, number: int) -> Permit:
        try:
            await self._ceiling.acquire()
        except BaseException:
            self._give_back()
            raise
        permit = Permit(number=number, sent_at=self._clock.now())
        self._permits.add(permit)
        self._granted += 1
        return permit

    def _refuse_long_wait(self, now: float, max_wait: float | None, ahead: int) -> None:
        if max_wait is None:
            return
        told = self._server.wait(now)
        known = max(self._bucket.wait(now, ahead), 0.0 if told == math.inf else told)
        if known > max_wait or max_wait <= 0:
            raise _too_long(max_wait, known or None)

    def _wait(self, now: float) -> float:
        if self._server.in_flight >= self._max_in_flight:
            return math.inf
        return max(self._bucket.wait(now), self._server.wait(now))

    def _take(self, now: float) -> None:
        self._bucket.take(now)
        self._server.send()

    def _give_back(self) -> None:
        self._bucket.give_back()
        self._server.give_back()
        self._advance()

    def _advance(self) -> None:
        """Let the first in line leave while it may; set the timer for the next."""
        if not self._clock.is_running:
            return
        now = self._clock.now()
        while self._line:
            if self._line[0].turn.done():
                heapq.heappop(self._line)
                continue
            wait = self._wait(now)
            if wait > _DUST:
                self._ring(now + wait)
                return
            self._take(now)
            self._waiting -= 1
            heapq.heappop(self._line).turn.set_result(None)
        self._ring(math.inf)

    def _ring(self, at: float) -> None:
        if at == self._rings_at or abs(at - self._rings_at) <= _DUST:
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
        if not self._learns or limit is None or limit == self._limits.requests:
            return
        if 1 <= limit <= _HIGHEST_LIMIT:
            self._limits = _limits_of_tier(limit)
            self._bucket = self._bucket.resized(self._limits, now)
            self._ceiling = _new_ceiling(self._limits)


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
