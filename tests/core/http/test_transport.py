"""The transport: what aiohttp must not do on its own account, and how failures are told."""

from __future__ import annotations

import asyncio
import functools
import gzip
import os
import random
import select
import socket
import ssl
import traceback
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any
from unittest.mock import Mock

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from aioresponses import aioresponses

from cloudflow_async._core.errors import (
    ClientClosedError,
    CloudFlowError,
    InvalidArgumentError,
    RequestTimeoutError,
    ResponseTooLargeError,
    TransportError,
)
from cloudflow_async._core.http.transport import _ON_SEND, LARGEST_ERROR_BODY, AiohttpTransport
from cloudflow_async._core.messages import Reply, Request
from tests import certificates
from tests.raw_server import (
    Peer,
    RawServer,
    Script,
    answer,
    answering,
    dropping,
    resetting,
    saying,
    stalling,
)

CANARY = "cf_live_canary0123456789"
KEY = {"X-API-Key": CANARY}
METHODS = ["GET", "PUT", "DELETE", "POST", "PATCH"]
MIB = 1024 * 1024


def a_request(method: str = "GET", target: str = "/things?secret=1") -> Request:
    """Return a request, with a body where the method has one."""
    body = b"{}" if method in {"POST", "PUT", "PATCH"} else None
    return Request(method=method, path="/things", target=target, body=body)


@asynccontextmanager
async def transport_to(url: str, **options: Any) -> AsyncIterator[AiohttpTransport]:
    """Open a transport and close it."""
    transport = AiohttpTransport(url, **options)
    try:
        yield transport
    finally:
        await transport.close()


async def ask(
    transport: AiohttpTransport,
    method: str = "GET",
    target: str = "/things",
    timeout: float = 5.0,
    headers: Mapping[str, str] = KEY,
) -> Reply:
    """Send one request with the canary as its key."""
    return await transport.exchange(a_request(method, target), headers, timeout=timeout)


async def failure_of(url: str, method: str = "GET", **options: Any) -> CloudFlowError:
    """Return the error with which a request fails."""
    timeout = options.pop("timeout", 5.0)
    async with transport_to(url, **options) as transport:
        with pytest.raises(CloudFlowError) as caught:
            await ask(transport, method, timeout=timeout)
    return caught.value


# What a server may write on a connection that nobody asked it on.
UNASKED = {
    "answer": answer(b"evil"),
    "timeout": answer(b"evil", status=408, headers={"Connection": "close"}),
    "line break": b"\r\n",
    "half an answer": b"HTTP/1.1 200 OK\r\nContent-Le",
    "garbage": b"\x16\x03\x01garbage",
}


class Echo:
    """Answers with the target of the request; keeps the connections for more."""

    def __init__(self) -> None:
        self.peers: list[Peer] = []

    async def __call__(self, peer: Peer) -> None:
        """Serve one connection."""
        self.peers.append(peer)
        while True:
            sent = await peer.request()
            await peer.send(answer(sent.target.encode()))


@pytest.mark.parametrize("read", [True, False], ids=["read", "unread"])
@pytest.mark.parametrize("unasked", UNASKED.values(), ids=UNASKED.keys())
async def test_bytes_on_an_idle_connection_belong_to_no_request(
    unasked: bytes, *, read: bool
) -> None:
    """Whether or not the event loop has read them yet, the next answers stay right."""
    echo = Echo()
    answers = []
    async with RawServer(echo) as server, transport_to(server.url) as transport:
        for number in range(1, 5):
            answers.append((await ask(transport, target=f"/{number}")).body)
            await echo.peers[-1].send(unasked)
            if read:
                await asyncio.sleep(0.01)

    assert [b"/1", b"/2", b"/3", b"/4"] == answers


async def test_many_tasks_get_their_own_answers() -> None:
    """20 tasks over connections on which the server says too much after every third answer."""
    answered = 0

    async def script(peer: Peer) -> None:
        nonlocal answered
        while True:
            sent = await peer.request()
            await peer.send(answer(sent.target.encode()))
            answered += 1
            if answered % 3 == 0:
                await peer.send(answer(b"evil"))

    async with RawServer(script) as server, transport_to(server.url) as transport:

        async def work(task: int) -> list[bool]:
            targets = [f"/{task}/{number}" for number in range(25)]
            return [(await ask(transport, target=it)).body == it.encode() for it in targets]

        right = await asyncio.gather(*(work(task) for task in range(20)))

    assert all(all(each) for each in right)


