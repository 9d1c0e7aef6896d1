"""An emulator on a clock that the test turns, and the plainest client that can talk to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import aiohttp
import attrs
import pytest

from cloudflow_async.emulator import Emulator

DOCUMENTS = Path(__file__).parent.parent / "documents"

NOON = 1_769_256_000
"""2026-01-24T12:00:00Z."""


@attrs.define
class Clock:
    """Unix seconds, turned by hand."""

    now: float = NOON

    def __call__(self) -> float:
        """Return the instant to which it was turned."""
        return self.now


@attrs.frozen
class Answer:
    """What came back."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        """The body's value."""
        return json.loads(self.body)

    @property
    def error(self) -> tuple[int, str, str | None]:
        """Status, code and field of a documented error."""
        error = self.json["error"]
        return self.status, error["code"], error.get("field")

    @property
    def ids(self) -> list[str]:
        """The ids of a page's rows."""
        return [row["id"] for row in self.json["data"]]


Api = Callable[..., Coroutine[Any, Any, Answer]]


async def until(happened: Callable[[], bool]) -> None:
    """Give the loop turns until something happened that sends no signal."""
    while not happened():  # noqa: ASYNC110 - it is the emulator that is watched, from outside
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> Clock:
    """Return the emulator's clock, at noon."""
    return Clock()


@pytest.fixture
async def emulator(clock: Clock) -> AsyncIterator[Emulator]:
    """Return a running emulator on the clock."""
    async with Emulator(clock=clock) as running:
        yield running


@pytest.fixture
async def api(emulator: Emulator) -> AsyncIterator[Api]:
    """Return a function that sends one request with the emulator's key."""
    async with aiohttp.ClientSession() as session:

        async def send(
            method: str,
            path: str,
            *,
            key: str | None = emulator.api_key,
            headers: dict[str, str] | None = None,
            **options: Any,
        ) -> Answer:
            sent = dict(headers or {})
            if key is not None:
                sent["X-API-Key"] = key
            url = emulator.base_url + path
            async with session.request(method, url, headers=sent, **options) as response:
                return Answer(response.status, response.headers, await response.read())

        yield send


@pytest.fixture
def document() -> Callable[[str], Any]:
    """Return a function that reads a JSON sample of the API document."""

    def read(name: str) -> Any:
        return json.loads((DOCUMENTS / "cloudflow" / name).read_text())

    return read
