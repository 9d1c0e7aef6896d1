"""The session manager: how often a request is sent, how a call ends, and what it leaves."""

from __future__ import annotations

import asyncio
import copy
import gc
import inspect
import itertools
import logging
import pickle
import time
import warnings
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

from cloudflow_async._core.auth import AnonymousAuth, ApiKeyAuth
from cloudflow_async._core.client import Client
from cloudflow_async._core.errors import (
    AuthenticationError,
    BadRequestError,
    ClientClosedError,
    CloudFlowError,
    CredentialError,
    DeadlineExceededError,
    DecodeError,
    ForkedClientError,
    InvalidArgumentError,
    MissingScopeError,
    NotFoundError,
    OutcomeUnknownError,
    RateLimitedError,
    ReauthenticationRequiredError,
    RequestTimeoutError,
    ResponseTooLargeError,
    ServerError,
    TransportError,
    UnexpectedRedirectError,
    WrongLoopError,
)
from cloudflow_async._core.http.response import Response
from cloudflow_async._core.http.retry import RetryPolicy
from cloudflow_async._core.messages import Reply, Request
from cloudflow_async._core.options import Options
from cloudflow_async._core.rate_limit.limiter import LocalLimiter, Permit
from cloudflow_async._core.rate_limit.limits import RateLimits
from cloudflow_async._core.session import Session
from cloudflow_async._core.support import forks
from tests import certificates
from tests.canaries import API_KEY
from tests.doubles import FakeAuth, FakeTransport, OpenLimiter, Step, failure, never, reply
from tests.faults.checks import shows_no_secret
from tests.raw_server import (
    Peer,
    RawServer,
    Script,
    answer,
    answering,
    dropping,
    in_thread,
    resetting,
    saying,
)

KEY = "cf_live_canary0123456789"
METHODS = ["GET", "HEAD", "PUT", "DELETE", "POST", "PATCH"]
UNSAFE = {"POST", "PATCH"}
PATIENT = RetryPolicy(chance=lambda: 1.0)
"""Waits 0.5, 1, 2... seconds: no jitter."""

SENT = TransportError("lost on the way")
NOT_SENT = TransportError("refused", sent=False)
UNTRUSTED = TransportError("certificate", sent=False, retryable=False)


@attrs.define
class Bench:
    """A session on stand-ins."""

    transport: FakeTransport
    limiter: OpenLimiter = attrs.field(factory=OpenLimiter)
    auth: FakeAuth = attrs.field(factory=FakeAuth)
    session: Session = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.session = Session(
            base_url="https://host/v2",
            transport=self.transport,
            limiter=self.limiter,
            auth=self.auth,
        )

    async def send(
        self, method: str = "GET", *, expects_json: bool = True, **options: Any
    ) -> Response:
        """Send one request."""
        request = Request(
            method=method, path="/things/{id}", target="/things/1", expects_json=expects_json
        )
        options.setdefault("retry", PATIENT)
        return await self.session.send(request, Options(**options))

    async def failure(self, method: str = "GET", **options: Any) -> CloudFlowError:
        """Return the error with which a call ends."""
        with pytest.raises(CloudFlowError) as caught:
            await self.send(method, **options)
        return caught.value

    @property
    def sends(self) -> int:
        """How many requests the transport got."""
        return len(self.transport.exchanges)

    @property
    def waits(self) -> list[float]:
        """Seconds between the requests that the transport got."""
        at = [exchange.at for exchange in self.transport.exchanges]
        return [round(later - earlier, 6) for earlier, later in itertools.pairwise(at)]


def bench(*steps: Step, **parts: Any) -> Bench:
    """Return a session whose transport follows a script."""
    return Bench(FakeTransport(*steps), **parts)


@pytest.fixture
async def open_clients() -> Any:
    """Return a function that makes clients of a server, which are closed at the end."""
    clients: list[Client] = []

    def open_client(server: RawServer, **options: Any) -> Client:
        options.setdefault("retry", RetryPolicy(base=0.001))
        options.setdefault("limiter", OpenLimiter())
        client = Client(ApiKeyAuth(KEY), base_url=server.url, **options)
        clients.append(client)
        return client

    yield open_client
    for client in clients:
        await client.close()


OpenClient = Callable[..., Client]


async def test_an_answer_comes_back_with_its_attempts() -> None:
    """A call that succeeds at once has one attempt, and signs once."""
    it = bench(reply(200, {"a": 1}, {"X-Request-Id": "req_1"}))
    response = await it.send()

    assert ({"a": 1}, 1, "req_1") == (response.json(), response.attempts, response.request_id)
    assert {"X-API-Key": "key-1"} == it.transport.exchanges[0].headers
    assert 30.0 == it.transport.exchanges[0].timeout


# The retry table: what the server, or the network, does to every attempt -> how often it is sent.
_FATES: dict[str, tuple[Step, int, int]] = {
    # name: step, sends of GET HEAD PUT DELETE, sends of POST PATCH
    "not sent": (NOT_SENT, 3, 3),
    "untrusted": (UNTRUSTED, 1, 1),
    "lost": (SENT, 3, 1),
    "timeout": (RequestTimeoutError("late"), 3, 1),
    "connect timeout": (RequestTimeoutError("late", sent=False), 3, 3),
    "429": (failure(429, "rate_limit_exceeded"), 5, 5),
    "500": (failure(500), 3, 1),
    "502": (reply(502, b"<html>"), 3, 1),
    "503": (failure(503), 5, 1),
    "504": (failure(504), 3, 1),
    "501": (failure(501), 1, 1),
    "505": (failure(505), 1, 1),
    "400": (failure(400, "invalid_parameter"), 1, 1),
    "403": (failure(403), 1, 1),
    "404": (failure(404), 1, 1),
    "409": (failure(409, "duplicate_resource"), 1, 1),
    "quota": (failure(429, "quota_exceeded"), 1, 1),
    "no JSON": (reply(200, b"<html>"), 2, 1),
    "redirect": (reply(302), 1, 1),
    "999": (reply(999), 1, 1),
}
_LEFT_OPEN = {"lost", "timeout", "500", "502", "503", "504", "no JSON", "redirect", "999"}


