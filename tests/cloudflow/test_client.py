"""How a client is made: its credential, its limits, its refusals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cloudflow_async import (
    AnonymousAuth,
    ApiKeyAuth,
    AuthenticationError,
    CloudFlow,
    InvalidArgumentError,
    NoCredentialsError,
)
from cloudflow_async._core.auth.chain import AuthChain
from cloudflow_async.emulator import Emulator
from tests.canaries import API_KEY, Lookout

Write = Callable[..., None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, emulator: Emulator) -> Write:
    """Return what writes profiles whose key the emulator knows."""
    path = tmp_path / "config.toml"
    monkeypatch.setenv("CLOUDFLOW_CONFIG", str(path))
    monkeypatch.setenv("PROFILE_KEY", emulator.api_key)

    def write(name: str, *lines: str) -> None:
        path.write_text("\n".join([f"[profiles.{name}]", *lines]))

    return write


KEY_LINES = ('auth = "api_key"', 'api_key_env = "PROFILE_KEY"')


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


async def test_profile(emulator: Emulator, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile says who one is, where, and how fast; the environment is not asked."""
    monkeypatch.setenv("CLOUDFLOW_API_KEY", "cf_live_other")
    monkeypatch.setenv("CLOUDFLOW_BASE_URL", "https://other/v2")
    write("work", *KEY_LINES, f'base_url = "{emulator.base_url}"', 'tier = "enterprise"')
    async with CloudFlow(profile="work") as cf:
        await cf.workflows.list()

        assert emulator.base_url == cf.base_url
    assert emulator.api_key == emulator.requests[-1].headers["X-API-Key"]
    assert 1000 == CloudFlow(profile="work").rate_limit.limit


async def test_profile_that_is_found(emulator: Emulator, write: Write) -> None:
    """A bare client takes the profile called default, with its base URL and tier."""
    write("default", *KEY_LINES, f'base_url = "{emulator.base_url}"', 'tier = "enterprise"')
    async with CloudFlow() as cf:
        assert 1000 == cf.rate_limit.limit
        await cf.workflows.list()

    assert emulator.api_key == emulator.requests[-1].headers["X-API-Key"]


def test_profile_and_base_url(write: Write) -> None:
    """A base URL that is given explicitly wins; a profile without one speaks to the documented."""
    write("work", *KEY_LINES, 'base_url = "https://a/v2"')
    assert "https://a/v2" == CloudFlow(profile="work").base_url
    assert "https://b/v2" == CloudFlow(profile="work", base_url="https://b/v2").base_url

    write("work", *KEY_LINES)
    assert "https://api.cloudflow.io/v2" == CloudFlow(profile="work").base_url


def test_profile_that_is_missing(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was asked for fails when the client is made."""
    write("work", *KEY_LINES)

    with pytest.raises(NoCredentialsError, match="no profile 'play'; it has: work"):
        CloudFlow(profile="play")
    monkeypatch.setenv("CLOUDFLOW_PROFILE", "play")
    with pytest.raises(NoCredentialsError, match="no profile 'play'; it has: work"):
        CloudFlow()


def test_base_url_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes with credentials that are looked for, and not with those that are given."""
    monkeypatch.setenv("CLOUDFLOW_BASE_URL", "https://e/v2")

    assert "https://e/v2" == CloudFlow().base_url
    assert "https://e/v2" == CloudFlow(auth=AuthChain.default()).base_url
    assert "https://b/v2" == CloudFlow(base_url="https://b/v2").base_url
    assert "https://api.cloudflow.io/v2" == CloudFlow("cf_test_key").base_url
    assert "https://api.cloudflow.io/v2" == CloudFlow(auth=AnonymousAuth()).base_url


async def test_chain(emulator: Emulator) -> None:
    """A chain of one's own is a credential like any other."""
    chain = AuthChain(ApiKeyAuth.from_environment(), ApiKeyAuth(emulator.api_key))
    async with CloudFlow(auth=chain, base_url=emulator.base_url) as cf:
        await cf.workflows.list()

    assert "CloudFlow http" in repr(cf)
    assert emulator.api_key not in repr(cf)
    assert [200] == [request.status for request in emulator.requests]


@pytest.mark.parametrize(
    "given",
    [
        {"api_key": "cf_test_key", "auth": AnonymousAuth()},
        {"api_key": "cf_test_key", "profile": "work"},
        {"auth": AnonymousAuth(), "profile": "work"},
    ],
    ids=",".join,
)
def test_two_credentials(given: dict[str, Any]) -> None:
    """Two credentials are one too many."""
    with pytest.raises(InvalidArgumentError, match="not both"):
        CloudFlow(**given)


@pytest.mark.parametrize(
    "given",
    [
        {"api_key": f"{API_KEY}\n"},
        {"api_key": API_KEY, "auth": AnonymousAuth()},
        {"api_key": API_KEY, "timeout": 0},
        {"api_key": API_KEY, "base_url": "http://cloudflow"},
    ],
    ids=["key", "auth", "timeout", "base_url"],
)
def test_no_refusal_shows_the_key(given: dict[str, Any]) -> None:
    """Whatever is wrong with the arguments, not in the text nor in the variables of our frames."""
    lookout = Lookout()
    with pytest.raises(InvalidArgumentError) as caught:
        CloudFlow(**given)
    lookout.see("error", caught.value)

    assert [] == lookout.finds()
