"""Who passes ahead of whom, what is kept for the urgent, and how long all will take."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from cloudflow_async._core.errors import DeadlineExceededError, InvalidArgumentError
from cloudflow_async._core.http.response import read_rate_limit
from cloudflow_async._core.messages import RateLimitSeen
from cloudflow_async._core.rate_limit.limiter import LocalLimiter, Permit
from cloudflow_async._core.rate_limit.limits import PRIORITIES, Priority, RateLimits
from tests.core.rate_limit.queues import NOTHING, SLOW, idle, now, passed, run, turn
from tests.core.rate_limit.servers import COUNTS, Server, herd

pytestmark = pytest.mark.virtual_time


async def stop(tasks: Sequence[asyncio.Future[Any]]) -> None:
    """Cancel what still waits."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def asked(limiter: LocalLimiter, server: Server, priority: Priority) -> int:
    """Let one request leave and be answered; return what remains then."""
    permit = await limiter.acquire(priority=priority)
    reply = await server.exchange()
    limiter.observe(permit, read_rate_limit(reply))
    return int(reply.headers["X-RateLimit-Remaining"])


async def test_a_high_call_leaves_at_the_next_grant() -> None:
    """A thousand low ones wait, and so does a normal one, which is the next then."""
    limiter = LocalLimiter(SLOW)
    await passed(limiter)
    low = [asyncio.ensure_future(passed(limiter, priority="low")) for _ in range(1_000)]
    await turn()
    normal = asyncio.ensure_future(passed(limiter))
    await turn()

    assert [1.0, 2.0, 3.0] == pytest.approx(
        [await passed(limiter, priority="high"), await normal, await low[0]]
    )
    await stop(low)
    assert idle(limiter)


@pytest.mark.parametrize(("priority", "share"), [("normal", 9), ("low", 10)])
async def test_an_endless_stream_of_high_calls_starves_nobody(
    priority: Priority, share: int
) -> None:
    """One in nine is a normal one, or one in ten a low one, and in the order in which they came."""
    limiter, order = LocalLimiter(SLOW), list[int]()

    async def one(number: int) -> float:
        at = await passed(limiter, priority=priority)
        order.append(number)
        return at

    await passed(limiter)
    high = [asyncio.ensure_future(passed(limiter, priority="high")) for _ in range(500)]
    lower = [asyncio.ensure_future(one(number)) for number in range(20)]
    times = await asyncio.gather(*lower)

    assert [share * (k + 1) for k in range(20)] == pytest.approx(times)
    assert list(range(20)) == order
    await stop(high)


async def test_high_traffic_below_the_rate_leaves_the_rest_to_the_others() -> None:
    """At 0.9 of the rate, low calls get a tenth of the time and what is left over anyway."""
    limiter = LocalLimiter(SLOW)
    await passed(limiter)
    low = [asyncio.ensure_future(passed(limiter, priority="low")) for _ in range(500)]
    waits, high = list[float](), list[asyncio.Future[None]]()

    async def one() -> None:
        came_at = now()
        waits.append(await passed(limiter, priority="high") - came_at)

    for _ in range(900):
        high.append(asyncio.ensure_future(one()))
        await asyncio.sleep(1 / 0.9)
    left = sum(task.done() for task in low)

    assert 100 == pytest.approx(left, abs=3)
    assert 2.0 >= max(waits)
    await stop([*low, *high])


async def test_a_call_that_tries_again_keeps_place_and_priority() -> None:
    """Before those of its own priority class, behind the higher one."""
    limiter = LocalLimiter(SLOW)
    permit = await limiter.acquire()
    others = [asyncio.ensure_future(passed(limiter)) for _ in range(2)]
    high = asyncio.ensure_future(passed(limiter, priority="high"))
    await turn()
    limiter.observe(permit, NOTHING)
    again = await limiter.acquire(again=permit)
    limiter.observe(again, NOTHING)

    assert permit.number == again.number
    assert [1.0, 2.0, 3.0, 4.0] == pytest.approx(
        [await high, again.sent_at, *await asyncio.gather(*others)]
    )


@pytest.mark.parametrize("seed", range(20))
async def test_whoever_gives_up_in_whatever_lane_leaks_nothing(seed: int) -> None:
    """Cancelled at any moment, with and without a bound on the wait, with and without a reserve."""
    chance = random.Random(seed)
    limiter = LocalLimiter(
        RateLimits(requests=60, burst=5), max_in_flight=3, reserve=chance.choice([0, 2])
    )
    loop = asyncio.get_running_loop()

    async def one() -> None:
        permit = await limiter.acquire(
            max_wait=chance.choice([None, 5.0, 100.0]), priority=chance.choice(PRIORITIES)
        )
        await asyncio.sleep(chance.choice([0.0, 0.5]))
        if chance.random() < 0.5:
            limiter.release(permit)
        else:
            limiter.observe(permit, NOTHING)

    tasks = [asyncio.ensure_future(one()) for _ in range(60)]
    for task in tasks[::2]:
        loop.call_at(chance.choice([0.0, 1.0, 2.0, 5.0, 7.5, 20.0]), task.cancel)
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    # Whoever was cancelled on its way has not returned its permit.
    for permit in list(limiter._permits):
        limiter.release(permit)

    assert {type(None), asyncio.CancelledError, DeadlineExceededError} >= set(map(type, ends))
    assert idle(limiter)
    for priority in PRIORITIES:
        assert now() + 10.0 >= await passed(limiter, priority=priority)


