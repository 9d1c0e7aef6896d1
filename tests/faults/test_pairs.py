"""Two faults, one after the other: what the matrix says of each tells what comes of both."""

from __future__ import annotations

import itertools

import pytest

from .operations import OPERATIONS
from .pairs import SEED, differs, pairs

pytestmark = pytest.mark.virtual_time

PARTS = 4
PAIRS = 50


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_pairs(operation: str, part: int) -> None:
    """Neither attempt hides the other, and nothing stays behind."""
    chosen = itertools.islice(pairs(operation, PARTS * PAIRS), part, None, PARTS)
    found = [await differs(pair) for pair in chosen]

    assert [] == [difference for difference in found if difference], f"seed {SEED}"
