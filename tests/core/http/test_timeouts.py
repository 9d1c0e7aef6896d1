"""Blocks that are ended from outside, or because they take too long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from cloudflow_async._core.http.timeouts import Scope, Watch

pytestmark = pytest.mark.virtual_time


async def _stay(scope: Scope, seconds: float = 1000.0) -> None:
    with scope:
        await asyncio.sleep(seconds)


async def test_an_ended_block_raises_a_timeout() -> None:
    """The task goes on behind the block, and is not cancelled any more."""
    scope = Scope()
    asyncio.get_running_loop().call_later(1, scope.end)

    with pytest.raises(TimeoutError):
        await _stay(scope)
    task = asyncio.current_task()

    assert scope.ended
    assert task is not None
    assert 0 == task.cancelling()


async def test_a_block_that_is_done_is_not_ended() -> None:
    """Neither before nor after the block does `end` reach the task."""
    scope = Scope()
    scope.end()
    await _stay(scope, 1)
    scope.end()
    await asyncio.sleep(1)

    assert not scope.ended


async def test_a_block_is_ended_once() -> None:
    """A second `end` does not cancel the task again, which would outlast the block."""
    scope = Scope()
    task = asyncio.create_task(_stay(scope))
    await asyncio.sleep(0)
    scope.end()
    scope.end()
    cancelling = task.cancelling()

    with pytest.raises(TimeoutError):
        await task

    assert 1 == cancelling


async def test_a_cancellation_from_elsewhere_passes_through() -> None:
    """Who cancels the task gets a cancelled task, be the block ended at the same time or not."""
    for ended in (False, True):
        scope = Scope()
        task = asyncio.create_task(_stay(scope))
        await asyncio.sleep(0)
        if ended:
            scope.end()
        task.cancel()
        await asyncio.wait([task])

        assert task.cancelled()


async def test_another_error_of_an_ended_block_stays_what_it_is() -> None:
    """A block that fails in its own way while it is ended raises its own error."""
    scope = Scope()

    async def fail() -> None:
        with scope:
            try:
                await asyncio.sleep(1000)
            finally:
                raise KeyError

    asyncio.get_running_loop().call_later(1, scope.end)
    with pytest.raises(KeyError):
        await fail()
    task = asyncio.current_task()

    assert task is not None
    assert 0 == task.cancelling()


async def test_of_two_nested_blocks_the_ended_one_times_out() -> None:
    """The inner timeout can be caught inside the outer block, and the outer one goes on."""
    outer, inner = Scope(), Scope()
    loop = asyncio.get_running_loop()
    loop.call_later(1, inner.end)
    loop.call_later(2, outer.end)

    times = list[float]()

    async def stay_in_both() -> None:
        with outer:
            with pytest.raises(TimeoutError):
                await _stay(inner)
            times.append(round(loop.time(), 3))
            await asyncio.sleep(1000)

    with pytest.raises(TimeoutError):
        await stay_in_both()
    times.append(round(loop.time(), 3))

    assert [1, 2] == times


@pytest.mark.parametrize("seconds", [0.001, 1, 30.0])
async def test_a_watched_block_ends_in_time(
    seconds: float, virtual_clock: Callable[[], float]
) -> None:
    """A block that takes longer than it may raises TimeoutError at that moment."""
    watch = Watch()
    began_at = virtual_clock()

    with pytest.raises(TimeoutError):
        await _stay(watch.scope(seconds))

    assert seconds == pytest.approx(virtual_clock() - began_at, abs=1e-4)
    watch.stop()


async def test_each_block_has_its_own_time(virtual_clock: Callable[[], float]) -> None:
    """Blocks that began at other times, or with other seconds, end each when it is due."""
    watch, began_at, ends = Watch(), virtual_clock(), list[float]()

    async def stay(begins: float, seconds: float) -> None:
        await asyncio.sleep(begins)
        with pytest.raises(TimeoutError):
            await _stay(watch.scope(seconds))
        ends.append(round(virtual_clock() - began_at, 3))

    await asyncio.gather(stay(0, 9), stay(1, 9), stay(2, 3), stay(2.5, 9), stay(3, 3))

    assert [5, 6, 9, 10, 11.5] == ends


async def test_a_block_that_is_done_in_time_leaves_nothing(
    virtual_clock: Callable[[], float],
) -> None:
    """The timer rings once more, finds nobody, and is not set again."""
    watch = Watch()
    for _ in range(100):
        await _stay(watch.scope(5), 0.01)
    await asyncio.sleep(100)

    assert {} == watch._lines
    assert watch._timer is None


async def test_many_blocks_share_one_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand requests with one timeout, of which none runs into it, set one timer."""
    loop, timers = asyncio.get_running_loop(), list[float]()
    call_at = loop.call_at

    def counting(when: float, *args: object) -> asyncio.TimerHandle:
        timers.append(when)
        return call_at(when, *args)  # type: ignore[arg-type]  # passed on

    watch = Watch()
    monkeypatch.setattr(loop, "call_at", counting)
    for _ in range(1000):
        with watch.scope(30):
            pass

    assert 1 == len(timers)
    watch.stop()


async def test_a_stopped_watch_ends_nothing() -> None:
    """Once a pool is closed, its timer is gone."""
    watch = Watch()
    task = asyncio.create_task(_stay(watch.scope(1), 10))
    await asyncio.sleep(0)
    watch.stop()
    watch.stop()

    await task
