"""Logins and refreshes against an authorization server that no one here wrote."""

from __future__ import annotations

import contextlib
import threading
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import attrs
import pytest
from yarl import URL

from cloudflow_async import (
    CloudFlow,
    LoginError,
    OAuth2Auth,
    ReauthenticationRequiredError,
)
from tests.strict_oauth import CLIENTS, SECRET, StrictServer, strict_server

LIFETIME = 3600


@attrs.define
class _Clock:
    """A clock that server and client share, and that is moved by hand."""

    now: float = attrs.field(factory=time.time)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> _Clock:
    """Return the clock of server and client."""
    return _Clock()


@pytest.fixture
async def server(clock: _Clock) -> AsyncIterator[StrictServer]:
    """Return a server that says all that it can."""
    async with strict_server(clock=clock) as running:
        yield running


def _auth(server: StrictServer, client_id: str, method: str, **options: Any) -> OAuth2Auth:
    if method != "none":
        options |= {"client_secret": SECRET, "token_endpoint_auth_method": method}
    return OAuth2Auth(
        client_id,
        scopes=["workflows:read"],
        authorize_url=server.authorize_url,
        token_url=server.token_url,
        clock=server.clock,
        **options,
    )


def _browse(url: str) -> bool:
    """Open a URL as a browser would: elsewhere, and following where it leads."""

    def visit() -> None:
        # The page at the end says whether the login was accepted, by its status too.
        with (
            contextlib.suppress(urllib.error.HTTPError),
            urllib.request.urlopen(url),  # noqa: S310 - our own server's
        ):
            pass

    threading.Thread(target=visit).start()
    return True


async def _callback_of(url: str) -> str:
    """Return where the server sends a browser that opens `url`."""
    async with aiohttp.ClientSession() as http, http.get(url, allow_redirects=False) as answer:
        return answer.headers["Location"]


async def _ask_api(server: StrictServer, auth: OAuth2Auth) -> None:
    async with CloudFlow(auth=auth, base_url=f"{server.url}/v2") as cf:
        await cf.workflows.list()


@pytest.mark.parametrize(("client_id", "method"), CLIENTS)
@pytest.mark.parametrize("says", [True, False], ids=["all-fields", "few-fields"])
async def test_a_login_lasts_over_many_rotations(
    clock: _Clock, client_id: str, method: str, *, says: bool
) -> None:
    """Every way to authenticate, with and without ``scope`` and ``expires_in`` in the answers."""
    async with strict_server(clock=clock, says_scope=says, says_expires_in=says) as server:
        auth = _auth(server, client_id, method, issuer=server.url if says else None)
        await auth.login(open_browser=_browse, timeout=10)
        for _ in range(3):
            await _ask_api(server, auth)
            clock.now += LIFETIME + 1

    assert [200, 200, 200] == server.statuses
    assert set() == server.revoked
    assert frozenset({"workflows:read"}) == auth.scopes


async def test_the_two_halves_of_a_web_login(server: StrictServer) -> None:
    """The app keeps the request in its own session, as JSON, and brings it back."""
    auth = _auth(server, "post", "client_secret_post")
    request = auth.authorization_request(redirect_uri="http://127.0.0.1:8000/callback")
    kept = type(request).from_dict(request.to_dict())
    callback = await _callback_of(request.url)
    await auth.exchange(callback, kept)
    await _ask_api(server, auth)

    assert server.url == URL(callback).query["iss"]
    assert ["authorization_code"] == [form["grant_type"] for form in server.token_requests]
    assert "http://127.0.0.1:8000/callback" == server.token_requests[0]["redirect_uri"]


async def test_a_callback_counts_once(server: StrictServer) -> None:
    """A second use never reaches the server, which would revoke the first one's tokens."""
    auth = _auth(server, "public", "none")
    request = auth.authorization_request(redirect_uri="http://127.0.0.1:8000/callback")
    callback = await _callback_of(request.url)
    await auth.exchange(callback, request)
    with pytest.raises(LoginError):
        await auth.exchange(callback, request)
    await _ask_api(server, auth)

    assert 1 == len(server.token_requests)


async def test_a_person_who_says_no_ends_the_login(clock: _Clock) -> None:
    """With OAuth's word for it, and without a token request."""
    async with strict_server(clock=clock, consents=False) as server:
        auth = _auth(server, "public", "none")
        with pytest.raises(LoginError) as caught:
            await auth.login(open_browser=_browse, timeout=10)

    assert "access_denied" == caught.value.error
    assert [] == server.token_requests


async def test_another_issuer_ends_the_login(server: StrictServer) -> None:
    """The server names itself in the callback (RFC 9207); who expects another one stops there."""
    auth = _auth(server, "public", "none", issuer="https://auth.cloudflow.io")
    with pytest.raises(LoginError, match="iss"):
        await auth.login(open_browser=_browse, timeout=10)

    assert [] == server.token_requests


async def test_a_stolen_refresh_token_ends_the_login(server: StrictServer, clock: _Clock) -> None:
    """The thief's use of an old one revokes the family; the error says to log in again."""
    auth = _auth(server, "public", "none")
    token = await auth.login(open_browser=_browse, timeout=10)
    clock.now += LIFETIME + 1
    await _ask_api(server, auth)
    assert token.refresh_token is not None
    server.find_refresh_token(token.refresh_token.reveal())
    clock.now += LIFETIME + 1

    with pytest.raises(ReauthenticationRequiredError, match="log in again"):
        await _ask_api(server, auth)


@pytest.mark.parametrize("challenge", [{}, {"code_challenge": "x" * 43}])
async def test_the_server_is_strict(server: StrictServer, challenge: dict[str, str]) -> None:
    """Without PKCE, or with its plain method, it gives no code."""
    asked = {"client_id": "public", "response_type": "code", "scope": "workflows:read"}
    url = URL(server.authorize_url).with_query(
        {**asked, "redirect_uri": "http://127.0.0.1:8000/callback", **challenge}
    )

    assert "invalid_request" == URL(await _callback_of(str(url))).query["error"]