@pytest.mark.virtual_time
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("fate", _FATES)
async def test_a_request_is_sent_as_often_as_is_safe(fate: str, method: str) -> None:
    """The error counts the sends exactly; a POST that may have been applied goes out once."""
    step, repeatable, unsafe = _FATES[fate]
    it = bench(step)
    error = await it.failure(method)

    assert (unsafe if method in UNSAFE else repeatable) == it.sends
    assert it.sends == error.attempts == it.session.statistics().requests
    unknown = method in UNSAFE and fate in _LEFT_OPEN - {"redirect"}
    assert unknown == isinstance(error, OutcomeUnknownError)
    assert (method not in {"GET", "HEAD"} and fate in _LEFT_OPEN) == error.may_have_been_applied
    assert it.sends == it.limiter.granted == len(it.limiter.seen)


@pytest.mark.virtual_time
@pytest.mark.parametrize("method", METHODS)
async def test_unsafe_methods_are_repeated_on_demand(method: str) -> None:
    """With `retry_non_idempotent` a POST is sent again although it may have been applied."""
    it = bench(SENT, failure(503), reply())
    response = await it.send(method, retry_non_idempotent=True)

    assert 3 == response.attempts == it.sends


async def test_an_unknown_outcome_tells_how_it_failed() -> None:
    """`error` and the cause are the failure itself, which pickles with it."""
    error = await bench(failure(502)).failure("POST")
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own

    assert isinstance(error, OutcomeUnknownError)
    assert isinstance(error.error, ServerError)
    assert error.error is error.__cause__
    assert (502, 1, True) == (copy.error.status, copy.attempts, copy.may_have_been_applied)


@pytest.mark.virtual_time
async def test_a_later_refusal_does_not_make_a_lost_post_unhappen() -> None:
    """What was left open by one attempt stays open when another ends with a clear error."""
    error = await bench(SENT, failure(400)).failure("POST", retry_non_idempotent=True)

    assert isinstance(error, OutcomeUnknownError)
    assert isinstance(error.error, BadRequestError)


@pytest.mark.virtual_time
async def test_waits_double() -> None:
    """Between attempts there is at most base, twice base, and so on."""
    it = bench(failure(503))
    await it.failure()

    assert [0.5, 1.0, 2.0, 4.0] == it.waits


@pytest.mark.virtual_time
async def test_the_servers_wait_is_kept() -> None:
    """A `retry_after` in the body is waited for, and not more."""
    it = bench(failure(429, retry_after=42), reply())
    await it.send()

    assert [42.0] == it.waits


@pytest.mark.virtual_time
async def test_a_wait_that_is_too_long_is_refused() -> None:
    """Beyond the policy's patience the error comes at once, with the wait in it."""
    it = bench(failure(429, retry_after=121))
    error = await it.failure()

    assert isinstance(error, RateLimitedError)
    assert (121.0, 1) == (error.retry_after, it.sends)


@pytest.mark.virtual_time
async def test_an_attempt_without_jitter_wait_follows_at_once() -> None:
    """A delay of 0 sleeps for nothing."""
    it = bench(SENT, reply(), auth=FakeAuth())
    await it.send(retry=RetryPolicy(chance=lambda: 0.0))

    assert [0.0] == it.waits


async def test_a_lost_delete_that_then_finds_nothing_has_succeeded() -> None:
    """The first one did it: no error, two attempts, no body."""
    it = bench(SENT, failure(404))
    response = await it.send("DELETE", retry=RetryPolicy(base=0.001), expects_json=False)

    assert (204, 2, None) == (response.status, response.attempts, response.json())


async def test_a_delete_that_finds_nothing_is_an_error() -> None:
    """Unless an answer was lost before, there was nothing to delete."""
    assert isinstance(await bench(failure(404)).failure("DELETE"), NotFoundError)


async def test_another_method_that_finds_nothing_after_a_loss_is_an_error() -> None:
    """Only a DELETE makes a thing vanish."""
    error = await bench(SENT, failure(404)).failure(retry=RetryPolicy(base=0.001))

    assert isinstance(error, NotFoundError)


async def storm(it: Bench, calls: int) -> None:
    """Make so many calls, all of which fail."""
    results = await asyncio.gather(*(it.send() for _ in range(calls)), return_exceptions=True)
    assert all(isinstance(result, CloudFlowError) for result in results)


@pytest.mark.virtual_time
@pytest.mark.parametrize(("status", "sends"), [(503, 1035), (429, 1100)])
async def test_a_dead_service_is_not_stormed(status: int, sends: int) -> None:
    """The retry budget allows 35 retries of 1,000 calls, or 100 where the server throttles."""
    it = bench(failure(status))
    await storm(it, 1000)

    assert sends == it.sends
    assert sends - 1000 == it.session.statistics().retries


@pytest.mark.virtual_time
async def test_the_retry_budget_recovers() -> None:
    """500 clean calls fill it again."""
    it = bench(*[failure(503)] * 1035, reply())
    await storm(it, 1000)
    drained = it.session.statistics().retry_tokens
    for _ in range(500):
        await it.send()

    assert (10, 500) == (drained, it.session.statistics().retry_tokens)


@pytest.mark.virtual_time
async def test_a_retry_that_succeeds_costs_nothing() -> None:
    """What the retry took is given back by its success."""
    it = bench(failure(503), reply())
    await it.send()

    assert 500 == it.session.statistics().retry_tokens


async def test_a_refused_credential_is_renewed_once() -> None:
    """After a 401 the call goes out again with the new one, without waiting."""
    it = bench(failure(401), reply(), auth=FakeAuth(keys=2))
    response = await it.send("POST")
    keys = [exchange.headers["X-API-Key"] for exchange in it.transport.exchanges]

    assert 2 == response.attempts
    assert ["key-1", "key-2"] == keys
    assert [{"X-API-Key": "key-1"}] == [dict(refusal.signed) for refusal in it.auth.refusals]


async def test_a_credential_that_is_refused_twice_is_wrong() -> None:
    """The second 401 is the call's error, although there would be a third key."""
    it = bench(failure(401), auth=FakeAuth(keys=3))
    error = await it.failure()

    assert isinstance(error, AuthenticationError)
    assert (2, 1) == (error.attempts, len(it.auth.refusals))


async def test_a_credential_that_cannot_be_renewed_is_wrong() -> None:
    """Without another one the first 401 is final."""
    it = bench(failure(401))

    assert 1 == (await it.failure()).attempts


async def test_a_failed_renewal_is_the_calls_error() -> None:
    """It says how often the request was sent."""
    it = bench(failure(401))

    async def renew(refused: object) -> bool:
        raise ReauthenticationRequiredError("log in again")

    it.auth.renew = renew  # type: ignore[method-assign]
    error = await it.failure()

    assert isinstance(error, ReauthenticationRequiredError)
    assert 1 == error.attempts


