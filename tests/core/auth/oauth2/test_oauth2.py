"""OAuth 2.0: what it is made with, how a person logs in, and what it never shows."""

from __future__ import annotations

import asyncio
import copy
import inspect
import json
import pickle
import traceback
import webbrowser
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import attrs
import pytest
from aiohttp import web

from cloudflow_async._core.auth import Refusal, check_scope
from cloudflow_async._core.auth.oauth2 import oauth2
from cloudflow_async._core.auth.oauth2.authorization import AuthorizationRequest
from cloudflow_async._core.auth.oauth2.oauth2 import OAuth2Auth
from cloudflow_async._core.auth.stores.file_store import FileTokenStore
from cloudflow_async._core.auth.stores.token_store import MemoryTokenStore
from cloudflow_async._core.auth.token import Token
from cloudflow_async._core.errors import (
    CredentialError,
    InvalidArgumentError,
    LoginError,
    MissingScopeError,
    ReauthenticationRequiredError,
    TokenRequestError,
    WrongLoopError,
)
from cloudflow_async._core.messages import Request
from tests.core.auth.exposure import exposed_by, spellings
from tests.core.auth.leaks import shows
from tests.rotating_server import CODE, LIFE, RotatingServer, rotating_server

pytestmark = pytest.mark.virtual_time

REQUEST = Request(method="GET", path="/workflows", target="/workflows")
CALLBACK = "https://app.example/callback"
SECRET = "client-secret-canary"

Clock = Callable[[], float]


@pytest.fixture
async def server(virtual_clock: Clock) -> AsyncIterator[RotatingServer]:
    """Return a token endpoint on the test's clock."""
    async with rotating_server(virtual_clock) as server:
        yield server


def make(server: RotatingServer, **options: Any) -> OAuth2Auth:
    """Return a credential of the server."""
    return OAuth2Auth(
        "client",
        **{
            "authorize_url": server.authorize_url,
            "token_url": server.token_url,
            "clock": server.clock,
            **options,
        },
    )


def asked(request: AuthorizationRequest | str) -> dict[str, str]:
    """Return the query with which a person is sent to the server."""
    url = request if isinstance(request, str) else request.url
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def answer_to(request: AuthorizationRequest | str, **parameters: str) -> str:
    """Return the address at which the browser ends."""
    query = asked(request)
    parameters = {"code": CODE, "state": query["state"], **parameters}
    return f"{query['redirect_uri']}?{urlencode(parameters)}"


# --- what it is made with


def test_the_documented_endpoints_are_its_own() -> None:
    """API document: OAuth 2.0, Authorization Endpoint and Token Endpoint."""
    request = OAuth2Auth("client", redirect_uri=CALLBACK).authorization_request()
    defaults = inspect.signature(OAuth2Auth).parameters

    assert request.url.startswith("https://auth.cloudflow.io/oauth/authorize?")
    assert "https://auth.cloudflow.io/oauth/token" == defaults["token_url"].default


def test_it_knows_nothing_before_its_first_use() -> None:
    """And needs no event loop to be made."""
    auth = OAuth2Auth(client_id="client", scopes=["workflows:read", "admin:full"])

    assert ("client", None, None) == (auth.client_id, auth.scopes, auth.expires_at)
    assert "OAuth2Auth('client', scopes=['admin:full', 'workflows:read'])" == repr(auth)


@pytest.mark.parametrize(
    "options",
    [
        {"client_id": ""},
        {"client_id": None},
        {"client_id": "canary\r\n"},
        {"client_id": "canary-é"},
        {"client_secret": ""},
        {"client_secret": b"canary"},
        {"client_secret": "canary\n"},
        {"client_secret": "canary-é"},
        {"scopes": "canary"},
        {"scopes": ["canary\t"]},
        {"scopes": [7]},
        {"authorize_url": "http://canary.example/authorize"},
        {"authorize_url": "https://canary.example/authorize#x"},
        {"token_url": "http://canary.example/token"},
        {"token_url": "https://user:canary@host/token"},
        {"redirect_uri": "http://canary.example/callback"},
        {"redirect_uri": 7},
        {"token_endpoint_auth_method": "none", "client_secret": "canary"},
        {"timeout": 0},
        {"timeout": True},
        {"timeout": float("nan")},
        {"timeout": float("inf")},
        {"timeout": "canary"},
    ],
)
def test_what_cannot_be_used_is_refused_when_it_is_made(options: dict[str, Any]) -> None:
    """Without showing it."""
    with pytest.raises(InvalidArgumentError) as caught:
        OAuth2Auth(**{"client_id": "client", **options})

    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("travel", [pickle.dumps, copy.copy, copy.deepcopy])
