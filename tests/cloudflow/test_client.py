"""How a client is made: its credential, its limits, its refusals."""

from __future__ import annotations

import pytest

from cloudflow_async import (
    AnonymousAuth,
    ApiKeyAuth,
    AuthenticationError,
    CloudFlow,
    InvalidArgumentError,
    NoCredentialsError,
)
from cloudflow_async.emulator import Emulator


async def test_key_of_the_environment(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bare client takes its key from the environment, when it is first needed."""
    async with CloudFlow(base_url=emulator.base_url) as cf:
        monkeypatch.setenv("CLOUDFLOW_API_KEY", emulator.api_key)

        await cf.workflows.list()

    assert emulator.api_key == emulator.requests[-1].headers["X-API-Key"]


async def test_no_key(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any key nothing is sent, and the error says what was looked for."""
    monkeypatch.delenv("CLOUDFLOW_API_KEY", raising=False)
    async with CloudFlow(base_url=emulator.base_url) as cf:
        with pytest.raises(NoCredentialsError, match="CLOUDFLOW_API_KEY"):
            await cf.workflows.list()

    assert [] == emulator.requests


async def test_rotated_key(emulator: Emulator) -> None:
    """A callable is asked again, so that a rotated key is picked up."""
    keys = ["cf_test_expired_yesterday", emulator.api_key]
    async with CloudFlow(auth=ApiKeyAuth(lambda: keys[0]), base_url=emulator.base_url) as cf:
        with pytest.raises(AuthenticationError):
            await cf.workflows.list()
        keys.pop(0)

        await cf.workflows.list()

    assert [401, 200] == [request.status for request in emulator.requests]


async def test_anonymous(emulator: Emulator) -> None:
    """Without a credential the budget is 20 a minute, and no credential is sent."""
    async with CloudFlow(auth=AnonymousAuth(), base_url=emulator.base_url) as cf:
        with pytest.raises(AuthenticationError):
            await cf.workflows.list()

        assert 20 == cf.rate_limit.limit
    assert "X-API-Key" not in emulator.requests[-1].headers


def test_key_and_auth() -> None:
    """Two credentials are one too many."""
    with pytest.raises(InvalidArgumentError, match="not both"):
        CloudFlow("cf_test_key", auth=AnonymousAuth())
