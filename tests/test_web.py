"""The adapters: what they let through to the router, and what they answer."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import attrs
import pytest
from aiohttp import web

from cloudflow_async._core.errors import InvalidArgumentError
from cloudflow_async._core.webhooks import WebhookEvent
from cloudflow_async.cloudflow.router import WebhookRouter
from cloudflow_async.web import WebhookApp, webhook_handler
from tests.asgi_server import serving
from tests.deliveries import SECRET, SignedDelivery, delivery, signed

pytestmark = pytest.mark.virtual_time

LARGEST = 256 * 1024
_LINGERING = 12.0


@attrs.frozen
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


@attrs.define
class Receiver:
    """An app that takes deliveries, behind a real server."""

    port: int
    router: WebhookRouter
    events: list[WebhookEvent] = attrs.field(factory=list)
    on_event: Callable[[WebhookEvent], Any] | None = None

    async def post(self, sent: SignedDelivery, **fields: str) -> Reply:
        """Post a delivery as a sender does."""
        fields = {"Content-Length": str(len(sent.body)), **sent.headers, **fields}
        return await self.ask(head(**fields) + sent.body)

    async def ask(self, *parts: bytes) -> Reply:
        """Send bytes, each part when the one before has left, and read the one answer."""
        async with self.connection() as (reader, writer):
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0.01 if len(parts) > 1 else 0)
            return await read_reply(reader)

    @contextlib.asynccontextmanager
    async def connection(
        self,
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """Open a connection for the length of the block."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def head(method: str = "POST", **fields: str) -> bytes:
    """Return the head of a request; underscores in names of fields become hyphens."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join([f"{method} /hooks HTTP/1.1", "Host: x", *lines, "", ""]).encode()


async def read_reply(reader: asyncio.StreamReader) -> Reply:
    """Read an answer, whose body may not be longer than it says."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {
        name.lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines[1:-2])
    }
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Reply(int(lines[0].split()[1]), headers, body)


@contextlib.asynccontextmanager
async def on_aiohttp(router: WebhookRouter, **options: Any) -> AsyncIterator[int]:
    """Serve a router by aiohttp.web; gives the port."""
    app = web.Application()
    app.router.add_route("*", "/hooks", webhook_handler(router, **options))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    # For so long aiohttp reads on when a body was not read to its end, even of one who has gone.
    await asyncio.sleep(_LINGERING)
    await runner.cleanup()


@contextlib.asynccontextmanager
async def on_uvicorn(router: WebhookRouter, **options: Any) -> AsyncIterator[int]:
    """Serve a router as an ASGI app, alone; gives the port."""
    async with serving(WebhookApp(router, **options)) as url:
        yield int(url.rpartition(":")[2])


@pytest.fixture(params=[on_aiohttp, on_uvicorn], ids=["aiohttp", "asgi"])
async def receiver(request: pytest.FixtureRequest) -> AsyncIterator[Receiver]:
    """Return an app that remembers the events it gets, by either adapter."""
    router = WebhookRouter(SECRET)
    async with request.param(router) as port:
        receiver = Receiver(port, router)

        @router.on("*")
        async def remember(event: WebhookEvent) -> None:
            receiver.events.append(event)
            if receiver.on_event is not None:
                await receiver.on_event(event)

        yield receiver


async def test_a_delivery(receiver: Receiver) -> None:
    """A signed event reaches its handler, and the answer is empty."""
    reply = await receiver.post(delivery())

    assert (204, b"") == (reply.status, reply.body)
    assert "content-length" not in reply.headers
    assert ["workflow.failed"] == [event.type for event in receiver.events]


async def test_two_on_one_connection(receiver: Receiver) -> None:
    """Connections are kept for the next delivery."""
    async with receiver.connection() as (reader, writer):
        for number in range(2):
            sent = delivery(id=f"msg_{number}")
            fields = {"Content-Length": str(len(sent.body)), **sent.headers}
            writer.write(head(**fields) + sent.body)
            assert 204 == (await read_reply(reader)).status

    assert ["msg_0", "msg_1"] == [event.id for event in receiver.events]


