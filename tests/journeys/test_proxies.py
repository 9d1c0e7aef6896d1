"""Clients and logins behind proxies that demand a credential, over plain http and through TLS."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest

from cloudflow_async import (
    AuthChain,
    CloudFlow,
    CloudFlowError,
    InvalidArgumentError,
    OAuth2Auth,
    RetryPolicy,
)
from cloudflow_async.techflow import TechFlow
from tests import certificates
from tests.canaries import API_KEY, PROXY_PASSWORD, Lookout
from tests.proxying import basic, credential_of, proxying
from tests.raw_server import Peer, RawServer, Sent, answer, answering

USER = f"me:{PROXY_PASSWORD}"
TOKEN = {"access_token": "access", "token_type": "bearer", "expires_in": 3600}


@attrs.frozen
class Net:
    """A server, and a proxy before it that demands a credential."""

    server: RawServer
    proxy: RawServer
    pem: Path

    @property
    def proxy_url(self) -> str:
        """The proxy's URL with user and password."""
        return self.proxy.url.replace("://", f"://{USER}@")

    @property
    def options(self) -> dict[str, Any]:
        """What a client needs to reach the server directly."""
        return {"ssl_context": certificates.trusting(self.pem)}


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a certificate of 127.0.0.1."""
    return certificates.self_signed(tmp_path_factory.mktemp("tls"))


@asynccontextmanager
async def a_net(
    pem: Path, *, server_tls: bool, proxy_tls: bool = False, user: str | None = USER
) -> AsyncIterator[Net]:
    """Serve tokens behind a proxy."""
    tls = certificates.serving(pem)
    content = answer(json.dumps(TOKEN).encode())
    async with (
        RawServer(answering(content), tls=tls if server_tls else None) as server,
        RawServer(proxying(user), tls=tls if proxy_tls else None) as proxy,
    ):
        yield Net(server, proxy, pem)


@pytest.fixture(autouse=True)
def without_proxies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Remove the proxies of the machine that runs the tests."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))


async def call_cloudflow(net: Net, **options: Any) -> None:
    """Send two requests of a client of CloudFlow."""
    async with CloudFlow(API_KEY, base_url=net.server.url, **(net.options | options)) as client:
        await client.request("GET", "/one")
        await client.request("POST", "/two", json={"a": 1})


async def call_techflow(net: Net, **options: Any) -> None:
    """Send two requests of a client of TechFlow."""
    async with TechFlow(API_KEY, base_url=net.server.url, **(net.options | options)) as client:
        await client.request("GET", "/one")
        await client.request("POST", "/two", json={"a": 1})


async def log_in(net: Net, **options: Any) -> None:
    """Send two token requests."""
    auth = OAuth2Auth(
        "app",
        token_url=f"{net.server.url}/token",
        redirect_uri="https://app.example/",
        **net.options,
        **options,
    )
    for _ in range(2):
        request = auth.authorization_request()
        state = request.state.reveal()
        await auth.exchange(f"https://app.example/?code=c&state={state}", request)


Ask = Callable[..., Any]
ASKS = [call_cloudflow, call_techflow, log_in]


def credentials_seen(net: Net) -> tuple[set[str | None], set[str | None]]:
    """Return the credentials for a proxy that proxy and server saw."""
    return (
        {credential_of(sent) for sent in net.proxy.requests},
        {credential_of(sent) for sent in net.server.requests},
    )


def has_key(sent: Sent) -> bool:
    """Return whether the key of the API is in a request."""
    return API_KEY.encode() in sent.head


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize("proxy_tls", [False, True], ids=["http proxy", "https proxy"])
@pytest.mark.parametrize("server_tls", [False, True], ids=["http server", "https server"])
async def test_a_proxy_is_used(ask: Ask, server_tls: bool, proxy_tls: bool, pem: Path) -> None:
    """The proxy gets its credential with each request; a server never sees it."""
    async with a_net(pem, server_tls=server_tls, proxy_tls=proxy_tls) as net:
        await ask(net, proxy=net.proxy_url)

    assert ({basic(USER)}, {None}) == credentials_seen(net)
    assert 2 == len(net.server.requests)
    assert server_tls == all(sent.method == "CONNECT" for sent in net.proxy.requests)


async def test_a_tunnel_hides_the_key_from_the_proxy(pem: Path) -> None:
    """For an https server the proxy sees host, port, User-Agent and its own credential."""
    async with a_net(pem, server_tls=True) as net:
        await call_cloudflow(net, proxy=net.proxy_url)

    assert [False] == [has_key(sent) for sent in net.proxy.requests]
    assert [True, True] == [has_key(sent) for sent in net.server.requests]
    assert 1 == net.server.connections


@pytest.mark.parametrize("ask", ASKS)
async def test_a_scheme_in_capitals_is_tunnelled_too(ask: Ask, pem: Path) -> None:
    """The credential for the proxy does not go to the server behind the tunnel."""
    async with a_net(pem, server_tls=True) as net:
        net.server.url = net.server.url.replace("https:", "HTTPS:")
        await ask(net, proxy=net.proxy_url)

    assert ({basic(USER)}, {None}) == credentials_seen(net)


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize("server_tls", [False, True], ids=["http server", "https server"])
async def test_a_proxy_of_the_environment_is_used(
    ask: Ask, server_tls: bool, pem: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `trust_env`, and with its credential; without, requests go to the server."""
    async with a_net(pem, server_tls=server_tls) as net:
        monkeypatch.setenv("https_proxy" if server_tls else "http_proxy", net.proxy_url)
        await ask(net)
        ignored = net.proxy.connections
        await ask(net, trust_env=True)

    assert 0 == ignored
    assert ({basic(USER)}, {None}) == credentials_seen(net)
    assert 4 == len(net.server.requests)


