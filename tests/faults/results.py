"""The outcomes of a run of the matrix, as the table that users read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from .catalogue import FAULTS, cells, count
from .fault import OPERATIONS, Cell, Fault

TABLE: Final = Path(__file__).parents[1] / "FAULTS.md"
"""Where the table is."""

_GROUPS: Final = {
    "n": "No connection",
    "s": "A connection that breaks",
    "h": "Heads",
    "b": "Bodies on the wire",
    "j": "JSON",
    "m": "Answers about something else, and lists that contradict themselves",
    "e": "Answers that are errors",
    "l": "Headers about the rate limit",
    "x": "The caller, the process, the machine",
}

_LEGEND: Final = """\
# What happens when...

Each cell is the outcome of a test (`tests/faults/test_matrix.py`, by the name `fault-operation`),
written by `python -m tests.faults.table` from a run of it.  Each also makes sure, where it makes
sense, that the server saw as many attempts as the client counted, that the call ended within its
deadline, that no place in the pool or in the line, no task and no file descriptor is left, that
the next call succeeds, and that the error shows no secret.

GET reads a workflow; PUT and DELETE are sent again as it is.  POST creates one; PATCH is the same.
TOK refreshes a token of OAuth 2.0 for which three callers wait.  PAGE goes on to the second page of
a list; what was delivered stays valid, and reading on from there loses no row and doubles none.
HOOK is the same fault in a delivery to our receiver, behind aiohttp.web and behind uvicorn.

| outcome | meaning |
|---|---|
| `ok` | success, with one attempt |
| `R Error` | sent again, and well if a later attempt is; else this after 3 attempts (429, 503: 5) |
| `R1 Error` | the same, sent again once at most |
| `R1! Error` | sent again once; the second answer is this error |
| `E Error` | this error at once |
| `U Error` | sent once; this, or `OutcomeUnknownError` of it: it may have been applied |
| `x` | it stops, and leaves nothing |
| `400/0` | the status answered to a delivery (`-`: none), and calls of the handler |
| | it makes no sense there, for a reason below where that is not plain |

Where a fault comes in several ways that end differently, or the two servers of HOOK answer
differently, all outcomes are named.
"""


def render(outcomes: Mapping[str, str]) -> str:
    """Return the table.

    Args:
        outcomes: What was seen, by the name of the cell.
    """
    reasons: dict[str, int] = {}
    parts = [_LEGEND, _figures()]
    for letter, title in _GROUPS.items():
        lines = [f"## {title}", "", f"| | fault | {' | '.join(OPERATIONS)} |"]
        lines.append("|---|---|" + "---|" * len(OPERATIONS))
        group = [fault for fault in FAULTS if fault.id.startswith(letter)]
        lines += [_row(fault, outcomes, reasons) for fault in group]
        parts.append("\n".join([*lines, ""]))
    notes = [f"{number}. {reason}" for reason, number in reasons.items()]
    return "\n".join([*parts, "## Without a meaning", "", *notes, ""])


def _figures() -> str:
    counted = count()
    return (
        f"{len(FAULTS)} faults by {len(OPERATIONS)} operations are {counted.total()} cells: "
        f"{counted['tested']} tested, {counted['n/a']} without a meaning.\n"
    )


def _row(fault: Fault, outcomes: Mapping[str, str], reasons: dict[str, int]) -> str:
    shown = (_shown(Cell(fault, name), outcomes, reasons) for name in OPERATIONS)
    return f"| {fault.id} | {fault.words} | {' | '.join(shown)} |"


def _shown(cell: Cell, outcomes: Mapping[str, str], reasons: dict[str, int]) -> str:
    if cell.kind == "n/a":
        return f"({reasons.setdefault(cell.reason, len(reasons) + 1)})" if cell.reason else ""
    return ", ".join(f"`{outcome}`" for outcome in outcomes[cell.id].split(", "))


def promised() -> dict[str, str]:
    """Return what the catalogue promises of each cell that is tested."""
    return {cell.id: cell.promised for cell in cells() if cell.is_tested}


def read(table: str) -> dict[str, str]:
    """Return the outcomes that a table shows."""
    found: dict[str, str] = {}
    for line in re.findall(r"^\| ([a-z]\d+) \| (.*) \|$", table, re.MULTILINE):
        name, rest = line
        for operation, shown in zip(OPERATIONS, rest.split(" | ")[1:], strict=True):
            if "`" in shown:
                found[f"{name}-{operation}"] = shown.replace("`", "").strip()
    return found
