"""Programs that are interrupted by Ctrl-C."""

from __future__ import annotations

from pathlib import Path

import pytest

from .interrupts import PROGRAMS, interrupter

LONGEST = 2.0
"""Seconds between the signal and the end, by the promise; a busy machine gets as many again."""


@pytest.mark.slow
@pytest.mark.timeout(60)
async def test_whenever_it_comes(tmp_path: Path) -> None:
    """A script and a command end soon, as interrupted, and without a word of what they left."""
    async with interrupter(tmp_path, seed=7) as it:
        found = [await it.interrupt(program) for program in PROGRAMS * 5]

    for ended in found:
        assert [] == ended.noise, ended.said
        assert ended.status == 130 or (ended.status, ended.program) == (0, "command")
        assert ended.seconds <= 2 * LONGEST
    assert 8 <= sum(ended.status == 130 for ended in found)
