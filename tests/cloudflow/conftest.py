"""An emulator and a client on it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from cloudflow_async import CloudFlow
from cloudflow_async.emulator import Emulator


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """Return an emulator without any data."""
    async with Emulator() as emulator:
        yield emulator


@pytest.fixture
async def cf(emulator: Emulator) -> AsyncIterator[CloudFlow]:
    """Return a client with a key that may do everything."""
    async with CloudFlow(emulator.api_key, base_url=emulator.base_url) as cf:
        yield cf