async def test_a_priority_is_one_of_three() -> None:
    """Before anything is waited for or counted."""
    limiter = LocalLimiter()

    with pytest.raises(InvalidArgumentError, match="must be 'high'"):
        await limiter.acquire(priority="urgent")  # type: ignore[arg-type]
    assert idle(limiter)
    assert 150 == limiter.status().remaining


async def test_how_long_one_would_wait_counts_those_ahead_by_their_priority() -> None:
    """The tenth in line is the first of the high ones."""
    limiter = LocalLimiter(SLOW)
    await passed(limiter)
    tasks: list[asyncio.Future[Any]] = [
        asyncio.ensure_future(passed(limiter, priority=priority))
        for priority in ("high", "normal", "normal", "low")
    ]
    await turn()
    waits = []
    for priority in PRIORITIES:
        with pytest.raises(DeadlineExceededError) as caught:
            await limiter.acquire(max_wait=0, priority=priority)
        waits.append(caught.value.retry_after)

    assert [2.0, 4.0, 5.0] == pytest.approx(waits)
    await stop(tasks)


@pytest.mark.parametrize(
    ("limits", "reserve"),
    [
        (None, -1),
        (None, 100),
        (None, 1.5),
        (None, True),
        (RateLimits(requests=100, burst=7), 7),
        (RateLimits(requests=5, burst=7), 5),
    ],
)
async def test_a_reserve_that_leaves_nothing_is_refused(
    limits: RateLimits | None, reserve: Any
) -> None:
    """Less than the burst, and less than what is gained in a period."""
    with pytest.raises(InvalidArgumentError, match="reserve must be"):
        LocalLimiter(limits, reserve=reserve)


async def test_only_high_calls_use_the_reserve() -> None:
    """The others leave one by one as the bucket gains; they are not in the way of a high one."""
    limiter = LocalLimiter(RateLimits(requests=60, burst=5), reserve=3)
    times = [await passed(limiter, priority=priority) for priority in ("normal", "low")]
    waiting = [asyncio.ensure_future(passed(limiter)) for _ in range(3)]
    await turn()
    times += [await passed(limiter, priority="high", max_wait=0) for _ in range(3)]

    assert [0.0] * 5 == pytest.approx(times)
    with pytest.raises(DeadlineExceededError):
        await limiter.acquire(priority="high", max_wait=0)
    assert [4.0, 5.0, 6.0] == pytest.approx(await asyncio.gather(*waiting))


async def test_a_high_call_that_must_wait_is_before_those_who_wait_for_the_reserve() -> None:
    """It leaves with the first that is gained, and they when the reserve is whole."""
    limiter = LocalLimiter(RateLimits(requests=60, burst=5), reserve=3)
    for _ in range(5):
        await passed(limiter, priority="high")
    normal = asyncio.ensure_future(passed(limiter))
    await turn()
    high = asyncio.ensure_future(passed(limiter, priority="high"))

    assert [1.0, 5.0] == pytest.approx([await high, await normal])


async def test_a_reserve_is_no_larger_than_what_the_server_gives() -> None:
    """Of 20 a minute all but one are kept; with the higher tier it is as it was asked for."""
    limiter = LocalLimiter(reserve=50)
    await passed(limiter, RateLimitSeen(limit=20))
    await asyncio.sleep(60)
    await passed(limiter)

    with pytest.raises(DeadlineExceededError, match="asks to wait"):
        await limiter.acquire(max_wait=0)

    await passed(limiter, RateLimitSeen(limit=1000), priority="high")
    await asyncio.sleep(60)
    for _ in range(950):
        await passed(limiter, max_wait=0)
    with pytest.raises(DeadlineExceededError):
        await limiter.acquire(max_wait=0)


