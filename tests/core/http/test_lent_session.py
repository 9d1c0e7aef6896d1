"""Which settings of a caller's aiohttp session hold for a client, one test for each parameter."""

from __future__ import annotations

import asyncio
import inspect
import json
import socket
import ssl
import warnings
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from yarl import URL

from cloudflow_async import CloudFlow, InvalidArgumentError, OAuth2Auth
from cloudflow_async._core.errors import WrongLoopError
from cloudflow_async._core.http.lent_session import NOT_USED, REFUSED, USED
from cloudflow_async._core.http.transport import AiohttpTransport
from cloudflow_async.techflow import TechFlow
from tests import certificates
from tests.proxying import basic, credential_of, proxying
from tests.raw_server import RawServer, answer, answering

KEY = "cf_test_0123456789abcdef"
API = "https://api.example/v2"


def lend(**settings: Any) -> aiohttp.ClientSession:
    """Return a session; some of its parameters are deprecated, and all of them are tried."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return aiohttp.ClientSession(**settings)


def basic_auth(user: str, password: str) -> aiohttp.BasicAuth:
    """Return a credential of aiohttp's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return aiohttp.BasicAuth(user, password)


def parameters_of(kind: type) -> set[str]:
    """Return the names of a class's parameters."""
    return set(inspect.signature(kind).parameters)


def test_each_parameter_of_a_session_has_one_rule() -> None:
    """The tables name all parameters of the aiohttp that is installed, each of them once."""
    rules = [*USED, *NOT_USED, *REFUSED]

    assert sorted(parameters_of(aiohttp.ClientSession)) == sorted(rules)


async def _middleware(
    request: aiohttp.ClientRequest, handler: Callable[..., Awaitable[Any]]
) -> aiohttp.ClientResponse:
    raise AssertionError("it is not called")


async def _raise(answer: aiohttp.ClientResponse) -> None:
    raise AssertionError("it is not called")


def _jar() -> aiohttp.CookieJar:
    jar = aiohttp.CookieJar()
    jar.update_cookies({"a": "canary"}, URL(API))
    return jar


REFUSED_VALUES: dict[str, Any] = {
    "auth": lambda: basic_auth("me", "canary"),
    "base_url": lambda: "https://canary.example/",
    "conn_timeout": lambda: 1.0,
    "cookie_jar": _jar,
    "cookies": lambda: {"a": "canary"},
    "headers": lambda: {"Authorization": "canary"},
    "max_field_size": lambda: 10_000,
    "max_headers": lambda: 1000,
    "max_line_size": lambda: 10_000,
    "middlewares": lambda: [_middleware],
    "raise_for_status": lambda: _raise,
    "read_timeout": lambda: 1.0,
    "request_class": lambda: type("Request", (aiohttp.ClientRequest,), {}),
    "response_class": lambda: type("Response", (aiohttp.ClientResponse,), {}),
    "skip_auto_headers": lambda: ["User-Agent"],
    "timeout": lambda: aiohttp.ClientTimeout(total=5.0),
}
"""A value for each, other than the default."""


@pytest.mark.parametrize("name", REFUSED)
async def test_a_setting_that_would_not_be_used_is_refused(name: str) -> None:
    """The error names the setting and the way out, when the client is made; values are hidden."""
    usual = {"conn_timeout": "timeout", "read_timeout": "timeout", "cookie_jar": "cookies"}
    async with lend(**{name: REFUSED_VALUES[name]()}) as session:
        with pytest.raises(InvalidArgumentError, match=f"has {usual.get(name, name)}=") as caught:
            CloudFlow(KEY, base_url=API, http=session)

    assert REFUSED[name].instead in str(caught.value)
    assert "connector=session.connector, connector_owner=False" in str(caught.value)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda session: CloudFlow(KEY, http=session),
        lambda session: TechFlow("key", http=session),
        lambda session: OAuth2Auth("app", http=session),
    ],
    ids=["CloudFlow", "TechFlow", "OAuth2Auth"],
)
async def test_all_that_take_a_session_have_the_same_rule(
    make: Callable[[aiohttp.ClientSession], object],
) -> None:
    """A session with a setting that would not be used is refused; one without is accepted."""
    async with aiohttp.ClientSession(headers={"X-Mine": "1"}) as session:
        with pytest.raises(InvalidArgumentError, match="has headers="):
            make(session)
        async with aiohttp.ClientSession(
            connector=session.connector, connector_owner=False
        ) as connections:
            make(connections)


