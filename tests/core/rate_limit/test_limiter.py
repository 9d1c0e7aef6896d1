"""One line, in which requests wait for their turn; on virtual time, without a socket."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable
from typing import Any

import pytest
from aiolimiter import AsyncLimiter

from cloudflow_async._core.errors import (
    DeadlineExceededError,
    InvalidArgumentError,
    WrongLoopError,
)
from cloudflow_async._core.messages import RateLimitSeen
from cloudflow_async._core.rate_limit.limiter import LocalLimiter, Permit
from cloudflow_async._core.rate_limit.limits import RateLimits
from tests.core.rate_limit.queues import NOTHING, SLOW, idle, most_within, now, passed, run, turn
from tests.core.rate_limit.servers import EPOCH
from tests.virtual_time import VirtualTimeLoop


@pytest.mark.virtual_time
async def test_without_a_word_of_the_server_our_own_budget_rules() -> None:
    """A burst of 150, what was gained meanwhile after ten seconds, then one every 0.6 seconds."""
    limiter = LocalLimiter()
    times = [await passed(limiter) for _ in range(300)]

    assert {0.0} == set(times[:150])
    assert 10.0 == pytest.approx(times[150], abs=1e-3)
    assert 90.0 == pytest.approx(times[299], abs=1e-3)


@pytest.mark.virtual_time
@pytest.mark.parametrize("limits", [RateLimits.standard(), RateLimits(requests=100, burst=7)])
async def test_the_schedule_is_the_ideal_one(limits: RateLimits) -> None:
    """Nobody leaves earlier, or later, than the generic cell rate algorithm and the window say."""
    chance, limiter = random.Random(3), LocalLimiter(limits)
    arrivals = list(
        itertools.accumulate(chance.expovariate(1.5 / limits.interval) for _ in range(1_000))
    )
    expected: list[float] = []
    full_at = 0.0
    for arrives in arrivals:
        at = max(arrives, full_at - (limits.burst - 1) * limits.interval, *expected[-1:])
        if limits.burst_window is not None and len(expected) >= limits.burst:
            at = max(at, expected[-limits.burst] + limits.burst_window)
        full_at = max(full_at, at) + limits.interval
        expected.append(at)

    async def arrive(at: float) -> float:
        await asyncio.sleep(at)
        return await passed(limiter)

    actual = await asyncio.gather(*map(arrive, arrivals))

    assert expected == pytest.approx(actual, abs=1e-4)


@pytest.mark.slow
@pytest.mark.virtual_time
async def test_the_documented_bounds_hold_with_cancelled_calls() -> None:
    """10,000 calls, a fifth cancelled: 150 in any 10 s, 150 + 100/60 t in any t, and no slower."""
    chance, limiter, times = random.Random(5), LocalLimiter(), list[float]()

    async def one() -> None:
        times.append(await passed(limiter))

    began_at = now()
    tasks = [asyncio.ensure_future(one()) for _ in range(10_000)]
    for task in chance.sample(tasks, 2_000):
        asyncio.get_running_loop().call_at(chance.uniform(0, 3_000), task.cancel)
    await asyncio.gather(*tasks, return_exceptions=True)

    assert 150 == most_within(times, 10.0)
    for seconds in (1.0, 10.0, 60.0, 600.0):
        assert 150 + 100 / 60 * seconds + 1e-2 >= most_within(times, seconds)
    assert (len(times) - 150) * 0.6 == pytest.approx(times[-1] - began_at, abs=0.01)
    assert idle(limiter)


@pytest.mark.slow
@pytest.mark.virtual_time
async def test_nobody_is_overtaken() -> None:
    """20,000 that come at 1.05 times the rate leave in the order in which they came."""
    limiter, order = LocalLimiter(), list[int]()

    async def one(number: int) -> None:
        await passed(limiter)
        order.append(number)

    tasks = []
    for number in range(20_000):
        tasks.append(asyncio.ensure_future(one(number)))
        await asyncio.sleep(0.6 / 1.05)
    await asyncio.gather(*tasks)

    assert list(range(20_000)) == order


@pytest.mark.virtual_time
async def test_a_long_line_costs_one_timer_for_each_grant(monkeypatch: pytest.MonkeyPatch) -> None:
    """10,000 who wait are not woken to look at the clock, and none has a timer of its own."""
    limiter, loop = LocalLimiter(SLOW), asyncio.get_running_loop()
    timers = 0
    call_at = loop.call_at

    def count(*args: Any, **options: Any) -> asyncio.TimerHandle:
        nonlocal timers
        timers += 1
        return call_at(*args, **options)

    monkeypatch.setattr(loop, "call_at", count)
    tasks = [asyncio.ensure_future(passed(limiter)) for _ in range(10_000)]
    await turn()

    assert 5 >= timers

    await asyncio.gather(*tasks[:1_000])
    granted = limiter.statistics()["granted"]

    assert timers <= granted + 5

    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.virtual_time
async def test_no_more_than_so_many_are_under_way() -> None:
    """The rest waits in line; an answer lets the next one leave."""
    limiter = LocalLimiter(max_in_flight=2)
    permits = [await limiter.acquire() for _ in range(2)]
    third = asyncio.ensure_future(limiter.acquire())
    await asyncio.sleep(100)

    assert not third.done()

    limiter.observe(permits[0], NOTHING)

    assert 100.0 == (await third).sent_at

    with pytest.raises(InvalidArgumentError):
        LocalLimiter(max_in_flight=0)


@pytest.mark.virtual_time
async def test_the_ceiling_is_asked_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were aiolimiter stricter than our own arithmetic, it would have its way."""
    limiter = LocalLimiter(SLOW)
    await passed(limiter)
    monkeypatch.setattr(limiter, "_ceiling", AsyncLimiter(1, 5.0))

    assert 1.0 == pytest.approx(await passed(limiter))
    assert 6.0 == pytest.approx(await passed(limiter))