def test_it_does_not_travel(travel: Callable[[Any], Any]) -> None:
    """A copy would send the same refresh token; the advice names how to share a login."""
    with pytest.raises(TypeError, match=r"make it anew.*FileTokenStore"):
        travel(OAuth2Auth("client"))


async def test_it_shows_no_secret(server: RotatingServer) -> None:
    """Neither itself nor its attributes nor theirs."""
    auth = make(server, client_secret=SECRET, store=MemoryTokenStore(server.token()))
    await auth.token()

    for secret in (SECRET, "access-canary-1", "refresh-canary-1"):
        assert not shows(auth, secret)


# --- signing


async def test_a_token_goes_into_its_header(server: RotatingServer) -> None:
    """RFC 6750, 2.1."""
    auth = make(server, store=MemoryTokenStore(server.token()))

    assert {"Authorization": "Bearer access-canary-1"} == await auth.sign(REQUEST)
    assert server.expires_at == auth.expires_at
    assert [] == server.forms


async def test_a_refusal_is_answered_with_the_next_token(server: RotatingServer) -> None:
    """And the second one of a call with none."""
    auth = make(server, store=MemoryTokenStore(server.token()), client_secret=SECRET)
    first = await auth.sign(REQUEST)
    renewed = await auth.renew(Refusal(signed=first))
    second = await auth.sign(REQUEST)

    assert renewed
    assert {"Authorization": "Bearer access-canary-2"} == second
    assert not await auth.renew(Refusal(signed=second))
    assert await auth.renew(Refusal(signed={}))
    assert [
        {
            "grant_type": "refresh_token",
            "refresh_token": "refresh-canary-1",
            "client_id": "client",
            "client_secret": SECRET,
        }
    ] == server.forms


@pytest.mark.parametrize("scopes", [["workflows:read"], []])
async def test_scopes_are_those_of_the_token(scopes: list[str], virtual_clock: Clock) -> None:
    """A token may have fewer scopes than were asked for, or none."""
    token = Token(access_token="a", scopes=scopes, expires_at=virtual_clock() + LIFE)
    auth = OAuth2Auth(
        "client", scopes=["admin:full"], store=MemoryTokenStore(token), clock=virtual_clock
    )
    await auth.token()

    assert frozenset(scopes) == auth.scopes
    assert f"OAuth2Auth('client', scopes={scopes})" == repr(auth)


async def test_a_login_without_any_scope(server: RotatingServer, tmp_path: Path) -> None:
    """An answer with ``"scope": ""`` grants nothing, in the store and after a refresh too."""

    async def answer(server: RotatingServer) -> web.StreamResponse:
        server.generation += 1
        return web.json_response(
            {
                "access_token": f"access-canary-{server.generation}",
                "refresh_token": f"refresh-canary-{server.generation}",
                "token_type": "bearer",
                "expires_in": LIFE,
                **({"scope": ""} if "code" in server.forms[-1] else {}),
            }
        )

    server.answer = answer
    store = FileTokenStore(tmp_path / "token.json")
    options = {"scopes": ["workflows:read"], "redirect_uri": CALLBACK, "store": store}
    auth = make(server, **options)
    request = auth.authorization_request()
    await auth.exchange(answer_to(request), request)
    again = make(server, **options)
    kept = await again.token()
    await asyncio.sleep(LIFE)
    renewed = await again.token()

    assert frozenset() == auth.scopes == again.scopes == kept.scopes == renewed.scopes
    assert ["authorization_code", "refresh_token"] == [form["grant_type"] for form in server.forms]
    with pytest.raises(MissingScopeError, match="the credential has none; nothing was sent"):
        check_scope(again, attrs.evolve(REQUEST, scope="workflows:read"))