@pytest.mark.parametrize("mode", ["bucket", "fixed"])
@pytest.mark.parametrize("reserve", [10, 50])
async def test_a_reserve_is_held_at_the_server(mode: str, reserve: int) -> None:
    """No normal call finds less, a high one never waits, and no time is lost."""
    server, limiter = (
        Server(count=COUNTS[mode](), latency=lambda: 0.05),
        LocalLimiter(reserve=reserve),
    )
    chance, waits = random.Random(1), list[float]()

    async def high() -> None:
        await asyncio.sleep(chance.uniform(1.0, 200.0))
        began_at = now()
        permit = await limiter.acquire(priority="high")
        waits.append(now() - began_at)
        limiter.observe(permit, read_rate_limit(await server.exchange()))

    urgent = [asyncio.ensure_future(high()) for _ in range(20)]
    left = await asyncio.gather(*(asked(limiter, server, "normal") for _ in range(400)))
    took = now()
    await asyncio.gather(*urgent)

    assert min(left) == reserve
    assert [] == server.refused
    assert 0.0 == max(waits)
    windows = -(-400 // (100 - reserve)) - 1
    ideal = (400 + 20 - 150 + reserve) * 0.6 if mode == "bucket" else 60.0 * windows
    assert took <= 1.02 * ideal


@pytest.mark.parametrize("mode", COUNTS)
@pytest.mark.parametrize("count", [300, pytest.param(1_000, marks=pytest.mark.slow)])
async def test_a_mixed_herd_loses_no_time(mode: str, count: int) -> None:
    """Nothing refused, at most 2 % over the ideal, and the more urgent leave earlier."""
    server, limiter = Server(count=COUNTS[mode](), latency=lambda: 0.05), LocalLimiter()
    left_at: dict[Priority, list[float]] = {priority: [] for priority in PRIORITIES}

    async def one(priority: Priority) -> None:
        await asked(limiter, server, priority)
        left_at[priority].append(now())

    await asyncio.gather(*(one(PRIORITIES[number % 3]) for number in range(count)))
    means = [sum(times) / len(times) for times in left_at.values()]

    assert [] == server.refused
    assert now() <= 1.02 * ((count - 150) * 0.6 if mode == "bucket" else (count // 100 - 1) * 60.0)
    assert sorted(means) == means


@pytest.mark.parametrize("mode", ["bucket", "fixed"])
@pytest.mark.parametrize(
    ("before", "rest", "count"),
    [
        (1, 0.0, 300),
        (1, 0.0, 160),
        (120, 0.0, 300),
        (120, 30.0, 200),
        (5, 200.0, 260),
        (5, 0, 2_000),
    ],
)
async def test_a_forecast_comes_true(mode: str, before: int, rest: float, count: int) -> None:
    """Within two percent of what then happens, after as little as one answer."""
    server, limiter = Server(count=COUNTS[mode](), phase=17.9, latency=lambda: 0.05), LocalLimiter()
    await herd(limiter, server, before)
    await asyncio.sleep(rest)
    forecast = limiter.forecast(count)

    assert forecast == pytest.approx(await herd(limiter, server, count), rel=0.02)


@pytest.mark.parametrize("mode", ["sliding", "windows", "fixed_from_first"])
@pytest.mark.parametrize("rest", [0.0, 30.0, 200.0])
async def test_a_forecast_for_a_sliding_window_is_one_period_off_at_most(
    mode: str, rest: float
) -> None:
    """Nobody is told what it will give back when."""
    server, limiter = Server(count=COUNTS[mode](), latency=lambda: 0.05), LocalLimiter()
    for _ in range(60):
        await herd(limiter, server, 1)
        await asyncio.sleep(0.5)
    await asyncio.sleep(rest)
    forecast = limiter.forecast(300)

    assert forecast == pytest.approx(await herd(limiter, server, 300), abs=60.0)


async def test_a_forecast_counts_those_in_line_and_the_pause() -> None:
    """And of no requests it says how long the line is."""
    limiter = LocalLimiter(SLOW, chance=lambda: 0.0)

    assert 0.0 == limiter.forecast(0) == limiter.forecast(1)
    await passed(limiter, RateLimitSeen(limit=60, throttled=True, retry_after=42.0))
    waiting = [asyncio.ensure_future(passed(limiter)) for _ in range(3)]
    await turn()

    assert [44.0, 46.0] == pytest.approx([limiter.forecast(0), limiter.forecast(2)])
    await stop(waiting)
    assert 42.0 == pytest.approx(limiter.forecast(1))


async def test_a_forecast_leaves_everything_as_it_is() -> None:
    """Asked a hundred times, it lets as many leave as if it had not been asked."""
    limiter = LocalLimiter(RateLimits(requests=60, burst=5), reserve=1)
    forecasts = {limiter.forecast(10) for _ in range(100)}

    assert [6.0] == pytest.approx(list(forecasts))
    assert [0.0] * 4 == [await passed(limiter) for _ in range(4)]
    assert 1.0 == pytest.approx(await passed(limiter))


def test_a_forecast_needs_no_loop() -> None:
    """Before the first one, and after the last."""
    limiter = LocalLimiter()
    before = limiter.forecast(300)
    run(passed(limiter))

    assert [90.0, 90.6] == pytest.approx([before, limiter.forecast(300)])


async def test_waiting_longer_than_a_turn_takes_no_second_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One whose turn has come by the time it stands in line has no future to wait for."""
    limiter = LocalLimiter(RateLimits(requests=60, burst=3), reserve=1)
    for _ in range(2):
        await passed(limiter)
    waiting = asyncio.ensure_future(passed(limiter))
    await turn()
    monkeypatch.setattr(asyncio.get_running_loop(), "create_future", _no_future)
    permit: Permit = await limiter.acquire(priority="high")
    monkeypatch.undo()

    assert 0.0 == permit.sent_at
    assert 2.0 == pytest.approx(await waiting)


def _no_future() -> Callable[[], Any]:
    raise AssertionError
