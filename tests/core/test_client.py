"""The client: its options, its views, and requests that have no method of their own."""

from __future__ import annotations

import contextlib
import copy
import logging
import pickle
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import attrs
import pytest

from cloudflow_async._core.auth import AnonymousAuth, ApiKeyAuth
from cloudflow_async._core.client import Client
from cloudflow_async._core.errors import (
    ClientClosedError,
    InvalidArgumentError,
    OutcomeUnknownError,
    RateLimitedError,
)
from cloudflow_async._core.http.retry import RetryPolicy
from cloudflow_async._core.rate_limit.limiter import LocalLimiter
from cloudflow_async._core.rate_limit.limits import RateLimits
from cloudflow_async._core.support.version import VERSION
from tests.doubles import OpenLimiter
from tests.raw_server import RawServer, answer, answering

KEY = "cf_live_canary0123456789"


@pytest.fixture
async def server() -> AsyncIterator[RawServer]:
    """Return a server that says ``{"a": 1}`` to everything."""
    async with RawServer(answering(answer(b'{"a": 1}'))) as running:
        yield running


def a_client(base_url: str = "https://host/v2", **options: Any) -> Client:
    """Return a client with the canary as its key."""
    return Client(ApiKeyAuth(KEY), base_url=base_url, **options)


async def test_any_request_can_be_made(server: RawServer) -> None:
    """Method, path, query, body and headers go out as they are given."""
    async with a_client(f"{server.url}/v2") as client:
        response = await client.request(
            "post",
            "/any/thing%2Fhere",
            params={"a": "b c", "n": 1, "none": None},
            json={"x": None},
            headers={"X-Mine": "1"},
        )
    (sent,) = server.requests

    assert ({"a": 1}, 200, 1) == (response.json(), response.status, response.attempts)
    assert ("POST", "/v2/any/thing%2Fhere?a=b%20c&n=1") == (sent.method, sent.target)
    assert b'{"x":null}' == sent.body
    for line in (b"X-Mine: 1", b"Content-Type: application/json", b"X-API-Key: " + KEY.encode()):
        assert line + b"\r\n" in sent.head


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE"])
async def test_an_answer_need_not_be_json(method: str) -> None:
    """What is undocumented may have any shape."""
    headers = {"Content-Type": "text/plain"}
    body = b"" if method == "HEAD" else b"plain"
    async with (
        RawServer(answering(answer(body, headers=headers))) as server,
        a_client(server.url) as client,
    ):
        response = await client.request(method, "/x")

    assert body == response.body


@pytest.mark.parametrize(
    "arguments",
    [
        {"method": "TRACE"},
        {"method": "CONNECT"},
        {"method": "GE T"},
        {"method": ""},
        {"path": "workflows"},
        {"path": "//elsewhere/x"},
        {"path": "https://elsewhere/x"},
        {"path": "/a/../../b"},
        {"path": "/a/%2e%2E/b"},
        {"path": "/a?b=1"},
        {"path": "/a#b"},
        {"path": "/a b"},
        {"path": "/é"},
        {"path": "/a\r\nX: y"},
        {"path": ""},
        {"params": {"a": 1.5}},
        {"json": {1, 2}},
        {"json": float("nan")},
        {"headers": {"X-Mine": "a\r\nb"}},
        {"headers": {"X-Mine": "é"}},
        {"headers": {"X-Mine": 1}},
        {"headers": {"X Mine": "a"}},
        {"headers": {"X-Mine:": "a"}},
        {"headers": {"": "a"}},
        {"headers": {"Authorization": "Bearer x"}},
        {"headers": {"x-api-key": "x"}},
        {"headers": {"Cookie": "a=b"}},
        {"headers": {"Host": "elsewhere"}},
        {"headers": {"Content-Length": "1"}},
        {"headers": {"Transfer-Encoding": "chunked"}},
    ],
    ids=repr,
)
async def test_what_cannot_be_sent_is_refused(server: RawServer, arguments: dict[str, Any]) -> None:
    """Before anything is sent, by an error that does not repeat the value of a header."""
    async with a_client(server.url) as client:
        with pytest.raises(InvalidArgumentError) as caught:
            await client.request(**{"method": "GET", "path": "/x", **arguments})

    assert 0 == server.connections
    assert "é" not in str(caught.value)


