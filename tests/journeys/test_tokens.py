"""Tokens that end, are refused, and are refreshed, while a thousand calls are under way."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from cloudflow_async import (
    AuthenticationError,
    CloudFlow,
    LocalLimiter,
    RateLimits,
    ReauthenticationRequiredError,
    TokenRequestError,
)
from cloudflow_async._core.auth.oauth2.oauth2 import OAuth2Auth
from cloudflow_async._core.auth.stores.file_store import FileTokenStore
from cloudflow_async._core.auth.stores.token_store import MemoryTokenStore, TokenStore
from cloudflow_async._core.auth.token import Token
from tests.core.auth.exposure import exposed_by, spellings
from tests.rotating_server import LIFE, Answer, RotatingServer, rotating_server

pytestmark = pytest.mark.virtual_time

MANY = 1000
SECRET = "client-secret-canary"


@pytest.fixture
async def server(virtual_clock: Callable[[], float]) -> AsyncIterator[RotatingServer]:
    """Return a server on the test's clock."""
    async with rotating_server(virtual_clock) as server:
        yield server


@pytest.fixture
async def open_client(
    server: RotatingServer, stack: AsyncExitStack
) -> Callable[..., tuple[CloudFlow, OAuth2Auth]]:
    """Return what makes a client that no rate limit holds up, and its credential."""

    def open_client(store: TokenStore, **options: Any) -> tuple[CloudFlow, OAuth2Auth]:
        auth = OAuth2Auth(
            "client", store=store, token_url=server.token_url, clock=server.clock, **options
        )
        stack.push_async_callback(auth.settled)
        limiter = LocalLimiter(RateLimits(requests=10**6, burst=10**6), max_in_flight=50)
        client = CloudFlow(auth=auth, base_url=server.base_url, limiter=limiter, max_connections=50)
        stack.push_async_callback(client.close)
        return client, auth

    return open_client


OpenClient = Callable[..., tuple[CloudFlow, OAuth2Auth]]


async def call(client: CloudFlow, number: int) -> int:
    """Send a call that the server can tell from others."""
    return (await client.request("GET", "/workflows", params={"n": number})).status


def herd(client: CloudFlow, size: int = MANY) -> list[asyncio.Task[int]]:
    """Begin so many calls at once."""
    return [asyncio.create_task(call(client, number)) for number in range(size)]


def ended(token: Token) -> Token:
    """Return a token whose access token has ended."""
    return Token(access_token="access-canary-0", refresh_token=token.refresh_token, expires_at=1.0)


async def test_a_thousand_cold_calls_cost_one_token_request(
    server: RotatingServer, open_client: OpenClient
) -> None:
    """All find an ended token in the store, and each is sent once."""
    client, _ = open_client(MemoryTokenStore(ended(server.token())))

    assert {200} == set(await asyncio.gather(*herd(client)))
    assert 1 == len(server.forms)
    assert {1: MANY} == Counter(server.calls.values())


async def test_a_thousand_refusals_cost_one_refresh(
    server: RotatingServer, open_client: OpenClient
) -> None:
    """By our clock the token lives, by the server's it has ended: no call is sent three times."""
    client, _ = open_client(MemoryTokenStore(server.token()))
    server.expire()

    assert {200} == set(await asyncio.gather(*herd(client)))
    assert 1 == len(server.forms)
    assert set(server.calls.values()) <= {1, 2}
    assert MANY == server.statuses[200]
    assert not server.revoked


@pytest.mark.slow
async def test_ten_ends_cost_ten_refreshes(server: RotatingServer, open_client: OpenClient) -> None:
    """One for each, and none of them comes to the server as a refused call."""
    client, _ = open_client(MemoryTokenStore(ended(server.token())))
    for _ in range(10):
        await asyncio.gather(*herd(client, 100))
        await asyncio.sleep(LIFE)

    assert 10 == len(server.forms)
    assert {200: 1000} == server.statuses


async def test_the_first_caller_may_go(server: RotatingServer, open_client: OpenClient) -> None:
    """The call that began the refresh is cancelled: the other 999 succeed with that refresh."""
    client, _ = open_client(MemoryTokenStore(ended(server.token())))
    leader, *others = herd(client)
    await server.was_asked.wait()
    leader.cancel()

    assert {200} == set(await asyncio.gather(*others))
    assert leader.cancelled()
    assert 1 == len(server.forms)


async def test_all_callers_may_go(server: RotatingServer, open_client: OpenClient) -> None:
    """What they asked for is there for the next one."""
    client, auth = open_client(MemoryTokenStore(ended(server.token())))
    calls = herd(client, 10)
    await server.was_asked.wait()
    for each in calls:
        each.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    await auth.settled()

    assert 200 == await call(client, 0)
    assert 1 == len(server.forms)


async def _stall(server: RotatingServer) -> web.StreamResponse:
    await server.closing.wait()
    return web.Response(status=503)


def _saying(status: int, body: str, kind: str = "application/json") -> Answer:
    async def answer(server: RotatingServer) -> web.Response:
        return web.Response(status=status, text=body, content_type=kind)

    return answer