@pytest.mark.parametrize("ask", ASKS)
async def test_hosts_of_no_proxy_are_reached_directly(
    ask: Ask, pem: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `trust_env`, NO_PROXY holds."""
    async with a_net(pem, server_tls=True) as net:
        monkeypatch.setenv("https_proxy", net.proxy_url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        await ask(net, trust_env=True)

    assert 0 == net.proxy.connections


@pytest.mark.parametrize("ask", ASKS)
async def test_an_argument_precedes_the_environment(
    ask: Ask, pem: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`proxy` is used whatever the environment's proxy is; NO_PROXY does not apply to it."""
    async with a_net(pem, server_tls=True) as net:
        monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        await ask(net, proxy=net.proxy_url, trust_env=True)

    assert {basic(USER)} == credentials_seen(net)[0]


async def test_a_variable_that_cannot_be_used_ends_the_call(
    pem: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests do not go out directly instead, and the error names the variable."""
    async with a_net(pem, server_tls=True) as net:
        monkeypatch.setenv("https_proxy", "socks5://127.0.0.1:1080")
        with pytest.raises(InvalidArgumentError, match="HTTPS_PROXY in the environment"):
            await call_cloudflow(net, trust_env=True)

    assert 0 == net.server.connections


async def test_the_proxy_looks_the_server_up() -> None:
    """A name that is known only behind the proxy can be reached; this machine need not know it."""
    async with RawServer(answering(answer())) as server:
        place = server.url.removeprefix("http://")
        async with (
            RawServer(proxying(hosts={"api.internal": place})) as proxy,
            CloudFlow(
                API_KEY,
                base_url="http://api.internal",
                allow_insecure_http=True,
                proxy=proxy.url,
            ) as client,
        ):
            await client.request("GET", "/x")

    assert b"\r\nHost: api.internal\r\n" in server.requests[0].head


@pytest.mark.parametrize("found", ["profile", "chain", "explicit chain"])
async def test_a_login_of_a_profile_uses_the_clients_proxy(
    found: str, pem: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token that the client's own credential needs is fetched as the client's requests are."""
    token = tmp_path / "token.json"
    token.write_text(
        json.dumps(
            {
                "version": 1,
                "access_token": "old",
                "refresh_token": "r",
                "expires_at": 1.0,
                "scopes": [],
            }
        )
    )
    token.chmod(0o600)
    async with a_net(pem, server_tls=True) as net:
        config = tmp_path / "config.toml"
        config.write_text(
            f'[profiles.default]\nauth = "oauth2"\nclient_id = "app"\ntoken_file = "{token}"\n'
            f'token_url = "{net.server.url}/token"\nbase_url = "{net.server.url}"\n'
        )
        monkeypatch.setenv("CLOUDFLOW_CONFIG", str(config))
        given: dict[str, Any] = {"profile": "default"} if found == "profile" else {}
        if found == "explicit chain":
            given = {
                "auth": AuthChain.default(
                    "default", network={**net.options, "proxy": net.proxy_url}
                )
            }
        async with CloudFlow(**given, proxy=net.proxy_url, **net.options) as client:
            await client.request("GET", "/one")

    assert ["POST", "GET"] == [sent.method for sent in net.server.requests]
    assert 2 == len(net.proxy.requests)
    assert b"Bearer access" in net.server.requests[1].head


@pytest.mark.parametrize("server_tls", [False, True], ids=["http server", "https server"])
@pytest.mark.parametrize("way", ["argument", "environment"])
@pytest.mark.parametrize("outcome", ["answer", "407", "refused", "cancelled"])
async def test_the_password_of_a_proxy_is_shown_nowhere(
    lookout: Lookout,
    pem: Path,
    monkeypatch: pytest.MonkeyPatch,
    outcome: str,
    way: str,
    server_tls: bool,
) -> None:
    """Neither errors nor logs, clients and variables in tracebacks have it, however a call ends."""
    user = "somebody:else" if outcome == "407" else USER
    async with a_net(pem, server_tls=server_tls, user=user) as net:
        url = f"http://{USER}@127.0.0.1:1" if outcome == "refused" else net.proxy_url
        options = dict(net.options)
        if way == "argument":
            options["proxy"] = url
        else:
            monkeypatch.setenv("https_proxy" if server_tls else "http_proxy", url)
            options["trust_env"] = True
        async with CloudFlow(API_KEY, base_url=net.server.url, **options) as client:
            call = client.request("POST", "/one")
            await lookout.watch(_cancel(call, net) if outcome == "cancelled" else call)
            lookout.see("client", client)
        lookout.see("credential", OAuth2Auth("app", **options))

    assert [] == lookout.finds()


async def _cancel(call: Awaitable[object], net: Net) -> None:
    """Cancel a call whose request has arrived."""
    arrived = asyncio.Event()

    async def holding(peer: Peer) -> None:
        await peer.request()
        arrived.set()
        await peer.client_goes()

    net.server._scripts = (holding,)
    task = asyncio.ensure_future(call)
    await arrived.wait()
    task.cancel()
    await task


@pytest.mark.parametrize(
    "make",
    [
        lambda **given: CloudFlow(API_KEY, **given),
        lambda **given: TechFlow(API_KEY, **given),
        lambda **given: OAuth2Auth("app", **given),
    ],
    ids=["CloudFlow", "TechFlow", "OAuth2Auth"],
)
@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"proxy": f"http://{USER}@proxy/path"}, "proxy must look like"),
        ({"proxy": f"socks5://{USER}@proxy"}, "proxy is a SOCKS proxy"),
        ({"proxy": f"http://{USER}@proxy", "ssl_context": False}, "ssl_context must be"),
        ({"proxy": f"http://{USER}@proxy", "timeout": -1}, "timeout"),
    ],
    ids=["path", "SOCKS", "another argument", "another number"],
)
def test_an_argument_that_is_refused_shows_no_password(
    lookout: Lookout, make: Callable[..., object], given: dict[str, Any], match: str
) -> None:
    """Whichever argument is refused, the traceback's variables have neither password nor key."""
    with pytest.raises(CloudFlowError, match=match) as caught:
        make(**given)

    lookout.see("error", caught.value)
    assert [] == lookout.finds()


async def test_a_client_certificate_is_shown_to_a_server_that_demands_one(pem: Path) -> None:
    """It is loaded into `ssl_context`, through a proxy too; without it the call fails."""
    demanding = certificates.serving(pem)
    demanding.load_verify_locations(pem)
    demanding.verify_mode = ssl.CERT_REQUIRED
    with_certificate = certificates.trusting(pem)
    with_certificate.load_cert_chain(pem)
    async with (
        RawServer(answering(answer()), tls=demanding) as server,
        RawServer(proxying()) as proxy,
    ):
        net = Net(server, proxy, pem)
        with pytest.raises(CloudFlowError):
            await call_cloudflow(net, retry=RetryPolicy(attempts=1))
        refused = len(server.requests)
        await call_cloudflow(net, ssl_context=with_certificate)
        await call_cloudflow(net, ssl_context=with_certificate, proxy=proxy.url)

    assert (0, 4) == (refused, len(server.requests))