async def test_a_credential_that_cannot_sign_sends_nothing() -> None:
    """Its error is the call's, and its permit is returned."""
    it = bench(reply())

    async def sign(request: Request) -> dict[str, str]:
        raise CredentialError("no key")

    it.auth.sign = sign  # type: ignore[method-assign]
    error = await it.failure()

    assert isinstance(error, CredentialError)
    assert (0, 0, 1) == (error.attempts, it.sends, it.limiter.released)


class _ScopedAuth(FakeAuth):
    """A credential that learns what it may do when it signs."""

    scopes: frozenset[str] | None = None

    async def sign(self, request: Request) -> Mapping[str, str]:
        self.scopes = frozenset({"pipelines:read"})
        return await super().sign(request)


async def test_a_missing_scope_is_told_before_the_wait() -> None:
    """Once it is known, the call does not even stand in line for a request that would be lost."""
    it = bench(reply(), auth=_ScopedAuth())
    request = Request(method="GET", path="/x", target="/x", scope="workflows:read")
    errors = []
    for _ in range(2):
        with pytest.raises(MissingScopeError, match="workflows:read") as caught:
            await it.session.send(request, Options())
        errors.append(caught.value)

    assert [0, 0] == [error.attempts for error in errors]
    assert (0, 1, 1) == (it.sends, it.limiter.granted, it.limiter.released)


async def test_a_missing_scope_shows_no_credential() -> None:
    """The error's traceback does not keep what was signed before the scope was known."""

    class Canary(_ScopedAuth):
        async def sign(self, request: Request) -> Mapping[str, str]:
            return dict.fromkeys(await super().sign(request), API_KEY)

    it = bench(reply(), auth=Canary())
    request = Request(method="GET", path="/x", target="/x", scope="workflows:read")
    with pytest.raises(MissingScopeError) as caught:
        await it.session.send(request, Options())

    shows_no_secret(caught.value)


async def test_a_known_scope_lets_the_call_through() -> None:
    """A request that needs none, or one that is there, is sent."""
    it = bench(reply(), auth=_ScopedAuth())
    request = Request(method="GET", path="/x", target="/x", scope="pipelines:read")
    await it.session.send(request, Options())
    await it.send()

    assert 2 == it.sends


class _SettlingAuth(FakeAuth):
    """A credential that is being renewed until its gate opens."""

    def __init__(self) -> None:
        super().__init__()
        self.renewed = asyncio.Event()
        self.settles = 0

    async def settled(self) -> None:
        self.settles += 1
        await self.renewed.wait()


@pytest.mark.virtual_time
async def test_closing_waits_for_a_renewal() -> None:
    """Its answer may be the only refresh token there is; nobody else would take it."""
    it = bench(reply(), auth=_SettlingAuth())
    await it.send()
    asyncio.get_running_loop().call_later(3.0, it.auth.renewed.set)
    await it.session.close()

    assert 3.0 == pytest.approx(asyncio.get_running_loop().time())
    assert (1, 1) == (it.auth.settles, it.transport.closed)


@pytest.mark.virtual_time
async def test_closing_does_not_wait_for_ever_for_a_renewal() -> None:
    """After 5 seconds it is left to itself."""
    it = bench(reply(), auth=_SettlingAuth())
    await it.session.close()

    assert 5.0 == pytest.approx(asyncio.get_running_loop().time())
    assert 1 == it.transport.closed


async def test_closing_does_not_fail_by_a_credential() -> None:
    """One that belongs to another loop, or cannot be asked, is no reason to leak a pool."""
    it = bench(reply())

    async def settled() -> None:
        raise CredentialError("no")

    it.auth.settled = settled  # type: ignore[attr-defined]
    await it.session.close()

    assert 1 == it.transport.closed


async def test_a_refusal_tells_the_servers_clock() -> None:
    """From its `Date`, for credentials that carry times."""
    date = {"Date": "Sat, 24 Jan 2026 10:45:00 GMT"}
    it = bench(reply(401, {}, date), reply(), auth=FakeAuth(keys=2))
    await it.send()

    assert [1_769_251_500.0] == [refusal.date for refusal in it.auth.refusals]


async def test_a_timeout_of_a_credential_is_not_the_calls_deadline() -> None:
    """A foreign `TimeoutError` goes through as it is."""
    it = bench(reply())

    async def sign(request: Request) -> dict[str, str]:
        raise TimeoutError("the vault is slow")

    it.auth.sign = sign  # type: ignore[method-assign]
    with pytest.raises(TimeoutError, match="vault"):
        await it.send()


async def test_it_is_signed_after_the_wait_for_the_limit() -> None:
    """The wait can outlast a token: what is sent is the key of the moment."""
    it = bench(reply())
    it.limiter.gate.clear()
    task = asyncio.create_task(it.send())
    await asyncio.sleep(0)
    it.auth.number = 9
    it.limiter.gate.set()
    await task

    assert {"X-API-Key": "key-9"} == it.transport.exchanges[0].headers


async def test_a_retry_keeps_its_place_in_the_line() -> None:
    """The limiter is asked for each attempt, and shown the permit of the one before."""
    it = bench(SENT, reply())
    await it.send(max_wait=7, retry=RetryPolicy(base=0.001))
    (_, first), (_, second) = it.limiter.asked

    assert first is None
    assert second is not None
    assert 1 == second.number


async def test_the_limiter_learns_from_every_answer() -> None:
    """Errors carry the headers too; a lost answer says nothing."""
    limits = {"X-RateLimit-Remaining": "7"}
    it = bench(SENT, reply(503, b"", limits), reply(200, b"{}", limits))
    await it.send(retry=RetryPolicy(base=0.001))
    remaining = [None if seen is None else seen.remaining for seen in it.limiter.seen]

    assert [None, 7, 7] == remaining


@pytest.mark.virtual_time
async def test_a_deadline_bounds_the_whole_call() -> None:
    """A server that never answers is given up on time; the error is ours and a TimeoutError."""
    it = bench(never)
    begun = asyncio.get_running_loop().time()
    error = await it.failure("POST", deadline=0.5)

    assert isinstance(error, DeadlineExceededError)
    assert isinstance(error, TimeoutError)
    assert 0.5 == pytest.approx(asyncio.get_running_loop().time() - begun, abs=0.01)
    assert (1, True) == (error.attempts, error.may_have_been_applied)
    assert 0 == it.transport.under_way
    assert error.__cause__ is error.__context__ is None


