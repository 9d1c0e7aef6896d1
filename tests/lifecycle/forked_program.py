"""A program that forks while its client is at work; prints what children and parent came to.

``python -m tests.lifecycle.forked_program`` answers with one JSON object.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import json
import sys
from collections.abc import Callable
from typing import Any

from cloudflow_async._core.auth import ApiKeyAuth
from cloudflow_async._core.client import Client
from cloudflow_async._core.rate_limit.limiter import LocalLimiter
from tests.faults import tls
from tests.raw_server import Peer, RawServer, answer

from .children import fork, outcome
from .unlimited import UNLIMITED

Work = Callable[[Client, Client], Any]
"""What a child does with the client that is at work, and with one that was not used yet."""


class Echo:
    """Answers each request with its target, when the gate is open."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, peer: Peer) -> None:
        """Serve one connection."""
        while True:
            sent = await peer.request()
            await self.gate.wait()
            await peer.send(answer(json.dumps(sent.target).encode()))


async def _get(client: Client, path: str = "/things") -> None:
    assert path == (await client.request("GET", path)).json()


def _goes_on(client: Client, unused: Client) -> str:
    """Go on where the parent is, in its coroutine."""
    return outcome(lambda: _get(client).send(None))


def _begins_anew(client: Client, unused: Client) -> str:
    """Use the client on a loop of its own."""
    return outcome(lambda: asyncio.run(_get(client)))


def _closes(client: Client, unused: Client) -> list[str]:
    """Close the client."""
    close = client.close
    return [outcome(lambda: asyncio.run(close())), outcome(lambda: asyncio.run(_get(client)))]


def _forgets(client: Client, unused: Client) -> str:
    """Drop the client and all that it has."""
    client.__dict__.clear()
    gc.collect()
    return "ok"


def _has_its_own(client: Client, unused: Client) -> str:
    """Use a client that the parent has not used."""

    async def use() -> None:
        async with unused:
            await asyncio.gather(*(_get(unused, f"/child/{number}") for number in range(5)))

    return outcome(lambda: asyncio.run(use()))


CHILDREN: dict[str, Work] = {
    child.__name__: child for child in (_goes_on, _begins_anew, _closes, _forgets, _has_its_own)
}


async def _play(scheme: str) -> dict[str, Any]:
    echo = Echo()
    serving, trusting = (tls.good(), tls.trusting()) if scheme == "https" else (None, None)

    def new(server: RawServer) -> Client:
        return Client(
            ApiKeyAuth("cf_test_0123456789"),
            base_url=server.url,
            ssl_context=trusting,
            limiter=LocalLimiter(UNLIMITED),
        )

    found: dict[str, Any] = {"answered": 0}
    async with RawServer(echo, tls=serving) as server, new(server) as client:
        await asyncio.gather(*(_get(client) for _ in range(10)))
        opened = server.connections
        for name, child in CHILDREN.items():
            echo.gate.clear()
            # Who forgets a client forgets its calls before.
            calls = 0 if child is _forgets else 5
            under_way = [asyncio.create_task(_get(client, f"/{name}/{n}")) for n in range(calls)]
            await asyncio.sleep(0.02)
            forked = fork(functools.partial(child, client, new(server)))
            echo.gate.set()
            await asyncio.gather(*under_way)
            found["answered"] += calls
            found[name] = await forked.told()
        for number in range(100):
            await _get(client, f"/after/{number}")
            found["answered"] += 1
        parents = [sent for sent in server.requests if not sent.target.startswith("/child/")]
        found["new connections"] = sum(sent.connection > opened for sent in parents)
    return found


if __name__ == "__main__":
    print(json.dumps({scheme: asyncio.run(_play(scheme)) for scheme in sys.argv[1:]}))