async def test_bytes_after_an_answer_belong_to_no_request() -> None:
    """A second answer in the same segment closes the connection and is never seen."""

    async def script(peer: Peer) -> None:
        while True:
            sent = await peer.request()
            await peer.send(answer(sent.target.encode()) + answer(b"evil"))

    async with RawServer(script) as server, transport_to(server.url) as transport:
        answers = [(await ask(transport, target=f"/{number}")).body for number in range(1, 5)]

    assert [b"/1", b"/2", b"/3", b"/4"] == answers
    assert 4 == server.connections


async def test_a_connection_that_the_server_closed_is_not_used() -> None:
    """Not even before the event loop has noticed: a POST would be lost on it."""
    closed = asyncio.Event()

    async def once(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer())
        closed.set()

    async with RawServer(once) as server, transport_to(server.url) as transport:
        await ask(transport, "POST")
        await closed.wait()
        await ask(transport, "POST")

    assert 2 == len(server.requests)


async def test_idle_connections_are_looked_at_without_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system has no poll(), select() sees the same."""
    monkeypatch.delattr(select, "poll")
    echo = Echo()
    async with RawServer(echo) as server, transport_to(server.url) as transport:
        await ask(transport, target="/1")
        await ask(transport, target="/2")
        await echo.peers[0].send(answer(b"evil"))
        third = await ask(transport, target="/3")

    assert b"/3" == third.body
    assert 2 == server.connections


async def test_a_quiet_connection_is_used_again() -> None:
    """The guards do not cost the pool its point."""
    async with RawServer(answering(answer())) as server, transport_to(server.url) as transport:
        for _ in range(20):
            await ask(transport)

    assert 1 == server.connections


async def test_the_pool_has_a_size() -> None:
    """No more connections are open at once than were asked for."""
    async with (
        RawServer(answering(answer())) as server,
        transport_to(server.url, max_connections=3) as transport,
    ):
        await asyncio.gather(*(ask(transport) for _ in range(30)))

    assert 3 == server.connections


@pytest.mark.parametrize("is_lent", [False, True])
async def test_a_request_tells_when_it_begins_to_leave(*, is_lent: bool) -> None:
    """Not as long as it waits for a connection: to cancel it then has sent nothing."""

    async def script(peer: Peer) -> None:
        await peer.request()
        arrived.set()
        await peer.client_goes()

    arrived, left = asyncio.Event(), []
    async with RawServer(script) as server, AsyncExitStack() as opened:
        options: dict[str, Any] = {"max_connections": 1}
        if is_lent:
            lent = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1))
            options["http"] = await opened.enter_async_context(lent)
        transport = await opened.enter_async_context(transport_to(server.url, **options))
        calls = [
            asyncio.ensure_future(
                transport.exchange(
                    a_request(), KEY, timeout=5.0, on_send=functools.partial(left.append, name)
                )
            )
            for name in ("first", "second")
        ]
        await arrived.wait()
        for call in reversed(calls):
            call.cancel()
            await asyncio.wait([call])

    assert ["first"] == left


async def test_the_pool_counts_its_connections() -> None:
    """Those that are kept, and those of them that carry a request; none before and after."""

    async def once(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer())
        await peer.request()
        arrived.set()
        await peer.client_goes()

    arrived = asyncio.Event()
    async with RawServer(once) as server:
        async with transport_to(server.url) as transport:
            counts = [transport.connections()]
            await ask(transport)
            counts.append(transport.connections())
            waiting = asyncio.ensure_future(ask(transport))
            await arrived.wait()
            counts.append(transport.connections())
            waiting.cancel()
            await asyncio.wait([waiting])
        counts.append(transport.connections())

    assert [(0, 0), (1, 0), (1, 1), (0, 0)] == counts


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("fate", [dropping, resetting])
async def test_a_request_is_sent_once(method: str, fate: Script) -> None:
    """On a lost connection nothing is sent again behind the caller's back."""

    async def second_is_lost(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer())
        await fate(peer)

    async with RawServer(fate, second_is_lost) as server, transport_to(server.url) as transport:
        with pytest.raises(TransportError):
            await ask(transport, method, "/fresh")
        await ask(transport, method, "/answered")
        with pytest.raises(TransportError):
            await ask(transport, method, "/reused")

    assert ["/fresh", "/answered", "/reused"] == [sent.target for sent in server.requests]
    assert 2 == server.connections


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_redirects_are_not_followed(status: int, method: str) -> None:
    """The reply comes back as it is, and the place that it points to hears nothing."""
    async with RawServer(answering(answer())) as elsewhere:
        there = answer(status=status, headers={"Location": f"{elsewhere.url}/there"})
        async with RawServer(answering(there)) as server, transport_to(server.url) as transport:
            reply = await ask(transport, method)

    assert (status, f"{elsewhere.url}/there") == (reply.status, reply.headers["location"])
    assert 0 == elsewhere.connections
    assert 1 == len(server.requests)


