"""Clients that share a key and nothing else: ``python -m benchmarks.shared_key [seeds]``.

2, 4 and 8 of them, against each reading of the rate limit, with servers that tell much or little,
on a virtual clock and without a socket.  Every second seed puts them in lockstep: they begin at
the same moment, with equal latencies.  A line tells how many calls were lost, the seconds beside
the least that the budget allows, and the 429s.  Twenty seeds take some minutes.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import sys
from statistics import mean
from typing import Final

import attrs

from cloudflow_async._core.http.retry import RetryPolicy
from cloudflow_async._core.rate_limit.limiter import LocalLimiter
from tests.core.rate_limit.servers import COUNTS, Hint, Server, call_within_budget
from tests.virtual_time import VirtualTimeLoop

MODES: Final = ("bucket", "fixed", "sliding", "windows")
TELLING: Final[dict[str, tuple[bool, Hint | None]]] = {
    "headers, retry_after": (True, "body"),
    "headers": (True, None),
    "retry_after": (False, "body"),
    "nothing": (False, None),
}
_CALLS: Final = {1: (300, 300), 2: (150, 300), 4: (100, 200), 8: (50, 150)}


@attrs.frozen
class Outcome:
    """How the clients fared together."""

    calls: int
    lost: int
    refused: int
    seconds: float
    ideal: float


def run(clients: int, mode: str, told: str, seed: int) -> Outcome:
    """Return how so many clients fare that begin together, or nearly."""
    chance = random.Random(seed * 1000 + clients)
    phase, lockstep = chance.uniform(0, 60), seed % 2 == 0
    least = 0.05 if lockstep else chance.choice([0.01, 0.05, 0.2])
    headers, hint = TELLING[told]
    server = Server(
        count=COUNTS[mode](),
        headers=headers,
        hint=hint,
        phase=phase,
        latency=lambda: least if lockstep else chance.uniform(least, 3 * least),
    )
    counts = [chance.randint(*_CALLS[clients]) for _ in range(clients)]
    if lockstep:
        counts = [counts[0]] * clients

    async def client(number: int, count: int) -> int:
        await asyncio.sleep(0 if lockstep else chance.uniform(0, 5))
        own = random.Random(seed * 100 + number)
        limiter, policy = LocalLimiter(chance=own.random), RetryPolicy(chance=own.random)
        return await call_within_budget(limiter, server, policy, count)

    async def together() -> tuple[int, float]:
        lost = await asyncio.gather(*itertools.starmap(client, enumerate(counts)))
        return sum(lost), asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        lost, seconds = runner.run(together())
    return Outcome(
        calls=sum(counts),
        lost=lost,
        refused=len(server.refused),
        seconds=seconds,
        ideal=ideal(mode, counts, phase),
    )


def ideal(mode: str, counts: list[int], phase: float) -> float:
    """Return the seconds that clients need who share one mind, without latency."""
    calls = sum(counts)
    own = 0.6 * (max(counts) - 150)
    if mode == "bucket":
        return max(own, 0.6 * (calls - 150))
    first = 60 - phase if mode == "fixed" else 60.0
    return max(own, first + 60 * ((calls - 1) // 100 - 1))


def table(seeds: int, many: tuple[int, ...] = (2, 4, 8)) -> str:
    """Return a line for each case."""
    columns = f"{'lost':>5}{'of':>8}{'time/ideal':>12}{'most':>7}{'429s a run':>12}"
    lines = [f"{'clients':8}{'told':22}{'limits':9}{columns}"]
    for clients, told, mode in itertools.product(many, TELLING, MODES):
        runs = [run(clients, mode, told, seed) for seed in range(seeds)]
        times = [each.seconds / each.ideal for each in runs]
        lines.append(
            f"{clients:<8}{told:22}{mode:9}{sum(each.lost for each in runs):5}"
            f"{sum(each.calls for each in runs):8}{mean(times):12.3f}{max(times):7.3f}"
            f"{mean(each.refused for each in runs):12.1f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(int(sys.argv[1]) if sys.argv[1:] else 20))
