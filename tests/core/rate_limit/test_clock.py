"""One clock over several event loops."""

from __future__ import annotations

import asyncio

import pytest

from cloudflow_async._core.errors import WrongLoopError
from cloudflow_async._core.rate_limit.clock import MonotonicClock
from tests.core.rate_limit.queues import run
from tests.virtual_time import VirtualTimeLoop


def test_it_stands_still_without_a_loop() -> None:
    """Before the first one at 0, and between two where the first has ended."""
    clock = MonotonicClock()

    async def until_ten() -> None:
        clock.bind()
        await asyncio.sleep(10.0)
        clock.now()

    assert (0.0, False) == (clock.now(), clock.is_running)
    run(until_ten())
    assert (10.0, False) == (clock.now(), clock.is_running)


def test_it_goes_on_where_the_last_loop_ended() -> None:
    """With timers at its own time, although the second loop begins at 0 again."""
    clock, rang_at = MonotonicClock(), list[float]()

    async def five() -> bool:
        is_another = clock.bind()
        clock.call_at(clock.now() + 2.0, lambda: rang_at.append(clock.now()))
        await asyncio.sleep(5.0)
        clock.now()
        return is_another and not clock.bind()

    assert [True, True] == [run(five()), run(five())]
    assert 10.0 == pytest.approx(clock.now())
    assert [2.0, 7.0] == pytest.approx(rang_at)


def test_it_serves_one_loop_at_a_time() -> None:
    """Another one that runs beside it is refused, and its futures are strangers."""
    clock, first = MonotonicClock(), VirtualTimeLoop()

    async def bind() -> bool:
        clock.bind()
        return clock.drives(asyncio.get_running_loop().create_future())

    assert first.run_until_complete(bind())
    with pytest.raises(WrongLoopError, match="one limiter for each event loop"):
        run(bind())
    stranger = first.create_future()
    first.close()
    assert not clock.drives(stranger)