async def test_the_raw_bytes_count(receiver: Receiver) -> None:
    """What is verified is what came, with all its white space and whatever its type."""
    sent = signed(b' {"event" :\t"a",  "data":{"b":1.0,"a":"\xc3\xa9"}}\r\n')

    assert 204 == (await receiver.post(sent, **{"Content-Type": "text/plain"})).status
    assert [{"b": 1.0, "a": "é"}] == [event.data for event in receiver.events]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (delivery(secret="whsec_" + "A" * 32), 401),
        (delivery(signed_at=1_000_000_000), 401),
        (SignedDelivery(body=b"", headers={}), 401),
        (SignedDelivery(body=b"not JSON", headers=delivery().headers), 401),
        (signed(b"not JSON"), 400),
        (signed(b""), 400),
        (signed(b'{"event": "a", "data": NaN}'), 400),
        (signed(b"[" * 200_000), 400),
    ],
)
async def test_what_the_router_refuses(
    receiver: Receiver, sent: SignedDelivery, status: int
) -> None:
    """What is not signed is not read, and what is not readable is told apart; nobody hears why."""
    reply = await receiver.post(sent)

    assert (status, b"") == (reply.status, reply.body)
    assert [] == receiver.events


async def test_a_handler_that_raises(receiver: Receiver) -> None:
    """The answer is 500 and says nothing; the next delivery is handled."""

    async def fail(event: WebhookEvent) -> None:
        receiver.on_event = None
        raise ValueError("a secret of the app")

    receiver.on_event = fail
    replies = [await receiver.post(delivery()), await receiver.post(delivery())]

    assert [(500, b""), (204, b"")] == [(reply.status, reply.body) for reply in replies]
    assert 2 == len(receiver.events)


async def test_copies_at_once(receiver: Receiver) -> None:
    """Copies over many connections are handled once, and all are told that it went well."""

    async def take_time(event: WebhookEvent) -> None:
        await asyncio.sleep(0.05)

    receiver.on_event = take_time
    sent = delivery()
    replies = await asyncio.gather(*(receiver.post(sent) for _ in range(30)))

    assert {204} == {reply.status for reply in replies}
    assert 1 == len(receiver.events)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_other_methods(receiver: Receiver, method: str) -> None:
    """Only POST delivers, and the answer says so."""
    sent = delivery()
    async with receiver.connection() as (reader, writer):
        fields = {"Content-Length": str(len(sent.body)), **sent.headers}
        writer.write(head(method, **fields) + sent.body)
        reply = await read_reply(reader)

    assert (405, "POST", b"") == (reply.status, reply.headers["allow"], reply.body)
    assert [] == receiver.events


@pytest.mark.parametrize("coding", ["gzip", "deflate", "GZIP", "identity, gzip", "x-gzip"])
async def test_compressed_bodies(receiver: Receiver, coding: str) -> None:
    """A body that would have to be unpacked is refused before that is tried."""
    sent = delivery()
    packed = SignedDelivery(body=gzip.compress(sent.body), headers=sent.headers)
    reply = await receiver.post(packed, **{"Content-Encoding": coding})

    assert (415, b"") == (reply.status, reply.body)


@pytest.mark.parametrize("coding", ["identity", "Identity", ""])
async def test_bodies_that_are_not_compressed(receiver: Receiver, coding: str) -> None:
    """A header that says that nothing was done to the body is no reason to refuse it."""
    reply = await receiver.post(delivery(), **{"Content-Encoding": coding})

    assert 204 == reply.status


def chunked(*chunks: bytes) -> list[bytes]:
    """Return the chunks as they go over the wire, with their end."""
    return [b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks] + [b"0\r\n\r\n"]


async def test_a_chunked_body(receiver: Receiver) -> None:
    """A body may come in pieces without saying how long it will be."""
    sent = delivery()
    pieces = [sent.body[at : at + 40] for at in range(0, len(sent.body), 40)]
    fields = {"Transfer-Encoding": "chunked", **sent.headers}
    reply = await receiver.ask(head(**fields), *chunked(*pieces))

    assert 204 == reply.status
    assert ["msg_1"] == [event.id for event in receiver.events]


@pytest.mark.parametrize("rest", [b"zz\r\n", b"5\r\nab\r\n\r\n", b"-1\r\n"])
async def test_chunks_that_are_none(receiver: Receiver, rest: bytes) -> None:
    """Nonsense instead of a chunk is no delivery; servers differ in when they notice."""
    reply = await receiver.ask(head(Transfer_Encoding="chunked", **delivery().headers), rest)

    assert reply.status in {400, 408}
    assert [] == receiver.events


