"""A process that runs out of file descriptors; how one call fares is in `tests.faults`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

CALLS = 200


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_too_many_connections_for_the_process() -> None:
    """Calls without a connection fail as not sent, the others succeed; then all do again."""
    ended = subprocess.run(
        [sys.executable, "-W", "default", "-m", "tests.lifecycle.descriptors_program"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        timeout=50,
        check=True,
    )
    told = json.loads(ended.stdout)

    for method in ("GET", "POST"):
        assert {"ok", "TransportError, sent False"} == set(told[method])
        assert CALLS == sum(told[method].values())
    assert told["POST"]["ok"] == told["posts"]
    assert {"ok": CALLS} == told["again"]
    assert {} == told["left"]
    assert b"" == ended.stderr
