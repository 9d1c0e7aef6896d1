"""A list at a server on a bad network; millions of rows by `python -m tests.faults.rows`."""

from __future__ import annotations

import asyncio

import pytest

from .rows import FAULTS, read_at
from .soak_server import soak_server

ROWS = 500


@pytest.mark.slow
@pytest.mark.timeout(60)
async def test_a_bad_network_loses_and_doubles_no_row() -> None:
    """With and without retries, the client gives each row once, and in order.

    Of the first 15 requests 7 go wrong.
    """
    with soak_server(share=FAULTS, seed=7, rows=ROWS) as url:
        readings = await asyncio.gather(*(read_at(url, ROWS, seed) for seed in (0, 1, 5)))

    assert all(found.expected == found.seen for found in readings)
    assert any(found.errors for found in readings)