@pytest.mark.virtual_time
async def test_what_is_still_connecting_has_not_been_applied() -> None:
    """A deadline that passes before a connection is had leaves nothing open, even for a POST."""
    it = bench(never)
    it.transport.connects = False
    error = await it.failure("POST", deadline=0.5)

    assert isinstance(error, DeadlineExceededError)
    assert (1, False) == (error.attempts, error.may_have_been_applied)


@pytest.mark.virtual_time
async def test_what_was_lost_before_may_have_been_applied_all_the_same() -> None:
    """An attempt that is still connecting does not make up for one that had left."""

    async def lose() -> Reply:
        it.transport.connects = False
        return failure(502)

    it = bench(lose, never)
    error = await it.failure("POST", deadline=9, retry_non_idempotent=True)

    assert isinstance(error, DeadlineExceededError)
    assert (2, True) == (error.attempts, error.may_have_been_applied)


@pytest.mark.virtual_time
async def test_a_deadline_bounds_the_wait_for_the_limit() -> None:
    """What never left cannot have been applied; the limiter was told how long there is."""
    it = bench(reply())
    it.limiter.gate.clear()
    error = await it.failure("POST", deadline=0.5, max_wait=9)

    assert isinstance(error, DeadlineExceededError)
    assert (0, False) == (error.attempts, error.may_have_been_applied)
    assert [0.5] == [most for most, _ in it.limiter.asked]


@pytest.mark.virtual_time
async def test_the_shorter_of_deadline_and_max_wait_counts() -> None:
    """The limiter gets the one bound that matters."""
    it = bench(reply())
    await it.send(deadline=9, max_wait=0.5)
    await it.send(deadline=9)
    await it.send(max_wait=3)
    await it.send()

    assert [0.5, 9, 3, None] == [most for most, _ in it.limiter.asked]


@pytest.mark.virtual_time
async def test_a_throttled_post_was_not_applied() -> None:
    """Its deadline passes in the wait: nothing is left open."""
    error = await bench(failure(429)).failure("POST", deadline=0.7)

    assert isinstance(error, DeadlineExceededError)
    assert not error.may_have_been_applied


@pytest.mark.virtual_time
async def test_a_wait_that_would_pass_the_deadline_is_not_begun() -> None:
    """The error comes at once, says why, and has the last failure as its cause."""
    it = bench(failure(429, retry_after=42))
    begun = asyncio.get_running_loop().time()
    error = await it.failure(deadline=5)

    assert isinstance(error, DeadlineExceededError)
    assert "rate limit" in str(error)
    assert "42" in str(error)
    assert (42.0, 1) == (error.retry_after, error.attempts)
    assert isinstance(error.__cause__, RateLimitedError)
    assert asyncio.get_running_loop().time() - begun < 0.05


@pytest.mark.virtual_time
async def test_a_backoff_that_would_pass_the_deadline_is_not_begun() -> None:
    """Neither is the wait after a failure, and it costs no retry token."""
    it = bench(failure(500))
    error = await it.failure(deadline=0.5)

    assert isinstance(error, DeadlineExceededError)
    assert "next attempt" in str(error)
    assert 500 == it.session.statistics().retry_tokens


@pytest.mark.virtual_time
async def test_max_wait_bounds_the_wait_after_a_429() -> None:
    """It is a wait for the rate limit as well; other waits it does not bound."""
    throttled = await bench(failure(429, retry_after=2)).failure(max_wait=1)
    patient = await bench(failure(429, retry_after=2), reply()).send(max_wait=2)
    failed = await bench(failure(500, retry_after=2), reply()).send(max_wait=0)

    assert isinstance(throttled, DeadlineExceededError)
    assert "max_wait" in str(throttled)
    assert (2, 2) == (patient.attempts, failed.attempts)


_THROTTLED = failure(429, "rate_limit_exceeded", retry_after=2, request_id="req_1")
_DOWN = failure(503, "maintenance", request_id="req_1")


class _RefusingLimiter(OpenLimiter):
    """Lets one request through, and refuses the wait for the next."""

    def __init__(self, retry_after: float | None) -> None:
        super().__init__()
        self.retry_after = retry_after

    async def acquire(self, **options: Any) -> Permit:
        if self.granted:
            raise DeadlineExceededError("Too long; nothing was sent.", retry_after=self.retry_after)
        return await super().acquire(**options)


def shut_after_an_attempt(it: Bench) -> None:
    """Let the first attempt pass the limiter, and none after it."""
    it.limiter.observe = lambda permit, seen: it.limiter.gate.clear()  # type: ignore[method-assign]


_TOO_LATE: dict[str, tuple[Callable[[], Bench], dict[str, Any], int, float | None]] = {
    # How it comes about, the options, attempts, retry_after.
    "max_wait refuses the server's wait": (lambda: bench(_THROTTLED), {"max_wait": 1}, 1, 2.0),
    "the deadline refuses the server's wait": (lambda: bench(_THROTTLED), {"deadline": 1}, 1, 2.0),
    "the deadline refuses the backoff": (lambda: bench(_DOWN), {"deadline": 0.5}, 1, 0.5),
    "the limiter refuses, for its own reason": (
        lambda: bench(_THROTTLED, limiter=_RefusingLimiter(7.0)),
        {"max_wait": 3},
        1,
        7.0,
    ),
    "the limiter refuses, and does not say why": (
        lambda: bench(_THROTTLED, limiter=_RefusingLimiter(None)),
        {"max_wait": 3},
        1,
        2.0,
    ),
    "the deadline passes at the limiter": (lambda: bench(_THROTTLED), {"deadline": 9}, 1, 2.0),
    "the deadline passes in the next attempt": (
        lambda: bench(_DOWN, never),
        {"deadline": 9},
        2,
        None,
    ),
}


@pytest.mark.virtual_time
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("way", _TOO_LATE)
async def test_a_lack_of_time_keeps_what_the_last_answer_said(way: str, method: str) -> None:
    """Status, code, request id and wait are in the error, whose cause is the failure itself."""
    make, options, attempts, retry_after = _TOO_LATE[way]
    it = make()
    if way == "the deadline passes at the limiter":
        shut_after_an_attempt(it)
    error = await it.failure(method, retry_non_idempotent=True, **options)

    assert isinstance(error, DeadlineExceededError)
    status = 503 if _DOWN in it.transport._steps else 429
    code = {429: "rate_limit_exceeded", 503: "maintenance"}[status]
    assert (status, code, "req_1", retry_after, attempts) == (
        error.status,
        error.code,
        error.request_id,
        error.retry_after,
        error.attempts,
    )
    assert (method == "POST" and status == 503) is error.may_have_been_applied
    assert isinstance(error.__cause__, ServerError if status == 503 else RateLimitedError)
    assert f"Last: {error.__cause__}" in str(error)
    for copied in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301 - our own
        assert vars(error) == vars(copied)