async def test_cookies_are_neither_kept_nor_sent() -> None:
    """A cookie of one answer is not in the next request."""
    cookie = answer(headers={"Set-Cookie": "session=1; Path=/"})
    async with RawServer(answering(cookie)) as server, transport_to(server.url) as transport:
        await ask(transport)
        await ask(transport)

    assert [False, False] == [b"cookie" in sent.head.lower() for sent in server.requests]


@pytest.fixture
def trap(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[RawServer], None]:
    """Return a function that makes a server the environment's proxy, with a netrc beside it."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login user password netrc-canary\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)

    def set_proxy(server: RawServer) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, server.url)

    return set_proxy


async def test_the_environment_is_ignored(trap: Callable[[RawServer], None]) -> None:
    """Neither proxies nor netrc files are used unless asked for."""
    async with RawServer(answering(answer())) as proxy, RawServer(answering(answer())) as server:
        trap(proxy)
        async with transport_to(server.url) as transport:
            await ask(transport)

    assert 0 == proxy.connections
    assert b"authorization" not in server.requests[0].head.lower()


async def test_the_environment_is_used_on_demand(trap: Callable[[RawServer], None]) -> None:
    """With `trust_env` requests go to the proxy; netrc adds no second credential to ours."""
    async with RawServer(answering(answer())) as proxy, RawServer(answering(answer())) as server:
        trap(proxy)
        async with transport_to(server.url, trust_env=True) as transport:
            await ask(transport)
            await ask(transport, headers={"Authorization": "Bearer ours"})

    assert [f"{server.url}/things"] * 2 == [sent.target for sent in proxy.requests]
    assert 0 == server.connections
    assert b"\r\nauthorization:" not in proxy.requests[0].head.lower()
    assert b"Authorization: Bearer ours" in proxy.requests[1].head


async def test_an_environment_without_proxies_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With `trust_env` and nothing to trust, requests go to the server."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    async with (
        RawServer(answering(answer())) as server,
        transport_to(server.url, trust_env=True) as transport,
    ):
        await ask(transport)

        assert 1 == server.connections


@cache
def bomb(size: int) -> bytes:
    """Return an answer that is small on the wire and `size` bytes when decompressed."""
    body = gzip.compress(bytes(size), 1)
    return answer(body, headers={"Content-Encoding": "gzip"})


def deflated(size: int) -> bytes:
    """Return another, in the other encoding that is asked for."""
    body = zlib.compress(bytes(size), 1)
    return answer(body, headers={"Content-Encoding": "deflate"})


async def endless(peer: Peer) -> None:
    """Send a body that does not end."""
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        await peer.send(b"10000\r\n" + bytes(0x10000) + b"\r\n")


@pytest.mark.parametrize(
    "script",
    [answering(bomb(64 * MIB)), answering(deflated(64 * MIB)), endless],
    ids=["gzip", "deflate", "endless"],
)
async def test_a_body_has_a_largest_size(script: Script) -> None:
    """Reading stops at the cap, decompressed; little memory is used, and the next call works."""
    async with (
        RawServer(script, answering(answer(b"next"))) as server,
        transport_to(server.url, max_body=MIB) as transport,
    ):
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        with pytest.raises(ResponseTooLargeError) as caught:
            await ask(transport)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        following = await ask(transport)

    assert (True, False) == (caught.value.sent, caught.value.retryable)
    assert peak - before < 9 * MIB
    assert b"next" == following.body
    assert 2 == server.connections


async def test_a_body_may_reach_the_cap() -> None:
    """As many bytes as the cap says are accepted, not one more."""
    async with RawServer(answering(answer(bytes(1000)))) as server:
        async with transport_to(server.url, max_body=1000) as transport:
            reply = await ask(transport)
        too_large = await failure_of(server.url, max_body=999)

    assert 1000 == len(reply.body)
    assert isinstance(too_large, ResponseTooLargeError)


async def test_a_large_error_is_cut() -> None:
    """An error's status is worth more than its body: the beginning is enough."""
    page = answer(b"x" * 3 * LARGEST_ERROR_BODY, status=502)
    async with (
        RawServer(answering(page), answering(answer(b"next"))) as server,
        transport_to(server.url) as transport,
    ):
        reply = await ask(transport)
        following = await ask(transport)

    assert 502 == reply.status
    assert len(reply.body) <= LARGEST_ERROR_BODY
    assert b"next" == following.body


