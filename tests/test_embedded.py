"""An emulator and a client on it."""

from __future__ import annotations

import asyncio

import pytest

from cloudflow_async._core.errors import ClientClosedError
from cloudflow_async._core.rate_limit.limiter import LocalLimiter
from cloudflow_async._core.rate_limit.limits import RateLimits
from cloudflow_async.embedded import embedded


async def test_the_client_speaks_to_the_emulator() -> None:
    """What is arranged on the one is read through the other, over a real socket."""
    async with embedded() as local:
        pipeline_id = local.emulator.add_pipeline()
        ids = local.emulator.add_executions(pipeline_id, 3)
        rows = await local.client.pipelines.executions(pipeline_id).collect()

        assert () == local.pipeline_ids
        assert set(ids) == {row.id for row in rows}
        assert 1 == len(local.emulator.requests)


async def test_history_is_made_up_from_the_seed() -> None:
    """The same seed gives the same pipelines."""
    async with embedded(pipelines=2, seed=7) as one, embedded(pipelines=2, seed=7) as same:
        assert 2 == len(one.pipeline_ids)
        assert one.pipeline_ids == same.pipeline_ids

        (first, *_) = await one.client.pipelines.executions(one.pipeline_ids[0])

        assert one.pipeline_ids[0] == first.pipeline_id


async def test_both_are_closed_at_the_end() -> None:
    """Nothing listens any more, and the client refuses further calls."""
    async with embedded() as local:
        port = int(local.emulator.base_url.split(":")[2].partition("/")[0])

    with pytest.raises(ClientClosedError):
        await local.client.request("GET", "/workflows")
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_limits_can_be_chosen_on_both_sides() -> None:
    """The emulator's way of counting, and the client's limiter."""
    limiter = LocalLimiter(RateLimits(requests=7, burst=7))
    async with embedded(limits_mode="fixed", limiter=limiter) as local:
        response = await local.client.request("GET", "/workflows")

        assert "99" == response.headers["X-RateLimit-Remaining"]
        assert limiter.status() == local.client.rate_limit
