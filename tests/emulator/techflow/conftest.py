"""The plainest client that can talk to the TechFlow half of the emulator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from cloudflow_async.emulator import Emulator
from cloudflow_async.emulator.techflow.seeding import TechFlowSeeding
from tests.emulator.conftest import Answer, Api


@pytest.fixture
def techflow(emulator: Emulator) -> TechFlowSeeding:
    """Return the TechFlow half of the running emulator."""
    return emulator.techflow


@pytest.fixture
async def ask(techflow: TechFlowSeeding) -> AsyncIterator[Api]:
    """Return a function that sends one request with a key, and takes what comes back as it is."""
    async with aiohttp.ClientSession(skip_auto_headers=["Content-Type"]) as session:

        async def send(
            method: str,
            path: str,
            *,
            key: str | None = techflow.api_key,
            headers: dict[str, str] | list[tuple[str, str]] | None = None,
            **options: Any,
        ) -> Answer:
            sent = list(headers.items()) if isinstance(headers, dict) else list(headers or [])
            if key is not None:
                sent.append(("Authorization", f"Bearer {key}"))
            url = techflow.base_url + path
            async with session.request(method, url, headers=sent, **options) as response:
                return Answer(response.status, response.headers, await response.read())

        yield send