async def test_cookies_for_other_servers_are_no_obstacle() -> None:
    """A session that has met other servers can be lent: their cookies would not be sent anyway."""
    jar = aiohttp.CookieJar()
    jar.update_cookies({"a": "1"}, URL("https://other.example/"))
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        CloudFlow(KEY, base_url=API, http=session)


async def test_true_for_raise_for_status_is_the_clients_own_rule() -> None:
    """It is accepted; statuses of errors are raised as the client's errors."""
    async with (
        RawServer(answering(answer(status=404))) as server,
        aiohttp.ClientSession(raise_for_status=True) as session,
        CloudFlow(KEY, base_url=server.url, http=session) as client,
    ):
        with pytest.raises(Exception, match="404") as caught:
            await client.request("GET", "/x")

    assert "NotFoundError" == type(caught.value).__name__


NOT_USED_VALUES: dict[str, Any] = {
    "auto_decompress": False,
    "connector_owner": True,
    "fallback_charset_resolver": lambda answer, body: "utf-16",
    "json_serialize": lambda value: "null",
    "json_serialize_bytes": lambda value: b"null",
    "loop": None,
    "requote_redirect_url": False,
    "ws_response_class": type("Sockets", (aiohttp.ClientWebSocketResponse,), {}),
}


@pytest.mark.parametrize("name", NOT_USED)
async def test_a_setting_without_meaning_changes_nothing(name: str) -> None:
    """Request and answer are as without it, and the session is left open."""
    text = answer(b'{"a": "\xc3\xa9"}', headers={"Content-Type": "application/json"})
    async with (
        RawServer(answering(text)) as server,
        lend(**{name: NOT_USED_VALUES[name]}) as session,
    ):
        async with CloudFlow(KEY, base_url=server.url, http=session) as client:
            response = await client.request("POST", "/x", json={"b": 1})
        left_open = not session.closed

    assert left_open
    assert {"a": "é"} == response.json()
    assert {"b": 1} == json.loads(server.requests[0].body)


async def ask_through(session: aiohttp.ClientSession, url: str) -> aiohttp.ClientSession:
    """Send a request with a lent session, and return the session that the client made of it."""
    async with CloudFlow(KEY, base_url=url, http=session) as client:
        await client.request("GET", "/x")
        transport = client._session._transport
        assert isinstance(transport, AiohttpTransport)
        assert transport._http is not None
        return transport._http


@pytest.mark.parametrize("user", [None, "me:from-url", "me:from-proxy_auth"])
async def test_the_proxy_of_a_session_is_used(user: str | None) -> None:
    """`proxy` with or without a credential in its URL, and `proxy_auth`, hold for the client."""
    async with RawServer(proxying(user)) as proxy, RawServer(answering(answer())) as server:
        place = proxy.url.removeprefix("http://")
        in_url = user if user == "me:from-url" else None
        settings: dict[str, Any] = {"proxy": f"http://{in_url}@{place}" if in_url else proxy.url}
        if user == "me:from-proxy_auth":
            settings["proxy_auth"] = basic_auth(*user.split(":"))
        async with lend(**settings) as session:
            await ask_through(session, server.url)

    assert [f"{server.url}/x"] == [sent.target for sent in proxy.requests]
    assert user is None or basic(user) == credential_of(proxy.requests[0])
    assert [None] == [credential_of(sent) for sent in server.requests]


async def test_a_socks_proxy_of_a_session_is_refused() -> None:
    """Without that, aiohttp fails at the first request and does not name the cause."""
    async with aiohttp.ClientSession(proxy="socks5://proxy:1080") as session:
        with pytest.raises(InvalidArgumentError, match="session given as http= is a SOCKS proxy"):
            CloudFlow(KEY, http=session)


