"""What importing costs, against ``import aiohttp``, each in an interpreter of its own."""

from __future__ import annotations

import os
import subprocess
import sys

from benchmarks.measure import interleave, table

_PROGRAM = """
import time
begun = time.perf_counter()
{statement}
print(time.perf_counter() - begun)
"""
_USED = "from cloudflow_async import CloudFlow"


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


def run(*, rounds: int) -> str:
    """Return the table."""
    runs = {
        "import aiohttp (the floor)": lambda: _seconds("import aiohttp"),
        "from cloudflow_async import CloudFlow": lambda: _seconds(_USED),
        "import cloudflow_async, nothing used": lambda: _seconds("import cloudflow_async"),
    }
    for compile_it in runs.values():
        compile_it()
    return table("Import time", interleave(runs, rounds), unit="ms", scale=1e3)
