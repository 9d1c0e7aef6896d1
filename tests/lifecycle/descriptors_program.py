"""A program whose client runs out of file descriptors; prints what became of its calls.

``python -m tests.lifecycle.descriptors_program`` answers with one JSON object.  The server is a
forked child, which has descriptors enough.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from cloudflow_async import CloudFlowError, LocalLimiter, RetryPolicy, TransportError
from cloudflow_async._core.auth import ApiKeyAuth
from cloudflow_async._core.client import Client
from tests.faults.descriptors import few_descriptors
from tests.raw_server import Peer, answer

from .forked_server import forked_server
from .stepper import leftovers
from .unlimited import UNLIMITED

_FREE = 24
"""Descriptors that are left."""

_CALLS = 200

_PLENTY = {"X-RateLimit-Limit": "100000", "X-RateLimit-Remaining": "100000"}
"""A client of a server that tells nothing begins slowly."""


class _Counting:
    """Answers each request with how many POSTs came."""

    posts = 0

    async def __call__(self, peer: Peer) -> None:
        while True:
            sent = await peer.request()
            self.posts += sent.method == "POST"
            # For so long a connection is needed.
            await asyncio.sleep(0.02)
            await peer.send(answer(b"%d" % self.posts, headers=_PLENTY))


async def _outcomes(call: Callable[[], Coroutine[Any, Any, object]]) -> Counter[str]:
    found = await asyncio.gather(*(call() for _ in range(_CALLS)), return_exceptions=True)
    return Counter(map(_name, found))


def _name(found: object) -> str:
    if not isinstance(found, BaseException):
        return "ok"
    assert isinstance(found, CloudFlowError), found
    assert not found.may_have_been_applied
    told = f", sent {found.sent}" if isinstance(found, TransportError) else ""
    return f"{type(found).__name__}{told}"


async def _play(url: str) -> dict[str, Any]:
    client = Client(
        ApiKeyAuth("cf_test_0123456789"),
        base_url=url,
        limiter=LocalLimiter(UNLIMITED),
        # Each call that finds no descriptor is to be seen.
        retry=RetryPolicy.never(),
    )
    async with client:
        await client.request("GET", "/warm")
        with few_descriptors(_FREE):
            few = {
                "GET": await _outcomes(lambda: client.request("GET", "/things")),
                "POST": await _outcomes(lambda: client.request("POST", "/things", json={})),
            }
        posts = (await client.request("GET", "/posts")).json()
        again = await _outcomes(lambda: client.request("GET", "/things"))
        return {**few, "posts": posts, "again": again, "left": leftovers(client)}


if __name__ == "__main__":
    with forked_server(_Counting()) as url:
        print(json.dumps(asyncio.run(_play(url))))
