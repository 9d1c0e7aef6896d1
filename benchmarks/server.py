"""A server in a process of its own that answers every request with the same page."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import time
from collections.abc import Iterator
from email.utils import formatdate
from multiprocessing.connection import Connection

from benchmarks.page import page_of_executions


class _Static(asyncio.Protocol):
    """Answers each request (without a body) at once; the cheapest peer there can be."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._seen = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._seen += data
        while (end := self._seen.find(b"\r\n\r\n")) >= 0:
            self._seen = self._seen[end + 4 :]
            self._transport.write(self._answer)


def _answer() -> bytes:
    body = page_of_executions()
    head = (
        "HTTP/1.1 200 OK\r\n"
        "Content-Type: application/json; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\n"
        f"Date: {formatdate(usegmt=True)}\r\n"
        "X-RateLimit-Limit: 1000000\r\n"
        "X-RateLimit-Remaining: 900000\r\n"
        f"X-RateLimit-Reset: {int(time.time()) + 3600}\r\n"
        "X-Request-Id: req_8k3m9x2p\r\n\r\n"
    )
    return head.encode() + body


def _serve(ready: Connection) -> None:
    async def main() -> None:
        answer = _answer()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Static(answer), "127.0.0.1", 0)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())


@contextlib.contextmanager
def static_server() -> Iterator[str]:
    """Yield the base URL of a server that gives the same page for every request."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}/v2"
    finally:
        process.terminate()
        process.join()
