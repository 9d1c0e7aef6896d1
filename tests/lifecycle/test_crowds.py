"""Many calls to a service that is down, comes back, or is on a bad network."""

from __future__ import annotations

import asyncio

import pytest

from cloudflow_async import CloudFlow, RetryPolicy
from cloudflow_async._core.retry import RetryBudget
from tests.raw_server import Peer, RawServer, Script, answer, resetting

from .crowds import amplify, create, refuse, saying_status
from .stepper import leftovers

pytestmark = pytest.mark.virtual_time

OUTAGE = 10.0
"""Seconds."""


@pytest.mark.slow
@pytest.mark.parametrize("trouble", [saying_status(500), resetting], ids=["500", "reset"])
async def test_a_server_that_is_down_is_not_stormed(trouble: Script) -> None:
    """A thousand calls are sent 1,035 times, where three attempts each would be 3,000."""
    assert 1035 == await amplify(1000, trouble)


@pytest.mark.slow
async def test_nothing_is_created_twice() -> None:
    """Of 500 creations, a fifth of whose attempts go wrong, none is applied twice.

    Those of which nobody could know are those whose outcome is told to be unknown.
    """
    found = await create(500, seed=7)

    found.check()
    assert 0 < len(found.unknown) < 125
    assert len(found.created) + len(found.unknown) + len(found.refused) == 500


async def test_a_crowd_that_is_refused_costs_one_refresh(virtual_clock: object) -> None:
    """Three times a hundred calls, each sent twice at most: three token requests."""
    assert callable(virtual_clock)
    assert 3 == await refuse(100, 3, virtual_clock)


async def test_an_outage_locks_nobody_out() -> None:
    """Ten seconds without a good answer: a call right after them succeeds at once.

    Calls that slept meanwhile succeed within their next backoff, and together they keep to the
    rate limit.
    """
    loop = asyncio.get_running_loop()
    begun = loop.time()
    arrivals: list[float] = []

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            arrivals.append(loop.time() - begun)
            await peer.send(answer(status=503 if arrivals[-1] < OUTAGE else 200))

    retry = RetryPolicy(throttled_attempts=20, chance=lambda: 1.0)
    async with (
        RawServer(script) as server,
        CloudFlow("cf_test_0123456789", base_url=server.url, retry=retry) as client,
    ):
        sleepers = [asyncio.create_task(client.request("GET", "/w")) for _ in range(4)]
        await asyncio.sleep(0.8 * OUTAGE)
        # What is left of the retry budget is spent.
        await asyncio.gather(
            *(client.request("GET", "/w") for _ in range(100)), return_exceptions=True
        )
        assert client.statistics().retry_tokens < RetryBudget.TRANSIENT_COST
        await asyncio.sleep(begun + OUTAGE - loop.time())
        first = await client.request("GET", "/w")
        at_once = loop.time() - begun - OUTAGE
        await asyncio.gather(*sleepers)
        slept = loop.time() - begun - OUTAGE
        left = leftovers(client)

    assert 1 == first.attempts
    assert at_once < 0.1
    assert slept <= retry.cap
    assert sum(at <= OUTAGE for at in arrivals) <= 150 + OUTAGE * 100 / 60
    assert {} == left
