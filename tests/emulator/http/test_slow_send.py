"""How spoiled answers leave: byte for byte, at which time, and what their connection ends with."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import attrs
import pytest

from cloudflow_async.emulator import Emulator, Fault
from tests.emulator.conftest import Clock, until

HEAD_ONLY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


class Listener(asyncio.Protocol):
    """A client that notes what comes, piece by piece, and how the connection ends."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._begun_at = self._loop.time()
        self.ended: asyncio.Future[BaseException | None] = self._loop.create_future()
        self.pieces: list[bytes] = []
        self.arrivals: list[float] = []
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Note one piece, and how many seconds after the request it came."""
        self.pieces.append(data)
        self.arrivals.append(self._loop.time() - self._begun_at)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell what the connection ended with."""
        self.ended.set_result(exc)

    @property
    def data(self) -> bytes:
        """All that came."""
        return b"".join(self.pieces)

    def ask(self, request: bytes) -> None:
        """Send a request, and count the time from now on."""
        self._begun_at = self._loop.time()
        self.transport.write(request)


async def connect(emulator: Emulator) -> Listener:
    """Return a client on a connection of its own."""
    parts = urlsplit(emulator.base_url)
    loop = asyncio.get_running_loop()
    _, listener = await loop.create_connection(Listener, parts.hostname or "", parts.port or 0)
    return listener


def request(
    emulator: Emulator,
    line: str = "GET /v2/workflows HTTP/1.1",
    *fields: str,
    body: bytes = b"",
) -> bytes:
    """Return a request with the emulator's keys."""
    lines = [
        line,
        f"Host: {urlsplit(emulator.base_url).netloc}",
        f"X-API-Key: {emulator.api_key}",
        f"Content-Length: {len(body)}",
        "Content-Type: application/json",
        *fields,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


NEW = b'{"name": "x", "trigger": {"type": "webhook"}, "steps": []}'


def create(emulator: Emulator) -> bytes:
    """Return a request that makes a workflow."""
    return request(emulator, "POST /v2/workflows HTTP/1.1", body=NEW)


async def answered(emulator: Emulator, data: bytes) -> Listener:
    """Send a request on a connection of its own and return what came until it ended."""
    listener = await connect(emulator)
    listener.ask(data)
    await listener.ended
    return listener


def under_way(emulator: Emulator) -> int:
    """Return how many connections the emulator still serves."""
    assert emulator._running is not None
    return len(emulator._running[1].tasks)


def workflows(emulator: Emulator) -> int:
    """Return how many workflows there are."""
    return len(emulator._app.state.workflows)


CLOSING = "Connection: close"
ANSWERS = {
    "list": (200, "GET /v2/workflows HTTP/1.1", CLOSING),
    "no body": (204, "DELETE /v2/workflows/wf_own HTTP/1.1", CLOSING),
    "head": (405, "HEAD /v2/workflows HTTP/1.1", CLOSING),
    "old": (200, "GET /v2/workflows HTTP/1.0"),
    "error": (404, "GET /v2/nowhere HTTP/1.1", CLOSING),
    "consent": (400, "GET /oauth/authorize?client_id=cloudflow-cli HTTP/1.1", CLOSING),
    "token": (400, "POST /oauth/token HTTP/1.1", CLOSING),
    "techflow": (401, "GET /techflow/v2/workflows HTTP/1.1", CLOSING),
}


@pytest.mark.parametrize("case", ANSWERS.values(), ids=ANSWERS.keys())
async def test_in_pieces_an_answer_is_the_same(emulator: Emulator, case: tuple[Any, ...]) -> None:
    """Byte for byte, head and body, wherever a fault can hit; each piece is read by itself."""
    status, *lines = case

    async def answer(*faults: Fault) -> Listener:
        emulator.reset()
        emulator.add_workflow(id="wf_own")
        for fault in faults:
            emulator.inject(fault)
        return await answered(emulator, request(emulator, *lines))

    whole = await answer()
    single, pieces = await answer(Fault(piece_size=1)), await answer(Fault(piece_size=70))

    assert f" {status} ".encode() == whole.data[8:13]
    assert whole.data == single.data == pieces.data
    assert {1} == {len(piece) for piece in single.pieces}
    assert {70} == {len(piece) for piece in pieces.pieces[:-1]}


@pytest.mark.parametrize(
    "fault",
    [
        Fault(piece_size=10),
        Fault(bandwidth=1e5, piece_size=10),
        Fault(status=503, piece_size=10),
        Fault(headers={"X-Own": "1"}, piece_size=50),
    ],
)
async def test_a_connection_is_kept_after_an_answer_in_pieces(
    emulator: Emulator, fault: Fault
) -> None:
    """The next request on it is answered, at once again."""
    emulator.inject(fault)
    listener = await connect(emulator)
    listener.ask(request(emulator))
    await until(lambda: listener.data.endswith(b"}}"))
    spoiled = len(listener.pieces)
    listener.ask(request(emulator, "GET /v2/workflows HTTP/1.1", CLOSING))
    await listener.ended

    assert spoiled > 5
    assert spoiled + 1 == len(listener.pieces)
    assert [fault.status or 200, 200] == [entry.status for entry in emulator.requests]
    assert [1, 1] == [entry.connection for entry in emulator.requests]


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    ("bandwidth", "piece_size", "size"),
    [(1000, None, 50), (2, None, 1), (10_000_000, None, 65_536), (1000, 100, 100)],
)
async def test_an_answer_takes_the_time_of_its_bandwidth(
    emulator: Emulator, bandwidth: float, piece_size: int | None, size: int
) -> None:
    """Each piece arrives when its last byte would have; without a size there are 20 a second."""
    body = b"x" * 150_000 if bandwidth > 1000 else "empty"
    emulator.inject(Fault(status=200, body=body, bandwidth=bandwidth, piece_size=piece_size))
    listener = await connect(emulator)
    listener.ask(request(emulator, "GET /v2/workflows HTTP/1.1", CLOSING))
    await listener.ended
    length = len(listener.data)
    due = [min(sent, length) / bandwidth for sent in range(size, length + size, size)]

    assert size == len(listener.pieces[0])
    assert due == pytest.approx(listener.arrivals, abs=0.01)