@pytest.mark.virtual_time
async def test_the_limiters_refusal_of_a_retry_says_which_attempt_it_was() -> None:
    """Before the first attempt nothing came, and nothing is added."""
    refused = await bench(_THROTTLED, limiter=_RefusingLimiter(7.0)).failure(max_wait=3)
    limiter = _RefusingLimiter(7.0)
    limiter.granted = 1
    first = await bench(limiter=limiter).failure(max_wait=3)

    assert str(refused).startswith(
        "GET /things/{id}: attempt 2 was not begun: Too long; nothing was sent. Last: GET"
    )
    assert isinstance(first, DeadlineExceededError)
    assert ("Too long; nothing was sent.", 0, None) == (str(first), first.attempts, first.status)
    assert first.__cause__ is None


@pytest.mark.virtual_time
async def test_a_longer_pause_of_the_limiter_is_told_with_the_calls_own_429() -> None:
    """While one call sleeps, another one of the same limiter is told to wait for longer."""

    async def later() -> Reply:
        await asyncio.sleep(1)
        return failure(429, retry_after=30)

    limiter = LocalLimiter()
    other = asyncio.ensure_future(bench(later, limiter=limiter).failure(retry=RetryPolicy.never()))
    await asyncio.sleep(0)
    error = await bench(_THROTTLED, reply(), limiter=limiter).failure(max_wait=2)
    await other

    assert isinstance(error, DeadlineExceededError)
    assert (429, "req_1", 1) == (error.status, error.request_id, error.attempts)
    assert isinstance(error.__cause__, RateLimitedError)
    assert error.retry_after is not None
    assert error.retry_after > 20


@pytest.mark.virtual_time
async def test_a_lack_of_time_after_a_failure_without_an_answer_has_it_as_its_cause() -> None:
    """No answer came, so there is no status."""
    error = await bench(NOT_SENT, never).failure("POST", deadline=9)

    assert isinstance(error, DeadlineExceededError)
    assert (None, None, None, None) == (
        error.status,
        error.code,
        error.request_id,
        error.retry_after,
    )
    assert NOT_SENT is error.__cause__


@pytest.mark.virtual_time
async def test_a_deadline_that_passes_in_a_renewal_tells_of_the_401() -> None:
    """The refused credential is why another one was asked for."""
    it = bench(failure(401, "authentication_failed"), auth=FakeAuth(keys=2))

    async def renew(refused: object) -> bool:
        return bool(await asyncio.Event().wait())

    it.auth.renew = renew  # type: ignore[method-assign]
    error = await it.failure("POST", deadline=9)

    assert isinstance(error, DeadlineExceededError)
    assert (401, "authentication_failed", 1) == (error.status, error.code, error.attempts)
    assert isinstance(error.__cause__, AuthenticationError)
    assert not error.may_have_been_applied


@pytest.mark.virtual_time
async def test_a_redirect_that_was_followed_is_no_failure() -> None:
    """A deadline that passes behind it has no cause."""
    it = bench(reply(302, b"", {"Location": "/v2/x"}), never)
    error = await it.failure(deadline=9, follow_redirects=True)

    assert isinstance(error, DeadlineExceededError)
    assert (2, None, None) == (error.attempts, error.status, error.__cause__)


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_a_redirected_post_may_have_been_applied(method: str) -> None:
    """The redirect itself is the error: its advice is to look, at the list and at the base URL."""
    it = bench(reply(307, b"", {"Location": "https://host/v3", "X-Request-Id": "req_1"}))
    error = await it.failure(method)

    assert isinstance(error, UnexpectedRedirectError)
    assert (307, "https://host:443", "req_1") == (error.status, error.origin, error.request_id)
    assert (1, True) == (error.attempts, error.may_have_been_applied)
    assert "look before you repeat it. Is the base URL right?" in str(error)


@pytest.mark.virtual_time
async def test_an_outer_timeout_stays_a_timeout() -> None:
    """`asyncio.timeout()` around a call gives Python's own TimeoutError, not one of ours."""
    it = bench(never)
    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(0.5):
            await it.send(deadline=9)

    assert not isinstance(caught.value, CloudFlowError)
    assert 0 == it.session.statistics().in_flight


@pytest.mark.virtual_time
async def test_a_timeout_of_an_attempt_is_told_from_the_deadline() -> None:
    """Within the deadline, the transport's own error comes out."""
    it = bench(RequestTimeoutError("late"))
    error = await it.failure(deadline=60)

    assert isinstance(error, RequestTimeoutError)


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("https://host/v2/other?a=1", "/other?a=1"),
        ("/v2/other", "/other"),
        ("other", "/things/other"),
        ("https://HOST:443/v2/other#part", "/other"),
    ],
)
async def test_a_redirect_is_followed_on_demand(location: str, target: str) -> None:
    """A GET goes on below the base URL, with its credential."""
    it = bench(reply(302, b"", {"Location": location}), reply())
    response = await it.send(follow_redirects=True)

    assert 2 == response.attempts
    assert target == it.transport.exchanges[1].request.target


@pytest.mark.parametrize(
    "location",
    [
        "https://elsewhere/v2/x",
        "https://host:444/v2/x",
        "http://host/v2/x",
        "//elsewhere/v2/x",
        "https://host.elsewhere/v2/x",
        "https://host@elsewhere/v2/x",
        "https://host\\@elsewhere/v2/x",
        "https://host/v1/x",
        "file:///v2/x",
        "https://[::1/v2/x",
        "",
        None,
    ],
)
async def test_a_redirect_elsewhere_is_never_followed(location: str | None) -> None:
    """Not even on demand: the credential goes to our own origin only."""
    headers = {} if location is None else {"Location": location}
    it = bench(reply(302, b"", headers), reply())
    error = await it.failure(follow_redirects=True)

    assert isinstance(error, UnexpectedRedirectError)
    assert 1 == it.sends


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_only_reading_follows_redirects(method: str) -> None:
    """What changes something is not sent to another address."""
    it = bench(reply(307, b"", {"Location": "/v2/x"}), reply())
    await it.failure(method, follow_redirects=True)

    assert 1 == it.sends