MALFORMED = {
    "nothing": b"",
    "half a status line": b"HTTP/1.",
    "half the headers": b"HTTP/1.1 200 OK\r\nContent-Le",
    "garbage": b"\x16\x03\x01\x02\x00\x01garbage\r\n\r\n",
    "HTTP/0.9": b"<html>hello</html>\r\n\r\n",
    "ICY": b"ICY 200 OK\r\n\r\n",
    "status abc": b"HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n",
    "status 2": b"HTTP/1.1 2 OK\r\nContent-Length: 0\r\n\r\n",
    "NUL in a header": b"HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 0\r\n\r\n",
    "header without a colon": b"HTTP/1.1 200 OK\r\nX-A\r\nContent-Length: 0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}",
    "short body": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",
    "chunk without end": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
    "bad chunk size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n",
    "not gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
async def test_what_is_no_http_is_no_answer(data: bytes) -> None:
    """A response that cannot be parsed is a failed transport, never an API error."""
    async with RawServer(saying(data)) as server:
        error = await failure_of(server.url)

    assert type(error) is TransportError
    assert (True, True) == (error.sent, error.retryable)


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    "rest", [b"zz\r\n", b"-2\r\n{}\r\n", b"f" * 20 + b"\r\n{}", b"2\r\n{}XX0\r\n"]
)
async def test_a_body_whose_framing_breaks_after_the_head_fails_at_once(rest: bytes) -> None:
    """The connection that aiohttp closes because of it is not waited for until the timeout."""

    async def breaks(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        await asyncio.sleep(0.01)
        await peer.send(rest)
        await peer.client_goes()

    async with RawServer(breaks) as server:
        begun_at = asyncio.get_running_loop().time()
        error = await failure_of(server.url, timeout=30.0)

    assert type(error) is TransportError
    assert (True, True) == (error.sent, error.retryable)
    assert asyncio.get_running_loop().time() - begun_at < 1.0


async def test_an_encoding_that_was_not_asked_for_is_final() -> None:
    """The next attempt would bring it again."""
    data = b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\n{}"
    async with RawServer(saying(data)) as server:
        error = await failure_of(server.url)

    assert type(error) is TransportError
    assert (True, False) == (error.sent, error.retryable)


def a_head(*lines: bytes, status: bytes = b"200 OK") -> bytes:
    """Return an answer without a body, with these lines in its head."""
    return b"\r\n".join([b"HTTP/1.1 " + status, b"Content-Length: 0", *lines, b"", b""])


_LINE = "a line of it is longer than 8190 bytes; max_header_bytes= raises the bound."
_LINES = "it has more than 512 lines."

LARGE_HEADS = {
    "status line": (a_head(status=b"200 " + b"O" * 100_000), _LINE),
    "value": (a_head(b"X-A: " + b"a" * 8191), _LINE),
    "name": (a_head(b"X" * 8191 + b": a"), _LINE),
    "lines": (a_head(*[b"X-A: a"] * 512), _LINES),
}


@pytest.mark.parametrize("is_lent", [False, True])
@pytest.mark.parametrize(("data", "problem"), LARGE_HEADS.values(), ids=LARGE_HEADS.keys())
async def test_a_head_has_a_largest_size(data: bytes, problem: str, *, is_lent: bool) -> None:
    """The error says which bound it exceeds and what raises it; the next attempt would not help."""
    async with RawServer(saying(data)) as server, AsyncExitStack() as opened:
        lent = await opened.enter_async_context(aiohttp.ClientSession()) if is_lent else None
        error = await failure_of(server.url, http=lent)

    assert isinstance(error, ResponseTooLargeError)
    assert f"GET /things: the head of the answer is too large: {problem}" == str(error)
    assert (True, False) == (error.sent, error.retryable)


@pytest.mark.parametrize("is_lent", [False, True])
@pytest.mark.parametrize(
    ("bound", "data"),
    [
        (8190, a_head(b"X-A: " + b"a" * 8000, *[b"X-B: b"] * 510)),
        (20_000, a_head(b"X-A: " + b"a" * 19_000, status=b"200 " + b"O" * 19_000)),
    ],
)
async def test_a_head_may_reach_its_bounds(bound: int, data: bytes, *, is_lent: bool) -> None:
    """512 lines are accepted, and longer ones where the bound is raised."""
    async with RawServer(saying(data)) as server, AsyncExitStack() as opened:
        lent = await opened.enter_async_context(aiohttp.ClientSession()) if is_lent else None
        async with transport_to(server.url, max_header=bound, http=lent) as transport:
            reply = await ask(transport)

    assert 200 == reply.status
    assert len(reply.headers["X-A"]) >= 8000


async def test_a_large_body_is_sent() -> None:
    """Of more than a MiB too, without a warning of aiohttp's, and with its length."""
    body = b"x" * (3 * MIB)
    request = Request(method="POST", path="/things", target="/things", body=body)
    async with RawServer(answering(answer())) as server, transport_to(server.url) as transport:
        for _ in range(2):
            await transport.exchange(request, KEY, timeout=5.0)

    assert [body, body] == [sent.body for sent in server.requests]


async def test_any_bytes_end_in_a_reply_or_in_an_error_of_ours() -> None:
    """Of 500 mutated responses none lets a foreign exception out, and none hangs."""
    chance = random.Random(7)
    packed = gzip.compress(b'{"data": [1, 2, 3]}' * 20)
    originals = [
        answer(b'{"a": 1}'),
        answer(packed, headers={"Content-Encoding": "gzip"}),
        answer(b"5\r\nhello\r\n0\r\n\r\n", headers={"Transfer-Encoding": "chunked"}),
        answer(b"{}", status=302, headers={"Location": "http://[::1", "Set-Cookie": "a=b"}),
    ]

    async def script(peer: Peer) -> None:
        await peer.request()
        data = bytearray(chance.choice(originals))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(data))
            data[at : at + chance.randint(0, 8)] = chance.randbytes(chance.randint(0, 4))
        await peer.send(bytes(data))

    outcomes = {"reply": 0, "error": 0}
    async with RawServer(script) as server, transport_to(server.url) as transport:
        for _ in range(500):
            try:
                await ask(transport)
                outcomes["reply"] += 1
            except TransportError:
                outcomes["error"] += 1

    assert 500 == sum(outcomes.values())
    assert min(outcomes.values()) > 0


