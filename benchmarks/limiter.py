"""What a turn costs, and in which order one leaves: ``python -m benchmarks.limiter [rounds]``.

Beside this client's limiter stands aiolimiter alone, which is this one's ceiling.  Costs are CPU
time of the process, on an event loop whose clock jumps from timer to timer: tasks, futures and
timers are in them, waiting is not.  A grant of ours has its answer in it too.
"""

from __future__ import annotations

import asyncio
import gc
import math
import random
import selectors
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from itertools import accumulate
from typing import Any, Final, TypeAlias, TypeVar

from aiolimiter import AsyncLimiter

from benchmarks.measure import Column, Table, Tables, interleave, say
from cloudflow_async import LocalLimiter, RateLimits
from cloudflow_async._core.messages import RateLimitSeen

T = TypeVar("T")
Pass: TypeAlias = Callable[[], Awaitable[object]]
"""Waits for one's turn, leaves, and is answered."""

_OURS: Final = "CloudFlow's limiter"
_BARE: Final = "aiolimiter alone"
_CALLS: Final = 10_000
_AT_ONCE: Final = 100
_MANY: Final = 10**6
_INTERVAL: Final = 0.6


class _JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop that jumps to its next timer instead of waiting for it."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        return self.now

    def call_at(  # type: ignore[override]  # the base's is generic in what the callback takes
        self, when: float, callback: Callable[..., object], *args: Any, **options: Any
    ) -> asyncio.TimerHandle:
        # aiolimiter asks for steps that vanish in rounding, and then the clock would stand.
        return super().call_at(max(when, self.now + 1e-6), callback, *args, **options)


class _Jumping(selectors.DefaultSelector):
    def __init__(self, loop: _JumpingLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout:
            # As epoll does, which knows whole milliseconds.
            self._loop.now += math.ceil(timeout * 1e3) * 1e-3
        return super().select(0)


def run(
    rounds: int = 5, waiters: Sequence[int] = (1_000, 10_000, 100_000), arrivals: int = 20_000
) -> Tables:
    """Return the tables: a turn on a free bucket, a grant with many waiting, and the order."""
    tables = [_costs(rounds, count) for count in (0, *waiters)]
    say(f"    {arrivals:,} arrivals, in which order they leave")
    return Tables([*tables, _orders(arrivals)])


def _costs(rounds: int, waiting: int) -> Table:
    if not waiting:
        title = "Acquire while the bucket is free"
        runs = {_OURS: lambda: _on_jumping(_free()), _BARE: lambda: _on_jumping(_free_bare())}
    else:
        say(f"    {waiting:,} waiting")
        title = f"A grant with {waiting:,} waiting"
        runs = {
            _OURS: lambda: _on_jumping(_crowd(_ours(60, 1), waiting)),
            _BARE: lambda: _on_jumping(_crowd(_bare(60, 1), waiting)),
        }
    results = interleave(runs, rounds)
    return Table(title, [Column("CPU", "us", results)], floor=_BARE)


def _orders(arrivals: int) -> Table:
    overtaken: dict[str, list[float]] = {}
    beyond: dict[str, list[float]] = {}
    for name, gate in ((_OURS, _ours(100, 150)), (_BARE, _bare(100, 150))):
        left_at = _on_jumping(_stream(gate, arrivals))
        overtaken[name] = [_overtakings(left_at)]
        beyond[name] = [max(a - b for a, b in zip(left_at, sorted(left_at), strict=True))]
    return Table(
        f"{arrivals:,} callers who come at random, at 1.05 times the rate",
        [
            Column("overtakings", "grants", overtaken, ratios=False),
            Column("wait beyond FIFO", "s", beyond, ratios=False),
        ],
        notes=["wait beyond FIFO: the longest, beside leaving in the order in which they came"],
    )


def _ours(requests: int, burst: int) -> Pass:
    limiter = LocalLimiter(RateLimits(requests=requests, burst=burst))

    async def leave() -> None:
        limiter.observe(await limiter.acquire(), None)

    return leave


def _bare(requests: int, burst: int) -> Pass:
    return AsyncLimiter(burst, burst * 60 / requests).acquire


def _on_jumping(main: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=_JumpingLoop) as runner:
        return runner.run(main)


async def _free() -> float:
    limiter = LocalLimiter(RateLimits(requests=_MANY, burst=_MANY), max_in_flight=_MANY)
    seen = RateLimitSeen(remaining=_MANY)
    limiter.observe(await limiter.acquire(), seen)
    seconds = 0.0
    for _ in range(_CALLS // _AT_ONCE):
        begun = time.process_time()
        permits = [await limiter.acquire() for _ in range(_AT_ONCE)]
        seconds += time.process_time() - begun
        for permit in permits:
            limiter.observe(permit, seen)
    return seconds / _CALLS * 1e6


async def _free_bare() -> float:
    bucket = AsyncLimiter(_MANY, 60)
    begun = time.process_time()
    for _ in range(_CALLS):
        await bucket.acquire()
    return (time.process_time() - begun) / _CALLS * 1e6


async def _crowd(leave: Pass, waiting: int) -> float:
    gc.collect()
    begun = time.process_time()
    await asyncio.gather(*(leave() for _ in range(waiting)))
    return (time.process_time() - begun) / waiting * 1e6


async def _stream(leave: Pass, arrivals: int) -> list[float]:
    loop, chance = asyncio.get_running_loop(), random.Random(1)

    async def one(comes_at: float) -> float:
        await asyncio.sleep(comes_at)
        await leave()
        return loop.time()

    gaps = (chance.expovariate(1.05 / _INTERVAL) for _ in range(arrivals))
    return await asyncio.gather(*map(one, accumulate(gaps)))


def _overtakings(left_at: Sequence[float]) -> int:
    """Return how many left while somebody who had come before them still waited."""
    latest = accumulate(left_at, max)
    return sum(at < before for at, before in zip(left_at, latest, strict=True))


if __name__ == "__main__":
    print(run(int(sys.argv[1]) if sys.argv[1:] else 5))
