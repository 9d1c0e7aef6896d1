"""Interrupt programs at random moments, as Ctrl-C does.

``python -m tests.lifecycle.interrupts --count 100`` prints how they ended; it takes about a minute.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import attrs

from cloudflow_async.emulator import Emulator, EmulatorLimits, Fault

from .programs import Ended, Programs, Running, open_programs

PROGRAMS: Final = ("script", "command")

_SIZES: Final = (60, 30, *(5,) * 10)
"""Executions of each pipeline."""

_LONGEST: Final = 0.25
"""Seconds after its first request when a program is interrupted, at most."""


@attrs.define
class Interrupter:
    """Starts programs and interrupts them."""

    emulator: Emulator
    programs: Programs
    folder: Path
    chance: random.Random
    _number: int = 0

    async def interrupt(self, program: str) -> Ended:
        """Run a program, interrupt it at some moment, and return how it ended."""
        before = len(self.emulator.requests)
        running = await self._start(program)
        if self.chance.random() < 0.8:
            while len(self.emulator.requests) == before and not running.has_ended:
                await running.wait(0.002)
        await asyncio.sleep(self.chance.uniform(0, _LONGEST))
        return await running.interrupt()

    async def _start(self, program: str) -> Running:
        ids = [self.emulator.add_pipeline() for _ in _SIZES]
        for pipeline, size in zip(ids, _SIZES, strict=True):
            self.emulator.add_executions(pipeline, size)
        if program == "script":
            arguments = [self.emulator.base_url, self.emulator.api_key, *ids]
            return await self.programs.start(program, *arguments)
        self._number += 1
        out = self.folder / f"rows-{self._number}.jsonl"
        url = self.emulator.base_url
        where = ["--base-url", url, "--out", str(out), "--resume", "--concurrency", "1"]
        return await self.programs.start(program, "export", *ids, *where)


@asynccontextmanager
async def interrupter(folder: Path, seed: int) -> AsyncIterator[Interrupter]:
    """Open an emulator that takes its time, and what starts programs."""
    limits = EmulatorLimits(requests=10**6, burst=10**6)
    async with Emulator(rate_limits=limits, max_recorded=10**6) as emulator:
        emulator.inject(Fault(probability=0.05, delay=60, times=None))
        emulator.inject(Fault(probability=0.05, status=503, times=None))
        emulator.inject(Fault(delay=0.02, times=None))
        async with open_programs(CLOUDFLOW_API_KEY=emulator.api_key) as programs:
            yield Interrupter(emulator, programs, folder, random.Random(seed))


async def _main(count: int, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with interrupter(Path(folder), seed) as it:
            programs = itertools.islice(itertools.cycle(PROGRAMS), count)
            found = [await it.interrupt(program) for program in programs]
    for program in PROGRAMS:
        these = [each for each in found if each.program == program]
        statuses = dict(Counter(each.status for each in these))
        longest = max(each.seconds for each in these)
        noisy = sum(bool(each.noise) for each in these)
        print(f"{program:<8} {len(these):>5}  statuses {statuses}  longest {longest:.2f} s")
        print(f"         noisy {noisy}")
    for each in found:
        if each.noise:
            print(each.said)
            break


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    asyncio.run(_main(chosen.count, chosen.seed))
