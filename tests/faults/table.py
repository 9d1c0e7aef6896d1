"""Run the matrix, and write its outcomes into tests/FAULTS.md.

    python -m tests.faults.table [--tls]

It takes about ten seconds, and returns 1 when an outcome is not the one that is promised; then
nothing is written.  With --tls nothing is written either: the faults of answers are tried on
connections that speak TLS, and end as they do without it.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Iterable
from typing import Any

from tests.virtual_time import VirtualTimeLoop

from .catalogue import live_cells
from .fault import Cell
from .results import TABLE, promised, render
from .trying import play


def outcomes(cells: Iterable[Cell], **options: Any) -> dict[str, str]:
    """Try each cell on a loop of its own, and return what was seen."""
    seen: dict[str, str] = {}
    for cell in cells:
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            seen[cell.id] = runner.run(play(cell, **options))
    return seen


def _of_answers(cell: Cell) -> bool:
    ways = cell.fault.ways
    return cell.operation != "HOOK" and bool(ways) and all(way.at == "request" for way in ways)


def main(arguments: list[str]) -> int:
    """Write the table."""
    # What the receivers log of bad deliveries is not the subject.
    logging.disable(logging.CRITICAL)
    tls = "--tls" in arguments
    cells = filter(_of_answers, live_cells()) if tls else live_cells()
    seen, expected = outcomes(cells, **({"tls": True} if tls else {})), promised()
    different = [name for name in seen if seen[name] != expected[name]]
    for name in different:
        print(f"{name}: {seen[name]} instead of {expected[name]}")
    if not different:
        print(f"{len(seen)} cells are as promised{' over TLS' if tls else f'; see {TABLE}'}")
    if not (different or tls):
        TABLE.write_text(render(seen))
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