# --- a login in a web app


async def test_the_two_halves_of_a_login(server: RotatingServer) -> None:
    """The redirect URI goes out twice as it is; what comes is in the store, and signs."""
    store = MemoryTokenStore()
    auth = make(server, scopes=["workflows:read"], redirect_uri=CALLBACK, store=store)
    request = auth.authorization_request()
    kept = json.dumps(request.to_dict())
    token = await auth.exchange(
        answer_to(request), AuthorizationRequest.from_dict(json.loads(kept))
    )

    assert (CALLBACK, "client") == (asked(request)["redirect_uri"], asked(request)["client_id"])
    assert [
        {
            "grant_type": "authorization_code",
            "code": CODE,
            "redirect_uri": CALLBACK,
            "code_verifier": request.verifier.reveal(),
            "client_id": "client",
        }
    ] == server.forms
    assert token is await store.load()
    assert token is await auth.token()
    assert frozenset({"workflows:read"}) == auth.scopes == token.scopes


def test_a_redirect_uri_is_needed_in_one_of_two_places() -> None:
    """That of the request counts more."""
    elsewhere = "https://app.example/elsewhere"
    request = OAuth2Auth("client", redirect_uri=CALLBACK).authorization_request(
        redirect_uri=elsewhere
    )
    with pytest.raises(InvalidArgumentError, match="needs a redirect_uri"):
        OAuth2Auth("client").authorization_request()

    assert elsewhere == request.redirect_uri


async def test_a_request_is_answered_once(server: RotatingServer) -> None:
    """A second callback is refused before anything is sent; another request goes on."""
    auth = make(server, redirect_uri=CALLBACK)
    request, other = auth.authorization_request(), auth.authorization_request()
    await auth.exchange(answer_to(request), request)
    with pytest.raises(LoginError, match="answered before"):
        await auth.exchange(answer_to(request), request)
    requests = len(server.forms)
    await auth.exchange(answer_to(other), other)

    assert 1 == requests
    assert 2 == len(server.forms)


async def test_a_request_is_answered_once_even_if_the_answer_is_lost(
    server: RotatingServer,
) -> None:
    """The code may be spent, and a server takes its second use for theft."""
    auth = make(server, redirect_uri=CALLBACK)
    request = auth.authorization_request()
    server.answer = _break
    with pytest.raises(TokenRequestError, match="Start the login anew"):
        await auth.exchange(answer_to(request), request)
    with pytest.raises(LoginError):
        await auth.exchange(answer_to(request), request)

    assert 1 == len(server.forms)


async def test_a_forged_callback_does_not_spend_the_request(server: RotatingServer) -> None:
    """Nobody can end somebody else's login by guessing; and nothing is sent."""
    auth = make(server, redirect_uri=CALLBACK)
    request = auth.authorization_request()
    forged = [
        answer_to(request, state="x" * 43),
        f"{CALLBACK}?code={CODE}",
        answer_to(request) + "&state=x",
        answer_to(request, iss="https://evil.example"),
        answer_to(request, error="access_denied"),
    ]
    for callback in forged:
        with pytest.raises(LoginError):
            await auth.exchange(callback, request)
    requests = len(server.forms)
    await auth.exchange(answer_to(request), request)

    assert (0, 1) == (requests, len(server.forms))


async def test_answered_requests_are_remembered_beside_later_ones(server: RotatingServer) -> None:
    """As long as they are young enough to be accepted."""
    auth = make(server, redirect_uri=CALLBACK)
    first, second = auth.authorization_request(), auth.authorization_request()
    for request in (first, second):
        await auth.exchange(answer_to(request), request)
        await asyncio.sleep(100.0)
    with pytest.raises(LoginError, match="answered before"):
        await auth.exchange(answer_to(first), first)