async def test_views_share_everything_but_their_options(server: RawServer) -> None:
    """One pool, one limiter, one set of counters; closing a view closes nothing."""
    async with a_client(server.url) as client:
        view = client.with_options(timeout=5, deadline=9, max_wait=1, retry_non_idempotent=True)
        await client.request("GET", "/x")
        async with view:
            await view.request("GET", "/x")
        await view.close()
        await client.request("GET", "/x")

    assert 1 == server.connections
    assert client.statistics() == view.statistics()
    assert 3 == view.statistics().requests
    with pytest.raises(ClientClosedError):
        await view.request("GET", "/x")


def test_options_that_are_not_given_stay() -> None:
    """A view of a view adds up; None is a value of its own; the client keeps its own."""
    retry = RetryPolicy(attempts=7)
    client = a_client(timeout=3, deadline=4, max_wait=5, follow_redirects=True)
    view = client.with_options(deadline=None, priority="low")
    view = view.with_options(retry=retry, max_wait=0)

    assert {
        "timeout": 3,
        "deadline": None,
        "max_wait": 0,
        "retry": retry,
        "retry_non_idempotent": False,
        "follow_redirects": True,
        "check_response_ids": True,
        "priority": "low",
    } == {name: getattr(view._options, name) for name in attrs.fields_dict(type(view._options))}
    assert (4, 5) == (client._options.deadline, client._options.max_wait)


async def test_a_view_decides_how_a_call_behaves() -> None:
    """The same client sends a POST once, and by a view three times."""
    async with RawServer(answering(answer(b"", status=500))) as server:
        limiter = OpenLimiter()
        async with a_client(server.url, limiter=limiter, retry=RetryPolicy(base=0.001)) as client:
            with pytest.raises(OutcomeUnknownError) as once:
                await client.request("POST", "/x")
            with pytest.raises(OutcomeUnknownError) as thrice:
                await client.with_options(retry_non_idempotent=True).request("POST", "/x")

    assert (1, 3) == (once.value.attempts, thrice.value.attempts)
    assert 4 == len(server.requests)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("timeout", 0),
        ("timeout", None),
        ("timeout", "30"),
        ("deadline", -1),
        ("max_wait", -0.1),
        ("max_connections", 0),
        ("max_connections", True),
        ("max_connections", "20"),
        ("reserve", -1),
        ("reserve", 100),
        ("reserve", "5"),
        ("max_response_bytes", 0),
        ("max_response_bytes", 1.5),
        ("max_header_bytes", 0),
        ("max_header_bytes", 256 * 1024 + 1),
        ("max_header_bytes", "8190"),
        ("user_agent", "a\r\nb"),
        ("user_agent", 7),
        ("base_url", "http://api.cloudflow.io/v2"),
        ("base_url", "https://user@host/v2"),
        ("base_url", "https://host/v2?a=1"),
        ("base_url", "ftp://host"),
        ("base_url", ""),
    ],
)
def test_bad_options_are_refused(option: str, value: Any) -> None:
    """At construction, before any loop runs."""
    with pytest.raises(InvalidArgumentError):
        a_client(**{option: value})


def test_bad_options_of_a_view_are_refused() -> None:
    """They are checked as those of a client are."""
    with pytest.raises(InvalidArgumentError):
        a_client().with_options(timeout=0)
    with pytest.raises(InvalidArgumentError, match="'high', 'normal' or 'low'"):
        a_client().with_options(priority="urgent")  # type: ignore[arg-type]


def test_plain_http_can_be_accepted() -> None:
    """Beyond loopback only on demand; a slash at the end is dropped."""
    client = a_client("http://host.internal/v2/", allow_insecure_http=True)

    assert "http://host.internal/v2" == client.base_url


