"""A server in a process of its own that answers quickly, and a share of the requests badly."""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Final
from urllib.parse import parse_qs, urlsplit

from tests.raw_server import answer

from .operations import document, list_page

ROWS: Final = 60
"""Workflows in the list, unless told otherwise."""

COUNTS: Final = "/counts"
"""Where the server tells how often it did what, and creates what; it always answers well."""

_LENGTH: Final = re.compile(rb"(?i)\r\ncontent-length: *([0-9]+)")

Way = Callable[["_Conversation", bytes], None]


class _Conversation(asyncio.Protocol):
    """One connection."""

    transport: asyncio.Transport

    def __init__(self, api: _Api) -> None:
        self._api = api
        self._seen = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._seen += data
        while (end := self._seen.find(b"\r\n\r\n")) >= 0 and not self.transport.is_closing():
            found = _LENGTH.search(self._seen[:end])
            size = end + 4 + (int(found[1]) if found else 0)
            if len(self._seen) < size:
                return
            head, body = self._seen[:end], self._seen[end + 4 : size]
            self._seen = self._seen[size:]
            self._api.converse(self, head.split(b" ", 2)[:2], body)

    def send(self, data: bytes, *, close: bool = False) -> None:
        """Send bytes, if somebody is there, and close the connection or not."""
        if not self.transport.is_closing():
            self.transport.write(data)
        if close:
            self.transport.close()


def _later(one: _Conversation, good: bytes) -> None:
    loop = asyncio.get_running_loop()
    for number, at in enumerate(range(0, len(good), 400)):
        loop.call_later(0.002 * number, one.send, good[at : at + 400])


_WAYS: Final[dict[str, Way]] = {
    "reset": lambda one, good: one.transport.abort(),
    "closed": lambda one, good: one.transport.close(),
    "cut": lambda one, good: one.send(good[:-20], close=True),
    "no JSON": lambda one, good: one.send(answer(b"{")),
    "garbage": lambda one, good: one.send(b"\x16\x03\x01 no HTTP\r\n\r\n", close=True),
    "empty": lambda one, good: one.send(answer(b"")),
    "500": lambda one, good: one.send(answer(b'{"error": {"code": "internal"}}', status=500)),
    "502": lambda one, good: one.send(answer(b"<html>", status=502), close=True),
    "503": lambda one, good: one.send(answer(status=503, headers={"Retry-After": "0"})),
    "429": lambda one, good: one.send(answer(status=429, headers={"Retry-After": "0"})),
    "404": lambda one, good: one.send(answer(status=404)),
    "stalls": lambda one, good: None,
    "stalls in the middle": lambda one, good: one.send(good[:100]),
    "slow": _later,
    "unasked": lambda one, good: one.send(good + answer(b'{"unasked": 1}')),
}
"""What goes wrong."""

_REFUSALS: Final = {"429", "404"}
"""Ways in which nothing is carried out; in all others it may be, whatever is said of it."""


class _Api:
    def __init__(self, share: float, seed: int, rows: int) -> None:
        self._rows = rows
        self._chance = random.Random(seed)
        self._share = share
        self._counts: Counter[str] = Counter()
        self._created: Counter[str] = Counter()
        self._workflow = document("get_workflow.200.json")
        self._new = answer(document("create_workflow.201.json"), status=201)

    def converse(self, one: _Conversation, asked: list[bytes], body: bytes) -> None:
        """Answer one request, well or not."""
        method, target = (word.decode() for word in asked)
        if target == COUNTS:
            told = {"counts": self._counts, "doubled": self._doubled()}
            one.send(answer(json.dumps(told).encode()))
            return
        self._counts["requests"] += 1
        name = self._chance.choice([*_WAYS]) if self._chance.random() < self._share else None
        if method == "POST" and name not in _REFUSALS:
            self._created[json.loads(body)["name"]] += 1
        good = self._good(method, target)
        if name is None:
            one.send(good)
            return
        self._counts[name] += 1
        _WAYS[name](one, good)

    def _good(self, method: str, target: str) -> bytes:
        if method == "POST":
            return self._new
        url = urlsplit(target)
        if url.path == "/workflows":
            query = parse_qs(url.query)
            page = list_page(int(query["offset"][0]), int(query["limit"][0]), rows=self._rows)
            return answer(json.dumps(page).encode())
        return answer(self._workflow.replace(b"wf_8x7k2m9p", url.path.split("/")[-1].encode()))

    def _doubled(self) -> int:
        return sum(times > 1 for times in self._created.values())


def _serve(ready: Connection, share: float, seed: int, rows: int) -> None:
    async def main() -> None:
        api = _Api(share, seed, rows)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Conversation(api), "127.0.0.1", 0, backlog=1000)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())


@contextlib.contextmanager
def soak_server(*, share: float, seed: int, rows: int = ROWS) -> Iterator[str]:
    """Yield the base URL of a server.

    Args:
        share: Of the requests that go wrong.
        seed: Of what goes wrong.
        rows: Workflows in the list.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, share, seed, rows), daemon=True)
    process.start()
    # With the other end held by the server alone, its death is noticed.
    theirs.close()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()
        process.close()
        ours.close()