@pytest.mark.virtual_time
@pytest.mark.parametrize(("stall", "made"), [("before", 0), ("after", 1)])
async def test_silence_comes_before_or_after_the_request_is_processed(
    emulator: Emulator, stall: Any, made: int
) -> None:
    """For a day; nothing is sent, the connection stays open, and the request log has no status."""
    emulator.inject(Fault(stall=stall))
    listener = await connect(emulator)
    listener.ask(create(emulator))
    await asyncio.sleep(86_400)
    open_still = not listener.ended.done()
    listener.transport.abort()
    await until(lambda: not under_way(emulator))

    assert (open_still, b"", made) == (True, listener.data, workflows(emulator))
    assert [None] == [entry.status for entry in emulator.requests]


@pytest.mark.virtual_time
@pytest.mark.parametrize("size", [0, 10])
async def test_silence_can_come_in_the_middle_of_a_body(emulator: Emulator, size: int) -> None:
    """After the head and so many bytes; the request is done, and the request log has its status."""
    emulator.inject(Fault(stall=size))
    listener = await connect(emulator)
    listener.ask(create(emulator))
    await asyncio.sleep(3600)
    open_still = not listener.ended.done()
    listener.transport.abort()
    await until(lambda: not under_way(emulator))
    _, _, body = listener.data.partition(b"\r\n\r\n")

    assert (open_still, size, 1) == (True, len(body), workflows(emulator))
    assert [201] == [entry.status for entry in emulator.requests]


