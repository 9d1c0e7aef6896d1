"""What a proxy answers itself, or fails to: the error is about the proxy, and nothing was sent."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import pytest

from cloudflow_async._core.auth import ApiKeyAuth
from cloudflow_async._core.client import Client
from cloudflow_async._core.errors import (
    CloudFlowError,
    RequestTimeoutError,
    ResponseTooLargeError,
    TransportError,
)
from cloudflow_async._core.http.retry import RetryPolicy
from tests.canaries import API_KEY, CLIENT_SECRET
from tests.faults.checks import shows_no_secret
from tests.raw_server import (
    RawServer,
    Script,
    answer,
    answering,
    dropping,
    resetting,
    saying,
    stalling,
)

_SECURE = "https://api.test/v2"
_PLAIN = "http://api.test/v2"
_PASSWORD = b64encode(CLIENT_SECRET.encode()).decode().rstrip("=")
"""A secret that a URL can have as it is."""

UseProxy = Callable[[RawServer], None]


@pytest.fixture
def use_proxy(monkeypatch: pytest.MonkeyPatch) -> UseProxy:
    """Return a function that makes a server the proxy of the environment, with a password."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)

    def use(server: RawServer) -> None:
        url = server.url.replace("://", f"://user:{_PASSWORD}@")
        monkeypatch.setenv("http_proxy", url)
        monkeypatch.setenv("https_proxy", url)

    return use


@asynccontextmanager
async def a_client(base_url: str, **options: object) -> AsyncIterator[Client]:
    """Open a client that uses the environment's proxy, and close it."""
    settings: dict[str, object] = {
        "retry": RetryPolicy(base=0.001),
        "trust_env": True,
        "allow_insecure_http": True,
        **options,
    }
    async with Client(ApiKeyAuth(API_KEY), base_url=base_url, **settings) as client:  # type: ignore[arg-type]
        yield client


async def failure(base_url: str, method: str = "POST", **options: object) -> CloudFlowError:
    """Return the error with which a call ends; it shows neither key nor password."""
    async with a_client(base_url, **options) as client:
        with pytest.raises(CloudFlowError) as caught:
            await client.request(method, "/things", json={})
    error = caught.value

    shows_no_secret(error)
    assert _PASSWORD not in f"{error!r} {vars(error)}"
    return error


_NEEDS_CREDENTIALS = (
    "the proxy refused the request (407): it needs credentials: "
    "give proxy='http://user:password@host:port'."
)
_CHALLENGE = {"Proxy-Authenticate": 'Basic realm="proxy"'}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("status", "retryable"),
    [
        (300, False),
        (400, False),
        (403, False),
        (404, False),
        (500, False),
        (502, True),
        (503, True),
        (504, True),
    ],
)
async def test_a_proxy_that_opens_no_tunnel_is_named_with_its_status(
    use_proxy: UseProxy, status: int, method: str, *, retryable: bool
) -> None:
    """Nothing was sent, so that even a POST goes out again where the proxy may recover."""
    async with RawServer(saying(answer(b"<p>", status=status))) as proxy:
        use_proxy(proxy)
        error = await failure(_SECURE, method)

    assert type(error) is TransportError
    assert f"{method} /things: the proxy refused to connect to the server ({status})." == str(error)
    assert (False, retryable) == (error.sent, error.retryable)
    assert (3 if retryable else 1) == error.attempts == len(proxy.requests)
    assert not error.may_have_been_applied
    assert {"CONNECT"} == {sent.method for sent in proxy.requests}
    assert API_KEY.encode() not in b"".join(sent.head for sent in proxy.requests)


@pytest.mark.parametrize("base_url", [_SECURE, _PLAIN])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_proxy_that_wants_credentials_says_what_to_give(
    use_proxy: UseProxy, base_url: str, method: str
) -> None:
    """A 407 is no answer of the API, whether it refuses a tunnel or a plain request."""
    refusal = answer(b"<title>Denied</title>", status=407, headers=_CHALLENGE)
    async with RawServer(answering(refusal)) as proxy:
        use_proxy(proxy)
        error = await failure(base_url, method)

    assert type(error) is TransportError
    assert f"{method} /things: {_NEEDS_CREDENTIALS}" == str(error)
    assert (False, False) == (error.sent, error.retryable)
    assert (1, False) == (error.attempts, error.may_have_been_applied)
    assert 1 == len(proxy.requests)


_BROKEN: Mapping[str, tuple[Script, type[TransportError], bool]] = {
    "dropped": (dropping, TransportError, True),
    "reset": (resetting, TransportError, True),
    "garbage": (saying(b"garbage\r\n\r\n"), TransportError, True),
    "stalled": (stalling, RequestTimeoutError, True),
    "too large": (
        saying(b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 100_000 + b"\r\n\r\n"),
        ResponseTooLargeError,
        False,
    ),
    "no TLS behind it": (saying(b"HTTP/1.1 200 OK\r\n\r\n"), TransportError, True),
}


@pytest.mark.parametrize(("script", "kind", "again"), _BROKEN.values(), ids=_BROKEN.keys())
async def test_a_tunnel_that_does_not_come_about_has_sent_nothing(
    use_proxy: UseProxy, script: Script, kind: type[TransportError], *, again: bool
) -> None:
    """However the exchange with the proxy fails: a POST is not said to be applied, perhaps."""
    async with RawServer(script) as proxy:
        use_proxy(proxy)
        error = await failure(_SECURE, timeout=0.2)

    assert kind is type(error)
    assert isinstance(error, TransportError)
    assert (False, again) == (error.sent, error.retryable)
    assert (3 if again else 1) == error.attempts
    assert not error.may_have_been_applied


async def test_a_proxy_that_cannot_be_reached_is_named(use_proxy: UseProxy) -> None:
    """The system's own words say why, and nothing was sent."""
    async with RawServer(dropping) as proxy:
        use_proxy(proxy)
    error = await failure(_SECURE)

    assert isinstance(error, TransportError)
    assert "cannot connect to the proxy (Connection refused)" in str(error)
    assert (False, True, 3) == (error.sent, error.retryable, error.attempts)


async def test_a_502_through_a_proxy_is_the_servers_answer_for_all_that_is_known(
    use_proxy: UseProxy,
) -> None:
    """A plain request has reached a proxy, and it does not say whether the server had it."""
    async with RawServer(answering(answer(b"", status=502))) as proxy:
        use_proxy(proxy)
        error = await failure(_PLAIN)

    assert error.may_have_been_applied
    assert 1 == len(proxy.requests)
