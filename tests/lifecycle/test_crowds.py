"""Many calls to a service that is down, comes back, or is on a bad network."""

from __future__ import annotations

import pytest

from tests.raw_server import Script, resetting

from .asking import ask
from .crowds import amplify, create, refuse, saying_status
from .outages import recover

pytestmark = pytest.mark.virtual_time


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
    found = await recover(lambda: 1.0)

    found.check()
    assert (4, 0) == (len(found.slept), len(found.failed))


async def test_after_an_overload_a_call_waits_for_a_pause_at_most() -> None:
    """A 503 asks for patience: for up to five seconds, and then calls succeed at once."""
    found = await recover(lambda: 1.0, status=503)

    assert 1 == found.attempts
    assert found.at_once <= 5.1
    assert (4, 0) == (len(found.slept), len(found.failed))


async def test_many_tasks_share_few_connections() -> None:
    """Each of 300 gets its own answers, although one of them fails, over 20 connections."""
    found = await ask(300, 2, connections=20)

    assert (598, 0, 2) == (found.right, found.wrong, found.missing)
    assert found.connections == 20


async def test_what_nobody_asked_for_mixes_up_no_answers() -> None:
    """500 requests of 20 tasks; every third answer is followed by one thing or another."""
    found = await ask(20, 25, connections=20, unasked=7)

    assert (475, 0, 25) == (found.right, found.wrong, found.missing)
    assert 12 == len(found.unasked)
    assert 100 <= found.unasked.total()