async def test_it_shows_no_key(
    server: RawServer, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither repr nor logs; the last four characters tell keys apart."""
    caplog.set_level(logging.DEBUG)
    client = a_client(server.url)
    before = repr(client)
    await client.request("GET", "/x")
    view = client.with_options(timeout=1)
    await client.close()

    assert f"<Client {server.url} ApiKeyAuth(***6789) open>" == before
    assert repr(client).endswith("closed>")
    for text in (repr(client), repr(view), repr(vars(client)), str(client.statistics())):
        assert KEY not in text
    assert KEY not in caplog.text


@pytest.mark.parametrize("method", ["aclose", "close"])
async def test_both_names_close_it(method: str) -> None:
    """Twice does no harm; `contextlib.aclosing` works with a client."""
    client = a_client()
    await getattr(client, method)()
    await getattr(client, method)()
    assert repr(client).endswith("closed>")

    async with contextlib.aclosing(a_client()) as other:
        pass
    assert repr(other).endswith("closed>")


@pytest.mark.parametrize("travel", [pickle.dumps, copy.copy, copy.deepcopy])
async def test_it_does_not_travel(travel: Callable[[Client], object]) -> None:
    """Not even without a credential: two would use one pool, and neither close it."""
    for client in (a_client(), Client(AnonymousAuth(), base_url="https://host/v2")):
        with pytest.raises(TypeError, match="make one in each process"):
            travel(client)


async def test_it_says_who_it_is(server: RawServer) -> None:
    """The user agent names package and Python, or what was given."""
    async with a_client(server.url) as client:
        await client.request("GET", "/x")
    async with a_client(server.url, user_agent="me/1") as client:
        await client.request("GET", "/x")
    first, second = server.requests

    assert f"User-Agent: cloudflow-async/{VERSION} Python/3.".encode() in first.head
    assert b"User-Agent: me/1\r\n" in second.head


async def test_parts_can_be_brought_along(server: RawServer) -> None:
    """A limiter and an aiohttp session of the caller's are used; the session stays open."""
    limiter = LocalLimiter(RateLimits(requests=7))
    async with aiohttp.ClientSession() as http:
        async with a_client(server.url, limiter=limiter, http=http) as client:
            await client.request("GET", "/x")
        left_open = not http.closed

    assert left_open
    assert 7 == client.rate_limit.limit
    assert 1 == limiter.statistics()["granted"]


async def test_a_view_says_how_urgent_its_calls_are(server: RawServer) -> None:
    """The limiter is told with each attempt; without a word it is normal."""
    limiter = OpenLimiter()
    async with a_client(server.url, limiter=limiter) as client:
        await client.request("GET", "/x")
        await client.with_options(priority="high").request("GET", "/x")

    assert ["normal", "high"] == limiter.priorities


async def test_a_reserve_is_that_of_the_clients_own_limiter() -> None:
    """It is kept by it; a limiter that is brought along has its own, and saying both is refused."""
    client = a_client(reserve=99)

    with pytest.raises(InvalidArgumentError, match=r"LocalLimiter\(reserve=\.\.\.\)"):
        a_client(limiter=LocalLimiter(), reserve=1)
    assert 99 == client._session._limiter._held  # type: ignore[attr-defined]


def test_without_a_credential_the_limit_is_lower() -> None:
    """API document, Rate Limiting: 20 requests a minute instead of 100."""
    anonymous = Client(AnonymousAuth(), base_url="https://host")

    assert (20, 100) == (anonymous.rate_limit.limit, a_client().rate_limit.limit)


async def test_the_limits_state_can_be_asked() -> None:
    """What the server said last is there, and counters of what happened."""
    limits = {
        "X-RateLimit-Limit": "100",
        "X-RateLimit-Remaining": "42",
        "X-RateLimit-Reset": "60",
    }
    throttled = answer(b"", status=429, headers={"Retry-After": "900"})
    async with (
        RawServer(answering(answer(headers=limits), throttled)) as server,
        a_client(server.url) as client,
    ):
        await client.request("GET", "/x")
        status = client.rate_limit
        with pytest.raises(RateLimitedError) as caught:
            await client.request("GET", "/x")

    assert (100, 42, 0, 0) == (status.limit, status.remaining, status.waiting, status.in_flight)
    assert 900 == caught.value.retry_after
    assert 1 == client.statistics().throttled