async def test_redirects_in_a_circle_end() -> None:
    """Three hops are followed, the fourth is the error."""
    it = bench(reply(302, b"", {"Location": "/v2/x"}))
    error = await it.failure(follow_redirects=True)

    assert isinstance(error, UnexpectedRedirectError)
    assert 4 == it.sends


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST", "PATCH"])
@pytest.mark.parametrize(
    "script",
    [dropping, resetting, answering(answer(b"", status=500)), answering(answer(b"<", status=502))],
    ids=["dropped", "reset", "500", "502"],
)
async def test_the_server_sees_as_many_copies_as_attempts(
    open_clients: OpenClient, script: Script, method: str
) -> None:
    """Nothing sends behind the session's back: three of a GET, one of a POST."""
    async with RawServer(script) as server:
        client = open_clients(server)
        with pytest.raises(CloudFlowError) as caught:
            await client.request(method, "/things")

    assert (1 if method in UNSAFE else 3) == len(server.requests) == caught.value.attempts


async def test_a_post_whose_answer_has_too_large_a_head_says_so(open_clients: OpenClient) -> None:
    """It may have been applied; with a higher bound the same answer is read."""
    data = answer(status=201, headers={"X-A": "a" * 9000})
    async with RawServer(answering(data)) as server:
        with pytest.raises(OutcomeUnknownError) as caught:
            await open_clients(server).request("POST", "/things")
        response = await open_clients(server, max_header_bytes=9003).request("POST", "/things")

    assert isinstance(caught.value.error, ResponseTooLargeError)
    assert "the head of the answer is too large: a line of it is longer" in str(caught.value)
    assert (1, True) == (caught.value.attempts, caught.value.may_have_been_applied)
    assert (201, 2) == (response.status, len(server.requests))


async def test_a_bad_certificate_is_tried_once(open_clients: OpenClient, tmp_path: Path) -> None:
    """One connection is made, and the request does not travel."""
    context = certificates.serving(certificates.self_signed(tmp_path))

    async def handshake(peer: Peer) -> None:
        await peer.start_tls(context)

    async with RawServer(handshake) as server:
        server.url = server.url.replace("http:", "https:")
        with pytest.raises(TransportError, match="certificate"):
            await open_clients(server).request("GET", "/things")

    assert 1 == server.connections


@pytest.mark.parametrize("follow", [False, True])
async def test_a_redirect_does_not_carry_the_key_away(
    open_clients: OpenClient, *, follow: bool
) -> None:
    """Followed or not, another origin never sees a request."""
    async with RawServer(answering(answer())) as elsewhere:
        there = answer(status=302, headers={"Location": f"{elsewhere.url}/x"})
        async with RawServer(answering(there)) as server:
            client = open_clients(server, follow_redirects=follow)
            with pytest.raises(UnexpectedRedirectError) as caught:
                await client.request("GET", "/things")

    assert 0 == elsewhere.connections
    assert (302, elsewhere.url) == (caught.value.status, caught.value.origin)


async def test_logs_show_no_key(open_clients: OpenClient, caplog: pytest.LogCaptureFixture) -> None:
    """Not even at DEBUG, with all loggers; method, path template and status are there."""
    caplog.set_level(logging.DEBUG)
    async with RawServer(answering(answer(status=503), answer())) as server:
        await open_clients(server).request("GET", "/things", params={"q": "secret-query"})

    assert "GET /things -> 503" in caplog.text
    assert "GET /things: attempt 1 failed (ServerError); again in" in caplog.text
    assert "GET /things -> 200" in caplog.text
    assert KEY not in caplog.text
    assert "secret-query" not in caplog.text


async def begin(it: Bench, **options: Any) -> asyncio.Task[Response]:
    """Start a call and let it come as far as it can."""
    task = asyncio.create_task(it.send(**options))
    for _ in range(5):
        await asyncio.sleep(0)
    return task


async def test_closing_twice_is_closing_once() -> None:
    """The second call does nothing, and later calls say that the client is closed."""
    it = bench(reply())
    await it.send()
    await it.session.close()
    await it.session.close()

    assert it.session.closed
    assert it.transport.closed > 0
    with pytest.raises(ClientClosedError):
        await it.send()


async def test_closing_before_use_opens_nothing() -> None:
    """A client that was never used closes in silence."""
    it = bench(reply())
    await it.session.close()

    assert 0 == it.sends
    with pytest.raises(ClientClosedError):
        it.session.bind()


@pytest.mark.virtual_time
async def test_closing_from_two_tasks_waits_for_both() -> None:
    """Neither returns while the pool is still open, nor later than the last call."""

    async def slowly() -> Any:
        await asyncio.sleep(1)
        return reply()

    it = bench(slowly)
    call = await begin(it)
    begun = asyncio.get_running_loop().time()
    closed_after = []

    async def close() -> None:
        await it.session.close()
        closed_after.append(it.transport.closed > 0)

    await asyncio.gather(close(), close())
    await call

    assert [True, True] == closed_after
    assert 1 == pytest.approx(asyncio.get_running_loop().time() - begun, abs=0.01)


@pytest.mark.virtual_time
async def test_closing_lets_what_is_on_the_wire_end() -> None:
    """A request under way gets its answer, if it comes within 5 seconds."""

    async def slowly() -> Any:
        await asyncio.sleep(4)
        return reply(200, {"late": True})

    it = bench(slowly)
    call = await begin(it)
    await it.session.close()

    assert {"late": True} == (await call).json()


@pytest.mark.virtual_time
async def test_closing_does_not_wait_for_ever() -> None:
    """After 5 seconds the call ends with an error that says why, and that it may have worked."""
    it = bench(never)
    call = await begin(it, method="POST")
    begun = asyncio.get_running_loop().time()
    await it.session.close()
    took = asyncio.get_running_loop().time() - begun
    with pytest.raises(ClientClosedError) as caught:
        await call

    assert 5 == pytest.approx(took, abs=0.01)
    assert (1, True) == (caught.value.attempts, caught.value.may_have_been_applied)


def at_the_limiter(it: Bench) -> None:
    """Make calls wait for the rate limit."""
    it.limiter.gate.clear()


def at_the_refresh(it: Bench) -> None:
    """Make calls wait for their credential."""
    it.auth.gate.clear()


def in_the_backoff(it: Bench) -> None:
    """Leave the script, whose first step fails, to itself."""


@pytest.mark.virtual_time
@pytest.mark.parametrize("where", [at_the_limiter, at_the_refresh, in_the_backoff])
async def test_closing_ends_waiting_calls_at_once(where: Callable[[Bench], None]) -> None:
    """Who waits for the limit, a token or the next attempt gets an error now."""
    it = bench(failure(503), reply())
    where(it)
    call = await begin(it)
    begun = asyncio.get_running_loop().time()
    await it.session.close()
    with pytest.raises(ClientClosedError):
        await call

    assert asyncio.get_running_loop().time() - begun < 0.01
    assert 0 == it.limiter.waiting


