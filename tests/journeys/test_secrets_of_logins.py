"""Planted credentials are found in nothing that logins and refreshes show, however they end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import attrs
import pytest

from cloudflow_async import CloudFlow, LocalLimiter, RateLimits, RetryPolicy
from cloudflow_async._core.auth.oauth2.authorization import AuthorizationRequest
from cloudflow_async._core.auth.oauth2.oauth2 import OAuth2Auth
from cloudflow_async._core.auth.stores.token_store import MemoryTokenStore
from cloudflow_async._core.auth.token import Token
from tests.canaries import (
    ACCESS_TOKEN,
    CLIENT_SECRET,
    CODE,
    NEXT_ACCESS_TOKEN,
    NEXT_REFRESH_TOKEN,
    REFRESH_TOKEN,
    Lookout,
)
from tests.canary_server import (
    Answer,
    CanaryServer,
    as_cut_json,
    as_error,
    as_oauth_code,
    as_oauth_error,
    as_page,
    as_token_of_request,
    dropping,
    giving_token,
    refusing,
    repeating,
    resetting,
    saying,
    stalling,
    working,
)

pytestmark = pytest.mark.virtual_time

METHODS = ("client_secret_post", "client_secret_basic")

_TOKENS = {
    "access_token": NEXT_ACCESS_TOKEN,
    "refresh_token": NEXT_REFRESH_TOKEN,
    "token_type": "bearer",
}

ANSWERS: dict[str, Answer] = {
    "a token": giving_token,
    "dropped": dropping,
    "reset": resetting,
    "stalled": stalling,
    "invalid_grant": saying(400, {"error": "invalid_grant"}),
    "invalid_client": saying(401, {"error": "invalid_client"}),
    "repeating": repeating(400, as_oauth_error),
    "repeating in the error's name": repeating(400, as_oauth_code),
    "repeating in the API's words": repeating(400, as_error),
    "500": refusing(500, "internal_error"),
    "500 repeating": repeating(500, as_oauth_error),
    "500 page": repeating(500, as_page),
    "page": repeating(200, as_page),
    "cut JSON": repeating(200, as_cut_json),
    "a token that is none": repeating(200, as_token_of_request),
    "no token": saying(200, {}),
    "no JSON object": saying(200, list(_TOKENS.values())),
    "another type": saying(200, {**_TOKENS, "token_type": "mac"}),
    "a type that is none": saying(200, {**_TOKENS, "token_type": NEXT_ACCESS_TOKEN}),
    "bad access token": saying(200, {**_TOKENS, "access_token": NEXT_ACCESS_TOKEN + " \n"}),
    "bad refresh token": saying(200, {**_TOKENS, "refresh_token": NEXT_REFRESH_TOKEN + "\n"}),
    "odd life and scope": saying(
        200, {**_TOKENS, "expires_in": NEXT_ACCESS_TOKEN, "scope": [{"a": NEXT_ACCESS_TOKEN}]}
    ),
    "tokens and an error": saying(400, {**_TOKENS, "error": "invalid_request"}),
    "tokens, status 500": saying(500, _TOKENS),
    "redirect": repeating(307, as_oauth_error),
    "too large": saying(200, {**_TOKENS, "padding": "x" * 70_000}),
}


@attrs.frozen
class Scene:
    """A server, and the app that somebody logs in to."""

    lookout: Lookout
    url: str
    server: CanaryServer
    clock: Callable[[], float]
    method: Any = "client_secret_post"

    def auth(self, **options: Any) -> OAuth2Auth:
        """Return a credential; the lookout watches it."""
        auth = OAuth2Auth(
            "an app",
            client_secret=CLIENT_SECRET,
            authorize_url=f"{self.url}/authorize",
            token_url=f"{self.url}/token",
            token_endpoint_auth_method=self.method,
            clock=self.clock,
            timeout=5.0,
            **options,
        )
        self.server.watched["credential"] = auth
        return auth

    def logged_in(self, seconds: float) -> OAuth2Auth:
        """Return a credential whose access token ends in so many seconds."""
        token = Token(
            access_token=ACCESS_TOKEN,
            refresh_token=REFRESH_TOKEN,
            expires_at=self.clock() + seconds,
        )
        return self.auth(store=MemoryTokenStore(token))

    async def call(self, auth: OAuth2Auth) -> None:
        """Send a call of the API."""
        client = CloudFlow(
            auth=auth,
            base_url=f"{self.url}/v2",
            limiter=LocalLimiter(RateLimits(requests=10_000, burst=10_000)),
            retry=RetryPolicy(attempts=2),
        )
        self.server.watched["client"] = client
        async with client:
            await client.request("GET", "/anything")


async def _refresh(scene: Scene) -> None:
    await scene.call(scene.logged_in(-1.0))


async def _refresh_meanwhile(scene: Scene) -> None:
    auth = scene.logged_in(30.0)
    await scene.call(auth)
    await auth.settled()


async def _answer_refusal(scene: Scene) -> None:
    scene.server.api = repeating(401, as_error)
    await scene.call(scene.logged_in(3600.0))


async def _save_nothing(scene: Scene) -> None:
    auth = scene.logged_in(-1.0)
    auth._tokens._store = LeakyStore(await auth._tokens._store.load())
    await auth.token()


async def _cancel_refresh(scene: Scene) -> None:
    scene.server.token = _late(scene.server.token)
    auth = scene.logged_in(-1.0)
    waiting = asyncio.current_task()
    assert waiting is not None
    asyncio.get_running_loop().call_later(1.0, waiting.cancel)
    try:
        await auth.token()
    finally:
        waiting.uncancel()
        await auth.settled()


def _late(answer: Answer) -> Answer:
    async def late(peer: Any, sent: Any) -> None:
        await asyncio.sleep(2.0)
        await answer(peer, sent)

    return late


class LeakyStore(MemoryTokenStore):
    """A store of somebody's own, whose errors show what they were given."""

    async def save(self, token: Token | None) -> None:
        """Fail with both tokens in the message."""
        shown = "" if token is None else f"{token.access_token.reveal()} {token.refresh_token}"
        raise RuntimeError(f"INSERT failed: {shown}")


