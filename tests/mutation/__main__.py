"""``python -m tests.mutation``: would the tests notice if the code were another?

Makes small changes to the modules for retries, webhooks, decoding and auth, one at a time, in a
copy of the project, and runs tests on each: first those of the changed file, then those that use
the module.  A change that no test notices has survived, and is shown.  ``mutants`` says what is
changed and what is not.  Tests that take several times as long as usual count as having noticed.

    --module NAME       only this one: retry, webhooks, decode or auth; may be repeated
    --file PATH         only this file; may be repeated
    --sample N          of each module N changes, drawn by chance
    --seed S            draw others
    --at-least SHARE    end with 1 where fewer per cent are noticed; else 90

Retries, webhooks and decoding take a quarter of an hour of one core together, the 3,100 changes
to auth two hours: ``--module auth --sample 300`` takes a tenth of that.  Needs `os.fork`.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from pathlib import Path

import attrs

from .modules import MODULES, Module, own_tests
from .mutants import Mutant, find_mutants
from .trial import End, Trial, begin

_ROOT = Path(__file__).resolve().parents[2]


@attrs.define
class Score:
    """How the changes to a module ended."""

    name: str
    ends: Counter[End] = attrs.field(factory=Counter)

    def note(self, mutant: Mutant, end: End) -> None:
        """Count a change, and show it if no test noticed it."""
        self.ends[end] += 1
        if end == "passed":
            print(f"survived  {mutant}", flush=True)

    @property
    def percent(self) -> float:
        """The share of changes that were noticed."""
        tried = self.ends.total()
        return 100 * (tried - self.ends["passed"]) / tried if tried else 100.0

    def __str__(self) -> str:
        tried, survived, late = self.ends.total(), self.ends["passed"], self.ends["late"]
        return (
            f"{self.name:10}{tried:6,} mutants, {tried - survived:,} killed ({late} by time), "
            f"{survived} survived: {self.percent:.1f} %"
        )


def main() -> None:
    """Run what was asked for."""
    given = _parse()
    with begin(_ROOT) as trial:
        wanted = [each for each in MODULES if not given.module or each.name in given.module]
        scores = [_measure(trial, module, given) for module in wanted]
    print()
    for score in scores:
        print(score)
    raise SystemExit(any(score.percent < given.at_least for score in scores))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [module.name for module in MODULES]
    parser.add_argument("--module", action="append", choices=names, help=argparse.SUPPRESS)
    parser.add_argument("--file", action="append", help=argparse.SUPPRESS)
    parser.add_argument("--sample", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--at-least", type=float, default=90.0, help=argparse.SUPPRESS)
    return parser.parse_args()


def _measure(trial: Trial, module: Module, given: argparse.Namespace) -> Score:
    score = Score(module.name)
    began_at = time.monotonic()
    for mutant in _choose(trial, module, given):
        score.note(mutant, try_one(trial, module, mutant))
    print(f"{score} in {time.monotonic() - began_at:.0f} s", flush=True)
    return score


def _choose(trial: Trial, module: Module, given: argparse.Namespace) -> list[Mutant]:
    sources = [path for path in module.sources(trial.root) if not given.file or path in given.file]
    found = [
        mutant
        for path in sources
        for mutant in find_mutants(path, (trial.root / path).read_bytes())
    ]
    if given.sample is None or given.sample >= len(found):
        return found
    chosen = set(random.Random(given.seed).sample(range(len(found)), given.sample))
    return [mutant for place, mutant in enumerate(found) if place in chosen]


def try_one(trial: Trial, module: Module, mutant: Mutant) -> End:
    """Return how tests end on a change: its file's own, then those that use the module."""
    own = own_tests(trial.root, mutant.path)
    for tests in ((own,) if own else (), module.tests):
        if not tests:
            continue
        trial.prove(tests)
        with trial.changed(mutant):
            end = trial.run(tests)
        if end != "passed":
            return end
    return "passed"


if __name__ == "__main__":
    main()