@pytest.mark.virtual_time
async def test_a_body_that_is_shorter_than_the_stall_arrives_whole(emulator: Emulator) -> None:
    """Its connection is dead all the same: what is asked next stays without an answer."""
    emulator.inject(Fault(stall=10_000))
    listener = await connect(emulator)
    for _ in range(2):
        listener.ask(request(emulator))
        await asyncio.sleep(60)
    listener.transport.abort()
    await until(lambda: not under_way(emulator))

    assert listener.data.endswith(b"}}")
    assert 1 == listener.data.count(b"HTTP/1.1") == len(emulator.requests)


@pytest.mark.parametrize(
    ("fault", "end"),
    [
        (Fault(drop="before", reset=True), b""),
        (Fault(drop="after", reset=True), b""),
        (Fault(truncate=0, reset=True), b"\r\n\r\n"),
        (Fault(truncate=5, reset=True, piece_size=9), b'\r\n\r\n{"dat'),
        (Fault(status=502, body="xyz", truncate=2, reset=True), b"\r\n\r\nxy"),
        (Fault(raw=b"abc", reset=True), b"abc"),
    ],
)
async def test_a_connection_can_end_with_a_reset(
    emulator: Emulator, fault: Fault, end: bytes
) -> None:
    """After what was to be sent before it; without `reset` the same ends in an orderly way."""
    emulator.inject(fault)
    listener = await answered(emulator, request(emulator))
    emulator.inject(evolved(fault))
    orderly = await answered(emulator, request(emulator))

    assert isinstance(listener.ended.result(), ConnectionResetError)
    assert end == listener.data[len(listener.data) - len(end) :]
    assert orderly.ended.result() is None
    assert orderly.data[-5:] == listener.data[-5:]


def evolved(fault: Fault) -> Fault:
    """Return the same fault without its reset."""
    return attrs.evolve(fault, reset=False)


@pytest.mark.parametrize("fault", [Fault(truncate=5), Fault(truncate=5, piece_size=50)])
async def test_there_is_no_body_to_cut_where_there_is_none(
    emulator: Emulator, fault: Fault
) -> None:
    """The answer to a HEAD is whole without one; the connection ends all the same."""
    emulator.inject(fault)
    listener = await answered(emulator, request(emulator, "HEAD /v2/workflows HTTP/1.1"))

    assert listener.data.startswith(b"HTTP/1.1 405 ")
    assert listener.data.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("processed", [False, True])
async def test_raw_bytes_stand_in_for_an_answer(emulator: Emulator, processed: bool) -> None:
    """They are all that is sent; what is asked for is done only on demand."""
    emulator.inject(Fault(raw=HEAD_ONLY, processed=processed))
    listener = await answered(emulator, create(emulator))

    assert (HEAD_ONLY, processed) == (listener.data, workflows(emulator))
    assert listener.ended.result() is None
    assert [None] == [entry.status for entry in emulator.requests]


@pytest.mark.virtual_time
async def test_raw_bytes_can_be_slow_and_stop_in_the_middle(emulator: Emulator) -> None:
    """A head of which a byte comes each second, and whose end never does."""
    emulator.inject(Fault(raw=HEAD_ONLY, bandwidth=1, piece_size=1, stall=20))
    listener = await connect(emulator)
    listener.ask(request(emulator))
    await asyncio.sleep(1000)
    open_still = not listener.ended.done()
    listener.transport.abort()
    await until(lambda: not under_way(emulator))

    assert (open_still, HEAD_ONLY[:20]) == (True, listener.data)
    assert list(range(1, 21)) == pytest.approx(listener.arrivals, abs=0.01)


