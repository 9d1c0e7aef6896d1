"""What the tests of the limiter share: looking at its line, and loops of their own."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from cloudflow_async._core.messages import RateLimitSeen
from cloudflow_async._core.rate_limit.limiter import LocalLimiter
from cloudflow_async._core.rate_limit.limits import RateLimits
from tests.virtual_time import VirtualTimeLoop

NOTHING = RateLimitSeen()
"""An answer without a word about the rate limit."""

SLOW = RateLimits(requests=60, burst=1)
"""One request a second."""


def now() -> float:
    """Return the time of the loop."""
    return asyncio.get_running_loop().time()


async def passed(limiter: LocalLimiter, seen: RateLimitSeen | None = NOTHING, **how: Any) -> float:
    """Let one request leave and be answered at once; return when."""
    permit = await limiter.acquire(**how)
    limiter.observe(permit, seen)
    return now()


async def turn() -> None:
    """Let everything that is ready run."""
    for _ in range(3):
        await asyncio.sleep(0)


def idle(limiter: LocalLimiter) -> bool:
    """Return whether nobody waits, nothing is under way, and no timer is left."""
    status = limiter.status()
    return (0, 0, None) == (status.waiting, status.in_flight, limiter._timer)


def most_within(times: Sequence[float], seconds: float) -> int:
    """Return the highest number of times in any window of so many seconds."""
    return max(
        at - bisect_right(times, times[at - 1] - seconds + 1e-6) for at in range(1, len(times) + 1)
    )


def run(main: Coroutine[Any, Any, Any], loop: Callable[[], Any] = VirtualTimeLoop) -> Any:
    """Run on a loop of its own, as `asyncio.run` does."""
    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(main)
