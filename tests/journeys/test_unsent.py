"""A POST that is stopped before it begins to leave has not been applied, and is not said to be."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from cloudflow_async._core.client import Client
from cloudflow_async._core.errors import (
    CloudFlowError,
    DeadlineExceededError,
    RequestTimeoutError,
)
from cloudflow_async._core.http import transport
from cloudflow_async._core.http.retry import RetryPolicy
from tests.doubles import FakeAuth, OpenLimiter
from tests.faults.dialling import DeadEnd, DeadEnds, dialling
from tests.raw_server import Peer, RawServer, answer, stalling

_SHORT = 0.1

Open = Callable[[AsyncExitStack, RawServer], Awaitable[dict[str, Any]]]
"""Makes the way to a server one without an end, and returns the options of the client."""


async def _silent(peer: Peer) -> None:
    """Take what comes, whatever it is, and say nothing."""
    await peer.client_goes()


def _dead_end(step: str, end: DeadEnd) -> Open:
    async def open_(opened: AsyncExitStack, server: RawServer) -> dict[str, Any]:
        dead_ends = opened.enter_context(DeadEnds())
        await asyncio.to_thread(dead_ends.address, end)  # to make it blocks for a moment
        port = int(server.url.rpartition(":")[2])
        taken = dialling(port, lambda at: end if at == step else None, dead_ends)
        opened.enter_context(taken)
        return {"base_url": f"http://api.test:{port}"}

    return open_


async def _in_the_handshake(opened: AsyncExitStack, server: RawServer) -> dict[str, Any]:
    return {"base_url": server.url.replace("http:", "https:")}


async def _in_the_tunnel(opened: AsyncExitStack, server: RawServer) -> dict[str, Any]:
    patch = opened.enter_context(pytest.MonkeyPatch.context())
    for name in ("NO_PROXY", "no_proxy"):
        patch.delenv(name, raising=False)
    patch.setenv("https_proxy", server.url)
    return {"base_url": "https://api.test", "trust_env": True}


async def _at_the_look_up_of_the_proxy(opened: AsyncExitStack, server: RawServer) -> dict[str, Any]:
    found = threading.Event()
    patch = opened.enter_context(pytest.MonkeyPatch.context())
    patch.setattr(transport, "environment_proxy", lambda base_url: found.wait(5.0))
    opened.callback(found.set)
    return {"trust_env": True}


async def _at_the_limiter(opened: AsyncExitStack, server: RawServer) -> dict[str, Any]:
    limiter = OpenLimiter()
    limiter.gate.clear()
    return {"limiter": limiter}


async def _at_the_signing(opened: AsyncExitStack, server: RawServer) -> dict[str, Any]:
    auth = FakeAuth()
    auth.gate.clear()
    return {"auth": auth}


_ON_THE_WAY: Mapping[str, Open] = {
    "name": _dead_end("lookup", "silent"),
    "dial": _dead_end("dial", "silent"),
    "handshake": _in_the_handshake,
    "tunnel": _in_the_tunnel,
    "proxy": _at_the_look_up_of_the_proxy,
}
_BEFORE: Mapping[str, Open] = {"limiter": _at_the_limiter, "signing": _at_the_signing}


@asynccontextmanager
async def _stuck(open_: Open, **options: Any) -> AsyncIterator[tuple[Client, RawServer]]:
    async with AsyncExitStack() as opened:
        server = await opened.enter_async_context(RawServer(_silent))
        settings = {
            "auth": FakeAuth(),
            "base_url": server.url,
            "limiter": OpenLimiter(),
            "allow_insecure_http": True,
            **await open_(opened, server),
            **options,
        }
        yield await opened.enter_async_context(Client(**settings)), server


def _says_not_applied(error: CloudFlowError) -> bool:
    return not error.may_have_been_applied and "may have been applied" not in str(error)


@pytest.mark.parametrize("open_", {**_ON_THE_WAY, **_BEFORE}.values(), ids=[*_ON_THE_WAY, *_BEFORE])
async def test_a_post_that_a_deadline_stops_before_it_leaves_was_not_applied(open_: Open) -> None:
    """At the limiter, while signing, and in each step towards a connection."""
    async with _stuck(open_, deadline=_SHORT) as (client, server):
        with pytest.raises(DeadlineExceededError) as caught:
            await client.request("POST", "/things", json={})

    assert _says_not_applied(caught.value)
    assert [] == server.requests


@pytest.mark.parametrize("open_", _ON_THE_WAY.values(), ids=_ON_THE_WAY.keys())
async def test_a_post_that_a_timeout_stops_before_it_leaves_was_not_applied(
    open_: Open,
) -> None:
    """It was not sent, so that it can be sent again."""
    retry = RetryPolicy(attempts=2, base=0.001)
    async with _stuck(open_, timeout=_SHORT, retry=retry) as (client, server):
        with pytest.raises(RequestTimeoutError) as caught:
            await client.request("POST", "/things", json={})

    assert (False, True, 2) == (caught.value.sent, caught.value.retryable, caught.value.attempts)
    assert _says_not_applied(caught.value)
    assert [] == server.requests


@pytest.mark.parametrize("open_", {**_ON_THE_WAY, **_BEFORE}.values(), ids=[*_ON_THE_WAY, *_BEFORE])
async def test_a_post_that_an_outer_timeout_stops_before_it_leaves_is_not_sent(open_: Open) -> None:
    """Python's own TimeoutError comes out, and the server never sees the request."""
    async with _stuck(open_) as (client, server):
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(_SHORT):
                await client.request("POST", "/things", json={})
        statistics = client.statistics()

    assert not isinstance(caught.value, CloudFlowError)
    assert [] == server.requests
    assert (0, 0) == (statistics.in_flight, statistics.connections_in_use)


