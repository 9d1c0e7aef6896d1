"""Redirects: where they lead, nothing goes that was not meant to."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cloudflow_async import (
    ApiKeyAuth,
    Auth,
    CloudFlow,
    JWTAuth,
    LocalLimiter,
    MemoryTokenStore,
    OAuth2Auth,
    RateLimits,
    RetryPolicy,
    Token,
    UnexpectedRedirectError,
)
from tests import certificates
from tests.core.auth.pems import rsa_pem
from tests.raw_server import Peer, RawServer, answer, answering

KEY = "cf_live_canary0123456789"
STATUSES = [301, 302, 303, 307, 308]
METHODS = ["GET", "POST", "DELETE"]
NO_LIMIT = RateLimits(requests=10**6, burst=10**6)


class Redirecting:
    """Answers each request with a redirect, of the status that the path names."""

    location: str | None = None

    async def __call__(self, peer: Peer) -> None:
        """Serve a connection."""
        while True:
            sent = await peer.request()
            headers = {} if self.location is None else {"Location": self.location}
            await peer.send(answer(status=int(sent.target.rpartition("/")[2]), headers=headers))


@contextlib.asynccontextmanager
async def pair(pem: Path | None = None) -> AsyncIterator[tuple[RawServer, Redirecting, RawServer]]:
    """Run a server that redirects, and one that nobody may be led to."""
    script = Redirecting()
    tls = certificates.serving(pem) if pem else None
    async with (
        RawServer(answering(answer())) as elsewhere,
        RawServer(script, tls=tls) as server,
    ):
        yield server, script, elsewhere


PLACES = {
    "same origin": ("{server}/there", "{server}"),
    "other port": ("{elsewhere}/there?canary=1", "{elsewhere}"),
    "other host": ("http://localhost:{port}/there", "http://localhost:{port}"),
    "another scheme": ("http://127.0.0.1:{port}/there", "http://127.0.0.1:{port}"),
    "file": ("file:///etc/passwd", None),
    "nowhere": (None, None),
    "loop": ("{server}/301", "{server}"),
}


async def refused(cf: CloudFlow, method: str, status: int) -> UnexpectedRedirectError:
    """Return the error of a request, which only a GET is sure not to have changed anything by."""
    with pytest.raises(UnexpectedRedirectError) as caught:
        await cf.request(method, f"/{status}")
    assert (method != "GET") is caught.value.may_have_been_applied
    return caught.value


@pytest.mark.parametrize("place", PLACES)
async def test_redirects_are_not_followed(place: str, tmp_path: Path) -> None:
    """Five statuses by three methods: one request each, and an error that shows the origin only."""
    pem = certificates.self_signed(tmp_path) if place == "another scheme" else None
    seen = set()
    async with pair(pem) as (server, script, elsewhere):
        words = {
            "server": server.url,
            "elsewhere": elsewhere.url,
            "port": elsewhere.url.rpartition(":")[2],
        }
        location, origin = (text and text.format(**words) for text in PLACES[place])
        script.location = location
        async with CloudFlow(
            KEY,
            base_url=server.url,
            limiter=LocalLimiter(NO_LIMIT),
            ssl_context=certificates.trusting(pem) if pem else None,
        ) as cf:
            for status in STATUSES:
                for method in METHODS:
                    error = await refused(cf, method, status)
                    seen.add((error.status == status, error.origin))
                    assert "canary" not in str(error)

    assert {(True, origin)} == seen
    assert len(STATUSES) * len(METHODS) == len(server.requests)
    assert 0 == elsewhere.connections


def credentials() -> dict[str, Auth]:
    """Return one credential of each kind."""
    token = Token(access_token="canary-access", refresh_token="canary-refresh", expires_at=4e9)
    return {
        "key": ApiKeyAuth(KEY),
        "oauth2": OAuth2Auth(client_id="app", store=MemoryTokenStore(token)),
        "jwt": JWTAuth(issuer="app", subject="user-1", private_key=rsa_pem().decode(), scopes=[]),
    }


@pytest.mark.parametrize("kind", ["key", "oauth2", "jwt"])
async def test_no_credential_goes_elsewhere(kind: str) -> None:
    """Followed on demand, it stays at its origin: there each request has it, elsewhere none is."""
    async with pair() as (server, script, elsewhere):
        async with CloudFlow(
            auth=credentials()[kind],
            base_url=server.url,
            limiter=LocalLimiter(NO_LIMIT),
            retry=RetryPolicy.never(),
            follow_redirects=True,
        ) as cf:
            for location in (
                f"{server.url}/307",
                f"{elsewhere.url}/x",
                elsewhere.url.replace("127.0.0.1", "localhost"),
                f"//{elsewhere.url.rpartition('/')[2]}/x",
            ):
                script.location = location
                with pytest.raises(UnexpectedRedirectError):
                    await cf.request("GET", "/302")
        header = b"x-api-key: " if kind == "key" else b"authorization: "
        heads = [sent.head.lower() for sent in server.requests]

    assert 0 == elsewhere.connections
    assert 4 + 3 == len(heads)
    assert all(1 == head.count(header) for head in heads)