@pytest.mark.parametrize(("size", "status"), [(LARGEST, 204), (LARGEST + 1, 413)])
async def test_the_largest_body(receiver: Receiver, size: int, status: int) -> None:
    """256 KiB are taken, and a byte more is refused by its length, unread."""
    body = b'{"event":"a","data":{"x":"' + b"x" * (size - 29) + b'"}}'
    sent = signed(body)

    assert size == len(body)
    assert status == (await receiver.post(sent)).status


async def test_a_long_body_is_not_waited_for(receiver: Receiver) -> None:
    """The answer comes although nothing of the announced body does."""
    lengths = ["262145", "9" * 18]
    replies = [await receiver.ask(head(Content_Length=length)) for length in lengths]

    assert [413, 413] == [reply.status for reply in replies]


async def test_a_chunked_body_that_does_not_end(receiver: Receiver) -> None:
    """Reading stops where the limit is exceeded, whatever was announced."""
    first = head(Transfer_Encoding="chunked")
    piece = chunked(b"x" * 64 * 1024)[0]
    reply = await receiver.ask(first, *[piece] * 5)

    assert (413, b"") == (reply.status, reply.body)


async def test_a_body_that_is_late(receiver: Receiver) -> None:
    """After five seconds for the whole body the answer is 408, and the connection is closed."""
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    async with receiver.connection() as (reader, writer):
        writer.write(head(Content_Length="100"))
        for _ in range(4):
            await asyncio.sleep(1)
            writer.write(b"x")
        reply = await read_reply(reader)
        took = loop.time() - began_at
        rest = await reader.read()

    assert (408, b"", "close", b"") == (
        reply.status,
        reply.body,
        reply.headers["connection"],
        rest,
    )
    assert 5.0 == pytest.approx(took, abs=0.1)


async def test_a_slow_body_that_comes_in_time(receiver: Receiver) -> None:
    """A body that takes four seconds is as good as any; the handler may take longer."""

    async def take_time(event: WebhookEvent) -> None:
        await asyncio.sleep(20)

    receiver.on_event = take_time
    sent = delivery()
    async with receiver.connection() as (reader, writer):
        writer.write(head(Content_Length=str(len(sent.body)), **sent.headers) + sent.body[:1])
        await asyncio.sleep(4)
        writer.write(sent.body[1:])
        reply = await read_reply(reader)

    assert 204 == reply.status


async def test_a_header_that_is_there_twice(receiver: Receiver) -> None:
    """The verifier sees both, and trusts neither."""
    sent = delivery()
    fields = {"Content-Length": str(len(sent.body)), **sent.headers}
    twice = {**fields, "WEBHOOK-ID": sent.headers["webhook-id"]}
    replies = [await receiver.ask(head(**each) + sent.body) for each in (twice, fields)]

    assert [401, 204] == [reply.status for reply in replies]


async def test_headers_that_are_no_text(receiver: Receiver) -> None:
    """Bytes that are no ASCII cannot be trusted, and disturb nobody."""
    sent = delivery()
    fields = {**sent.headers, "webhook-id": "ID", "Content-Length": str(len(sent.body))}
    reply = await receiver.ask(head(**fields).replace(b": ID", b": \xff\xfe\xc3\xa9") + sent.body)

    assert reply.status in {400, 401}
    assert [] == receiver.events