@pytest.mark.virtual_time
async def test_cancelled_at_the_ceiling_a_call_costs_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its place under way and its token are free again."""
    limiter = LocalLimiter(RateLimits(requests=60, burst=2), max_in_flight=1)
    await passed(limiter)
    monkeypatch.setattr(limiter, "_ceiling", AsyncLimiter(1, 5.0))
    await asyncio.sleep(10.0)
    await passed(limiter)
    task = asyncio.ensure_future(limiter.acquire())
    await turn()
    task.cancel()
    await asyncio.wait([task])

    assert task.cancelled()
    assert idle(limiter)
    assert 1 == limiter.status().remaining


@pytest.mark.virtual_time
@pytest.mark.parametrize("shuffle", [random.Random(1).shuffle, list.reverse, list.copy])
async def test_cancelled_calls_cost_no_token(shuffle: Callable[[list[Any]], Any]) -> None:
    """5,000 leave the line, in any order, and those around them leave as if they had never been."""
    limiter = LocalLimiter(SLOW)
    await passed(limiter)
    first, *tasks, last = [asyncio.ensure_future(passed(limiter)) for _ in range(5_002)]
    await turn()
    leaving = list(tasks)
    shuffle(leaving)
    for task in leaving:
        task.cancel()
    await asyncio.wait(tasks)

    assert 70 >= len(limiter._line)
    assert all(task.cancelled() for task in tasks)
    assert [1.0, 2.0] == pytest.approx(await asyncio.gather(first, last))
    assert idle(limiter)


@pytest.mark.virtual_time
async def test_a_call_cancelled_in_the_moment_of_its_turn_gives_it_on() -> None:
    """The next in line leaves in the same moment."""
    limiter = LocalLimiter(SLOW)
    await passed(limiter)
    first = asyncio.ensure_future(passed(limiter))
    second = asyncio.ensure_future(passed(limiter))
    await turn()
    # Rings in the same turn of the loop as the limiter's own timer, after it.
    asyncio.get_running_loop().call_at(1.0, first.cancel)

    assert 1.0 == pytest.approx(await second)
    assert first.cancelled()
    assert 2.0 == pytest.approx(await passed(limiter))


@pytest.mark.virtual_time
@pytest.mark.parametrize("latest", range(40))
async def test_a_cancellation_is_never_turned_into_something_else(latest: int) -> None:
    """At any moment: it ends in `CancelledError` or in a permit, and nothing leaks."""
    limiter = LocalLimiter(SLOW)
    chance = random.Random(latest)
    tasks = [
        asyncio.ensure_future(passed(limiter, max_wait=chance.choice([None, 5.0, 100.0])))
        for _ in range(10)
    ]
    for task in tasks:
        asyncio.get_running_loop().call_at(chance.choice([0.0, 1.0, 2.0, 5.0, 7.5]), task.cancel)
    ends = await asyncio.gather(*tasks, return_exceptions=True)

    assert {float, asyncio.CancelledError, DeadlineExceededError} >= {type(end) for end in ends}
    assert idle(limiter)
    assert 1.01 >= await passed(limiter) - now() + limiter.status().waiting


@pytest.mark.virtual_time
async def test_without_patience_a_call_leaves_at_once_or_fails_at_once() -> None:
    """``max_wait=0`` waits for nobody, and the error says how long it would have been."""
    limiter = LocalLimiter(SLOW)

    assert 0.0 == await passed(limiter, max_wait=0)
    with pytest.raises(DeadlineExceededError, match="asks to wait 1 seconds, and 0") as caught:
        await limiter.acquire(max_wait=0)
    assert 1.0 == caught.value.retry_after
    assert 0.0 == now()
    assert 0 == caught.value.attempts


@pytest.mark.virtual_time
async def test_without_patience_a_call_does_not_wait_for_an_answer() -> None:
    """Where nobody knows how long that takes, the error does not say."""
    limiter = LocalLimiter(max_in_flight=1)
    await limiter.acquire()

    with pytest.raises(DeadlineExceededError, match="no room within 0 seconds") as caught:
        await limiter.acquire(max_wait=0)
    assert caught.value.retry_after is None


@pytest.mark.virtual_time
async def test_a_wait_that_is_known_to_be_too_long_is_not_begun() -> None:
    """Those ahead are counted: the third in line would leave after three seconds."""
    limiter = LocalLimiter(SLOW)
    await passed(limiter)
    waiting = [asyncio.ensure_future(passed(limiter)) for _ in range(2)]
    await turn()

    with pytest.raises(DeadlineExceededError) as caught:
        await limiter.acquire(max_wait=2.9)
    assert 3.0 == pytest.approx(caught.value.retry_after)
    assert 0.0 == now()
    assert 3.0 == pytest.approx(await passed(limiter, max_wait=3.1))
    assert [1.0, 2.0] == pytest.approx(await asyncio.gather(*waiting))


@pytest.mark.virtual_time
async def test_a_wait_that_turns_out_too_long_ends_in_time() -> None:
    """Where the length was unknown, `max_wait` bounds it, and nothing leaks."""
    limiter = LocalLimiter(max_in_flight=1)
    permit = await limiter.acquire()

    with pytest.raises(DeadlineExceededError, match="no room within 3 seconds"):
        await limiter.acquire(max_wait=3.0)
    assert 3.0 == now()

    limiter.observe(permit, NOTHING)

    assert idle(limiter)


@pytest.mark.virtual_time
async def test_the_deadline_of_the_caller_stays_the_callers() -> None:
    """An `asyncio.timeout` around the wait ends in its own `TimeoutError`, not in our error."""
    limiter = LocalLimiter(max_in_flight=1)
    await limiter.acquire()

    for max_wait in (None, 10.0, 5.0):
        began_at = now()
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(5.0):
                await limiter.acquire(max_wait=max_wait)

        assert max_wait == 5.0 or type(caught.value) is TimeoutError
        assert 5.0 == pytest.approx(now() - began_at)
    assert 0 == limiter.status().waiting


@pytest.mark.virtual_time
async def test_a_cancellation_in_the_moment_of_max_wait_stays_one() -> None:
    """The caller who cancels is not told of a deadline."""
    limiter = LocalLimiter(max_in_flight=1)
    await limiter.acquire()
    task = asyncio.ensure_future(limiter.acquire(max_wait=5.0))
    await turn()
    asyncio.get_running_loop().call_at(5.0, task.cancel)
    await asyncio.wait([task])

    assert task.cancelled()


@pytest.mark.virtual_time
async def test_a_call_that_tries_again_keeps_its_place() -> None:
    """It came first, so it leaves before those who came while it was under way."""
    limiter = LocalLimiter(SLOW)
    permit = await limiter.acquire()
    others = [asyncio.ensure_future(passed(limiter)) for _ in range(3)]
    await turn()
    limiter.observe(permit, NOTHING)
    again = await limiter.acquire(again=permit)
    limiter.observe(again, NOTHING)

    assert permit.number == again.number
    assert 1.0 == pytest.approx(again.sent_at)
    assert [2.0, 3.0, 4.0] == pytest.approx(await asyncio.gather(*others))


@pytest.mark.virtual_time
async def test_a_call_that_tries_again_is_not_refused_for_those_behind_it() -> None:
    """A long line is no reason: it will leave within a second."""
    limiter = LocalLimiter(SLOW)
    permit = await limiter.acquire()
    others = [asyncio.ensure_future(passed(limiter)) for _ in range(20)]
    await turn()
    limiter.observe(permit, NOTHING)

    assert 1.0 == pytest.approx((await limiter.acquire(again=permit, max_wait=2.0)).sent_at)

    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


@pytest.mark.virtual_time
async def test_a_call_tries_again_at_once_where_the_way_is_free() -> None:
    """With its own number, which keeps its place for the next time as well."""
    limiter = LocalLimiter()
    permit = await limiter.acquire()
    limiter.observe(permit, None)

    again = await limiter.acquire(again=permit)

    assert (permit.number, 1) == (again.number, again.tries)


@pytest.mark.virtual_time
async def test_a_permit_is_returned_once() -> None:
    """A second time, or one that was never given, changes nothing."""
    limiter = LocalLimiter()
    permit = await limiter.acquire()
    limiter.observe(permit, RateLimitSeen(remaining=10))
    limiter.observe(permit, RateLimitSeen(remaining=99))
    limiter.observe(Permit(number=77, sent_at=0.0), RateLimitSeen(remaining=99))

    assert (0, 10) == (limiter.status().in_flight, limiter.status().remaining)


async def test_a_permit_that_was_not_used_costs_nothing() -> None:
    """Whoever waits for its place goes; returned twice, or again by `observe`, it counts once."""
    limiter = LocalLimiter(RateLimits(requests=1, burst=1))
    permit = await limiter.acquire()
    limiter.release(permit)
    limiter.release(permit)
    limiter.observe(permit, None)

    assert (1, 0) == (limiter.status().remaining, limiter.status().in_flight)


@pytest.mark.virtual_time
async def test_an_unused_permit_lets_the_next_in_line_go() -> None:
    """It need not wait for the bucket to gain."""
    limiter = LocalLimiter(RateLimits(requests=100, burst=10), max_in_flight=1)
    permit = await limiter.acquire()
    task = asyncio.create_task(limiter.acquire())
    await asyncio.sleep(0)
    limiter.release(permit)
    await task

    assert 0.0 == pytest.approx(now(), abs=1e-3)


async def test_a_fresh_limiter_has_its_whole_burst() -> None:
    """It can be asked before any loop runs, and says nothing about a server it has not met."""
    status = LocalLimiter().status()

    assert (100, 150, None) == (status.limit, status.remaining, status.reset_at)
    assert (0, 0, 0.0) == (status.waiting, status.in_flight, status.paused_for)


@pytest.mark.virtual_time
async def test_the_status_is_the_stricter_of_server_and_own_budget() -> None:
    """And tells who waits, what is under way, when the server's budget is renewed."""
    limiter = LocalLimiter(RateLimits(requests=100, burst=4))
    permits = [await limiter.acquire() for _ in range(2)]
    limiter.observe(
        permits[0], RateLimitSeen(limit=100, remaining=90, reset=EPOCH, date=EPOCH - 30)
    )
    status = limiter.status()

    assert (100, 2, 1) == (status.limit, status.remaining, status.in_flight)
    assert status.reset_at is not None
    assert EPOCH == status.reset_at.timestamp()

    limiter.observe(permits[1], RateLimitSeen(remaining=1))

    assert 1 == limiter.status().remaining