def _callback(request: AuthorizationRequest) -> str:
    return f"{request.redirect_uri}?code={quote(CODE)}&state={request.state.reveal()}"


async def _exchange(scene: Scene) -> None:
    auth = scene.auth(redirect_uri="https://app.example/callback")
    request = auth.authorization_request()
    scene.lookout.plant("state", request.state.reveal())
    scene.lookout.plant("verifier", request.verifier.reveal())
    scene.server.watched["request"] = request
    try:
        await auth.exchange(_callback(request), request)
    finally:
        scene.lookout.see("request", request)
        scene.lookout.copies("request", request)


async def _paste(scene: Scene) -> None:
    await scene.auth().login(ask=_pasting(scene, "code={code}&state={state}"))


async def _listen(scene: Scene) -> None:
    await _log_in_with_browser(scene, scene.auth(), "code={code}&state={state}")


def _pasting(scene: Scene, query: str) -> Callable[[str], Awaitable[str]]:
    async def ask(url: str) -> str:
        return _answer_to(scene, url, query)

    return ask


def _answer_to(scene: Scene, url: str, query: str) -> str:
    """Return where the browser ends, and plant the state."""
    asked = parse_qs(urlsplit(url).query)
    state = asked["state"][0]
    scene.lookout.plant("state", state)
    filled = query.replace("{code}", quote(CODE)).replace("{state}", state)
    return f"{asked['redirect_uri'][0]}?{filled.replace('{origin}', scene.url)}"


async def _log_in_with_browser(scene: Scene, auth: OAuth2Auth, query: str) -> None:
    visits: list[asyncio.Task[None]] = []

    def browse(url: str) -> None:
        visits.append(asyncio.create_task(_visit(scene, _answer_to(scene, url, query))))

    try:
        await auth.login(open_browser=False, show_url=browse)
    finally:
        await asyncio.wait(visits)


async def _visit(scene: Scene, url: str) -> None:
    """Ask for a page as a browser does, and look at it."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(
        f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
    )
    page = await reader.read()
    writer.close()
    scene.lookout.read("page", page.decode())


OPERATIONS: dict[str, Callable[[Scene], Awaitable[None]]] = {
    "refresh": _refresh,
    "refresh meanwhile": _refresh_meanwhile,
    "refresh after a 401": _answer_refusal,
    "refresh, store fails": _save_nothing,
    "refresh, cancelled": _cancel_refresh,
    "exchange": _exchange,
    "paste": _paste,
    "listen": _listen,
}

CELLS = [
    (operation, answer, METHODS[(row + column) % len(METHODS)])
    for row, operation in enumerate(OPERATIONS)
    for column, answer in enumerate(ANSWERS)
]
"""Each operation with each answer; the ways to show the client's secret take turns."""


async def _look(scene: Scene, doing: Awaitable[object]) -> None:
    """Look at how it ends, and at what is left."""
    await scene.lookout.watch(doing)
    for name, thing in scene.server.watched.items():
        scene.lookout.see(name, thing)


@pytest.mark.parametrize(
    ("operation", "answer", "method"), CELLS, ids=[" x ".join(cell) for cell in CELLS]
)
async def test_token_requests_show_no_credential(
    lookout: Lookout,
    capfd: pytest.CaptureFixture[str],
    virtual_clock: Callable[[], float],
    operation: str,
    answer: str,
    method: str,
) -> None:
    """Whatever the token endpoint answers, should it be all that it was sent."""
    asyncio.get_running_loop().set_debug(True)
    server = CanaryServer(lookout, api=working, token=ANSWERS[answer])
    async with server.server() as raw:
        scene = Scene(lookout, raw.url, server, virtual_clock, method)
        await _look(scene, OPERATIONS[operation](scene))
    lookout.read("output", "".join(capfd.readouterr()))

    assert server.requests
    assert [] == lookout.finds()


