"""A forked child and its parent do not get into each other's way."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """Return what children and parents told that forked while calls were under way."""
    arguments = ["-W", "default", "-m", "tests.lifecycle.forked_program", "http", "https"]
    ended = subprocess.run(
        [sys.executable, *arguments],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        timeout=50,
        check=True,
    )

    assert b"" == ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_child_is_told_to_make_a_client_of_its_own(told: dict[str, Any], scheme: str) -> None:
    """Whether it goes on in the parent's coroutine or begins a loop of its own."""
    assert "ForkedClientError" == told[scheme]["_goes_on"]
    assert "ForkedClientError" == told[scheme]["_begins_anew"]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_child_may_close_or_forget_the_client(told: dict[str, Any], scheme: str) -> None:
    """It closes for the child alone, and without a word."""
    assert ["ok", "ClientClosedError"] == told[scheme]["_closes"]
    assert "ok" == told[scheme]["_forgets"]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_child_may_use_what_the_parent_has_not(told: dict[str, Any], scheme: str) -> None:
    """A client that was made before the fork and not used belongs to who uses it first."""
    assert "ok" == told[scheme]["_has_its_own"]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_parent_goes_on(told: dict[str, Any], scheme: str) -> None:
    """Calls under way, and a hundred after them, get their answers on the connections of before."""
    assert 20 + 100 == told[scheme]["answered"]
    assert 0 == told[scheme]["new connections"]
