"""Each fault in each operation: the outcome is the one that is promised."""

from __future__ import annotations

import pytest
from aiohttp.helpers import DEBUG

from .catalogue import live_cells
from .fault import Cell
from .trying import play

pytestmark = pytest.mark.virtual_time


@pytest.mark.parametrize("cell", live_cells(), ids=lambda cell: cell.id)
async def test_cell(cell: Cell) -> None:
    """The outcome is as promised, and nothing stays behind."""
    if cell.fault.is_lax and DEBUG:
        pytest.skip("in development mode aiohttp is strict")
    outcome = await play(cell)

    assert cell.promised == outcome
