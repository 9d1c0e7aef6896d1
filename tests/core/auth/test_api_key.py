"""API keys: where they come from, what is sent, what is never shown."""

from __future__ import annotations

import copy
import functools
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from cloudflow_async._core.auth import ApiKeyAuth, Refusal
from cloudflow_async._core.errors import (
    CredentialError,
    InvalidArgumentError,
    NoCredentialsError,
)
from cloudflow_async._core.messages import Request

KEY = "cf_live_0123456789abcd"
REQUEST = Request(method="GET", path="/workflows", target="/workflows")


async def test_a_key_goes_into_its_header() -> None:
    """API document, Authentication: ``X-API-Key``."""
    assert {"X-API-Key": KEY} == await ApiKeyAuth(KEY).sign(REQUEST)


@pytest.mark.parametrize("key", ["", " ", None, 7, b"cf_live_x", f"{KEY}\n", f"{KEY}\r\nX: y", "é"])
def test_what_no_header_can_carry_is_refused(key: Any) -> None:
    """When it is made, and without showing it."""
    with pytest.raises(InvalidArgumentError, match="API key") as caught:
        ApiKeyAuth(key)

    assert KEY not in str(caught.value)


async def test_a_callable_is_asked_before_each_request() -> None:
    """So that a rotated key is picked up."""
    keys = iter(["cf_live_old", "cf_live_new"])
    auth = ApiKeyAuth(lambda: next(keys))

    assert {"X-API-Key": "cf_live_old"} == await auth.sign(REQUEST)
    assert {"X-API-Key": "cf_live_new"} == await auth.sign(REQUEST)


@pytest.mark.parametrize("given", ["", None, f"{KEY}\n"])
async def test_a_callable_that_gives_no_key_is_a_credential_error(given: Any) -> None:
    """It is not the caller of the method who gave a wrong argument; the key is not shown."""
    with pytest.raises(CredentialError, match="gave none that is usable") as caught:
        await ApiKeyAuth(lambda: given).sign(REQUEST)

    assert KEY not in str(caught.value)
    assert caught.value.__context__ is None


async def test_what_a_callable_raises_reaches_the_caller() -> None:
    """It is the caller's own error, about the caller's own file or vault."""

    def fail() -> str:
        raise FileNotFoundError("vault")

    with pytest.raises(FileNotFoundError, match="vault"):
        await ApiKeyAuth(fail).sign(REQUEST)


async def test_a_401_is_answered_with_another_key_if_there_is_one() -> None:
    """A constant key has been refused for good; a callable may have changed its mind."""
    refusal = Refusal(signed={"X-API-Key": KEY})

    assert not await ApiKeyAuth(KEY).renew(refusal)
    assert not await ApiKeyAuth(lambda: KEY).renew(refusal)
    assert await ApiKeyAuth(lambda: "cf_live_new").renew(refusal)


async def test_the_environment_is_read_when_the_key_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A variable set after the client was made still counts."""
    monkeypatch.delenv("CLOUDFLOW_API_KEY", raising=False)
    auth = ApiKeyAuth.from_environment()
    monkeypatch.setenv("CLOUDFLOW_API_KEY", KEY)

    assert {"X-API-Key": KEY} == await auth.sign(REQUEST)


@pytest.mark.parametrize("value", [None, "", "  "])
async def test_an_environment_without_a_key_says_what_was_looked_for(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    """Both ways to give one are named."""
    monkeypatch.delenv("CLOUDFLOW_API_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("CLOUDFLOW_API_KEY", value)

    with pytest.raises(NoCredentialsError, match=r"api_key=.*CLOUDFLOW_API_KEY is not set"):
        await ApiKeyAuth.from_environment().sign(REQUEST)


@pytest.mark.parametrize(
    ("auth", "shown"),
    [
        (ApiKeyAuth(KEY), "ApiKeyAuth(***abcd)"),
        (ApiKeyAuth(functools.partial(str, KEY)), "ApiKeyAuth(a callable)"),
    ],
)
def test_the_key_is_not_shown(auth: ApiKeyAuth, shown: str) -> None:
    """Neither as it is nor among the arguments of a callable."""
    assert shown == repr(auth)


def test_its_attributes_do_not_show_the_key() -> None:
    """Tools that print `vars()` of everything find a `Secret`."""
    assert KEY not in str(vars(ApiKeyAuth(KEY)))


@pytest.mark.parametrize("travel", [pickle.dumps, copy.deepcopy])
def test_it_does_not_travel(travel: Callable[[Any], Any]) -> None:
    """A credential is made anew in each process."""
    with pytest.raises(TypeError, match="make it anew"):
        travel(ApiKeyAuth(KEY))
