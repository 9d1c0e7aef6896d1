"""Two faults on consecutive attempts: what the matrix says of each tells what comes of both.

    python -m tests.faults.pairs --count 1000 [--seed 7] [--only GET]

tries so many pairs of each operation, picked by the seed, and prints those that end otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from collections.abc import Iterator
from typing import Final

import attrs

from tests.virtual_time import VirtualTimeLoop

from .catalogue import FAULTS
from .checks import nothing_kept, nothing_left
from .fault import Fault
from .operations import OPERATIONS, trial
from .server import Way
from .trying import Ending, check_error, ended

SEED: Final = 7

_MOST = {"R": 3, "R1": 2}


@attrs.frozen
class One:
    """One fault, in one of its ways."""

    fault: Fault
    number: int

    @property
    def way(self) -> Way:
        """How it is done."""
        return self.fault.ways[self.number]

    def outcome(self, operation: str) -> tuple[str, str]:
        """Return what the matrix says: the code, and the name of the error."""
        code, _, error = self.fault.cells[operation].partition(" ")
        return code, error


@attrs.frozen
class Pair:
    """Two faults, one on the first attempt and one on the second."""

    operation: str
    first: One
    second: One

    def __str__(self) -> str:
        names = (f"{one.fault.id}/{one.number}" for one in (self.first, self.second))
        return f"{self.operation} {' '.join(names)}"

    def promised(self) -> tuple[int, str | None]:
        """Return after how many attempts the call ends, and with which error; None: well."""
        code, error = self.first.outcome(self.operation)
        if code == "ok":
            return 1, None
        if not code.startswith("R"):
            return 1, error
        most = _MOST.get(code, 1)
        code, error = self.second.outcome(self.operation)
        if code == "ok":
            return 2, None
        # A token request that did not leave does not count as one that may have arrived.
        unsent = self.operation == "TOK" and most == 3
        if _MOST.get(code, 1) + unsent <= 2:
            return 2, error
        return 3, None


def _usable(operation: str) -> list[One]:
    """Return the faults that another one can follow, or precede, in an operation."""
    return [
        One(fault, number)
        for fault in FAULTS
        for number in range(len(fault.ways))
        if _is_usable(fault, operation)
    ]


def _is_usable(fault: Fault, operation: str) -> bool:
    # What needs a server or a client of its own, or leaves it in another state, stands alone.
    if fault.options or fault.prepare or fault.is_reused or fault.is_lax:
        return False
    if fault.play or operation in fault.plays:
        return False
    promised = fault.cells[operation]
    spends = operation == "TOK" and any(way.spends for way in fault.ways)
    return promised.split(" ")[0] in {"ok", "R", "R1", "E", "U"} and not (
        spends or "," in promised or fault.pause > 60
    )


def pairs(operation: str, count: int, *, seed: int = SEED) -> Iterator[Pair]:
    """Return so many pairs, the same for each seed."""
    chance = random.Random(f"{seed} {operation}")
    usable = _usable(operation)
    for _ in range(count):
        yield Pair(operation, *chance.choices(usable, k=2))


async def play(pair: Pair) -> Ending:
    """Try a pair; check that nothing stays behind, and that the client works afterwards."""
    async with nothing_kept(), trial(pair.operation) as it:
        ways = (pair.first.way, pair.second.way)
        it.server.closing = any(way.at != "request" for way in ways)
        await it.prepare()
        it.server.plan(*ways)
        async with nothing_left(it.client):
            ending = await ended(it, it.call())
        if ending.error is not None:
            check_error(it, ending)
        it.server.heal()
    return ending


async def differs(pair: Pair) -> str | None:
    """Return how the end of a pair differs from what is promised; None: not at all."""
    ending = await play(pair)
    found = ending.sends, None if ending.error is None else ending.name
    promised = pair.promised()
    return None if promised == found else f"{pair}: {found} instead of {promised}"


def main(arguments: list[str]) -> int:
    """Try as many as the command says; return 1 if any ends otherwise."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.pairs")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--only", choices=OPERATIONS)
    told = parser.parse_args(arguments)
    found: list[str] = []
    for operation in [told.only] if told.only else OPERATIONS:
        for pair in pairs(operation, told.count, seed=told.seed):
            with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
                if (difference := runner.run(differs(pair))) is not None:
                    found.append(difference)
                    print(difference, flush=True)
        print(f"{operation}: {told.count} pairs, seed {told.seed}", flush=True)
    print(f"{len(found)} end otherwise than promised")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
