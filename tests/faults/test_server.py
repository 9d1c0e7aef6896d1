"""The server of faults itself: without a fault it is the API, with one it does what it says."""

from __future__ import annotations

import pytest

from .checks import nothing_kept, nothing_left
from .operations import OPERATIONS, trial
from .server import answering, saying
from .trying import ended

pytestmark = pytest.mark.virtual_time


@pytest.mark.parametrize("name", OPERATIONS)
async def test_without_faults(name: str) -> None:
    """Each operation succeeds at the first attempt, and again."""
    async with nothing_kept(), trial(name) as it:
        await it.prepare()
        async with nothing_left(it.client, it.again):
            await it.call()

        assert it.attempts == it.server.sends


async def test_ways_in_their_order() -> None:
    """Each way is that of one attempt, and then all is well."""
    async with trial("GET") as it:
        it.server.plan(saying(b""), answering(status=503))
        ending = await ended(it, it.call())

    assert (3, None) == (ending.sends, ending.error)


async def test_one_way_for_all() -> None:
    """One way is that of all attempts, until the server is healed."""
    async with trial("GET") as it:
        it.server.always(answering(status=404))
        names = [(await ended(it, it.call())).name for _ in range(2)]
        it.server.heal()
        await it.call()

    assert ["NotFoundError", "NotFoundError"] == names
