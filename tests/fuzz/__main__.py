"""``python -m tests.fuzz [--deep] [--only NAME]``: try inputs by the thousand, tell the outcomes.

``--deep`` tries the large figures: 2,000,000 inputs to decoders, 100,000 answers and 100,000
requests through real sockets, 1,000,000 webhooks and, with pytest, each hypothesis property 2,000
times.  ``--only NAME`` runs one campaign (``--list`` names them), ``--count`` another number of
inputs, and ``--seed`` others.  An input that was found is tried again by
``--only NAME --seed SEED --first NUMBER --count 1``.  Ends with 1 if anything was found.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from typing import Final

import pytest

from .campaign import Campaign
from .campaigns import CAMPAIGNS
from .deep import EXAMPLES

PROPERTIES = "properties"


def main() -> None:
    """Run what was asked for."""
    given = _parse()
    if given.list:
        for campaign in CAMPAIGNS:
            print(f"{campaign.name:18}{campaign.deep:>10,}  {campaign.words}")
        raise SystemExit(0)
    wanted = [each for each in CAMPAIGNS if given.only in {None, each.name}]
    clean = [_report(campaign, given) for campaign in wanted]
    if given.only == PROPERTIES or (given.deep and given.only is None):
        clean.append(_run_properties())
    raise SystemExit(not all(clean))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    names = [*(each.name for each in CAMPAIGNS), PROPERTIES]
    parser.add_argument("--deep", action="store_true")
    parser.add_argument("--only", choices=names)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int)
    return parser.parse_args()


def _report(campaign: Campaign, given: argparse.Namespace) -> bool:
    count = given.count or (campaign.deep if given.deep else campaign.quick)
    began_at = time.monotonic()
    tally = campaign.run(count, seed=given.seed, first=given.first)
    seconds = time.monotonic() - began_at
    outcomes = ", ".join(f"{word} {number:,}" for word, number in tally.outcomes.most_common(8))
    print(
        f"{campaign.name}: {tally.inputs:,} inputs in {seconds:.1f} s; "
        f"foreign exceptions {tally.count('foreign')}, hangs {tally.count('hang')}, "
        f"wrong {tally.count('wrong')}; {outcomes}",
        flush=True,
    )
    problems = campaign.problems(tally, seed=given.seed)
    if problems and given.count != 1:
        print(problems, flush=True)
    elif tally.findings:
        print(tally.findings[0].words)
    return not (tally.findings if given.count == 1 else problems)


def _run_properties() -> bool:
    # In a process of its own, so that pytest can rewrite what was imported here.
    found = subprocess.run([sys.executable, "-m", "pytest", "tests", *_PYTEST], check=False)
    print(f"{PROPERTIES}: {EXAMPLES:,} examples each; pytest ended with {found.returncode}")
    return found.returncode == pytest.ExitCode.OK


_PYTEST: Final = (
    *("-p", "tests.fuzz.deep", "--hypothesis-profile", "deep", "-m", "hypothesis"),
    *("-q", "-p", "no:cacheprovider", "--timeout", "1800"),
)

if __name__ == "__main__":
    main()
