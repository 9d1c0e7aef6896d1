"""What importing costs, against ``import aiohttp``, each in an interpreter of its own.

``python -m benchmarks.imports [rounds]``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec

from benchmarks.measure import Table, interleave, table

_PROGRAM = """
import time
begun = time.perf_counter()
{statement}
print(time.perf_counter() - begun)
"""
PEERS = ("requests", "httpx", "pydantic")
USED = "from cloudflow_async import CloudFlow"


def _seconds(statement: str) -> float:
    program = _PROGRAM.format(statement=statement)
    # A user's second start finds compiled modules; without them, it is Python's compiler that
    # would be measured.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    )
    return float(done.stdout)


def run(*, rounds: int, peers: Sequence[str] = PEERS) -> Table:
    """Return the table; of the peers, those that are installed take part."""
    statements = {
        "import aiohttp (the floor)": "import aiohttp",
        USED: USED,
        "import cloudflow_async, nothing used": "import cloudflow_async",
    }
    runs: dict[str, Callable[[], float]] = {
        name: partial(_seconds, statement) for name, statement in statements.items()
    }
    for name in peers:
        if find_spec(name):
            runs[f"import {name}"] = partial(_seconds, f"import {name}")
    for compile_it in runs.values():
        compile_it()
    return table("Import time", interleave(runs, rounds), unit="ms", scale=1e3)


if __name__ == "__main__":
    print(run(rounds=int((sys.argv[1:] or ["15"])[0])))