async def test_the_environment_is_used_if_the_session_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`trust_env` of the session holds; the client may say the same."""
    for name in ("NO_PROXY", "no_proxy", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with RawServer(proxying()) as proxy, RawServer(answering(answer())) as server:
        monkeypatch.setenv("http_proxy", proxy.url)
        async with aiohttp.ClientSession(trust_env=True) as session:
            CloudFlow(KEY, http=session, trust_env=True)
            await ask_through(session, server.url)

    assert 1 == len(proxy.requests)


async def test_the_traces_of_a_session_are_used() -> None:
    """Its trace configurations see the client's requests."""
    seen: list[str] = []

    async def start(session: Any, context: Any, started: aiohttp.TraceRequestStartParams) -> None:
        seen.append(started.url.path)

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(start)
    async with (
        RawServer(answering(answer())) as server,
        aiohttp.ClientSession(trace_configs=[trace]) as session,
    ):
        await ask_through(session, server.url)

    assert ["/x"] == seen


async def test_version_and_buffer_of_a_session_are_used() -> None:
    """`version` is that of the request line, and `read_bufsize` bounds what is read ahead."""
    async with (
        RawServer(answering(answer())) as server,
        aiohttp.ClientSession(version=aiohttp.HttpVersion10, read_bufsize=1234) as session,
    ):
        used = await ask_through(session, server.url)

    assert server.requests[0].head.startswith(b"GET /x HTTP/1.0\r\n")
    assert 1234 == used._read_bufsize


async def test_the_time_for_tls_to_end_is_the_connectors() -> None:
    """`ssl_shutdown_timeout` belongs to the connector that the session makes, which is used."""
    async with lend(ssl_shutdown_timeout=0.5) as session:
        connector: Any = session.connector

        assert 0.5 == connector._ssl_shutdown_timeout


CONNECTOR_VALUES: dict[str, Any] = {
    "dns_cache_max_size": 10,
    "enable_cleanup_closed": False,
    "family": socket.AF_INET,
    "fingerprint": None,
    "force_close": True,
    "happy_eyeballs_delay": None,
    "interleave": 1,
    "keepalive_timeout": 1.0,
    "limit": 7,
    "limit_per_host": 3,
    "local_addr": ("127.0.0.1", 0),
    "loop": None,
    "resolver": None,
    "socket_factory": lambda info: socket.socket(*info[:3]),
    "ssl": True,
    "ssl_context": None,
    "ssl_shutdown_timeout": 0.5,
    "timeout_ceil_threshold": 1.0,
    "ttl_dns_cache": None,
    "use_dns_cache": False,
    "verify_ssl": True,
}


def test_each_parameter_of_a_connector_is_tried() -> None:
    """The table has all parameters of the aiohttp that is installed."""
    assert parameters_of(aiohttp.TCPConnector) == set(CONNECTOR_VALUES)