async def test_answered_requests_are_forgotten_when_they_are_too_old(
    server: RotatingServer,
) -> None:
    """An app that logs many in over the years does not grow; their age refuses them then."""
    auth = make(server, redirect_uri=CALLBACK)
    first = auth.authorization_request()
    await auth.exchange(answer_to(first), first)
    for _ in range(10):
        await asyncio.sleep(1300.0)
        request = auth.authorization_request()
        await auth.exchange(answer_to(request), request)
    with pytest.raises(LoginError, match="more than 600 seconds"):
        await auth.exchange(answer_to(first), first)

    assert 1 == len(auth._answered)


async def test_a_token_that_cannot_be_saved_is_told_and_used(server: RotatingServer) -> None:
    """The code is spent: the error says what to mend, and the app can go on."""

    class Full(MemoryTokenStore):
        async def save(self, token: Token | None) -> None:
            raise CredentialError("The disk is full.")

    auth = make(server, redirect_uri=CALLBACK, store=Full())
    request = auth.authorization_request()
    with pytest.raises(CredentialError, match="disk is full"):
        await auth.exchange(answer_to(request), request)

    assert {"Authorization": "Bearer access-canary-2"} == await auth.sign(REQUEST)


# --- a login at a terminal


class Browser:
    """Opens the redirect at the end of what it is shown; answers as it is told."""

    def __init__(self, **parameters: str) -> None:
        self.urls: list[str] = []
        self.pages: list[str] = []
        self._parameters = parameters
        self._visits: list[asyncio.Task[None]] = []

    def show(self, url: str) -> None:
        """Begin to open a URL."""
        self.urls.append(url)
        self._visits.append(asyncio.create_task(self._visit(answer_to(url, **self._parameters))))

    async def done(self) -> None:
        """Wait until all pages are there."""
        await asyncio.gather(*self._visits)

    async def _visit(self, url: str) -> None:
        async with aiohttp.ClientSession() as http, http.get(url) as answer:
            self.pages.append(await answer.text())


async def test_a_login_listens_on_this_machine(server: RotatingServer) -> None:
    """On a free port of 127.0.0.1, which is what goes to both endpoints, and closed afterwards."""
    store = MemoryTokenStore()
    auth = make(server, store=store)
    browser = Browser()
    token = await auth.login(open_browser=False, show_url=browser.show)
    await browser.done()
    redirect_uri = asked(browser.urls[0])["redirect_uri"]

    assert redirect_uri.startswith("http://127.0.0.1:")
    assert redirect_uri == server.forms[0]["redirect_uri"]
    assert token is await store.load()
    assert "login has arrived" in browser.pages[0]
    with pytest.raises(aiohttp.ClientConnectorError):
        await browser._visit(redirect_uri)


async def test_a_login_that_is_denied_ends_at_once(server: RotatingServer) -> None:
    """With OAuth's own word, a page that says so, and no token request."""
    browser = Browser(error="access_denied")
    with pytest.raises(LoginError) as caught:
        await make(server).login(open_browser=False, show_url=browser.show)
    await browser.done()

    assert "access_denied" == caught.value.error
    assert "failed" in browser.pages[0]
    assert [] == server.forms