CALLBACKS = {
    "accepted": "code={code}&state={state}",
    "with more": "code={code}&state={state}&session_state={code}&id_token={code}",
    "no state": "code={code}",
    "another state": "code={code}&state={code}",
    "half a state": "code={code}&state={state}x",
    "two states": "code={code}&state={state}&state={state}",
    "two codes": "code={code}&code={code}&state={state}",
    "no code": "state={state}",
    "a bad code": "code={code}%0A&state={state}",
    "refused": "error=access_denied&error_description=No.&state={state}",
    "refused, repeating": (
        "error=access_denied&error_description={code}+{state}&code={code}&state={state}"
    ),
    "refused, of another": "error=access_denied&code={code}&state=x",
    "another issuer": "code={code}&state={state}&iss=https://evil.example",
    "a bad issuer": "code={code}&state={state}&iss={code}",
    "no UTF-8": "code={code}%ff&state={state}",
    "too many parameters": "code={code}&state={state}" + "&a=1" * 60,
    "too long": "code={code}&state={state}&padding=" + "x" * 8200,
    "a fragment": "code={code}&state={state}#{code}",
}


async def _exchange_callback(scene: Scene, query: str) -> None:
    auth = scene.auth(redirect_uri="https://app.example/callback")
    request = auth.authorization_request()
    callback = _answer_to(scene, request.url, query)
    try:
        await auth.exchange(callback, request)
        await auth.exchange(callback, request)
    finally:
        scene.lookout.see("request", request)


async def _paste_callback(scene: Scene, query: str) -> None:
    await scene.auth().login(ask=_pasting(scene, query))


async def _listen_to_callback(scene: Scene, query: str) -> None:
    await _log_in_with_browser(scene, scene.auth(), query)


def _calls_back() -> Iterator[object]:
    for way in (_exchange_callback, _paste_callback, _listen_to_callback):
        for callback in CALLBACKS:
            # A browser sends no fragment, and the listener waits on after what is too long.
            if way is not _listen_to_callback or callback not in {"a fragment", "too long"}:
                yield pytest.param(way, callback, id=f"{way.__name__} x {callback}")


@pytest.mark.parametrize(("way", "callback"), [*_calls_back()])
async def test_callbacks_show_no_code(
    lookout: Lookout,
    capfd: pytest.CaptureFixture[str],
    virtual_clock: Callable[[], float],
    way: Callable[[Scene, str], Awaitable[None]],
    callback: str,
) -> None:
    """Whatever comes with the browser, accepted or not."""
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 0.0  # asyncio logs every callback
    server = CanaryServer(lookout)
    async with server.server() as raw:
        scene = Scene(lookout, raw.url, server, virtual_clock)
        await _look(scene, way(scene, CALLBACKS[callback]))
    lookout.read("output", "".join(capfd.readouterr()))

    assert [] == lookout.finds()


async def _nobody_comes(scene: Scene) -> None:
    await scene.auth().login(open_browser=lambda url: True, timeout=1.0)


async def _told_where(scene: Scene) -> None:
    await scene.auth().login(open_browser=lambda url: False, timeout=1.0)


async def _cancelled(scene: Scene) -> None:
    waiting = asyncio.current_task()
    assert waiting is not None
    asyncio.get_running_loop().call_later(1.0, waiting.cancel)
    try:
        await scene.auth().login(open_browser=lambda url: True)
    finally:
        waiting.uncancel()


async def _too_late(scene: Scene) -> None:
    auth = scene.auth(redirect_uri="https://app.example/callback")
    request = auth.authorization_request()
    await asyncio.sleep(700.0)
    await auth.exchange(_answer_to(scene, request.url, CALLBACKS["accepted"]), request)


async def _rubbish(scene: Scene) -> None:
    auth = scene.auth(redirect_uri="https://app.example/callback")
    stored = auth.authorization_request().to_dict()
    stored["verifier"] = f"{stored['verifier']} {CODE}"
    scene.lookout.plant("verifier", str(stored["verifier"]))
    AuthorizationRequest.from_dict(stored)


async def _bad_client_secret(scene: Scene) -> None:
    OAuth2Auth("an app", client_secret=CLIENT_SECRET + "\n")


async def _bad_client_id(scene: Scene) -> None:
    OAuth2Auth("an app\n", client_secret=CLIENT_SECRET)


async def _log_out(scene: Scene) -> None:
    await scene.logged_in(3600.0).logout()


@pytest.mark.parametrize(
    "doing",
    [
        _nobody_comes,
        _told_where,
        _cancelled,
        _too_late,
        _rubbish,
        _bad_client_secret,
        _bad_client_id,
        _log_out,
    ],
)
async def test_other_ends_of_a_login_show_no_credential(
    lookout: Lookout,
    capfd: pytest.CaptureFixture[str],
    virtual_clock: Callable[[], float],
    doing: Callable[[Scene], Awaitable[None]],
) -> None:
    """Nobody comes, it is cancelled, it is too late, or what it needs cannot be used."""
    server = CanaryServer(lookout)
    async with server.server() as raw:
        scene = Scene(lookout, raw.url, server, virtual_clock)
        await _look(scene, doing(scene))
    lookout.read("output", "".join(capfd.readouterr()))

    assert [] == lookout.finds()
