"""The same faults in deliveries to our receiver: what it answers, and how often it acts.

Each is tried on both adapters of `cloudflow_async.web`, behind aiohttp.web and behind uvicorn.
Where they differ, the outcome of aiohttp.web comes first.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import itertools
import json
import logging
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Final, Literal, TypeAlias

import attrs
from aiohttp import web

from cloudflow_async._core.webhooks import WebhookEvent
from cloudflow_async.cloudflow.router import WebhookRouter
from cloudflow_async.web import WebhookApp, webhook_handler
from tests.asgi_server import serving
from tests.deliveries import SECRET, SignedDelivery, delivery, signed

from .bombs import bomb
from .checks import nothing_kept
from .fault import Cell
from .server import CHUNKED, chunk

_LINGERING = 12.0
"""Seconds for which aiohttp reads on when a body was not read to its end."""

_PATIENCE = 30.0
"""Seconds for which the sender waits."""


@attrs.frozen(kw_only=True)
class Hook:
    """How a delivery goes wrong."""

    parts: Callable[[SignedDelivery], Iterable[bytes]]
    """What is sent."""

    pause: float = 0.0
    """Seconds after each part."""

    end: Literal["wait", "close", "reset", "again"] = "wait"
    """What the sender does then: it waits for the answer, goes, or goes and delivers it again."""

    sent: Callable[[], SignedDelivery] = delivery
    clock: Callable[[], float] = time.time


Start: TypeAlias = Callable[[WebhookRouter], "contextlib.AbstractAsyncContextManager[int]"]


@contextlib.asynccontextmanager
async def on_aiohttp(router: WebhookRouter) -> AsyncIterator[int]:
    """Receive behind aiohttp.web; gives the port."""
    app = web.Application()
    app.router.add_route("*", "/hooks", webhook_handler(router))
    quiet = logging.getLogger("tests.faults.receiver")
    quiet.disabled = True  # aiohttp logs each head that is none
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, logger=quiet)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
        await asyncio.sleep(_LINGERING)
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def _on_uvicorn(router: WebhookRouter) -> AsyncIterator[int]:
    async with serving(WebhookApp(router)) as url:
        yield int(url.rpartition(":")[2])


SERVERS: Final[tuple[Start, ...]] = (on_aiohttp, _on_uvicorn)
"""Each receives with a router, and gives the port."""


async def play(cell: Cell) -> str:
    """Deliver in all ways to both receivers, and return the outcomes that differ."""
    ways = HOOKS[cell.fault.id]
    found = [await _outcome(start, hook) for start, hook in itertools.product(SERVERS, ways)]
    return ", ".join(dict.fromkeys(found))


async def _outcome(start: Start, hook: Hook) -> str:
    router = WebhookRouter(SECRET, clock=hook.clock)
    events: list[WebhookEvent] = []

    @router.on("*")
    async def remember(event: WebhookEvent) -> None:
        events.append(event)

    async with nothing_kept(), start(router) as port:
        status = await deliver(port, hook)
        calls = len(events)
        good = delivery(id="msg_next", signed_at=hook.clock())

        assert "204" == await deliver(port, Hook(parts=plainly, sent=lambda: good))
        assert calls + 1 == len(events)
    return f"{status}/{calls}"


async def deliver(port: int, hook: Hook) -> str:
    """Send a delivery, and return the status of the answer; ``-`` when there was none."""
    status = await _deliver_once(port, hook)
    if hook.end != "again":
        return status
    return await _deliver_once(port, attrs.evolve(hook, end="wait"))


async def _deliver_once(port: int, hook: Hook) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answered = asyncio.create_task(_status(reader))
    try:
        await _send(writer, hook, answered)
        if hook.end == "wait":
            return await answered
        if hook.end == "reset":
            _reset(writer)
        # To be handled although nobody waits for the answer.
        await asyncio.sleep(1)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        answered.cancel()
        await asyncio.wait([answered])
    return "-"


async def _send(writer: asyncio.StreamWriter, hook: Hook, answered: asyncio.Task[str]) -> None:
    # A receiver need not read on once it has answered.
    with contextlib.suppress(OSError):
        for part in hook.parts(hook.sent()):
            if answered.done():
                break
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(hook.pause)


async def _status(reader: asyncio.StreamReader) -> str:
    with contextlib.suppress(TimeoutError, EOFError, OSError):
        async with asyncio.timeout(_PATIENCE):
            line = await reader.readuntil(b"\r\n")
            return line.split(b" ")[1].decode()
    return "-"


def _reset(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def request(
    sent: SignedDelivery,
    *lines: bytes,
    start: bytes = b"POST /hooks HTTP/1.1",
    length: bytes | None = None,
    body: bytes | None = None,
) -> bytes:
    """Return a delivery as it goes over the wire, with other lines among its headers."""
    body = sent.body if body is None else body
    told = b"Content-Length: %d" % len(body) if length is None else length
    fields = [f"{name}: {value}".encode() for name, value in sent.headers.items()]
    head = [start, b"Host: x", *fields, *([told] if told else []), *lines]
    return b"\r\n".join([*head, b"", b""]) + body


def plainly(sent: SignedDelivery) -> Iterable[bytes]:
    """Return a delivery as it should be."""
    return (request(sent),)


def _line(line: bytes) -> Hook:
    return Hook(parts=lambda sent: (request(sent, line),))


def _start(line: bytes) -> Hook:
    return Hook(parts=lambda sent: (request(sent, start=line),))


def _length(change: Callable[[int], bytes]) -> Hook:
    return Hook(
        parts=lambda sent: (
            request(sent, length=b"Content-Length: " + change(len(sent.body)), body=sent.body),
        )
    )


def _chunked(change: Callable[[bytes], bytes], *, end: Any = "wait") -> Hook:
    return Hook(
        parts=lambda sent: (request(sent, length=CHUNKED, body=change(sent.body)),), end=end
    )


def _one_chunk(size: bytes) -> Hook:
    return _chunked(lambda body: size + b"\r\n" + body + b"\r\n0\r\n\r\n")


def _encoded(encoding: bytes, encode: Callable[[bytes], bytes]) -> Hook:
    return Hook(
        parts=lambda sent: (
            request(sent, b"Content-Encoding: " + encoding, body=encode(sent.body)),
        )
    )


def _body(body: bytes) -> Hook:
    """Return the delivery of another body, well signed."""
    return Hook(parts=plainly, sent=lambda: signed(body))


def _member(text: bytes) -> Hook:
    return _body(b"{" + text + b", " + delivery().body[1:])


def _with(**fields: object) -> Hook:
    return _body(json.dumps({**json.loads(delivery().body), **fields}).encode())


def _without(name: str) -> Hook:
    value = json.loads(delivery().body)
    del value[name]
    return _body(json.dumps(value).encode())


def _cut(size: int, end: Literal["wait", "close", "reset"]) -> Hook:
    return Hook(parts=lambda sent: (request(sent)[:size],), end=end)


def _pieces(data: bytes) -> Iterable[bytes]:
    return (data[at : at + 1] for at in range(len(data)))


def _head_of(sent: SignedDelivery) -> bytes:
    return request(sent).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"


def _endless_headers(sent: SignedDelivery) -> Iterable[bytes]:
    yield b"POST /hooks HTTP/1.1\r\nHost: x\r\n"
    yield from [b"X-A: b\r\n" * 100] * 200


def _endless_body(sent: SignedDelivery) -> Iterable[bytes]:
    yield request(sent, length=CHUNKED, body=b"")
    yield from [chunk(b" " * 65536)] * 20


def _spoilt_sum(body: bytes) -> bytes:
    data = bytearray(gzip.compress(body))
    data[-8] ^= 0xFF
    return bytes(data)


def _ahead(seconds: float) -> Hook:
    return Hook(parts=plainly, clock=lambda: time.time() + seconds)


HOOKS: Final[dict[str, tuple[Hook, ...]]] = {
    "s1": (_cut(0, "reset"),),
    "s2": (_cut(40, "reset"),),
    "s3": (_cut(-5, "reset"),),
    "s4": (_cut(-5, "wait"),),
    "s5": (_cut(0, "close"),),
    "s6": (Hook(parts=lambda sent: (request(delivery(id="msg_0"))[:-5],), end="close"),),
    "s7": (Hook(parts=plainly, end="again"),),
    "h1": (_cut(8, "close"),),
    "h2": (_cut(40, "close"),),
    "h3": (
        Hook(parts=lambda sent: (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",)),
        Hook(parts=lambda sent: (b"\x00\xff garbage \r\n\r\n",)),
    ),
    "h4": (Hook(parts=lambda sent: (b"POST /hooks\r\n\r\n" + sent.body,)),),
    "h5": (_start(b"POST /hooks ICY/1.1"),),
    "h6": (_start(b"P\xffST /hooks HTTP/1.1"), _start(b"POST HTTP/1.1")),
    "h8": (_start(b"POST /hooks HTTP/1.10"),),
    "h9": (_start(b"POST /hooks HTTP/2.0"),),
    "h10": (_line(b"X-A: a\0b"),),
    "h11": (_line(b": b"),),
    "h12": (_line(b"X A: b"),),
    "h13": (_line(b"X-A"),),
    "h14": (_line(b"X-A: a\rb"),),
    "h15": (Hook(parts=lambda sent: (request(sent).replace(b"\r\n", b"\n"),)),),
    "h16": (_line(b"X-A: a\r\n b"),),
    "h17": (_line("X-A: é".encode()), _line(b"X-A: \xe9")),
    "h18": (_start(b"POST /hooks HTTP/1.0"),),
    "h19": (_line(b"X-A: " + b"b" * 100_000),),
    "h20": (_line(b"\r\n".join([b"X-A: b"] * 1000)),),
    "h21": (Hook(parts=_endless_headers),),
    "b1": (Hook(parts=lambda sent: (request(sent)[:-9],), end="close"),),
    "b2": (_chunked(chunk, end="close"),),
    "b3": (_chunked(lambda body: chunk(body)[:-9], end="close"),),
    "b4": (_encoded(b"gzip", lambda body: gzip.compress(body)[:-20]),),
    "b5": (_encoded(b"gzip", _spoilt_sum),),
    "b6": (Hook(parts=lambda sent: (request(sent) + b"garbage\r\n\r\n",)),),
    "b7": (Hook(parts=lambda sent: (request(sent) + request(sent),)),),
    "b8": (_line(b"Content-Length: 7"),),
    "b9": (_line(CHUNKED),),
    "b10": (
        _length(lambda size: b"-1"),
        _length(lambda size: b"+%d" % size),
        _length(lambda size: b"9" * 30),
    ),
    "b11": tuple(_one_chunk(size) for size in (b"zz", b"-5", b"f" * 20)),
    "b12": (_encoded(b"gzip", lambda body: body),),
    "b13": (_encoded(b"gzip, gzip", lambda body: body), _encoded(b"rot13", lambda body: body)),
    "b14": (_encoded(b"br", lambda body: body), _encoded(b"zstd", lambda body: body)),
    "b15": (_encoded(b"gzip", lambda body: bomb()),),
    "b16": (Hook(parts=_endless_body),),
    "b17": (Hook(parts=lambda sent: (_head_of(sent), *_pieces(sent.body)), pause=0.05),),
    "b18": (Hook(parts=lambda sent: (_head_of(sent),)),),
    "b19": (Hook(parts=lambda sent: (b"",)),),
    "j1": (_body(b""),),
    "j2": (_body(b"<!doctype html>"),),
    "j3": (_body(delivery().body[:-9]),),
    "j4": (_body(delivery().body + b"}"),),
    "j5": (_member(b'"x": NaN'), _member(b'"x": -Infinity')),
    "j6": (_member(b'"event": "evil"'),),
    "j7": (_member(b'"x": ' + b"[" * 100_000 + b"]" * 100_000),),
    "j8": (_member(b'"x": ' + b"9" * 5000),),
    "j9": (_member(b'"x": 1e99999'),),
    "j10": (_member(b'"x": "\xff\xfe"'),),
    "j11": (
        _body(delivery().body.decode().encode("utf-16")),
        _body(b"\xef\xbb\xbf" + delivery().body),
    ),
    "j12": (_member(rb'"x": "\ud800"'),),
    "j13": (_member(b'"x": "\0"'),),
    "j14": (_body(b"null"), _body(b"[]"), _body(b'"text"')),
    "j15": (_without("event"),),
    "j16": (_with(event=7),),
    "j17": (_with(something=[{"new": True}]),),
    "j18": (_with(event="workflow.dreamt"),),
    "j19": (_with(data={"workflow_id": "wf_1", "execution_id": None}),),
    "j20": (_with(data={"workflow_id": "wf_1", "duration_ms": 7.0}),),
    "j21": (Hook(parts=plainly),),
    "j22": tuple(
        _line(b"Content-Type: " + name)
        for name in (b"application/json; charset=utf-8", b"application/problem+json", b"text/html")
    ),
    "x4": (_ahead(3600.0),),
    "x5": (_ahead(-3600.0),),
    "x11": (Hook(parts=plainly),),
}
"""How each fault looks on the way to a receiver."""
