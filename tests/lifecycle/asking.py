"""Many tasks that ask at once: each has to get its own answers."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from typing import Final

import attrs

from cloudflow_async import CloudFlow, LocalLimiter, NotFoundError
from tests.raw_server import Peer, RawServer, Sent, answer

from .unlimited import UNLIMITED

_UNASKED: Final = {
    "an answer": answer(b'"evil"'),
    "408": answer(status=408, headers={"Connection": "close"}),
    "a line break": b"\r\n",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-",
}

_PAUSE: Final = 0.03
"""Seconds after an answer when something else may follow it."""


@attrs.define(kw_only=True)
class Answers:
    """What tasks got that asked at the same time, each several times."""

    right: int = 0
    wrong: int = 0
    """Answers to other questions."""

    missing: int = 0
    """Answers that there is no such thing."""

    connections: int = 0
    """That were opened."""

    unasked: Counter[str] = attrs.field(factory=Counter)
    """What the server said unasked, by its kind."""


class _Echo:
    """Names what it is asked for, but for the first task, who asks for what does not exist.

    Args:
        chance: Decides what follows every third answer, and when; None: nothing does.
    """

    def __init__(self, chance: random.Random | None) -> None:
        self.unasked: Counter[str] = Counter()
        self._chance = chance
        self._answers = 0

    async def __call__(self, peer: Peer) -> None:
        following = asyncio.create_task(peer.request())
        try:
            while True:
                target = (await following).target
                following = asyncio.create_task(peer.request())
                if target.startswith("/0/"):
                    await peer.send(answer(status=404))
                else:
                    await self._answer(peer, answer(json.dumps(target).encode()), following)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def _answer(self, peer: Peer, good: bytes, following: asyncio.Task[Sent]) -> None:
        self._answers += 1
        if self._chance is None or self._answers % 3:
            await peer.send(good)
            return
        kind, end = self._chance.choice([*_UNASKED.items()])
        when = self._chance.choice(["in the same segment", "at once", "later"])
        if when == "in the same segment":
            self.unasked[f"{kind} {when}"] += 1
            await peer.send(good + end)
            return
        await peer.send(good)
        if when == "later":
            await asyncio.wait({following}, timeout=_PAUSE)
        # What comes after the next request would be its answer, for all that a client can know.
        if not following.done():
            self.unasked[f"{kind} {when}"] += 1
            await peer.send(end)


async def ask(tasks: int, times: int, *, connections: int, unasked: int | None = None) -> Answers:
    """Let so many tasks ask at once.

    Args:
        tasks: How many; the first of them asks for what does not exist.
        times: How often each of them asks.
        connections: Size of the pool.
        unasked: The seed of what follows every third answer; None: nothing does.
    """
    echo = _Echo(None if unasked is None else random.Random(unasked))
    found = Answers(unasked=echo.unasked)
    async with (
        RawServer(echo) as server,
        CloudFlow(
            "cf_test_0123456789",
            base_url=server.url,
            limiter=LocalLimiter(UNLIMITED, max_in_flight=tasks),
            max_connections=connections,
        ) as client,
    ):
        await asyncio.gather(*(_ask(client, number, times, found) for number in range(tasks)))
        found.connections = server.connections
    return found


async def _ask(client: CloudFlow, number: int, times: int, found: Answers) -> None:
    for target in (f"/{number}/{time}" for time in range(times)):
        try:
            told = (await client.request("GET", target)).json()
        except NotFoundError:
            found.missing += 1
        else:
            found.right += told == target
            found.wrong += told != target
        # Every other task is idle for long enough that the server may say more.
        await asyncio.sleep(2 * _PAUSE * (number % 2))
