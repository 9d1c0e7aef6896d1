"""A server that speaks bytes: what it sends on each connection is a script of the test's."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import re
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Iterator, Mapping
from types import TracebackType
from typing import Self

import attrs

Script = Callable[["Peer"], Awaitable[None]]
"""Runs for one connection, which closes when it returns."""

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *([0-9]+)")


@attrs.frozen
class Sent:
    """One request as it came over the wire."""

    head: bytes
    body: bytes
    connection: int

    @property
    def method(self) -> str:
        """HTTP method."""
        return self.head.split(b" ", 1)[0].decode()

    @property
    def target(self) -> str:
        """Path and query."""
        return self.head.split(b" ", 2)[1].decode()


def answer(
    body: bytes = b"{}", *, status: int = 200, headers: Mapping[str, str] | None = None
) -> bytes:
    """Return a response with a Content-Length, unless `headers` has one or is chunked."""
    fields = {"Content-Length": str(len(body)), **(headers or {})}
    if "Transfer-Encoding" in fields:
        del fields["Content-Length"]
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode("latin-1") + body


class Peer:
    """The server's end of one connection."""

    def __init__(
        self,
        server: RawServer,
        number: int,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.number = number
        self._server = server
        self._reader = reader
        self._writer = writer

    async def request(self) -> Sent:
        """Read one request and note it; raises when the client has gone."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        body = await self._reader.readexactly(int(length[1])) if length else b""
        sent = Sent(head, body, self.number)
        self._server.requests.append(sent)
        return sent

    async def send(self, data: bytes) -> None:
        """Send bytes."""
        self._writer.write(data)
        await self._writer.drain()

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Do the server's part of a TLS handshake."""
        await self._writer.start_tls(context)

    async def read(self, size: int) -> bytes:
        """Read some bytes that are no request; none when the client has gone."""
        return await self._reader.read(size)

    def stop_reading(self) -> None:
        """Let what the client sends fill the buffers between."""
        self._writer.transport.pause_reading()  # type: ignore[attr-defined]  # it is a socket's

    async def client_goes(self) -> None:
        """Wait until the client closes the connection."""
        await self._reader.read()

    def reset(self) -> None:
        """Close the connection with a TCP reset."""
        raw = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


class RawServer:
    """Serves the n-th connection by the n-th script, and all later ones by the last."""

    def __init__(self, *scripts: Script, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Sent] = []
        self.connections = 0
        self.url = ""
        self._scripts = scripts
        self._tls = tls
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._connected, "127.0.0.1", 0, ssl=self._tls, limit=2**20
        )
        scheme = "http" if self._tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        # The transports that were aborted let go of their sockets in a callback.
        await asyncio.sleep(0)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        script = self._scripts[min(self.connections, len(self._scripts)) - 1]
        try:
            await script(Peer(self, self.connections, reader, writer))
        except (OSError, EOFError):
            pass  # the client has gone
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        finally:
            writer.close()


def answering(*answers: bytes) -> Script:
    """Return a script that gives these answers, the last one to all further requests."""

    async def script(peer: Peer) -> None:
        for number in range(10**9):
            await peer.request()
            await peer.send(answers[min(number, len(answers) - 1)])

    return script


async def dropping(peer: Peer) -> None:
    """Read a request and close the connection without an answer."""
    await peer.request()


async def resetting(peer: Peer) -> None:
    """Read a request and reset the connection."""
    await peer.request()
    peer.reset()


async def stalling(peer: Peer) -> None:
    """Read a request and never answer."""
    await peer.request()
    await peer.client_goes()


def saying(data: bytes) -> Script:
    """Return a script that reads one request, sends bytes and closes the connection."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(data)

    return script


@contextlib.contextmanager
def in_thread(*scripts: Script, tls: ssl.SSLContext | None = None) -> Iterator[RawServer]:
    """Run a server in a thread, for tests whose own event loops come and go."""
    with asyncio.Runner() as runner, concurrent.futures.ThreadPoolExecutor(1) as thread:
        loop = runner.get_loop()
        server = RawServer(*scripts, tls=tls)
        stop = asyncio.Event()
        started: concurrent.futures.Future[None] = concurrent.futures.Future()

        async def serve() -> None:
            async with server:
                started.set_result(None)
                await stop.wait()

        served = thread.submit(loop.run_until_complete, serve())
        started.result(5)
        try:
            yield server
        finally:
            loop.call_soon_threadsafe(stop.set)
            served.result(5)
