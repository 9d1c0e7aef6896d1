"""Cancel calls at random times, many at once.

``python -m tests.lifecycle.random_cancels --count 20000`` takes about two minutes, and prints how
many there were of each kind.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
from collections import Counter
from pathlib import Path
from typing import Final

import attrs

from cloudflow_async import CloudFlow, LocalLimiter
from cloudflow_async.emulator import Fault
from tests.faults.checks import holdings
from tests.virtual_time import VirtualTimeLoop

from .scenes import Collect, Create, FanOut, Get, Iterate, Scene, Stage, Wait, open_stage
from .stepper import back_to, leftovers
from .unlimited import UNLIMITED

_KINDS: Final[tuple[type[Scene], ...]] = (Get, Create, Iterate, Collect, FanOut, Wait)
_TOGETHER: Final = 25
_ROOM: Final = 5
"""Requests that may be under way: the others stand in line."""

_DELAY: Final = 0.05
"""Seconds that an answer takes."""

_LONGEST: Final = 0.6
"""Seconds after which a call is cancelled, at most."""

_NEXT: Final = 100
"""Calls that have to succeed at the end."""


@attrs.define
class Figures:
    """What came of it."""

    calls: int = 0
    cancelled: int = 0
    kinds: Counter[str] = attrs.field(factory=Counter)
    """Those cancelled, by what they did."""


async def cancel_at_random(stage: Stage, count: int, *, seed: int) -> Figures:
    """Cancel so many calls, and fail if anything is left of them."""
    chance, figures = random.Random(seed), Figures()
    stage.emulator.inject(Fault(delay=_DELAY, times=None))
    before = holdings()
    async with CloudFlow(
        stage.emulator.api_key,
        base_url=stage.emulator.base_url,
        limiter=LocalLimiter(UNLIMITED, max_in_flight=_ROOM),
        max_connections=_ROOM,
    ) as client:
        while figures.calls < count:
            together = min(_TOGETHER, count - figures.calls)
            await asyncio.gather(
                *(_cancel_one(stage, client, chance, figures) for _ in range(together))
            )
            await asyncio.sleep(0)
            assert leftovers(client) == {}, f"seed {seed}, after {figures.calls} calls"
        for _ in range(_NEXT):
            await client.workflows.list(page_size=1)
    await back_to(before)
    return figures


async def _cancel_one(
    stage: Stage, client: CloudFlow, chance: random.Random, figures: Figures
) -> None:
    scene = chance.choice(_KINDS)(stage, client)
    task = asyncio.create_task(scene.work())
    await asyncio.wait([task], timeout=chance.uniform(0, _LONGEST))
    for _ in range(chance.randrange(20)):
        await asyncio.sleep(0)
    asked = task.cancel()
    await asyncio.wait([task])
    assert asked is task.cancelled(), task
    figures.calls += 1
    figures.cancelled += asked
    figures.kinds[type(scene).__name__] += asked


async def _main(count: int, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with open_stage(Path(folder)) as stage:
            figures = await cancel_at_random(stage, count, seed=seed)
    print(f"calls      {figures.calls:>8,}")
    print(f"cancelled  {figures.cancelled:>8,}")
    for kind, cancelled in figures.kinds.most_common():
        print(f"  {kind:<8} {cancelled:>8,}")
    print("left over         0")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(_main(chosen.count, chosen.seed))
