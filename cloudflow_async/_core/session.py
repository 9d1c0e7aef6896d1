"""The session manager: owns pool, limiter, auth and retry, and sends a request until it is done.

`send` is the retry loop, `_send_once` one attempt: wait for a slot, sign (after the wait, which
can outlast a token), exchange, note what the answer says of the rate limit, read it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import warnings
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urljoin

import attrs

from .auth import Auth, Refusal, check_scope
from .call import Call
from .errors import (
    AuthenticationError,
    ClientClosedError,
    CloudFlowError,
    CrossOriginError,
    DeadlineExceededError,
    ForkedClientError,
    RateLimitedError,
    UnexpectedRedirectError,
    WrongLoopError,
)
from .http.response import Response, read, read_rate_limit
from .http.retry import REPEATABLE, RetryBudget, is_throttle, leaves_open
from .http.timeouts import Scope
from .http.transport import Transport
from .http.urls import same_origin_path
from .messages import RateLimitSeen, RateLimitStatus, Reply, Request, Statistics
from .options import Options
from .rate_limit.limiter import Limiter, Permit
from .support import forks
from .support.caller import find_caller
from .support.event_loop import running_loop
from .support.log import log_of

_LOG = log_of()
_MOST_HOPS = 3


class _Grace(NamedTuple):
    """Seconds that closing leaves to what is under way."""

    calls: float
    renewal: float


_PATIENT = _Grace(5.0, 5.0)
_HURRIED = _Grace(0.5, 1.0)
"""For Ctrl-C, after which a program is to be gone within two seconds."""


class Session:
    """Sends requests; shared by all views and resources of one client.

    Constructing it does no I/O and needs no event loop.  It belongs to the loop of its first
    call; when that loop has ended, the next one gets a fresh pool, and limiter and credentials
    go on.
    """

    def __init__(
        self, *, base_url: str, transport: Transport, limiter: Limiter, auth: Auth
    ) -> None:
        self._base_url = base_url
        self._transport = transport
        self._limiter = limiter
        self._auth = auth
        self._budget = RetryBudget()
        self._calls: set[Call] = set()
        self._idle: asyncio.Future[None] | None = None
        self._closing = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._forks = forks.count()
        self._closed = False
        self._sent = 0
        self._retries = 0
        self._throttled = 0
        self._date: tuple[float, float] | None = None
        site, _ = find_caller()
        self._site = f"{site.f_code.co_filename}:{site.f_lineno}"

    @property
    def auth(self) -> Auth:
        """The credential."""
        return self._auth

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def __del__(self) -> None:
        if not getattr(self, "_closed", True) and self._transport.is_open:
            warnings.warn(
                f"The client created at {self._site} was never closed; use 'async with', or "
                "await its close().",
                ResourceWarning,
                source=self,
                stacklevel=2,
            )
            self._transport.abandon()

    def bind(self) -> asyncio.AbstractEventLoop:
        """Return the running event loop, to which this session now belongs.

        Raises:
            ClientClosedError: It was closed.
            ForkedClientError: It was in use when this process was forked.
            WrongLoopError: It belongs to another loop, which has not ended, or none of asyncio
                runs.
        """
        if self._closed:
            raise ClientClosedError("This client is closed; create another one.")
        if self._is_parents:
            raise ForkedClientError(
                "This client was in use when the process was forked, and belongs to the parent; "
                "create one in each process."
            )
        loop = running_loop()
        if loop is not self._loop:
            self._rebind(loop)
        return loop

    async def send(self, request: Request, options: Options) -> Response:
        """Send `request`, again where that is safe and can help, and return the answer.

        Cancelling it frees its place in the queue and its connection.

        Raises:
            CloudFlowError: As the call ended; see the tree in `errors`.
        """
        call = self._begin(request, options)
        try:
            with call.scope:
                return await self._send_until_done(call)
        except TimeoutError as error:
            if isinstance(error, CloudFlowError) or not call.scope.ended:
                raise
        finally:
            self._end(call)
        # Out of the block, for the timeout's own traceback goes down into aiohttp.
        raise self._interrupted(call)

    async def close(self) -> None:
        """End waiting calls at once, those on the wire within 5 seconds, and close the pool.

        A renewal of the credential that is under way has 5 seconds too.  When the task that closes
        is being cancelled, as by Ctrl-C, calls have half a second, and a renewal one.

        Calls that are ended so raise `ClientClosedError`, as do all later ones.  A second
        `close` waits for the first and does nothing.  In a forked child, the parent's connections
        and calls are left alone.

        Raises:
            WrongLoopError: It belongs to another loop, which has not ended.
        """
        if self._is_parents:
            self._closed = True
            return
        loop = asyncio.get_running_loop()
        if not self._closed and loop is not self._loop:
            self._rebind(loop)
        self._closed = True
        grace = _grace()
        async with self._closing:
            try:
                await self._drain(loop, grace.calls)
                await self._settle(grace.renewal)
            finally:
                self._interrupt(self._calls)
                await self._transport.close()

    def rate_limit(self) -> RateLimitStatus:
        """Return where this session stands with its rate limit."""
        return self._limiter.status()

    def forecast(self, requests: int) -> float:
        """Return the seconds until so many requests more have left; see `Limiter.forecast`."""
        return self._limiter.forecast(requests)

    def now(self) -> float:
        """Return what the server's clock shows in Unix seconds, at most 2 too little.

        It is our own clock's time as long as no answer had a ``Date``, and outside of the event
        loop on which that came.
        """
        loop = asyncio._get_running_loop()  # noqa: SLF001 - documented, and raises nothing
        if self._date is None or loop is None or loop is not self._loop:
            return time.time()
        date, seen_at = self._date
        return date + max(0.0, loop.time() - seen_at)

    def statistics(self) -> Statistics:
        """Return counters since the session was made."""
        status, counted = self._limiter.status(), self._limiter.statistics()
        connections = self._transport.connections()
        return Statistics(
            requests=self._sent,
            retries=self._retries,
            throttled=self._throttled,
            waiting=status.waiting,
            in_flight=status.in_flight,
            retry_tokens=self._budget.tokens,
            waited=counted["waited"],
            pauses=counted["pauses"],
            connections=connections.open,
            connections_in_use=connections.in_use,
        )

    @property
    def _is_parents(self) -> bool:
        return self._loop is not None and self._forks != forks.count()

    async def _send_until_done(self, call: Call) -> Response:
        while True:
            try:
                response = await self._send_once(call)
            except CloudFlowError as error:
                if call.was_deleted_before(error):
                    return call.deleted()
                delay = await self._delay(call, error)
            else:
                self._budget.refund(call.spent)
                call.failure = None
                return response
            self._retries += 1
            if delay > 0:
                await asyncio.sleep(delay)

    async def _send_once(self, call: Call) -> Response:
        # What is known already is told before the wait, what signing found out after it.
        check_scope(self._auth, call.request)
        call.permit = await self._limiter.acquire(
            max_wait=call.max_wait(), again=call.permit, priority=call.options.priority
        )
        call.signed = await self._sign(call, call.permit)
        seen: RateLimitSeen | None = None
        try:
            reply = await self._exchange(call)
            seen = read_rate_limit(reply)
            call.date = seen.date
            self._note_date(seen.date)
        finally:
            self._limiter.observe(call.permit, seen)
        return read(call.request, reply, call.attempts, call.signed)

    async def _sign(self, call: Call, permit: Permit) -> Mapping[str, str]:
        signed: Mapping[str, str] = {}
        try:
            signed = await self._auth.sign(call.request)
            check_scope(self._auth, call.request)
        except BaseException:
            self._limiter.release(permit)
            # Those who record tracebacks with local variables find no credential here.
            del signed
            raise
        return signed

    async def _exchange(self, call: Call) -> Reply:
        if self._closed:
            raise ClientClosedError("This client was closed.")
        request = call.request
        call.attempts += 1
        self._sent += 1
        call.on_wire = True
        call.sent = False
        try:
            reply = await self._transport.exchange(
                request,
                {**request.headers, **call.signed},
                timeout=call.options.timeout,
                on_send=call.leave,
            )
        except asyncio.CancelledError:
            call.lost = call.lost or call.sent
            raise
        finally:
            call.on_wire = False
        self._throttled += reply.status == 429
        call.location = reply.headers.get("Location")
        if _LOG.isEnabledFor(logging.DEBUG):
            _LOG.debug(
                "%s -> %d, %.0f ms, attempt %d",
                str(call),  # log records keep what they are given, and a call has credentials
                reply.status,
                reply.elapsed * 1000,
                call.attempts,
            )
        return reply

    async def _delay(self, call: Call, error: CloudFlowError) -> float:
        """Return the seconds until the next attempt, or raise what the call ends with."""
        call.lost = call.lost or leaves_open(error)
        if self._closed:
            raise call.final(error)
        if isinstance(error, DeadlineExceededError) and call.failure is not None:
            raise call.too_late(
                f"attempt {call.attempts + 1} was not begun: {error.message}",
                retry_after=error.retry_after,
            )
        if isinstance(error, AuthenticationError) and await self._renew(call, error):
            return 0.0
        if isinstance(error, UnexpectedRedirectError) and self._follow(call):
            return 0.0
        delay = call.options.retry.delay(
            call.request.method, error, call.attempts, repeatable=call.repeatable
        )
        if delay is None:
            raise call.final(error)
        self._check_wait(call, error, delay)
        cost = self._budget.spend(error)
        if cost is None:
            raise call.final(error)
        call.spent = cost
        call.failure = error
        _LOG.debug(
            "%s: attempt %d failed (%s); again in %.2f s",
            str(call),
            call.attempts,
            type(error).__name__,
            delay,
        )
        return delay

    async def _renew(self, call: Call, refused: AuthenticationError) -> bool:
        """Return whether a refused credential was replaced; it is tried once in a call."""
        if call.renewed:
            return False
        call.renewed = True
        call.failure = refused
        try:
            return await self._auth.renew(Refusal(signed=call.signed, date=call.date))
        except CloudFlowError as error:
            raise call.final(error) from None

    def _follow(self, call: Call) -> bool:
        """Return whether the call goes on where a redirect points to."""
        allowed = call.options.follow_redirects and call.request.method in {"GET", "HEAD"}
        if not allowed or not call.location or call.hops >= _MOST_HOPS:
            return False
        try:
            url = urljoin(self._base_url + call.request.target, call.location)
            target = same_origin_path(url, self._base_url)
        except (CrossOriginError, ValueError):
            return False
        call.hops += 1
        call.request = attrs.evolve(call.request, target=target)
        return True

    def _check_wait(self, call: Call, error: CloudFlowError, delay: float) -> None:
        """Raise if the wait before the next attempt is longer than the caller allows."""
        left = call.left()
        most = call.options.max_wait
        if left is not None and delay >= left:
            bound = f"would pass the deadline, in {left:.3g} s"
        elif most is not None and delay > most and isinstance(error, RateLimitedError):
            bound = f"is longer than max_wait, {most:.3g} s"
        else:
            return
        reason = "rate limit" if is_throttle(error) else "next attempt"
        raise call.too_late(
            f"the wait for the {reason} ({delay:.3g} s) {bound}.", error, retry_after=delay
        )

    def _note_date(self, date: float | None) -> None:
        if date is not None:
            self._date = (date, asyncio.get_running_loop().time())

    def _begin(self, request: Request, options: Options) -> Call:
        loop = self.bind()
        deadline_at = None if options.deadline is None else loop.time() + options.deadline
        call = Call(
            request=request,
            options=options,
            deadline_at=deadline_at,
            repeatable=options.retry_non_idempotent or request.method in REPEATABLE,
            scope=Scope(),
        )
        if deadline_at is not None:
            call.alarm = loop.call_at(deadline_at, call.scope.end)
        self._calls.add(call)
        return call

    def _end(self, call: Call) -> None:
        self._calls.discard(call)
        if call.alarm is not None:
            call.alarm.cancel()
        if self._idle is not None and not self._calls and not self._idle.done():
            self._idle.set_result(None)

    def _interrupted(self, call: Call) -> CloudFlowError:
        if self._closed and call.left() != 0:
            return call.counted(ClientClosedError(f"{call}: the client was closed meanwhile."))
        return call.too_late(
            f"not done within the deadline of {call.options.deadline:g} seconds, "
            f"after {call.attempts} attempt(s)."
        )

    async def _drain(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._interrupt({call for call in self._calls if not call.on_wire})
        if self._calls:
            self._idle = loop.create_future()
            await asyncio.wait([self._idle], timeout=seconds)

    async def _settle(self, seconds: float) -> None:
        # A rotated refresh token whose answer nobody takes is a login that is lost.
        settled = getattr(self._auth, "settled", None)
        if settled is None:
            return
        with contextlib.suppress(TimeoutError, CloudFlowError):
            async with asyncio.timeout(seconds):
                await settled()

    def _interrupt(self, calls: set[Call]) -> None:
        for call in calls:
            call.scope.end()

    def _rebind(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is not None:
            if not self._loop.is_closed():
                raise WrongLoopError(
                    f"This client is in use on {self._loop!r} and cannot be used on {loop!r}; "
                    "create one client for each event loop."
                )
            self._transport.abandon()
            self._calls.clear()
            self._date = None
        self._loop = loop
        self._forks = forks.count()


def _grace() -> _Grace:
    task = asyncio.current_task()
    return _HURRIED if task is not None and task.cancelling() else _PATIENT