FAILURES: dict[str, Answer] = {
    "500": _saying(500, "<html>oops</html>", "text/html"),
    "stalled": _stall,
    "HTML": _saying(200, "<html>log in</html>", "text/html"),
    "{}": _saying(200, "{}"),
    "invalid_client": _saying(401, '{"error": "invalid_client"}'),
}


@pytest.mark.parametrize("refused", [False, True], ids=["cold", "refused"])
@pytest.mark.parametrize("answer", FAILURES.values(), ids=FAILURES.keys())
async def test_a_token_endpoint_that_fails_is_left_alone(
    server: RotatingServer, open_client: OpenClient, answer: Answer, refused: bool
) -> None:
    """A thousand calls get the same typed error, each its own, for at most 3 token requests."""
    token = server.token()
    server.expire()
    client, _ = open_client(MemoryTokenStore(token if refused else ended(token)), timeout=5.0)
    server.answer = answer
    errors = await asyncio.gather(*herd(client), return_exceptions=True)

    assert {TokenRequestError} == {type(error) for error in errors}
    assert MANY == len({id(error) for error in errors})
    assert 1 <= len(server.forms) <= 3
    assert set(server.calls.values()) <= {1}


async def test_a_token_endpoint_that_recovers_is_used(
    server: RotatingServer, open_client: OpenClient
) -> None:
    """A second after the failure."""
    client, _ = open_client(MemoryTokenStore(ended(server.token())))
    server.answer = FAILURES["{}"]
    with pytest.raises(TokenRequestError):
        await call(client, 0)
    server.answer = None
    with pytest.raises(TokenRequestError):
        await call(client, 1)
    await asyncio.sleep(1.0)

    assert 200 == await call(client, 2)
    assert 2 == len(server.forms)


@pytest.mark.parametrize("kind", ["memory", "file"])
async def test_a_revoked_login_ends_in_one_clear_error(
    server: RotatingServer, open_client: OpenClient, tmp_path: Path, kind: str
) -> None:
    """The refresh token is sent once, and gone from the store; no API call is spent on it."""
    store = MemoryTokenStore() if kind == "memory" else FileTokenStore(tmp_path / "token.json")
    await store.save(ended(server.token()))
    server.revoked = True
    client, _ = open_client(store)
    errors = await asyncio.gather(*herd(client), return_exceptions=True)
    await asyncio.sleep(10.0)
    with pytest.raises(ReauthenticationRequiredError, match=r"invalid_grant.*log in again"):
        await call(client, 0)

    assert {ReauthenticationRequiredError} == {type(error) for error in errors}
    assert 1 == len(server.forms)
    assert await store.load() is None
    assert not server.calls


async def test_a_server_that_accepts_nothing_is_not_asked_in_a_loop(
    server: RotatingServer, open_client: OpenClient
) -> None:
    """Each call is sent twice at most, and the second refusal refreshes nothing."""
    client, _ = open_client(MemoryTokenStore(server.token()))
    server.accepts = False
    errors = await asyncio.gather(*herd(client, 100), return_exceptions=True)

    assert {AuthenticationError} == {type(error) for error in errors}
    assert 1 == len(server.forms)
    assert set(server.calls.values()) <= {1, 2}


@pytest.mark.slow
async def test_clients_that_share_a_file_refresh_once(
    server: RotatingServer, open_client: OpenClient, tmp_path: Path
) -> None:
    """Each has a credential of its own; over five ends the login is never taken for stolen."""
    path = tmp_path / "token.json"
    await FileTokenStore(path).save(ended(server.token()))
    clients = [open_client(FileTokenStore(path))[0] for _ in range(4)]
    for _ in range(5):
        calls = [each for client in clients for each in herd(client, 50)]

        assert {200} == set(await asyncio.gather(*calls))

        await asyncio.sleep(LIFE)

    assert 5 == len(server.forms)
    assert {200: 1000} == server.statuses
    assert not server.revoked


@pytest.mark.parametrize("skew", [-600.0, -60.0, 60.0, 600.0])
async def test_a_clock_that_is_wrong_costs_at_most_one_refusal(
    server: RotatingServer, open_client: OpenClient, virtual_clock: Callable[[], float], skew: float
) -> None:
    """For each token: what counts is how long it lives, not when by whose clock."""
    token = server.token()
    server.clock = lambda: virtual_clock() + skew
    server.expires_at += skew
    client, auth = open_client(MemoryTokenStore(token), client_secret=SECRET)
    for number in range(200):
        await call(client, number)
        await asyncio.sleep(60.0)
        await auth.settled()

    assert server.statuses[401] <= 1
    assert server.generation <= 6
    assert 200 == server.statuses[200]


@pytest.mark.parametrize("status", [200, 400, 500])
async def test_what_fails_shows_no_token(
    server: RotatingServer, open_client: OpenClient, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """Neither in the error nor in the local variables of its traceback, nor in any log."""
    caplog.set_level("DEBUG")
    client, _ = open_client(MemoryTokenStore(ended(server.token())), client_secret=SECRET)
    server.answer = _saying(status, f'{{"error": "refresh-canary-1", "x": "{SECRET}"}}')
    with pytest.raises(TokenRequestError) as caught:
        await call(client, 0)
    shown = exposed_by(caught.value) + caplog.text

    for secret in ("access-canary-0", "refresh-canary-1", SECRET):
        assert not [text for text in spellings(secret) if text in shown]