@pytest.mark.parametrize("status", [101, 206, 304, 999])
async def test_odd_statuses_come_back_as_they_are(status: int) -> None:
    """What a status means is not decided here."""
    async with (
        RawServer(saying(answer(b"", status=status))) as server,
        transport_to(server.url) as transport,
    ):
        reply = await ask(transport)

    assert status == reply.status


def black_hole() -> tuple[socket.socket, list[socket.socket], str]:
    """Return a listener whose queue is full, so that connecting to it never ends."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=0)
    fillers = []
    for _ in range(3):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
        fillers.append(filler)
    return listener, fillers, f"http://127.0.0.1:{listener.getsockname()[1]}"


async def test_a_connection_that_does_not_come_about_was_not_sent() -> None:
    """Connecting has less time than the attempt, so that the two can be told apart."""
    listener, fillers, url = black_hole()
    try:
        error = await failure_of(url, timeout=0.2)
    finally:
        for each in [listener, *fillers]:
            each.close()

    assert isinstance(error, RequestTimeoutError)
    assert (False, True) == (error.sent, error.retryable)


async def test_an_answer_that_does_not_come_may_have_been_sent() -> None:
    """The attempt's timeout is ours, a `TimeoutError` too, and says that the request left."""
    async with RawServer(stalling) as server:
        error = await failure_of(server.url, timeout=0.05)

    assert isinstance(error, RequestTimeoutError)
    assert isinstance(error, TimeoutError)
    assert error.sent