@pytest.mark.virtual_time
async def test_closing_stops_retries() -> None:
    """A call on the wire that then fails is not repeated: its own error comes, at once."""

    async def fails() -> Any:
        await asyncio.sleep(1)
        return failure(503)

    it = bench(fails)
    call = await begin(it)
    begun = asyncio.get_running_loop().time()
    await it.session.close()
    with pytest.raises(ServerError):
        await call

    assert 1 == it.sends
    assert 1 == pytest.approx(asyncio.get_running_loop().time() - begun, abs=0.01)


@pytest.mark.virtual_time
async def test_a_deadline_in_the_middle_of_closing_is_a_deadline() -> None:
    """It passed first, so it is what the error says."""
    it = bench(never)
    call = await begin(it, deadline=1.0)
    await it.session.close()
    with pytest.raises(DeadlineExceededError):
        await call


@pytest.mark.virtual_time
async def test_closing_hurries_when_it_is_a_cancellation_that_closes() -> None:
    """As after Ctrl-C: calls have half a second, a renewal one more, and the cancellation stays."""
    it = bench(never, auth=_SettlingAuth())
    call = await begin(it, method="POST")

    async def work() -> None:
        try:
            await asyncio.sleep(9)
        finally:
            await it.session.close()

    working = asyncio.ensure_future(work())
    await asyncio.sleep(0)
    begun = asyncio.get_running_loop().time()
    working.cancel()
    await asyncio.wait([working])
    took = asyncio.get_running_loop().time() - begun
    with pytest.raises(ClientClosedError) as caught:
        await call

    assert 1.5 == pytest.approx(took)
    assert (1, True) == (caught.value.attempts, caught.value.may_have_been_applied)
    assert (True, 1) == (working.cancelled(), it.transport.closed)


@pytest.mark.virtual_time
async def test_closing_can_be_cancelled() -> None:
    """Then it does not wait any longer, but closes all the same."""
    it = bench(never)
    call = await begin(it)
    closing = asyncio.create_task(it.session.close())
    await asyncio.sleep(1)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    with pytest.raises(ClientClosedError):
        await call

    assert 1 == it.transport.closed


@pytest.mark.virtual_time
async def test_closing_does_not_wait_for_a_credential_that_cleans_up() -> None:
    """A refresh that takes its time to be cancelled delays its own call only."""
    it = bench(reply())

    async def sign(request: Request) -> dict[str, str]:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(7)
        return {}

    it.auth.sign = sign  # type: ignore[method-assign]
    call = await begin(it)
    begun = asyncio.get_running_loop().time()
    await it.session.close()
    closed_after = asyncio.get_running_loop().time() - begun
    with pytest.raises(ClientClosedError):
        await call

    assert 5 == pytest.approx(closed_after, abs=0.01)
    assert 7 == pytest.approx(asyncio.get_running_loop().time() - begun, abs=0.01)


async def test_a_call_that_got_its_turn_too_late_is_not_sent() -> None:
    """Whoever passes the limiter after the close does not reach the wire."""
    it = bench(reply())

    async def sign(request: Request) -> dict[str, str]:
        it.session._closed = True
        return {}

    it.auth.sign = sign  # type: ignore[method-assign]
    error = await it.failure()

    assert isinstance(error, ClientClosedError)
    assert 0 == it.sends


def make_unclosed(url: str) -> Client:
    """Return a client; a warning has to name this line."""
    return Client(ApiKeyAuth(KEY), base_url=url)


async def test_an_unclosed_client_is_reported_with_its_origin() -> None:
    """The warning names the line that made the client, and its connections end."""
    gone = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer())
        await peer.client_goes()
        gone.set()

    async with RawServer(script) as server:
        clients = [make_unclosed(server.url)]
        await clients[0].request("GET", "/things")
        with pytest.warns(ResourceWarning, match="never closed") as caught:
            clients.clear()
        async with asyncio.timeout(5):
            await gone.wait()
    line = inspect.getsourcelines(make_unclosed)[1] + 2

    assert [f"{__file__}:{line}"] == [str(each.message).split(" ")[4] for each in caught]


async def test_a_client_that_was_never_used_is_not_reported() -> None:
    """It has nothing open."""
    Client(ApiKeyAuth(KEY), base_url="https://host")
    gc.collect()


async def ask_twice(client: Client) -> list[int]:
    """Make two calls."""
    return [(await client.request("GET", "/things")).attempts for _ in range(2)]


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_one_client_serves_one_loop_after_the_other(tmp_path: Path, *, secure: bool) -> None:
    """Each `asyncio.run` gets a fresh pool; nothing warns, and the limiter goes on."""
    pem = certificates.self_signed(tmp_path)
    tls = certificates.serving(pem) if secure else None
    with warnings.catch_warnings(), in_thread(answering(answer()), tls=tls) as server:
        warnings.simplefilter("error")
        client = Client(
            ApiKeyAuth(KEY), base_url=server.url, ssl_context=certificates.trusting(pem)
        )
        for _ in range(3):
            assert [1, 1] == asyncio.run(ask_twice(client))
            gc.collect()
        asyncio.run(client.close())
        gc.collect()

    assert 3 == server.connections
    assert 6 == client.statistics().requests


def test_connections_may_end_before_their_loop() -> None:
    """What the server has closed meanwhile needs no closing in the next loop."""

    async def wait(client: Client) -> None:
        await client.request("GET", "/things")
        await asyncio.sleep(0.02)

    with in_thread(saying(answer())) as server:
        client = make_unclosed(server.url)
        asyncio.run(wait(client))
        asyncio.run(wait(client))
        asyncio.run(client.close())

    assert 2 == server.connections


def test_a_client_whose_loop_has_ended_is_reported_as_well() -> None:
    """Its sockets are closed, and the one warning is ours."""
    with in_thread(answering(answer())) as server:
        clients = [make_unclosed(server.url)]
        asyncio.run(ask_twice(clients[0]))
        with pytest.warns(ResourceWarning) as caught:
            clients.clear()

    assert 1 == len(caught)


async def test_a_forked_child_has_no_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it uses was in use before the fork: the child is told so, and closes nothing."""
    it = bench()
    await it.send()
    monkeypatch.setattr("cloudflow_async._core.support.forks._forks", forks.count() + 1)
    with pytest.raises(ForkedClientError, match="one in each process"):
        await it.send()
    await it.session.close()
    with pytest.raises(ClientClosedError):
        await it.send()

    assert 1 == len(it.transport.exchanges)
    assert 0 == it.transport.closed


async def test_a_client_not_used_before_a_fork_is_the_childs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It belongs to the process of its first call."""
    it = bench()
    monkeypatch.setattr("cloudflow_async._core.support.forks._forks", forks.count() + 1)

    assert 200 == (await it.send()).status
    await it.session.close()
    assert 1 == it.transport.closed