@pytest.mark.parametrize("opens", [True, False])
async def test_whatever_opens_a_browser_may_block(
    server: RotatingServer, opens: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """It runs in a thread; where it opens none, the URL is shown instead."""
    loop, browser = asyncio.get_running_loop(), Browser()

    def open_browser(url: str) -> bool:
        loop.call_soon_threadsafe(browser.show, url)
        return opens

    await make(server).login(open_browser=open_browser)
    await browser.done()
    shown = capsys.readouterr()

    assert (not opens) == (browser.urls[0] in shown.err)
    assert "" == shown.out


async def test_the_systems_browser_is_opened(
    server: RotatingServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unless told otherwise; the URL that is shown is the one that is opened."""
    loop, browser = asyncio.get_running_loop(), Browser()
    shown: list[str] = []

    class System(webbrowser.BaseBrowser):
        def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
            loop.call_soon_threadsafe(browser.show, url)
            return True

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(webbrowser, "get", System)
    await make(server).login(show_url=shown.append)
    await browser.done()

    assert shown == browser.urls
    assert "" == capsys.readouterr().err


async def test_no_browser_is_opened_for_who_wants_none(
    server: RotatingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The person may sit at another machine, or want another browser."""
    opened: list[str] = []
    browser = Browser()

    async def open_in_browser(url: str) -> bool:
        opened.append(url)
        return True

    monkeypatch.setattr(oauth2, "open_in_browser", open_in_browser)
    await make(server).login(open_browser=False, show_url=browser.show)
    await browser.done()

    assert [] == opened


async def test_nobody_who_comes_is_waited_for_so_long(server: RotatingServer) -> None:
    """Two minutes, unless told otherwise; the port is closed."""
    loop, urls = asyncio.get_running_loop(), list[str]()
    with pytest.raises(LoginError, match="within 120 seconds"):
        await make(server).login(open_browser=False, show_url=urls.append)

    assert pytest.approx(120.0, abs=0.1) == loop.time()
    with pytest.raises(aiohttp.ClientConnectorError):
        await Browser()._visit(asked(urls[0])["redirect_uri"])


async def test_the_limit_is_for_the_person(server: RotatingServer) -> None:
    """A token endpoint that is slow has its own: the code is spent by then."""
    server.delay = 20.0
    browser = Browser()
    await make(server).login(open_browser=False, show_url=browser.show, timeout=10.0)
    await browser.done()

    assert 1 == len(server.forms)


async def test_a_login_can_be_cancelled(server: RotatingServer) -> None:
    """The port is closed by then."""
    urls: list[str] = []
    login = asyncio.create_task(make(server).login(open_browser=False, show_url=urls.append))
    await asyncio.sleep(1.0)
    login.cancel()
    with pytest.raises(asyncio.CancelledError):
        await login

    with pytest.raises(aiohttp.ClientConnectorError):
        await Browser()._visit(asked(urls[0])["redirect_uri"])


async def test_an_app_on_the_web_has_no_login_at_a_terminal(server: RotatingServer) -> None:
    """The error names the two halves that it has instead."""
    with pytest.raises(InvalidArgumentError, match=r"authorization_request\(\) and exchange\(\)"):
        await make(server, redirect_uri=CALLBACK).login(open_browser=False)


@pytest.mark.parametrize("redirect_uri", [None, CALLBACK, "http://127.0.0.1/there"])
async def test_a_person_may_paste_where_their_browser_ended(
    server: RotatingServer, redirect_uri: str | None
) -> None:
    """For a browser on another machine: nothing listens, and any registered address will do."""

    async def ask(url: str) -> str:
        return f" {answer_to(url)}\n"

    auth = make(server, redirect_uri=redirect_uri)
    await auth.login(ask=ask)

    assert (redirect_uri or "http://127.0.0.1/callback") == server.forms[0]["redirect_uri"]
    assert {"Authorization": "Bearer access-canary-2"} == await auth.sign(REQUEST)


async def test_what_is_pasted_is_not_trusted(server: RotatingServer) -> None:
    """It is checked like any callback."""

    async def ask(url: str) -> str:
        return answer_to(url, state="y" * 43)

    with pytest.raises(LoginError, match="state"):
        await make(server).login(ask=ask)

    assert [] == server.forms


async def test_a_timeout_of_the_apps_own_is_the_apps(server: RotatingServer) -> None:
    """What `ask` raises reaches the caller."""

    async def ask(url: str) -> str:
        raise TimeoutError("of the app")

    with pytest.raises(TimeoutError, match="of the app"):
        await make(server).login(ask=ask)


@pytest.mark.parametrize("timeout", [0, -1, None, "1"])
async def test_a_limit_is_a_number_of_seconds(server: RotatingServer, timeout: Any) -> None:
    """Above zero."""
    with pytest.raises(InvalidArgumentError, match="timeout"):
        await make(server).login(timeout=timeout)


async def test_a_logout_forgets_the_token(server: RotatingServer) -> None:
    """Nothing is sent: the API document names no endpoint for it."""
    store = MemoryTokenStore(server.token())
    auth = make(server, store=store)
    await auth.token()
    await auth.logout()
    with pytest.raises(ReauthenticationRequiredError):
        await auth.sign(REQUEST)

    assert (None, None, None) == (auth.scopes, auth.expires_at, await store.load())
    assert [] == server.forms


# --- loops


async def test_a_refresh_can_be_waited_for(server: RotatingServer) -> None:
    """By a program that is about to end."""
    auth = make(server, store=MemoryTokenStore(server.token()))
    await auth.token()
    await asyncio.sleep(LIFE - 59.0)
    still = await auth.token()
    await auth.settled()

    assert "access-canary-1" == still.access_token.reveal()
    assert "access-canary-2" == (await auth.token()).access_token.reveal()


def test_one_loop_after_another() -> None:
    """Three `asyncio.run` in a row: the token goes on."""
    auth = OAuth2Auth("client", store=MemoryTokenStore(Token(access_token="a")))

    assert [{"Authorization": "Bearer a"}] * 3 == [asyncio.run(_sign(auth)) for _ in range(3)]


async def _sign(auth: OAuth2Auth) -> Mapping[str, str]:
    return await auth.sign(REQUEST)


async def test_two_loops_at_once_are_told_apart(server: RotatingServer) -> None:
    """A clear error, at the first use of the second."""
    auth = make(server, store=MemoryTokenStore(server.token()))
    await auth.token()
    with pytest.raises(WrongLoopError, match="one for each event loop"):
        await asyncio.to_thread(asyncio.run, _sign(auth))


# --- what fails shows nothing


async def _break(server: RotatingServer) -> web.StreamResponse:
    return web.Response(status=500, text=f"{SECRET} {CODE}")


def _trace(error: BaseException) -> str:
    """Return what an error tracker records of our own frames."""
    here = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = [frame for frame in here.stack if frame.filename != __file__]
    return "".join(f"{frame.name} {frame.locals}" for frame in ours)


Failing = Callable[[OAuth2Auth], Awaitable[Any]]


async def _exchange(auth: OAuth2Auth, **parameters: str) -> None:
    request = auth.authorization_request(redirect_uri=CALLBACK)
    await auth.exchange(answer_to(request, **parameters), request)


async def _login(auth: OAuth2Auth) -> None:
    browser = Browser(iss="https://evil.example")
    try:
        await auth.login(open_browser=False, show_url=browser.show)
    finally:
        await browser.done()


async def _paste(auth: OAuth2Auth) -> None:
    async def ask(url: str) -> str:
        return answer_to(url, state="y" * 43)

    await auth.login(ask=ask)


@pytest.mark.parametrize(
    "fail",
    [
        OAuth2Auth.token,
        _exchange,
        lambda auth: _exchange(auth, iss="https://evil.example"),
        lambda auth: _exchange(auth, state="y" * 43),
        _login,
        _paste,
    ],
    ids=["refresh", "exchange", "iss", "state", "login", "paste"],
)
async def test_no_failure_shows_a_credential(
    server: RotatingServer, fail: Failing, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither in its words nor in local variables of the frames that it keeps, nor in any log."""
    caplog.set_level("DEBUG")
    old = Token(access_token="access-canary-0", refresh_token="refresh-canary-1", expires_at=1.0)
    auth = make(server, client_secret=SECRET, store=MemoryTokenStore(old))
    server.answer = _break
    with pytest.raises(CredentialError) as caught:
        await fail(auth)
    shown = exposed_by(caught.value) + _trace(caught.value) + caplog.text

    for secret in (SECRET, CODE, old.access_token.reveal(), "refresh-canary-1"):
        assert not [text for text in spellings(secret) if text in shown]
