"""A server in a process of its own that gives the documented answers, as cheaply as can be."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import multiprocessing
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from multiprocessing.connection import Connection
from urllib.parse import parse_qs, urlsplit

from benchmarks.page import page_of_executions, workflow

Answer = Callable[[bytes], bytes]

_SOMEBODY = "{pipeline_id}"


class _Static(asyncio.Protocol):
    """Answers each request (without a body), after a while or at once."""

    def __init__(self, answer: Answer, latency: float) -> None:
        self._answer = answer
        self._latency = latency
        self._seen = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._seen += data
        while (end := self._seen.find(b"\r\n\r\n")) >= 0:
            answer = self._answer(self._seen[: self._seen.index(b"\r\n")])
            self._seen = self._seen[end + 4 :]
            if self._latency:
                asyncio.get_running_loop().call_later(self._latency, self._transport.write, answer)
            else:
                self._transport.write(answer)


def _answers(rows: int) -> Answer:
    """Return what gives the answer to a request line; each is made once, what is slow at first."""
    page = functools.cache(
        lambda offset, limit: page_of_executions(
            rows, offset=offset, limit=limit, pipeline_id=_SOMEBODY
        )
    )
    for offset in range(0, rows, 100):
        page(offset, 100)

    @functools.cache
    def answer(request_line: bytes) -> bytes:
        target = urlsplit(request_line.split(b" ")[1].decode())
        if not target.path.endswith("/executions"):
            return _with_head(workflow())
        query = parse_qs(target.query)
        body = page(int(query.get("offset", ["0"])[0]), int(query.get("limit", ["20"])[0]))
        pipeline_id = target.path.split("/")[-2]
        return _with_head(body.replace(_SOMEBODY.encode(), pipeline_id.encode()))

    return answer


def _with_head(body: bytes) -> bytes:
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


def _serve(ready: Connection, rows: int, latency: float) -> None:
    async def main() -> None:
        answer = _answers(rows)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: _Static(answer, latency), "127.0.0.1", 0, backlog=1000
        )
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())


@contextlib.contextmanager
def static_server(*, rows: int = 100, latency: float = 0.0) -> Iterator[str]:
    """Yield the base URL of a server on which nothing ever changes.

    Args:
        rows: Executions of each pipeline; with 100, every request gets the same page.
        latency: Seconds before each answer.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, rows, latency), daemon=True)
    process.start()
    # With the other end held by the server alone, its death is noticed.
    theirs.close()
    try:
        yield f"http://127.0.0.1:{ours.recv()}/v2"
    finally:
        process.terminate()
        process.join()
