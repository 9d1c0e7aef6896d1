"""Answers of 1 MB that become 1 GiB, and what they cost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

CAP = 4
"""MiB."""

TOO_LARGE = ("ResponseTooLargeError", False)
NO_JSON = ("DecodeError", True)


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_a_bomb_costs_little_more_than_the_cap() -> None:
    """It is an error, its connection is closed, and the next call succeeds on another one.

    What is in the bomb, if it is another one, stays as it is: it is no JSON.
    """
    ended = subprocess.run(
        [sys.executable, "-W", "default", "-m", "tests.faults.bombs_program", str(CAP)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        timeout=50,
        check=True,
    )
    found = json.loads(ended.stdout)
    expected = dict.fromkeys(["/gzip", "/gzip-chunks", "/deflate", "/deflate-chunks"], TOO_LARGE)
    expected |= dict.fromkeys(["/gzip-in-gzip", "/gzip-gzip"], NO_JSON)

    assert expected == {each["path"]: (each["error"], each["same connection"]) for each in found}
    assert max(each["MiB"] for each in found) <= CAP + 8
    assert b"" == ended.stderr