@pytest.mark.virtual_time
async def test_a_pause_is_shown_while_it_lasts() -> None:
    """In the status and the counters; several refusals together are one pause."""
    limiter = LocalLimiter(chance=lambda: 0.0)
    permits = [await limiter.acquire() for _ in range(3)]
    for permit in permits:
        limiter.observe(permit, RateLimitSeen(throttled=True, retry_after=42.0))
    waiting = asyncio.ensure_future(passed(limiter))
    await asyncio.sleep(2.0)

    assert 40.0 == pytest.approx(limiter.status().paused_for)
    assert 1 == limiter.status().waiting
    assert 42.0 == pytest.approx(await waiting)
    assert {"granted": 4, "waited": pytest.approx(42.0), "pauses": 1} == limiter.statistics()
    assert 0.0 == limiter.status().paused_for


@pytest.mark.virtual_time
async def test_it_shows_its_limits_and_its_line() -> None:
    """The repr is for people who wonder why nothing moves."""
    limiter = LocalLimiter(SLOW)
    await limiter.acquire()
    task = asyncio.ensure_future(limiter.acquire())
    await turn()

    assert "<LocalLimiter 60/60 s, burst 1: 1 waiting, 1 in flight>" == repr(limiter)

    task.cancel()
    await asyncio.wait([task])