@pytest.mark.parametrize("name", CONNECTOR_VALUES)
async def test_all_settings_of_a_connector_are_used(name: str) -> None:
    """The client's requests and the session's share the connector itself, which is left open."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        connector = aiohttp.TCPConnector(**{name: CONNECTOR_VALUES[name]})
    async with (
        RawServer(answering(answer())) as server,
        aiohttp.ClientSession(connector=connector) as session,
    ):
        await ask_through(session, server.url)
        async with session.get(server.url):
            pass
        left_open = not connector.closed

    assert left_open
    assert (2 if name == "force_close" else 1) == server.connections


async def test_the_authority_of_a_connector_is_trusted(tmp_path: Any) -> None:
    """``ssl=`` of the connector takes the place of `ssl_context`."""
    pem = certificates.self_signed(tmp_path)
    connector = aiohttp.TCPConnector(ssl=certificates.trusting(pem))
    async with (
        RawServer(answering(answer()), tls=certificates.serving(pem)) as server,
        aiohttp.ClientSession(connector=connector) as session,
    ):
        await ask_through(session, server.url)

    assert 1 == len(server.requests)


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        ({"proxy": "http://proxy"}, "proxy= cannot .* give proxy= to the session"),
        (
            {"ssl_context": ssl.create_default_context()},
            r"ssl_context= cannot .*TCPConnector\(ssl=context\)",
        ),
        ({"trust_env": True}, "trust_env=True cannot .* give trust_env=True to the session"),
    ],
    ids=["proxy", "ssl_context", "trust_env"],
)
@pytest.mark.parametrize(
    "make",
    [
        lambda **given: CloudFlow(KEY, **given),
        lambda **given: TechFlow("key", **given),
        lambda **given: OAuth2Auth("app", **given),
    ],
    ids=["CloudFlow", "TechFlow", "OAuth2Auth"],
)
async def test_an_argument_that_a_session_overrides_is_refused(
    make: Callable[..., object], given: dict[str, Any], advice: str
) -> None:
    """The error says where to give it instead."""
    async with aiohttp.ClientSession() as session:
        with pytest.raises(InvalidArgumentError, match=advice):
            make(http=session, **given)


@pytest.mark.parametrize(
    ("limits", "most", "expected"),
    [
        ({}, 100, 100),
        ({"limit": 7}, 100, 7),
        ({"limit": 0}, 100, 100),
        ({"limit_per_host": 3}, 100, 3),
        ({"limit": 50, "limit_per_host": 60}, 100, 50),
        ({"limit": 7}, 5, 5),
    ],
)
async def test_requests_in_flight_keep_to_the_connectors_limits(
    limits: dict[str, int], most: int, expected: int
) -> None:
    """A request waits in the limiter, not for a connection, which has to come about in time."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(**limits)) as session:
        client = CloudFlow(KEY, http=session, max_connections=most)

        assert expected == client._session._limiter._max_in_flight  # type: ignore[attr-defined]


def _subclass() -> type[aiohttp.ClientSession]:
    """Return a class like those of packages that override `request`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return type("CachedSession", (aiohttp.ClientSession,), {})


@pytest.mark.parametrize(
    "make",
    [aiohttp.TCPConnector, dict, lambda: aiohttp.ClientSession],
    ids=["connector", "dict", "class"],
)
async def test_what_is_no_session_is_refused(make: Callable[[], object]) -> None:
    """The error names the type."""
    given = make()
    with pytest.raises(InvalidArgumentError, match=f"not {type(given).__name__}"):
        CloudFlow(KEY, http=given)  # type: ignore[arg-type]


async def test_a_subclass_is_refused() -> None:
    """What it adds to requests, such as a cache, would not be used."""
    async with _subclass()() as session:
        with pytest.raises(InvalidArgumentError, match="not CachedSession"):
            CloudFlow(KEY, http=session)


async def test_a_closed_session_is_refused() -> None:
    """When the client is made, not at the first call."""
    async with aiohttp.ClientSession() as session:
        pass

    with pytest.raises(InvalidArgumentError, match="is closed"):
        CloudFlow(KEY, http=session)


def test_a_session_of_another_loop_is_refused() -> None:
    """Its connections belong to its own loop; the error says so at the first call."""

    async def make() -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    with asyncio.Runner() as one, asyncio.Runner() as other:
        session = one.run(make())
        client = CloudFlow(KEY, base_url="http://127.0.0.1:1", http=session)
        with pytest.raises(WrongLoopError, match="session given as http= belongs to another"):
            other.run(client.request("GET", "/x"))
        one.run(session.close())


async def test_a_login_uses_the_session() -> None:
    """Token requests go through the session's proxy, and the session stays open."""
    token = {"access_token": "a", "token_type": "bearer", "expires_in": 3600}
    body = json.dumps(token).encode()
    async with RawServer(proxying("me:pw")) as proxy, RawServer(answering(answer(body))) as server:
        place = proxy.url.removeprefix("http://")
        async with aiohttp.ClientSession(proxy=f"http://me:pw@{place}") as session:
            auth = OAuth2Auth(
                "app", token_url=f"{server.url}/token", redirect_uri="https://a/", http=session
            )
            request = auth.authorization_request()
            state = request.state.reveal()
            await auth.exchange(f"https://a/?code=c&state={state}", request)
            left_open = not session.closed

    assert left_open
    assert [f"{server.url}/token"] == [sent.target for sent in proxy.requests]
