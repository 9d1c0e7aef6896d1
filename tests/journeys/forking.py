"""Runs the command again and again in forks of one process, so that each start costs no imports.

``python -m tests.journeys.forking`` reads the arguments of a command from each line of its input,
as JSON, and answers with two lines: the id of the process that runs it, and, when that has ended,
its exit status, or the negative number of the signal that ended it.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys

from cloudflow_async._core.codec.decode import prepare
from cloudflow_async.cli import main
from cloudflow_async.cli.export import resume as resuming
from cloudflow_async.cli.export import run as exporting
from cloudflow_async.cli.shared.console import CommandError
from cloudflow_async.cli.shared.extras import load

PAGE_SIZE = 10
"""Rows a request: few, so that a small history takes many."""

_EVERY = 0.004
"""Seconds between two saves."""


def _run(arguments: list[str]) -> int:
    exporting.PAGE_SIZE = PAGE_SIZE  # type: ignore[attr-defined,misc]
    resuming._EVERY = _EVERY  # type: ignore[misc]
    return main(arguments)


def _serve() -> None:
    with contextlib.suppress(CommandError):
        load("pyarrow.parquet", extra="parquet", wanted="Parquet")
    with contextlib.redirect_stdout(sys.stderr):
        main(["export", "--help"])
    prepare()
    child = None
    for line in sys.stdin:
        if child is not None:
            os.waitpid(child, 0)
        child = os.fork()
        if not child:
            os._exit(_run(json.loads(line)))
        print(child, flush=True)
        print(_end_of(child), flush=True)


def _end_of(child: int) -> int:
    """Return the status of a process, which stays a zombie: a late kill meets nobody else."""
    ended = os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert ended is not None
    return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status


if __name__ == "__main__":
    _serve()
