"""A service that is down for ten seconds: nobody is locked out, and nobody storms it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Final

import attrs

from cloudflow_async import CloudFlow, CloudFlowError, RetryPolicy
from cloudflow_async._core.http.retry import RetryBudget
from cloudflow_async._core.rate_limit.limits import RateLimits
from tests.raw_server import Peer, RawServer, answer

from .stepper import leftovers

OUTAGE: Final = 10.0
"""Seconds."""


@attrs.define(kw_only=True)
class Recovery:
    """How calls fared in an outage, and after it."""

    attempts: int
    """Of the first call after it."""

    at_once: float
    """Seconds that this call took."""

    slept: list[float]
    """When those ended that were called in the outage, in seconds after it."""

    failed: list[float]
    """The same, of those that failed."""

    arrivals: list[float]
    """When requests arrived, in seconds."""

    left: dict[str, int]
    """What they have not given back."""

    def check(self) -> None:
        """Fail if anybody was locked out, or came in a crowd."""
        assert 1 == self.attempts
        assert self.at_once < 0.1
        assert max(self.slept, default=0) <= RetryPolicy().cap
        # Who gave up did so while the server was down.
        assert all(at < 0 for at in self.failed)
        limits = RateLimits()
        for at, until in itertools.combinations(range(len(self.arrivals)), 2):
            seconds = self.arrivals[until] - self.arrivals[at]
            assert until - at < limits.burst + limits.requests * seconds / limits.per
        assert {} == self.left


async def recover(chance: Callable[[], float], *, status: int = 502) -> Recovery:
    """Call a service that is down for a while, and right after it is back.

    Args:
        chance: Decides how long calls wait before they are sent again.
        status: What the service answers while it is down.
    """
    loop = asyncio.get_running_loop()
    begun = loop.time()
    arrivals: list[float] = []
    slept: list[float] = []
    failed: list[float] = []

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            arrivals.append(loop.time() - begun)
            await peer.send(answer(status=status if arrivals[-1] < OUTAGE else 200))

    async def sleeper(client: CloudFlow) -> None:
        try:
            await client.request("GET", "/w")
        except CloudFlowError:
            failed.append(loop.time() - begun - OUTAGE)
        else:
            slept.append(loop.time() - begun - OUTAGE)

    retry = RetryPolicy(attempts=20, chance=chance)
    async with (
        RawServer(script) as server,
        CloudFlow("cf_test_0123456789", base_url=server.url, retry=retry) as client,
    ):
        sleepers = [asyncio.create_task(sleeper(client)) for _ in range(4)]
        await asyncio.sleep(0.8 * OUTAGE)
        # What is left of the retry budget is spent.
        await asyncio.gather(
            *(client.request("GET", "/w") for _ in range(100)), return_exceptions=True
        )
        if status == 502:
            assert client.statistics().retry_tokens < RetryBudget.TRANSIENT_COST
        # A timer may be early by the resolution of the clock.
        await asyncio.sleep(begun + OUTAGE + 0.001 - loop.time())
        first = await client.request("GET", "/w")
        at_once = loop.time() - begun - OUTAGE
        await asyncio.gather(*sleepers)
        return Recovery(
            attempts=first.attempts,
            at_once=at_once,
            slept=slept,
            failed=failed,
            arrivals=arrivals,
            left=leftovers(client),
        )