@pytest.mark.virtual_time
async def test_the_tier_is_learnt_from_the_server() -> None:
    """Upwards, downwards and back; only 100 a minute has a burst beyond it."""
    limiter = LocalLimiter()
    learnt = []
    for limit in (1000, 20, 100):
        await passed(limiter, RateLimitSeen(limit=limit))
        learnt.append(limiter.limits)

    assert [
        RateLimits.enterprise(),
        RateLimits.unauthenticated(),
        RateLimits.standard(),
    ] == learnt
    assert 100 == limiter.status().limit


@pytest.mark.virtual_time
async def test_learning_of_a_higher_tier_lets_more_leave() -> None:
    """What was used up stays used up."""
    limiter = LocalLimiter()
    for _ in range(150):
        await passed(limiter)
    first = asyncio.ensure_future(limiter.acquire())
    await asyncio.sleep(10.0)
    limiter.observe(await first, RateLimitSeen(limit=1000))

    assert 865 == limiter.status().remaining


@pytest.mark.virtual_time
@pytest.mark.parametrize("limit", [0, 100_001, None])
async def test_a_tier_that_cannot_be_is_not_learnt(limit: int | None) -> None:
    """A wrong header does not open the gate, and does not close it."""
    limiter = LocalLimiter()
    await passed(limiter, RateLimitSeen(limit=limit))

    assert RateLimits.standard() == limiter.limits


