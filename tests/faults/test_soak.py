"""A soak of seconds; that of half an hour is a command: `python -m tests.faults.soak`."""

from __future__ import annotations

import pytest

from .soak import soak

REQUESTS = 1500


@pytest.mark.slow
@pytest.mark.timeout(90)
async def test_nothing_grows_is_lost_or_comes_twice() -> None:
    """After fifteen hundred requests, a tenth of which went wrong, all is as it was."""
    figures = await soak(REQUESTS, seconds=60, seed=7, share=0.1, rounds=4)

    assert [] == figures.problems
    assert figures.lists > 0
    assert REQUESTS <= figures.samples[-1].requests
    assert 15 < len(figures.faults)
    assert set(figures.errors) >= {"OutcomeUnknownError", "(given up)"}