async def test_a_sender_that_goes_in_mid_body(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    """A connection that ends before its body does is forgotten without a word."""
    async with receiver.connection() as (_, writer):
        writer.write(head(Content_Length="100", **delivery().headers) + b"{")
        await asyncio.sleep(0.02)
        writer.transport.abort()
    await asyncio.sleep(0.05)

    assert 204 == (await receiver.post(delivery())).status
    assert [] == [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_sender_that_goes_in_mid_handler(receiver: Receiver) -> None:
    """The handler goes on; the copy that comes later finds it done."""
    began, gate = asyncio.Event(), asyncio.Event()

    async def wait(event: WebhookEvent) -> None:
        began.set()
        await gate.wait()

    receiver.on_event = wait
    sent = delivery()
    async with receiver.connection() as (_, writer):
        writer.write(head(Content_Length=str(len(sent.body)), **sent.headers) + sent.body)
        await began.wait()
        writer.transport.abort()
    await asyncio.sleep(0.02)
    gate.set()

    assert 204 == (await receiver.post(sent)).status
    assert 1 == len(receiver.events)


@pytest.mark.parametrize("options", [{"max_body": 0}, {"body_timeout": 0}])
def test_what_cannot_be_used(options: Any) -> None:
    """A bound that nothing could keep is refused when the app is made."""
    router = WebhookRouter(SECRET)

    with pytest.raises(InvalidArgumentError, match=next(iter(options))):
        webhook_handler(router, **options)
    with pytest.raises(InvalidArgumentError, match=next(iter(options))):
        WebhookApp(router, **options)


async def test_bounds_of_ones_own() -> None:
    """Both bounds can be set."""
    sent = delivery()
    for serve in (on_aiohttp, on_uvicorn):
        async with serve(WebhookRouter(SECRET), max_body=50, body_timeout=0.05) as port:
            receiver = Receiver(port, WebhookRouter(SECRET))
            long = await receiver.post(sent)
            late = await receiver.ask(head(Content_Length="10"))

        assert (413, 408) == (long.status, late.status)


async def test_aiohttp_after_a_middleware_that_reads() -> None:
    """A body that the app's own middleware has read already is verified all the same."""
    seen: list[bytes] = []

    @web.middleware
    async def log_bodies(request: web.Request, handler: Any) -> web.StreamResponse:
        seen.append(await request.read())
        answer: web.StreamResponse = await handler(request)
        return answer

    router = WebhookRouter(SECRET)
    app = web.Application(middlewares=[log_bodies])
    app.router.add_post("/hooks", webhook_handler(router, max_body=1000))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver = Receiver(runner.addresses[0][1], router)
    long = signed(b" " * 1001)
    first = head(Transfer_Encoding="chunked", **long.headers)
    statuses = [
        (await receiver.post(delivery())).status,
        (await receiver.ask(first, *chunked(long.body))).status,
        (await receiver.post(signed(b""))).status,
    ]
    await runner.cleanup()

    assert [204, 413, 400] == statuses
    assert delivery().body == seen[0]


async def test_aiohttp_where_handlers_are_cancelled() -> None:
    """Where a server ends the handler with the connection, the next delivery begins anew."""
    router, began = WebhookRouter(SECRET), asyncio.Event()
    events: list[WebhookEvent] = []

    @router.on("*")
    async def wait(event: WebhookEvent) -> None:
        events.append(event)
        if not began.is_set():
            began.set()
            await asyncio.Event().wait()

    server = web.Server(webhook_handler(router), handler_cancellation=True)  # type: ignore[arg-type]
    runner = web.ServerRunner(server)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver, sent = Receiver(runner.addresses[0][1], router), delivery()
    async with receiver.connection() as (_, writer):
        writer.write(head(Content_Length=str(len(sent.body)), **sent.headers) + sent.body)
        await began.wait()
        writer.transport.abort()
    status = (await receiver.post(sent)).status
    await runner.cleanup()

    assert 204 == status
    assert 2 == len(events)


async def test_aiohttp_that_stops() -> None:
    """A handler under way is cancelled when the server is, and its id is free for the next."""
    router, began = WebhookRouter(SECRET), asyncio.Event()
    events: list[WebhookEvent] = []

    @router.on("*")
    async def wait(event: WebhookEvent) -> None:
        events.append(event)
        if not began.is_set():
            began.set()
            await asyncio.Event().wait()

    sent = delivery()
    async with on_aiohttp(router) as port:
        posting = asyncio.create_task(Receiver(port, router).post(sent))
        await began.wait()
    with pytest.raises(EOFError):
        await posting

    assert 204 == await router.handle(sent.body, sent.headers)
    assert 2 == len(events)


class Asgi:
    """Calls an ASGI app with messages of the test's own."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self.sent: list[Any] = []
        self._messages = [*messages]

    async def receive(self) -> Any:
        """Return the next message."""
        return self._messages.pop(0)

    async def send(self, message: Any) -> None:
        """Remember a message."""
        self.sent.append(message)

    async def call(self, **scope: Any) -> list[Any]:
        """Call the app and return what it sent."""
        app = WebhookApp(WebhookRouter(SECRET))
        await app(scope, self.receive, self.send)
        return self.sent


def http_scope(sent: SignedDelivery, **scope: Any) -> dict[str, Any]:
    """Return the scope of a POST, with header pairs that are lists as the standard has them."""
    headers = [[name.encode(), value.encode()] for name, value in sent.headers.items()]
    return {"type": "http", "method": "POST", "headers": headers, **scope}


async def test_asgi_messages() -> None:
    """Empty pieces are skipped, and what a message leaves out has the standard's default."""
    sent = delivery()
    asgi = Asgi(
        {"type": "http.request", "more_body": True},
        {"type": "http.request", "body": sent.body[:9], "more_body": True},
        {"type": "http.request", "body": b"", "more_body": True},
        {"type": "http.request", "body": sent.body[9:]},
    )

    assert [
        {"type": "http.response.start", "status": 204, "headers": []},
        {"type": "http.response.body", "body": b""},
    ] == await asgi.call(**http_scope(sent))


async def test_asgi_headers() -> None:
    """An answer without a body says so, in names of lower case."""
    (start, _) = await Asgi().call(type="http", method="GET", headers=[])

    assert [(b"allow", b"POST"), (b"content-length", b"0")] == start["headers"]


@pytest.mark.parametrize("coding", [b"br", b"zstd", b"gzip", b" GZIP "])
async def test_asgi_codings(coding: bytes) -> None:
    """A compressed body is refused, whether the server knows the coding or not."""
    headers = [(b"content-encoding", b"identity"), (b"content-encoding", coding)]
    (start, _) = await Asgi().call(type="http", method="POST", headers=headers)

    assert 415 == start["status"]


@pytest.mark.parametrize("length", [b"0" * 30, b"9" * 10_000, b"262145", b" 262145 "])
async def test_asgi_lengths_that_are_too_long(length: bytes) -> None:
    """However a length is written that is too long, it is noticed."""
    (start, _) = await Asgi().call(
        type="http", method="POST", headers=[(b"content-length", length)]
    )

    assert 413 == start["status"]


@pytest.mark.parametrize("length", [b"", b"-1", b"abc", b"\xb2", b"1e9"])
async def test_asgi_lengths_that_are_none(length: bytes) -> None:
    """A length that is none says nothing; the body has a bound all the same."""
    headers = [(b"content-length", length)]
    asgi = Asgi({"type": "http.request", "body": b"x" * (LARGEST + 1)})
    (start, _) = await asgi.call(type="http", method="POST", headers=headers)

    assert 413 == start["status"]


@pytest.mark.parametrize(
    ("version", "closes"), [("1.0", True), ("1.1", True), ("2", False), ("3", False)]
)
async def test_asgi_over_newer_versions_of_http(version: str, closes: bool) -> None:
    """Where connections have no header of their own, none is sent."""
    asgi = Asgi()
    asgi.receive = asyncio.Event().wait  # type: ignore[method-assign]
    scope = http_scope(delivery(), http_version=version)
    (start, _) = await asgi.call(**scope)

    assert 408 == start["status"]
    assert closes is ((b"connection", b"close") in start["headers"])


async def test_asgi_that_is_disconnected() -> None:
    """Whoever has gone gets no answer."""
    asgi = Asgi(
        {"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}
    )

    assert [] == await asgi.call(**http_scope(delivery()))


async def test_asgi_that_is_cancelled() -> None:
    """A server that cancels its app cancels the handler, and the next delivery begins anew."""
    router, gate, sent = WebhookRouter(SECRET), asyncio.Event(), delivery()
    events: list[WebhookEvent] = []

    @router.on("*")
    async def wait(event: WebhookEvent) -> None:
        events.append(event)
        await gate.wait()

    asgi = Asgi({"type": "http.request", "body": sent.body})
    call = WebhookApp(router)(http_scope(sent), asgi.receive, asgi.send)
    task = asyncio.create_task(call)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.set()

    assert 204 == await router.handle(sent.body, sent.headers)
    assert 2 == len(events)


async def test_asgi_lifespan() -> None:
    """It has nothing to start or to stop, and says so, so that servers run it alone."""
    asgi = Asgi({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})

    assert ["lifespan.startup.complete", "lifespan.shutdown.complete"] == [
        message["type"] for message in await asgi.call(type="lifespan")
    ]


async def test_asgi_websockets() -> None:
    """A websocket is closed before it is open."""
    asgi = Asgi({"type": "websocket.connect"})

    assert [{"type": "websocket.close", "code": 1000}] == await asgi.call(type="websocket")


async def test_asgi_scopes_of_the_future() -> None:
    """What the standard does not know yet is refused as the standard asks for: by raising."""
    with pytest.raises(NotImplementedError, match="telepathy"):
        await Asgi().call(type="telepathy")


def test_repr() -> None:
    """The app shows its router, and no secret."""
    assert "WebhookApp(WebhookRouter(handlers=0, running=0))" == repr(
        WebhookApp(WebhookRouter(SECRET))
    )