@pytest.mark.parametrize("bound", ["deadline", "timeout"])
async def test_a_post_that_waits_for_a_connection_has_not_been_applied(bound: str) -> None:
    """The pool's only connection is in use, and the bound passes meanwhile."""
    arrived = asyncio.Event()

    async def hold(peer: Peer) -> None:
        await peer.request()
        arrived.set()
        await peer.client_goes()

    async with RawServer(hold) as server:
        client = Client(FakeAuth(), base_url=server.url, limiter=OpenLimiter(), max_connections=1)
        async with client:
            holding = asyncio.ensure_future(client.request("GET", "/first"))
            await arrived.wait()
            options: dict[str, Any] = {bound: _SHORT, "retry": RetryPolicy.never()}
            with pytest.raises((DeadlineExceededError, RequestTimeoutError)) as caught:
                await client.with_options(**options).request("POST", "/things", json={})
            holding.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await holding

    assert _says_not_applied(caught.value)
    assert ["/first"] == [sent.target for sent in server.requests]


async def test_a_post_that_a_deadline_stops_in_a_renewal_was_not_applied() -> None:
    """The POST arrived, but a 401 says that it was not carried out."""
    auth = FakeAuth(keys=2)

    async def refuse(peer: Peer) -> None:
        await peer.request()
        auth.gate.clear()
        await peer.send(answer(b"", status=401))
        await peer.client_goes()

    async with RawServer(refuse) as server:
        client = Client(auth, base_url=server.url, limiter=OpenLimiter(), deadline=0.3)
        async with client:
            with pytest.raises(DeadlineExceededError) as caught:
                await client.request("POST", "/things", json={})

    assert (1, 401) == (caught.value.attempts, caught.value.status)
    assert _says_not_applied(caught.value)


@pytest.mark.parametrize("bound", ["deadline", "timeout"])
async def test_a_post_that_has_left_may_have_been_applied(bound: str) -> None:
    """The contrast: the same bounds on a server that has read the request."""
    async with RawServer(stalling) as server:
        client = Client(FakeAuth(), base_url=server.url, limiter=OpenLimiter(), **{bound: 0.3})
        async with client:
            with pytest.raises(CloudFlowError) as caught:
                await client.request("POST", "/things", json={})

    assert caught.value.may_have_been_applied
    assert 1 == len(server.requests) == caught.value.attempts
