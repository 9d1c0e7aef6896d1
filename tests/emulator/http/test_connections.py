"""The HTTP side: bytes that are no HTTP, clients that go away, and what is logged."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
import socket
import time
from collections.abc import AsyncIterator, Callable
from urllib.parse import urlsplit

import pytest

from cloudflow_async.emulator import Emulator, Fault
from tests.emulator.conftest import Api, until


async def raw(emulator: Emulator, data: bytes, *, moment: float = 5.0) -> bytes:
    """Send bytes on a connection of their own and return what comes back until it ends.

    An emulator that waits for more than it was sent is left waiting after so many seconds.
    """
    parts = urlsplit(emulator.base_url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(data)
    try:
        async with asyncio.timeout(moment):
            return await reader.read()
    except (ConnectionResetError, TimeoutError):
        return b""
    finally:
        writer.close()


def request(emulator: Emulator, *, target: str = "/v2/workflows", body: bytes = b"") -> bytes:
    """Return a well-formed request that ends its connection."""
    head = (
        f"POST {target} HTTP/1.1\r\nHost: {urlsplit(emulator.base_url).netloc}\r\n"
        f"X-API-Key: {emulator.api_key}\r\nContent-Length: {len(body)}\r\n"
        "Content-Type: application/json\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


def statuses(answer: bytes) -> list[int]:
    """Return the statuses of all responses in a stream of bytes."""
    parts = answer.split(b"HTTP/1.")[1:]
    return [int(part[2:5]) for part in parts]


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /v2/workflows HTTP/1.1\r\nHost: a\r\nHost : b\r\n\r\n",
        b"GET /v2/workflows HTTP/9.9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 9000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-A: b\r\n" * 100 + b"\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_a_400_in_the_documented_envelope(
    emulator: Emulator, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """With the headers of every answer; the connection ends, and nothing is logged."""
    answer = await raw(emulator, data)
    head, _, body = answer.partition(b"\r\n\r\n")

    assert statuses(answer) == [400]
    assert json.loads(body)["error"]["code"] == "invalid_parameter"
    assert b"X-RateLimit-Remaining: 20" in head
    assert caplog.records == []


@pytest.mark.parametrize(
    "start", ["GET /v2/workflows HTTP/1.0", "GET http://evil.example/v2/workflows HTTP/1.1"]
)
async def test_a_request_without_a_host_is_refused(emulator: Emulator, start: str) -> None:
    """An address in the request line does not stand in for it."""
    answer = await raw(emulator, f"{start}\r\n\r\n".encode())

    assert statuses(answer) in ([403], [400])


@pytest.mark.parametrize(
    "target", ["*", "http://127.0.0.1/v2/workflows", "/v2/workflows/%00%ff", "/../v2", "/v2/\xe9"]
)
async def test_strange_targets_are_never_a_500(emulator: Emulator, target: str) -> None:
    """They lead nowhere, or are no HTTP."""
    answer = await raw(emulator, request(emulator, target=target))

    assert statuses(answer)[0] in {400, 404, 405}


@pytest.mark.parametrize("target", ["http://[::1]@/", "http://[x]@/v2/workflows"])
async def test_a_target_that_breaks_the_parser_ends_the_connection(
    emulator: Emulator, caplog: pytest.LogCaptureFixture, target: str
) -> None:
    """Without an answer, and without a word in the log; the others go on."""
    assert b"" == await raw(emulator, request(emulator, target=target))
    assert [] == caplog.records
    assert statuses(await raw(emulator, request(emulator, target="/v2")))[0] == 404


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
async def test_random_bytes_never_give_a_500(
    emulator: Emulator, caplog: pytest.LogCaptureFixture, seed: int
) -> None:
    """Hundreds of mutated requests: no 5xx, no crash, nothing in the log."""
    chance = random.Random(seed)
    bodies = [
        b'{"name": "n", "trigger": {"type": "webhook"}, "steps": [{"type": "a"}]}',
        b'{"url": "https://a.b/c", "events": ["workflow.failed"], "secret": "s"}',
    ]
    seen: set[int] = set()
    for _ in range(100):
        emulator.reset()
        target = chance.choice(["/v2/workflows", "/v2/webhooks", "/v2/webhooks/x/trigger"])
        data = bytearray(request(emulator, target=target, body=chance.choice(bodies)))
        for _ in range(chance.randint(1, 6)):
            place = chance.randrange(len(data))
            data[place : place + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 3))
        seen |= set(statuses(await raw(emulator, bytes(data), moment=0.01)))

    assert not {status for status in seen if status >= 500}
    assert {400, 401} <= seen
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


async def test_a_client_that_leaves_in_the_middle_of_a_body_is_no_error(
    emulator: Emulator, api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    """The request log keeps the request, without a status."""
    parts = urlsplit(emulator.base_url)
    _, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(request(emulator, body=b"{" * 100)[:-50])
    await writer.drain()
    await until(lambda: bool(emulator.requests))
    writer.transport.abort()
    answer = await api("GET", "/workflows")

    assert answer.status == 200
    assert emulator.requests[0].status is None
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


async def test_what_breaks_the_emulator_itself_is_a_500_and_logged(
    emulator: Emulator, api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault's callable that raises is a mistake in the test, and must be seen."""

    def broken(_emulator: Emulator) -> None:
        raise LookupError("a mistake in the test")

    emulator.inject(Fault(before=broken))
    answer = await api("GET", "/workflows")

    assert answer.error == (500, "internal_error", None)
    assert "a mistake in the test" in caplog.text


