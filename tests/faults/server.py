"""A server that answers as the API does, but for the attempts that are to go wrong.

What happens to an attempt is a `Way`: a script that speaks bytes, run when a connection is opened
or when a request was read.  Ways are queued with `FaultServer.plan`, one for each attempt, or set
for all of them with `FaultServer.always`; without one the answer is as it should be.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Literal, Self

import attrs

from tests.raw_server import Peer, RawServer, Sent, answer

from .dialling import DeadEnd, DeadEnds, dialling

CHUNKED: Final = b"Transfer-Encoding: chunked"


def chunk(body: bytes) -> bytes:
    """Return a body as one chunk; it is not the last one."""
    return b"%x\r\n%s\r\n" % (len(body), body)


@attrs.frozen(kw_only=True)
class Answer:
    """What the API would answer, for faults to spoil."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = attrs.field(factory=dict)

    def __bytes__(self) -> bytes:
        return answer(self.body, status=self.status, headers=self.headers)

    def head(self, *lines: bytes) -> bytes:
        """Return a status line and these lines, without a body or its length."""
        return b"\r\n".join([b"HTTP/1.1 %d X" % self.status, *lines, b"", b""])

    @property
    def length(self) -> bytes:
        """The header that tells the length of the body."""
        return b"Content-Length: %d" % len(self.body)


@attrs.frozen
class Way:
    """What is done to one attempt."""

    do: Callable[[Peer, Answer], Awaitable[None]] | None = None
    """At the opening of a connection the answer is empty: nobody has asked yet."""

    at: Literal["lookup", "dial", "connect", "request"] = attrs.field(
        default="request", kw_only=True
    )
    """When: at the look-up of the name, at dialling, on a new connection, or after a request."""

    place: DeadEnd | None = attrs.field(default=None, kw_only=True)
    """Who is reached instead, at a look-up or at dialling."""

    keeps: bool = attrs.field(default=False, kw_only=True)
    """Whether the connection goes on afterwards."""

    spends: bool = attrs.field(default=False, kw_only=True)
    """Whether the request is carried out although its answer is lost."""

    waits: bool = attrs.field(default=False, kw_only=True)
    """Whether only the client's patience ends it."""


Api = Callable[[Sent], Answer]
"""What a server without faults answers."""


class FaultServer(RawServer):
    """Answers by `api`, and lets attempts go wrong as it was told.

    Args:
        api: Answers what is not to go wrong.
        tls: The context of a server that speaks TLS; None: it does not.
        host: By which name clients call it; every name is found.
    """

    def __init__(
        self, api: Api, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
    ) -> None:
        super().__init__(self._converse)
        self.sends = 0
        """Attempts that came: requests, and connections on which none was read."""
        self.closing = False
        """Whether good answers end their connection."""
        self.spent = False
        """Whether a request was carried out whose answer was lost."""
        self.api = api
        self._context = tls
        self._host = host
        self._ways: deque[Way] = deque()
        self._always: Way | None = None
        self._dead_ends = DeadEnds()

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self._dead_ends.enter_context(dialling(self.port, self._take_at, self._dead_ends))
        return self

    async def __aexit__(self, *raised: Any) -> None:
        self._dead_ends.close()
        await super().__aexit__(*raised)

    @property
    def base_url(self) -> str:
        """The URL, with the scheme that it speaks and its name."""
        scheme = "http" if self._context is None else "https"
        return f"{scheme}://{self._host}:{self.port}"

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    @property
    def shares_look_ups(self) -> bool:
        """Whether attempts are fewer than calls think, which wait for the same look-up."""
        return self._host != "127.0.0.1"

    def plan(self, *ways: Way) -> None:
        """Let the next attempts go wrong, each in its own way."""
        self._always = None
        self._ways = deque(ways)
        self.closing = any(way.at != "request" for way in ways)

        for way in ways:
            if way.at == "dial" and way.place is not None:
                self._dead_ends.address(way.place)

    def always(self, way: Way) -> None:
        """Let all further attempts go wrong."""
        self.plan(way)
        self._always = way

    def heal(self) -> None:
        """Answer as it should be from now on."""
        self.plan()
        self._dead_ends.healed.set()

    def _take_at(self, at: str) -> DeadEnd | None:
        way = self._next()
        if way is None or way.at != at:
            return None
        self._take()
        # Attempts share a look-up that is under way: one that never ends would be that of all.
        return "slow" if at == "lookup" and way.waits and not self._always else way.place

    def _next(self) -> Way | None:
        return self._always or (self._ways[0] if self._ways else None)

    def _take(self) -> Way | None:
        self.sends += 1
        way = self._next()
        if self._ways:
            self._ways.popleft()
        return way

    async def _converse(self, peer: Peer) -> None:
        way = self._next()
        if way is not None and way.at == "connect":
            self._take()
            assert way.do is not None
            await way.do(peer, Answer())
            return
        if self._context is not None:
            await peer.start_tls(self._context)
        while await self._exchange(peer):
            pass

    async def _exchange(self, peer: Peer) -> bool:
        """Answer one request; return whether the connection goes on."""
        sent = await peer.request()
        way = self._take()
        if way is None:
            good = self.api(sent)
            closing = {"Connection": "close"} if self.closing else {}
            await peer.send(bytes(attrs.evolve(good, headers={**good.headers, **closing})))
            return not self.closing
        assert way.do is not None
        await way.do(peer, self.api(sent))
        self.spent = self.spent or way.spends
        return way.keeps and not self.closing


def saying(data: bytes | Callable[[Answer], bytes], *, keeps: bool = False) -> Way:
    """Return the way in which these bytes are answered, and the connection closed."""

    async def do(peer: Peer, good: Answer) -> None:
        await peer.send(data(good) if callable(data) else data)

    return Way(do, keeps=keeps)


def then_stalling(data: bytes | Callable[[Answer], bytes] = b"") -> Way:
    """Return the way in which these bytes are answered, and nothing after them."""

    async def do(peer: Peer, good: Answer) -> None:
        await peer.send(data(good) if callable(data) else data)
        await peer.client_goes()

    return Way(do, waits=True)


def then_resetting(data: bytes | Callable[[Answer], bytes] = b"") -> Way:
    """Return the way in which these bytes are answered, and the connection is reset."""

    async def do(peer: Peer, good: Answer) -> None:
        if told := data(good) if callable(data) else data:
            await peer.send(told)
            await arrived()
        peer.reset()

    return Way(do)


def dripping(data: Callable[[Answer], Iterable[bytes]], *, pause: float, waits: bool = True) -> Way:
    """Return the way in which these pieces are answered with pauses between them, in seconds."""

    async def do(peer: Peer, good: Answer) -> None:
        for piece in data(good):
            await peer.send(piece)
            await asyncio.sleep(pause)

    return Way(do, waits=waits)


def endlessly(head: bytes, chunk: bytes) -> Way:
    """Return the way in which an answer goes on until the client has gone."""

    async def do(peer: Peer, good: Answer) -> None:
        await peer.send(head)
        while True:
            await peer.send(chunk)
            await asyncio.sleep(0)

    return Way(do)


def answering(*, keeps: bool = True, **changes: Any) -> Way:
    """Return the way in which the API answers well-formed, but not as it should."""
    return saying(lambda good: bytes(attrs.evolve(good, **changes)), keeps=keeps)


def bytewise(good: Answer) -> Iterator[bytes]:
    """Return an answer byte by byte."""
    data = bytes(good)
    return (data[at : at + 1] for at in range(len(data)))


async def arrived() -> None:
    """Give what was sent the time to be read by the other end."""
    await asyncio.sleep(0.001)