@pytest.mark.virtual_time
async def test_limits_that_were_given_are_kept() -> None:
    """The server's word is shown, and its `Remaining` is obeyed; the rest is the user's choice."""
    limiter = LocalLimiter(RateLimits.standard())
    await passed(limiter, RateLimitSeen(limit=1000))

    assert RateLimits.standard() == limiter.limits
    assert 1000 == limiter.status().limit


@pytest.mark.parametrize("loop", [VirtualTimeLoop, asyncio.new_event_loop], ids=["virtual", "real"])
def test_the_budget_survives_its_loop(loop: Callable[[], Any]) -> None:
    """A second `asyncio.run` goes on with what the first has left, without a warning."""
    limiter = LocalLimiter(RateLimits(requests=10, burst=1))

    async def spend(count: int) -> float:
        for _ in range(count):
            await passed(limiter)
        with pytest.raises(DeadlineExceededError) as caught:
            await limiter.acquire(max_wait=0)
        return caught.value.retry_after or 0.0

    assert 6.0 == pytest.approx(run(spend(1), loop), abs=0.5)
    assert 6.0 == pytest.approx(run(spend(0), loop), abs=0.5)
    assert 6.0 == pytest.approx(run(spend(0), loop), abs=0.5)


def test_a_pause_survives_its_loop() -> None:
    """Even where the second loop's clock begins at 0 again."""
    limiter = LocalLimiter(chance=lambda: 0.0)

    async def refused() -> None:
        await asyncio.sleep(1000)
        await passed(limiter, RateLimitSeen(throttled=True, retry_after=42.0))

    async def after() -> float:
        return await passed(limiter)

    run(refused())

    assert 42.0 == pytest.approx(limiter.status().paused_for)
    assert 42.0 == pytest.approx(run(after()))


def test_time_between_two_loops_counts() -> None:
    """Loops of one machine share a clock: what was gained in the meantime is there."""
    limiter = LocalLimiter(RateLimits(requests=60, burst=2))

    class Later(VirtualTimeLoop):
        def __init__(self) -> None:
            super().__init__()
            self.advance(100.0)

    async def spend() -> list[float]:
        return [await passed(limiter) for _ in range(3)]

    assert [0.0, 0.0, 1.0] == pytest.approx(run(spend()), abs=1e-3)
    assert [100.0, 100.0, 101.0] == pytest.approx(run(spend(), Later), abs=1e-3)


def test_what_waited_or_was_under_way_on_an_ended_loop_is_forgotten() -> None:
    """It takes no place in the next loop, whenever its remains are cleared away."""
    limiter = LocalLimiter(RateLimits(requests=60, burst=1))
    loop = VirtualTimeLoop()
    permit = loop.run_until_complete(limiter.acquire())
    waiting = [limiter.acquire(), limiter.acquire()]
    tasks = [loop.create_task(coroutine) for coroutine in waiting]
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    for task in tasks:
        task._log_destroy_pending = False  # type: ignore[attr-defined]
    waiting[0].close()
    limiter.observe(permit, NOTHING)

    async def after() -> float:
        at = await passed(limiter)
        waiting[1].close()
        limiter.observe(permit, NOTHING)
        assert idle(limiter)
        return at

    assert 1.0 == pytest.approx(run(after()), abs=1e-3)


async def test_two_loops_at_once_are_refused() -> None:
    """The error names both."""
    limiter = LocalLimiter()
    await passed(limiter)

    def elsewhere() -> None:
        run(limiter.acquire(), asyncio.new_event_loop)

    with pytest.raises(WrongLoopError, match=r"in use on <.*Loop.* cannot be used on <.*Loop"):
        await asyncio.to_thread(elsewhere)