async def test_no_bytes_at_all_can_be_raw(emulator: Emulator) -> None:
    """That is a connection that is closed."""
    emulator.inject(Fault(raw=b""))

    assert b"" == (await answered(emulator, request(emulator))).data


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    "fault",
    [
        Fault(bandwidth=1),
        Fault(bandwidth=1, stall=3),
        Fault(stall="after"),
        Fault(stall=3),
        Fault(raw=b"abc", stall=3),
    ],
)
async def test_when_the_client_goes_the_sending_ends(emulator: Emulator, fault: Fault) -> None:
    """At once: it does not wait for the next piece."""
    emulator.inject(fault)
    listener = await connect(emulator)
    listener.ask(request(emulator))
    await asyncio.sleep(2.5)
    begun_at = asyncio.get_running_loop().time()
    listener.transport.abort()
    await until(lambda: not under_way(emulator))

    assert asyncio.get_running_loop().time() - begun_at < 0.1


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    "fault",
    [Fault(drop="after", reset=True, delay=5), Fault(piece_size=9, delay=5)],
)
async def test_a_client_that_has_gone_already_is_not_sent_anything(
    emulator: Emulator, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor is it an error; the request is done nevertheless, as it is everywhere."""
    emulator.inject(fault)
    listener = await connect(emulator)
    listener.ask(create(emulator))
    await asyncio.sleep(1)
    listener.transport.abort()
    await asyncio.sleep(5)

    assert (0, 1) == (under_way(emulator), workflows(emulator))
    assert [] == caplog.records


async def test_a_client_that_does_not_read_holds_up_its_own_answer_only(emulator: Emulator) -> None:
    """The pieces wait for it one by one, and end when it goes."""
    emulator.inject(Fault(status=200, body=b"x" * 20_000_000, piece_size=30_000))
    listener = await connect(emulator)
    listener.transport.pause_reading()
    listener.ask(request(emulator))
    await until(lambda: _buffered(emulator) > 0)
    other = await answered(emulator, request(emulator, "GET /v2/workflows HTTP/1.1", CLOSING))
    buffered = _buffered(emulator)
    listener.transport.abort()
    await until(lambda: not under_way(emulator))

    assert other.data.endswith(b"}}")
    assert 0 < buffered <= 30_000


def _buffered(emulator: Emulator) -> int:
    assert emulator._running is not None
    transports = emulator._running[1].transports.values()
    return sum(transport.get_write_buffer_size() for transport in transports)


async def test_stopping_does_not_wait_for_spoiled_answers() -> None:
    """Nothing of them is left, neither a task nor a connection."""
    faults = [
        Fault(stall="before"),
        Fault(stall="after"),
        Fault(stall=5),
        Fault(bandwidth=10),
        Fault(raw=b"abc", bandwidth=0.1),
        Fault(status=200, body=b"x" * 20_000_000, piece_size=1_000_000),
    ]
    loop = asyncio.get_running_loop()
    async with Emulator(clock=Clock()) as emulator:
        listeners = [await connect(emulator) for _ in faults]
        for fault, listener in zip(faults, listeners, strict=True):
            emulator.inject(fault)
            listener.transport.pause_reading()
            listener.ask(request(emulator))
        await until(lambda: len(faults) == len(emulator.requests))
        begun_at = loop.time()
    took = loop.time() - begun_at
    tasks = len(asyncio.all_tasks())
    for listener in listeners:
        listener.transport.resume_reading()
        await listener.ended

    assert (took < 1, tasks) == (True, 1)


async def test_a_spoiled_answer_is_no_less_repeatable() -> None:
    """The same seed gives the same request log, and the same bytes."""

    async def play(seed: int) -> tuple[list[Any], list[bytes]]:
        async with Emulator(clock=Clock(), seed=seed) as emulator:
            emulator.inject(Fault(piece_size=100, times=None, probability=0.3))
            emulator.inject(Fault(raw=b"x", times=None, probability=0.5))
            closing = ("GET /v2/workflows HTTP/1.1", CLOSING)
            answers = [await answered(emulator, request(emulator, *closing)) for _ in range(12)]
            request_log = [(entry.status, entry.request_id) for entry in emulator.requests]
            return request_log, [piece for answer in answers for piece in answer.pieces]

    assert await play(1) == await play(1)
    assert await play(1) != await play(2)
