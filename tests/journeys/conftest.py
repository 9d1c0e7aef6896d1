"""The whole stack: client and emulator in one event loop, with real sockets between them."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from cloudflow_async import CloudFlow
from cloudflow_async.emulator import Emulator
from tests.canaries import Lookout

StartEmulator = Callable[..., Awaitable[Emulator]]
OpenClient = Callable[..., CloudFlow]


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    """Return what closes clients before emulators."""
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
async def start_emulator(
    stack: AsyncExitStack, virtual_clock: Callable[[], float]
) -> StartEmulator:
    """Return a function that starts an emulator on the test's virtual clock."""

    async def start(**options: Any) -> Emulator:
        return await stack.enter_async_context(Emulator(clock=virtual_clock, **options))

    return start


@pytest.fixture
async def open_client(stack: AsyncExitStack) -> OpenClient:
    """Return a function that makes a client of an emulator; it is closed at the end."""

    def open_client(emulator: Emulator, **options: Any) -> CloudFlow:
        client = CloudFlow(emulator.api_key, base_url=emulator.base_url, **options)
        stack.push_async_callback(client.close)
        return client

    return open_client


@pytest.fixture
def lookout() -> Iterator[Lookout]:
    """Return what looks for planted secrets; it hears all logs and warnings of the test."""
    lookout = Lookout()
    with lookout.listening():
        yield lookout


@pytest.fixture
def environment() -> Iterator[None]:
    """Undo what a test does to the environment."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)
