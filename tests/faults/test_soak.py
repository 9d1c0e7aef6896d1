"""A soak of twenty seconds; that of half an hour is a command: `python -m tests.faults.soak`."""

from __future__ import annotations

import pytest

from .soak import soak

SECONDS = 20.0
REQUESTS = 25_000
"""What a fast machine does not need the time for."""


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_nothing_grows_is_lost_or_comes_twice() -> None:
    """After thousands of requests, a twentieth of which went wrong, all is as it was."""
    figures = await soak(REQUESTS, seconds=SECONDS, seed=7, rounds=8)

    assert [] == figures.problems
    assert figures.lists > 0
    assert 15 < len(figures.faults)
    assert set(figures.errors) >= {"OutcomeUnknownError", "(given up)"}
