"""Many calls on a bad network, for long: does anything grow, get lost, or come twice?

``python -m tests.faults.soak --minutes 30`` makes requests for so long, a twentieth of which go
wrong, from 50 tasks to a server in a process of its own, and prints its table; in half an hour
they are more than a million.  With ``--requests`` it ends earlier, after so many.  Its status is 1
if a figure is not as promised.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import attrs

from cloudflow_async import CloudFlow, CloudFlowError, LocalLimiter, RateLimits, RetryPolicy

from .soak_server import COUNTS, ROWS, soak_server

_TASKS: Final = 50
_PAGE_SIZE: Final = 20
_TIMEOUT: Final = 0.5
"""Seconds for an attempt: as long a stalled one takes."""

_LIMITS: Final = RateLimits(requests=100_000, per=1.0, burst=100)
"""None that is felt, with a burst of the usual size: a limiter remembers as many requests."""

_ALL: Final = [f"wf_{number}" for number in range(ROWS)]


@attrs.frozen
class Sample:
    """What the process held between two rounds, without the connections of its pool."""

    requests: int
    seconds: float
    memory: int
    """Bytes of RSS."""

    descriptors: int
    tasks: int
    objects: int
    """That the garbage collector knows."""


@attrs.define
class Figures:
    """What came of a soak."""

    samples: list[Sample] = attrs.field(factory=list)
    calls: Counter[str] = attrs.field(factory=Counter)
    errors: Counter[str] = attrs.field(factory=Counter)
    """By class."""

    lists: int = 0
    lost: int = 0
    doubled: int = 0
    """Rows."""

    mismatched: int = 0
    """Answers to other questions."""

    created_twice: int = 0
    faults: Counter[str] = attrs.field(factory=Counter)
    """What the server did."""

    unraisable: int = 0
    left: dict[str, int] = attrs.field(factory=dict)
    """Descriptors and tasks beyond those of before, when the client is closed."""

    @property
    def slope(self) -> float:
        """MiB of RSS for each 100,000 requests, by least squares, after the first quarter."""
        samples = self.samples[len(self.samples) // 4 :]
        x = [sample.requests / 100_000 for sample in samples]
        y = [sample.memory / 2**20 for sample in samples]
        mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
        spread = sum((each - mean_x) ** 2 for each in x)
        pairs = zip(x, y, strict=True)
        return sum((a - mean_x) * (b - mean_y) for a, b in pairs) / spread if spread else 0.0

    @property
    def problems(self) -> list[str]:
        """What is not as promised, but for the memory."""
        first, last = self.samples[len(self.samples) // 4], self.samples[-1]
        found = {
            "rows lost": self.lost,
            "rows doubled": self.doubled,
            "answers mixed up": self.mismatched,
            "created twice": self.created_twice,
            "unraisable": self.unraisable,
            "descriptors": last.descriptors - first.descriptors,
            "tasks": last.tasks - first.tasks,
            "objects beyond 200": max(0, last.objects - first.objects - 200),
            **self.left,
        }
        return [f"{name}: {count:+,}" for name, count in found.items() if count]


class _Soak:
    def __init__(self, client: CloudFlow, seed: int) -> None:
        self.figures = Figures()
        self.client = client
        self._chance = random.Random(seed)
        self._number = 0

    async def round(self, requests: int, until: float) -> None:
        """Let all tasks call until so many requests were sent in all, or it is time."""
        await asyncio.gather(*(self._caller(requests, until) for _ in range(_TASKS)))

    async def _caller(self, requests: int, until: float) -> None:
        works = [self._get, self._list, self._create, self._give_up]
        while self.client.statistics().requests < requests and time.monotonic() < until:
            (work,) = self._chance.choices(works, [60, 10, 10, 20])
            self.figures.calls[work.__name__.strip("_")] += 1
            try:
                await work()
            except CloudFlowError as error:
                self.figures.errors[type(error).__name__] += 1

    def _next(self) -> int:
        self._number += 1
        return self._number

    async def _get(self) -> None:
        asked = f"wf_n{self._next()}"
        workflow = await self.client.workflows.get(asked)
        self.figures.mismatched += workflow.id != asked

    async def _create(self) -> None:
        name = f"w{self._next()}"
        await self.client.workflows.create(name=name, trigger={"type": "webhook"}, steps=[])

    async def _give_up(self) -> None:
        try:
            async with asyncio.timeout(self._chance.uniform(0, 0.05)):
                await self._get()
        except TimeoutError as error:
            if isinstance(error, CloudFlowError):
                raise
            self.figures.errors["(given up)"] += 1

    async def _list(self) -> None:
        """Read the whole list, going on after each error."""
        seen: list[str] = []
        pages = self.client.workflows.list(page_size=_PAGE_SIZE)
        while True:
            try:
                async for row in pages:
                    seen.append(row.id)  # noqa: PERF401 - those before an error count
            except CloudFlowError as error:
                self.figures.errors[f"{type(error).__name__} in a list"] += 1
                pages = self.client.workflows.list(page_size=_PAGE_SIZE, start=pages.bookmark)
            else:
                break
        counted = Counter(seen)
        self.figures.lists += 1
        self.figures.lost += sum(row not in counted for row in _ALL)
        self.figures.doubled += sum(times - 1 for times in counted.values())


async def soak(
    requests: int, *, seconds: float, seed: int, share: float = 0.05, rounds: int = 20
) -> Figures:
    """Make so many requests, or as many as so many seconds allow, and return what came of it."""
    with soak_server(share=share, seed=seed) as url, _unraisable() as unraisable:
        before = _sample(0, 0.0)
        async with CloudFlow(
            "cf_test_0123456789",
            base_url=url,
            limiter=LocalLimiter(_LIMITS),
            retry=RetryPolicy(base=0.005),
            timeout=_TIMEOUT,
        ) as client:
            it = _Soak(client, seed)
            begun = time.monotonic()
            for number in range(1, rounds + 1):
                # What ends it first, the number or the time, ends each round.
                until = begun + seconds * number / rounds
                await it.round(requests * number // rounds, until)
                await _close_pool(client)
                sent = client.statistics().requests
                it.figures.samples.append(_sample(sent, time.monotonic() - begun))
            told: Any = (await client.request("GET", COUNTS)).json()
        await asyncio.sleep(0.01)
        after = _sample(0, 0.0)
    figures = it.figures
    figures.faults.update(told["counts"])
    figures.created_twice = told["doubled"]
    figures.unraisable = len(unraisable)
    figures.left = {
        "descriptors left": after.descriptors - before.descriptors,
        "tasks left": after.tasks - before.tasks,
    }
    return figures


async def _close_pool(client: CloudFlow) -> None:
    # How many connections are idle is chance; the next call opens a new pool.
    await client._session._transport.close()
    await asyncio.sleep(0.01)


def _sample(requests: int, seconds: float) -> Sample:
    gc.collect()
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[1])
    return Sample(
        requests=requests,
        seconds=seconds,
        memory=pages * os.sysconf("SC_PAGE_SIZE"),
        descriptors=_descriptors(),
        tasks=len(asyncio.all_tasks()),
        objects=len(gc.get_objects()),
    )


def _descriptors() -> int:
    # uvloop keeps one of the null device from its first connection on.
    links = [os.path.join("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]
    return sum(os.path.lexists(link) and os.readlink(link) != os.devnull for link in links)


@contextmanager
def _unraisable() -> Iterator[list[object]]:
    """Gather what would be written to standard error for want of anybody who hears it."""
    found: list[object] = []
    loop, hook = asyncio.get_running_loop(), sys.unraisablehook
    handler = loop.get_exception_handler()
    sys.unraisablehook = found.append
    loop.set_exception_handler(lambda loop, context: found.append(context))
    try:
        yield found
    finally:
        sys.unraisablehook = hook
        loop.set_exception_handler(handler)


def _print(figures: Figures) -> None:
    print(f"{'requests':>10} {'s':>6} {'RSS MiB':>8} {'fds':>4} {'tasks':>5} {'objects':>8}")
    for each in figures.samples:
        memory = each.memory / 2**20
        print(
            f"{each.requests:>10,} {each.seconds:>6.0f} {memory:>8.1f} {each.descriptors:>4} "
            f"{each.tasks:>5} {each.objects:>8,}"
        )
    for title in ("calls", "errors", "faults"):
        counted: Counter[str] = getattr(figures, title)
        print(f"{title}: {', '.join(f'{name} {n:,}' for name, n in counted.most_common())}")
    print(
        f"lists {figures.lists:,}, rows lost {figures.lost}, doubled {figures.doubled}; "
        f"answers mixed up {figures.mismatched}; created twice {figures.created_twice}; "
        f"unraisable {figures.unraisable}"
    )
    print(f"RSS {figures.slope:+.3f} MiB for each 100,000 requests")


def _main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--requests", type=int, default=10**9)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    work = soak(chosen.requests, seconds=60 * chosen.minutes, seed=chosen.seed)
    figures = asyncio.run(work)
    _print(figures)
    problems = [*figures.problems, *(["the memory grows"] if figures.slope > 1 else [])]
    print("; ".join(problems) or "as promised")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(_main())