async def test_connections_are_told_apart(emulator: Emulator) -> None:
    """Each has a number of its own."""
    for _ in range(3):
        await raw(emulator, request(emulator))

    assert [entry.connection for entry in emulator.requests] == [1, 2, 3]


async def _connect(emulator: Emulator) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(emulator.base_url)
    return await asyncio.open_connection(parts.hostname, parts.port)


@pytest.mark.virtual_time
@pytest.mark.parametrize("head", [b"", b"GET /v2/workflows HTTP/1.1\r\nHost: "])
async def test_the_head_of_a_request_has_five_seconds(head: bytes) -> None:
    """A connection that sends nothing, or one byte a second, ends."""
    loop = asyncio.get_running_loop()
    async with Emulator() as emulator:
        begun = loop.time()
        reader, writer = await _connect(emulator)
        writer.write(head)
        ended = asyncio.create_task(reader.read())
        while not ended.done():
            await asyncio.sleep(1)
            writer.write(head[-1:])
        took = loop.time() - begun
        writer.close()

    assert b"" == ended.result()
    assert took == pytest.approx(5, abs=1.1)


@pytest.mark.virtual_time
async def test_the_head_of_a_later_request_has_as_long(virtual_clock: Callable[[], float]) -> None:
    """It may come 70 seconds after the answer before it, but not in drips; 75 seconds end it."""
    async with Emulator(clock=virtual_clock) as emulator:
        drip, idle = await _connect(emulator), await _connect(emulator)
        whole = request(emulator).replace(b"Connection: close\r\n", b"")
        for reader, writer in (drip, idle):
            writer.write(whole)
            await reader.readuntil(b"}}")
        answered_at = virtual_clock()
        await asyncio.sleep(70)
        drip[1].write(whole)
        await drip[0].readuntil(b"}}")
        begun = virtual_clock()
        drip[1].write(whole[:20])
        rest = await drip[0].read()
        dripped = virtual_clock() - begun
        await idle[0].read()
        idled = virtual_clock() - answered_at
        for _, writer in (drip, idle):
            writer.close()

    assert b"" == rest
    assert dripped == pytest.approx(5, abs=0.5)
    assert idled == pytest.approx(75, abs=1)


@pytest.mark.virtual_time
async def test_a_body_has_ten_seconds(virtual_clock: Callable[[], float]) -> None:
    """After them it is a 408, and the connection ends."""
    async with Emulator(clock=virtual_clock) as emulator:
        reader, writer = await _connect(emulator)
        writer.write(request(emulator, body=b"{" * 100)[:-50])
        begun = virtual_clock()
        answer = await reader.readuntil(b"}}")
        took = virtual_clock() - begun
        writer.write_eof()
        await reader.read()
        writer.close()

    assert [408] == statuses(answer)
    assert "request_timeout" == json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"]
    assert took == pytest.approx(10, abs=0.5)


@contextlib.asynccontextmanager
async def _silent(emulator: Emulator, count: int) -> AsyncIterator[list[socket.socket]]:
    """Open connections that say nothing."""
    parts = urlsplit(emulator.base_url)
    sockets = [socket.socket() for _ in range(count)]
    try:
        for opened in sockets:
            opened.setblocking(False)
            address = (parts.hostname, parts.port)
            await asyncio.get_running_loop().sock_connect(opened, address)
        yield sockets
    finally:
        for opened in sockets:
            opened.close()


@pytest.mark.slow
async def test_many_idle_connections_keep_nobody_out(emulator: Emulator, api: Api) -> None:
    """With 500 of them, half in the middle of a head, a client is served as quickly as ever."""
    durations = []
    async with _silent(emulator, 500) as silent:
        for half in silent[::2]:
            half.send(b"GET /v2/workflows HTTP/1.1\r\nX-A: ")
        for _ in range(50):
            begun = time.monotonic()
            assert (await api("GET", "/workflows")).status == 200
            durations.append(time.monotonic() - begun)

    assert sorted(durations)[48] < 0.1


@pytest.mark.slow
async def test_there_are_at_most_512_connections(emulator: Emulator) -> None:
    """One more is closed at once; when one has gone there is room again."""
    assert emulator._running is not None
    _, server = emulator._running
    async with _silent(emulator, 512) as silent:
        await until(lambda: len(server.transports) == 512)
        refused = await raw(emulator, request(emulator))
        silent[0].close()
        await until(lambda: len(server.transports) == 511)
        served = await raw(emulator, request(emulator))

    assert b"" == refused
    assert [400] == statuses(served)
