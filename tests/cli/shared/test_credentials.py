"""Which credential a command uses."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cloudflow_async._core.auth import ApiKeyAuth
from cloudflow_async._core.errors import NoCredentialsError
from cloudflow_async.cli.shared.credentials import (
    check_techflow_key,
    choose_profile,
    find_credential,
)
from cloudflow_async.cli.shared.warnings import warnings_told


@pytest.mark.parametrize(
    ("given", "variable", "chosen"),
    [
        (None, None, "default"),
        (None, " ", "default"),
        (None, "work", "work"),
        ("home", "work", "home"),
        ("", "work", ""),
    ],
)
def test_which_profile_is_meant(
    given: str | None, variable: str | None, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The option wins over the environment, which wins over the profile of that name."""
    if variable is not None:
        monkeypatch.setenv("CLOUDFLOW_PROFILE", variable)

    assert chosen == choose_profile(given)


async def test_it_is_chosen_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an option: as a bare ``CloudFlow()`` does it."""
    monkeypatch.setenv("CLOUDFLOW_API_KEY", "cf_live_1")
    chain = await find_credential(None)

    assert isinstance(chain.chosen, ApiKeyAuth)
    assert "CLOUDFLOW_API_KEY" == chain.chosen_name


@pytest.mark.parametrize(
    ("base_url", "used"), [(None, "https://a/v2"), ("https://b/v2", "https://b/v2")]
)
def test_a_profile_that_is_named_is_the_only_one(
    base_url: str | None, used: str, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key in the environment is not looked at; the base URL that is given wins."""
    config.write_text('[profiles.work]\nauth = "anonymous"\nbase_url = "https://a/v2"\n')
    monkeypatch.setenv("CLOUDFLOW_API_KEY", "cf_live_1")
    chain = asyncio.run(find_credential("work", base_url=base_url))

    assert ("profile work", used) == (chain.chosen_name, chain.base_url)


async def test_its_lack_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    """The error says what was passed over; no warning says it before."""
    with pytest.raises(NoCredentialsError, match="CLOUDFLOW_JWT_ISSUER"), warnings_told():
        await find_credential(None)

    assert "" == capsys.readouterr().err


def test_what_was_passed_over_is_told(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who meant the key in the environment learns that another credential is used."""
    config.write_text('[profiles.default]\nauth = "anonymous"\n')
    monkeypatch.setenv("CLOUDFLOW_API_KEY", "cf_live_\x01")
    with warnings_told():
        chain = asyncio.run(find_credential(None))
    err = capsys.readouterr().err

    assert "profile default" == chain.chosen_name
    assert err.startswith("warning: Credentials: CLOUDFLOW_API_KEY cannot be used and is passed ")
    assert 1 == err.count("\n")


async def test_techflow_has_one_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of the environment, whose lack is told; CloudFlow's does not stand in for it."""
    monkeypatch.setenv("TECHFLOW_API_KEY", "tf_1")
    await check_techflow_key()
    for value, why in (("", "is not set"), ("cf_live_1", "holds a key of CloudFlow's")):
        monkeypatch.setenv("TECHFLOW_API_KEY", value)
        with pytest.raises(NoCredentialsError, match=f"TECHFLOW_API_KEY {why}"):
            await check_techflow_key()