async def test_the_timeout_covers_the_body() -> None:
    """A server that stops in the middle of its answer does not hold the caller."""

    async def stops(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
        await peer.client_goes()

    async with RawServer(stops) as server:
        error = await failure_of(server.url, timeout=0.05)

    assert isinstance(error, RequestTimeoutError)


async def test_a_refused_connection_was_not_sent() -> None:
    """The system's own words say why."""
    async with RawServer(dropping) as server:
        url = server.url
    error = await failure_of(url)

    assert isinstance(error, TransportError)
    assert (False, True) == (error.sent, error.retryable)
    assert "refused" in str(error)


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a self-signed certificate with its key."""
    return certificates.self_signed(tmp_path_factory.mktemp("tls"))


async def test_an_unknown_certificate_is_refused_once(pem: Path) -> None:
    """Trying again would not make it trusted."""
    context = certificates.serving(pem)

    async def handshake(peer: Peer) -> None:
        await peer.start_tls(context)
        await peer.request()

    async with RawServer(handshake) as server:
        error = await failure_of(server.url.replace("http:", "https:"))

    assert isinstance(error, TransportError)
    assert (False, False) == (error.sent, error.retryable)
    assert "certificate" in str(error)
    assert (1, 0) == (server.connections, len(server.requests))


async def test_a_private_authority_can_be_trusted(pem: Path) -> None:
    """With a context of its own, the same certificate is accepted."""
    async with (
        RawServer(answering(answer(b"tls")), tls=certificates.serving(pem)) as server,
        transport_to(server.url, ssl_context=certificates.trusting(pem)) as transport,
    ):
        first = await ask(transport)
        await ask(transport)

    assert b"tls" == first.body
    assert 1 == server.connections


@pytest.mark.parametrize("given", [False, True, "ca.pem"])
def test_verification_cannot_be_switched_off(given: object) -> None:
    """What aiohttp takes for that, and all else that is no context, is refused."""
    with pytest.raises(InvalidArgumentError, match=f"not {type(given).__name__}; for a private"):
        AiohttpTransport("https://api.example", ssl_context=given)  # type: ignore[arg-type]


async def test_a_server_without_tls_is_refused_once() -> None:
    """Plain HTTP on a TLS port will not turn into TLS."""

    async def plain(peer: Peer) -> None:
        await peer.send(answer(status=400) * 3)
        await peer.client_goes()

    async with RawServer(plain) as server:
        error = await failure_of(server.url.replace("http:", "https:"))

    assert isinstance(error, TransportError)
    assert (False, False) == (error.sent, error.retryable)


async def test_a_reset_handshake_can_be_tried_again() -> None:
    """Nothing was sent, and the next handshake may succeed."""

    async def reset(peer: Peer) -> None:
        peer.reset()

    async with RawServer(reset) as server:
        error = await failure_of(server.url.replace("http:", "https:"))

    assert isinstance(error, TransportError)
    assert (False, True) == (error.sent, error.retryable)


_PLACE = ConnectionKey("host", 443, True, True, None, None, None)
_INFO = Mock(real_url="https://host/?key=" + CANARY)
_TOLD: list[tuple[Exception, type[CloudFlowError], bool | None, bool | None]] = [
    (aiohttp.ClientConnectorError(_PLACE, OSError(111, "refused")), TransportError, False, True),
    (aiohttp.ClientConnectorDNSError(_PLACE, OSError(-2, "unknown")), TransportError, False, True),
    (aiohttp.ClientProxyConnectionError(_PLACE, OSError(1, "x")), TransportError, False, True),
    (aiohttp.ClientConnectorSSLError(_PLACE, ssl.SSLError(1, "x")), TransportError, False, False),
    (
        aiohttp.ClientConnectorCertificateError(_PLACE, ssl.SSLCertVerificationError(1, "x")),
        TransportError,
        False,
        False,
    ),
    (aiohttp.ConnectionTimeoutError(CANARY), RequestTimeoutError, False, True),
    (aiohttp.SocketTimeoutError(CANARY), RequestTimeoutError, True, True),
    (aiohttp.ServerTimeoutError(CANARY), RequestTimeoutError, True, True),
    (TimeoutError(CANARY), RequestTimeoutError, True, True),
    (aiohttp.ServerDisconnectedError(CANARY), TransportError, True, True),
    (aiohttp.ClientOSError(104, "reset"), TransportError, True, True),
    (aiohttp.ClientConnectionResetError(CANARY), TransportError, True, True),
    (aiohttp.ClientPayloadError(CANARY), TransportError, True, True),
    (aiohttp.ClientResponseError(_INFO, (), status=400), TransportError, True, True),
    (aiohttp.ContentTypeError(_INFO, ()), TransportError, True, True),
    (aiohttp.TooManyRedirects(_INFO, ()), TransportError, True, True),
    (aiohttp.ClientError(CANARY), TransportError, True, True),
    (OSError(CANARY), TransportError, True, True),
    (aiohttp.InvalidURL(CANARY), InvalidArgumentError, None, None),
    (ValueError(CANARY), InvalidArgumentError, None, None),
]


@pytest.mark.parametrize(
    ("raised", "kind", "sent", "retryable"), _TOLD, ids=lambda value: type(value).__name__
)
async def test_each_exception_of_aiohttp_becomes_one_of_ours(
    mocked_aiohttp: aioresponses,
    raised: Exception,
    kind: type[CloudFlowError],
    sent: bool | None,
    retryable: bool | None,
) -> None:
    """The error says whether the request left, and whether trying again can help."""

    def begin_to_leave(*_: object, **__: object) -> None:
        _ON_SEND.get()()

    mocked_aiohttp.get("https://host/things", exception=raised, callback=begin_to_leave)
    error = await failure_of("https://host")

    assert kind is type(error)
    assert (sent, retryable) == (getattr(error, "sent", None), getattr(error, "retryable", None))
    assert_clean(error)


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (TimeoutError(CANARY), RequestTimeoutError),
        (aiohttp.ServerDisconnectedError(CANARY), TransportError),
        (aiohttp.ClientOSError(104, "reset"), TransportError),
        (aiohttp.ClientResponseError(_INFO, (), status=400), TransportError),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_what_fails_before_a_request_leaves_was_not_sent(
    mocked_aiohttp: aioresponses, raised: Exception, kind: type[TransportError]
) -> None:
    """Whatever exception it is: a tunnel through a proxy can fail as any exchange can."""
    mocked_aiohttp.get("https://host/things", exception=raised)
    error = await failure_of("https://host")

    assert kind is type(error)
    assert isinstance(error, TransportError)
    assert (False, True) == (error.sent, error.retryable)
    assert "connect" in str(error)
    assert_clean(error)


async def test_other_exceptions_are_not_ours(mocked_aiohttp: aioresponses) -> None:
    """A mistake in a program is not dressed up as a failure of the network."""
    mocked_aiohttp.get("https://host/things", exception=ZeroDivisionError())
    async with transport_to("https://host") as transport:
        with pytest.raises(ZeroDivisionError):
            await ask(transport)


async def test_a_header_that_cannot_be_sent_is_the_callers_mistake() -> None:
    """Aiohttp's bare ValueError becomes an `InvalidArgumentError`; nothing arrives."""
    async with RawServer(answering(answer())) as server, transport_to(server.url) as transport:
        with pytest.raises(InvalidArgumentError):
            await transport.exchange(a_request(), {"X-API-Key": "a\r\nb"}, timeout=5)

    assert [] == server.requests


def assert_clean(error: BaseException) -> None:
    """Fail where an error, or the frames of ours that it went through, shows the canary."""
    seen: BaseException | None = error
    while seen is not None:
        assert type(seen).__module__.startswith("cloudflow_async")
        assert CANARY not in f"{seen} {seen!r} {seen.args}"
        seen = seen.__cause__ or seen.__context__
    text = "".join(traceback.format_exception(error))

    assert CANARY not in text
    assert "aiohttp" not in text.replace("cloudflow_async", "")
    for frame in frames_of(error):
        assert CANARY not in repr(frame.f_locals)


def frames_of(error: BaseException) -> list[FrameType]:
    """Return the frames of this package in an error's traceback."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return [frame for frame in frames if "cloudflow_async" in frame.f_code.co_filename.split("/")]


@pytest.mark.parametrize(
    "script",
    [dropping, resetting, stalling, saying(b"garbage\r\n\r\n"), answering(bomb(64 * MIB))],
    ids=["dropped", "reset", "stalled", "garbage", "too large"],
)
async def test_no_failure_shows_the_key(script: Script) -> None:
    """Neither text nor context nor the locals of our own frames, which error trackers record."""
    async with RawServer(script) as server:
        error = await failure_of(server.url, timeout=0.2)

    assert_clean(error)
    assert frames_of(error)


async def test_requests_carry_our_headers() -> None:
    """JSON is asked for, in encodings whose size is watched, under our own name."""
    async with (
        RawServer(answering(answer())) as server,
        transport_to(server.url, user_agent="me/1") as transport,
    ):
        await ask(transport)
    head = server.requests[0].head.decode()

    assert "Accept: application/json\r\n" in head
    assert "Accept-Encoding: gzip, deflate\r\n" in head
    assert "User-Agent: me/1\r\n" in head
    assert f"X-API-Key: {CANARY}\r\n" in head


async def test_the_target_goes_out_as_it_is() -> None:
    """What is already encoded is not encoded, decoded or shortened again."""
    target = "/a%2Fb/%2e%2e/c?q=%20%2B&x=a%2Cb"
    async with (
        RawServer(answering(answer())) as server,
        transport_to(f"{server.url}/v2") as transport,
    ):
        await ask(transport, target=target)

    assert "/v2" + target == server.requests[0].target


async def test_the_pool_opens_at_first_use_and_closes_once() -> None:
    """Before the first exchange, and after closing, there is nothing open."""
    async with RawServer(answering(answer())) as server:
        transport = AiohttpTransport(server.url)
        states = [transport.is_open]
        transport.abandon()
        await transport.close()
        await ask(transport)
        states.append(transport.is_open)
        await transport.close()
        await transport.close()
        states.append(transport.is_open)

    assert [False, True, False] == states


async def test_an_abandoned_pool_leaves_no_connection() -> None:
    """While the loop runs, its idle connections end, and nothing warns of them."""
    gone = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer())
        await peer.client_goes()
        gone.set()

    async with RawServer(script) as server:
        transport = AiohttpTransport(server.url)
        await ask(transport)
        transport.abandon()
        async with asyncio.timeout(5):
            await gone.wait()

    assert not transport.is_open


@pytest.mark.virtual_time  # on asyncio's own transports: uvloop takes care of forks itself
async def test_a_pool_that_is_left_to_the_parent_is_closed_behind_asyncio_s_back() -> None:
    """Its sockets are closed at once, the event loop still believes in them."""
    async with RawServer(answering(answer())) as server:
        transport = AiohttpTransport(server.url)
        await ask(transport)
        (pooled,) = transport._http.connector._conns.values()  # type: ignore[union-attr]
        idle = pooled[0][0].transport
        assert idle is not None
        descriptor = idle.get_extra_info("socket").fileno()
        transport.leave()
        transport.leave()
        with pytest.raises(OSError, match="descriptor"):
            os.fstat(descriptor)
        closed = (transport.is_open, idle.is_closing())
        # Here there is no parent, whose loop would have to know them.
        asyncio.get_running_loop()._remove_reader(descriptor)  # type: ignore[attr-defined]

    assert (False, False) == closed


async def test_a_callers_session_is_left_to_the_parent_s_and_the_child_s_owner() -> None:
    """The client forgets it, and closes nothing of it."""
    async with RawServer(answering(answer())) as server, aiohttp.ClientSession() as lent:
        transport = AiohttpTransport(server.url, http=lent)
        await ask(transport)
        transport.leave()
        async with lent.get(server.url):
            pass

    assert not transport.is_open
    assert 1 == server.connections


async def test_a_callers_session_is_used_and_left_open() -> None:
    """Its connections carry our requests."""
    async with RawServer(answering(answer())) as server, aiohttp.ClientSession() as lent:
        async with lent.get(server.url):
            pass
        async with transport_to(server.url, http=lent) as transport:
            await ask(transport)
        async with lent.get(server.url):
            pass
        left_open = not lent.closed

    assert left_open
    assert 1 == server.connections


async def test_a_callers_session_survives_an_abandoned_client() -> None:
    """Its connections stay, and nothing warns of a session that we made of it."""
    async with RawServer(answering(answer())) as server, aiohttp.ClientSession() as lent:
        transport = AiohttpTransport(server.url, http=lent)
        await ask(transport)
        transport.abandon()
        async with lent.get(server.url):
            pass

    assert 1 == server.connections


async def test_a_callers_session_may_be_closed_by_its_owner() -> None:
    """After that, calls fail with an error that says so."""
    async with RawServer(answering(answer())) as server:
        async with aiohttp.ClientSession() as lent:
            transport = AiohttpTransport(server.url, http=lent)
            await ask(transport)
        with pytest.raises(ClientClosedError, match="closed by its owner") as caught:
            await ask(transport)

    assert [] == [frame for frame in frames_of(caught.value) if CANARY in repr(frame.f_locals)]


async def test_cancelling_leaves_nothing_behind() -> None:
    """The connection is closed, so that its late answer meets nobody; the next call works."""
    arrived = asyncio.Event()

    async def holds(peer: Peer) -> None:
        await peer.request()
        arrived.set()
        await peer.client_goes()

    async with (
        RawServer(holds, answering(answer(b"next"))) as server,
        transport_to(server.url, max_connections=1) as transport,
    ):
        task = asyncio.create_task(ask(transport))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        following = await ask(transport)

    assert b"next" == following.body