async def test_two_live_loops_cannot_share_a_client() -> None:
    """Neither a call nor a close from the second is accepted, and the first goes on."""
    async with RawServer(answering(answer())) as server:
        client = Client(ApiKeyAuth(KEY), base_url=server.url)
        await client.request("GET", "/things")

        def elsewhere(do: Callable[[], Awaitable[Any]]) -> None:
            async def run() -> None:
                await do()

            with pytest.raises(WrongLoopError, match="one client for each event loop"):
                asyncio.run(run())

        await asyncio.to_thread(elsewhere, lambda: client.request("GET", "/things"))
        await asyncio.to_thread(elsewhere, client.close)
        await client.request("GET", "/things")
        await client.close()

    assert 1 == server.connections


def _is_servers(task: asyncio.Task[Any]) -> bool:
    return any(name in repr(task.get_coro()) for name in ("RawServer", "_accept_connection"))


def leftovers(client: Client) -> dict[str, int]:
    """Return what a call that has ended must not keep."""
    statistics = client.statistics()
    http = client._session._transport._http  # type: ignore[attr-defined]
    return {
        "in flight": statistics.in_flight,
        "waiting": statistics.waiting,
        "calls": len(client._session._calls),
        "connections": len(http.connector._acquired) if http else 0,
        "waiters": len(http.connector._waiters) if http else 0,
        "tasks": len([task for task in asyncio.all_tasks() if not _is_servers(task)]) - 1,
    }


NOTHING = dict.fromkeys(["in flight", "waiting", "calls", "connections", "waiters", "tasks"], 0)


async def cancelled_at(client: Client, turns: int) -> bool:
    """Start a call, cancel it after so many turns of the loop, return whether it was cancelled."""
    task = asyncio.create_task(client.request("GET", "/things"))
    for _ in range(turns):
        await asyncio.sleep(0)
        if task.done():
            return False
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return True
    return False


async def test_a_call_can_be_cancelled_at_any_moment(open_clients: OpenClient) -> None:
    """After a cancellation in turn 0, 1, 2... of the loop nothing is left, and the next works."""
    limits = RateLimits(requests=10**6, burst=10**6)
    turns = 0
    async with RawServer(answering(answer(status=502), answer(status=502), answer())) as server:
        for turns in range(400):
            client = open_clients(
                server, limiter=LocalLimiter(limits), retry=RetryPolicy(base=1e-9)
            )
            cancelled = await cancelled_at(client, turns)
            await asyncio.sleep(0)

            assert leftovers(client) == NOTHING
            await client.request("GET", "/things")
            await client.close()
            if not cancelled:
                break

    assert 10 < turns < 399


@pytest.mark.virtual_time
async def test_a_wait_can_be_cancelled() -> None:
    """In the backoff, at the limiter or at the wire: at once, and as a cancellation."""
    for step, shut in ((failure(503), False), (reply(), True), (never, False)):
        it = bench(step)
        if shut:
            it.limiter.gate.clear()
        call = await begin(it)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

        assert (0, 0) == (it.limiter.waiting, it.limiter.status().in_flight)
        assert set() == it.session._calls


@pytest.mark.parametrize("name", ["timeout", "deadline", "max_wait"])
@pytest.mark.parametrize("value", [-1, float("nan"), "5", True])
def test_times_are_numbers_of_seconds(name: str, value: object) -> None:
    """What is no positive number of seconds is refused before anything is sent."""
    with pytest.raises(InvalidArgumentError, match=name):
        Options(**{name: value})  # type: ignore[arg-type]


def test_zero_is_a_wait_but_no_time() -> None:
    """`max_wait=0` fails fast; a timeout or deadline of 0 could never be met."""
    assert 0 == Options(max_wait=0).max_wait
    for name in ("timeout", "deadline"):
        with pytest.raises(InvalidArgumentError):
            Options(**{name: 0})  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError):
        Options(timeout=None)  # type: ignore[arg-type]


async def test_statistics_tell_the_state() -> None:
    """Requests, retries and throttled answers are counted over all calls."""
    it = bench(failure(429, retry_after=0), SENT, reply())
    await it.send(retry=RetryPolicy(base=0.001))
    statistics = it.session.statistics()

    assert (3, 2, 1) == (statistics.requests, statistics.retries, statistics.throttled)
    assert (0, 0) == (statistics.waiting, statistics.in_flight)
    assert it.session.rate_limit() == it.limiter.status()
    assert (0.0, 0) == (statistics.waited, statistics.pauses)
    assert (0, 0) == (statistics.connections, statistics.connections_in_use)


async def test_the_limiter_is_asked_for_a_forecast() -> None:
    """It knows the budgets and the line."""
    assert 7.0 == bench().session.forecast(7)


async def test_an_answer_without_json_is_an_error_with_its_request_id() -> None:
    """Where JSON was due, an HTML page of status 200 is a `DecodeError`."""
    it = bench(reply(200, b"<html>", {"X-Request-Id": "req_1"}))
    error = await it.failure(retry=RetryPolicy.never())

    assert isinstance(error, DecodeError)
    assert ("req_1", 1) == (error.request_id, error.attempts)


async def test_it_works_without_a_credential() -> None:
    """An anonymous request carries no key."""
    transport = FakeTransport()
    session = Session(
        base_url="https://host/v2",
        transport=transport,
        limiter=OpenLimiter(),
        auth=AnonymousAuth(),
    )
    await session.send(Request(method="GET", path="/a", target="/a"), Options())

    assert {} == transport.exchanges[0].headers
    assert isinstance(session.auth, AnonymousAuth)


@pytest.mark.virtual_time
async def test_the_server_s_clock_is_known_from_its_answers() -> None:
    """From the last ``Date`` on it goes on with ours; answers without one change nothing."""
    dated = reply(headers={"Date": "Sat, 24 Jan 2026 12:00:00 GMT"})
    made = bench(dated, reply())
    ours = made.session.now()
    await made.send()
    seen = made.session.now()
    await asyncio.sleep(90)
    await made.send()

    assert ours == pytest.approx(time.time(), abs=60)
    assert 1_769_256_000 == seen
    assert 1_769_256_090 == made.session.now()
