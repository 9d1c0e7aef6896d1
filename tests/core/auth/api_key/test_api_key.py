"""API keys: where they come from, what is sent, what is never shown."""

from __future__ import annotations

import asyncio
import copy
import functools
import logging
import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cloudflow_async._core.auth import ApiKeyAuth, Refusal
from cloudflow_async._core.errors import (
    CredentialError,
    CredentialWarning,
    InvalidArgumentError,
    NoCredentialsError,
)
from cloudflow_async._core.messages import Request
from tests.core.auth.exposure import exposed_by
from tests.core.auth.leaks import shows

KEY = "cf_live_0123456789abcd"
NEXT = "cf_live_0123456789next"
DAY = 86_400.0
CREATED_AT = 1_769_251_500.0
REQUEST = Request(method="GET", path="/workflows", target="/workflows")


async def test_a_key_goes_into_its_header() -> None:
    """API document, Authentication: ``X-API-Key``."""
    assert {"X-API-Key": KEY} == await ApiKeyAuth(KEY).sign(REQUEST)


@pytest.mark.parametrize("key", ["", " ", None, 7, b"cf_live_x", f"{KEY}\n", f"{KEY}\r\nX: y", "é"])
def test_what_no_header_can_carry_is_refused(key: Any) -> None:
    """When it is made, and without showing it."""
    with pytest.raises(InvalidArgumentError, match="API key") as caught:
        ApiKeyAuth(key)
    with pytest.raises(InvalidArgumentError, match="API key") as next_caught:
        ApiKeyAuth(KEY, next_key=key if key is not None else "")

    assert KEY not in exposed_by(caught.value)
    assert KEY not in exposed_by(next_caught.value)


async def test_a_callable_is_asked_before_each_request() -> None:
    """So that a rotated key is picked up; it may be a coroutine function."""
    keys = iter(["cf_live_old", "cf_live_new"])

    async def vault() -> str:
        return next(keys)

    auth = ApiKeyAuth(vault)

    assert {"X-API-Key": "cf_live_old"} == await auth.sign(REQUEST)
    assert {"X-API-Key": "cf_live_new"} == await auth.sign(REQUEST)


@pytest.mark.parametrize("given", ["", None, f"{KEY}\n"])
async def test_a_callable_that_gives_no_key_is_a_credential_error(given: Any) -> None:
    """It is not the caller of the method who gave a wrong argument; the key is not shown."""
    with pytest.raises(CredentialError, match="gave none that is usable") as caught:
        await ApiKeyAuth(lambda: given).sign(REQUEST)

    assert KEY not in exposed_by(caught.value)
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


async def test_a_refused_key_gives_way_to_the_next_one(caplog: pytest.LogCaptureFixture) -> None:
    """For good: a refusal of the next one is final, those of the first one come late."""
    caplog.set_level(logging.INFO, "cloudflow_async")
    auth = ApiKeyAuth(KEY, next_key=NEXT)
    first, second = Refusal(signed={"X-API-Key": KEY}), Refusal(signed={"X-API-Key": NEXT})
    before = await auth.sign(REQUEST)
    renewed = [await auth.renew(it) for it in (first, first, second, first)]

    assert {"X-API-Key": KEY} == before
    assert [True, True, False, True] == renewed
    assert {"X-API-Key": NEXT} == await auth.sign(REQUEST)
    assert ["The API key was refused; from now on the next one is used"] == caplog.messages


async def test_a_callable_is_asked_again_before_the_next_key_has_its_turn() -> None:
    """All who were refused at the same time are told that there is another key."""
    keys = iter([KEY, KEY, "cf_live_new", KEY, KEY, KEY])

    async def vault() -> str:
        await asyncio.sleep(0)
        return next(keys)

    auth = ApiKeyAuth(vault, next_key=lambda: NEXT)
    refusal = Refusal(signed=await auth.sign(REQUEST))
    alone = await auth.renew(refusal), await auth.renew(refusal)
    together = await asyncio.gather(auth.renew(refusal), auth.renew(refusal))

    assert (True, True) == alone
    assert [True, True] == together
    assert {"X-API-Key": NEXT} == await auth.sign(REQUEST)


@pytest.mark.parametrize(
    ("key", "environment"),
    [("cf_live_x", "live"), ("cf_test_x", "test"), ("other", None), ("xcf_live_", None)],
)
async def test_what_a_key_is_for_is_read_from_its_beginning(
    key: str, environment: str | None
) -> None:
    """API document, Security Notes; of a callable it is known once it was asked."""
    asked = ApiKeyAuth(lambda: key)
    before = asked.environment
    await asked.sign(REQUEST)

    assert environment == ApiKeyAuth(key).environment
    assert (None, environment) == (before, asked.environment)


@pytest.mark.parametrize("given", [CREATED_AT, datetime.fromtimestamp(CREATED_AT, tz=UTC)])
async def test_an_old_key_is_warned_of_once(given: Any) -> None:
    """API document, Security Notes: "Rotate keys every 90 days"; ten of them are left then."""
    now = CREATED_AT + 80 * DAY
    auth = ApiKeyAuth(KEY, created_at=given, clock=lambda: now)
    await auth.sign(REQUEST)
    now += 1

    with pytest.warns(CredentialWarning, match="80 days old.*90 days, 10 days are left") as caught:
        await auth.sign(REQUEST)
    await auth.sign(REQUEST)

    assert [__file__] == [it.filename for it in caught]


@pytest.mark.parametrize(
    ("age", "message"), [(89.9, "89 days old.*1 days are left"), (90.1, "90 days.*it is overdue")]
)
def test_a_key_that_is_old_already_is_warned_of_at_once(age: float, message: str) -> None:
    """Nor is it refused after 90 days: that is the server's business."""
    now = CREATED_AT + age * DAY

    with pytest.warns(CredentialWarning, match=message):
        ApiKeyAuth(KEY, created_at=CREATED_AT, clock=lambda: now)


async def test_the_next_keys_age_is_not_that_of_the_first() -> None:
    """After the change there is nothing to rotate."""
    now = CREATED_AT
    auth = ApiKeyAuth(KEY, next_key=NEXT, created_at=CREATED_AT, clock=lambda: now)
    await auth.renew(Refusal(signed={"X-API-Key": KEY}))
    now += 100 * DAY

    assert {"X-API-Key": NEXT} == await auth.sign(REQUEST)


@pytest.mark.parametrize("given", [datetime(2026, 1, 20), "2026-01-20", True, float("nan")])  # noqa: DTZ001 - it is refused
def test_an_age_needs_an_instant(given: Any) -> None:
    """A datetime without a zone names none."""
    with pytest.raises(InvalidArgumentError, match="created_at is a datetime with a time zone"):
        ApiKeyAuth(KEY, created_at=given)


async def test_a_file_can_hold_the_key(tmp_path: Path) -> None:
    """Its age can be told too; the file is read when the key is needed."""
    path = tmp_path / "key"
    now = CREATED_AT + 90 * DAY
    with pytest.warns(CredentialWarning, match="90 days old"):
        auth = ApiKeyAuth.from_file(path, strict=True, created_at=CREATED_AT, clock=lambda: now)
    shown = repr(auth)
    write_private(path, f"{KEY}\n")

    assert {"X-API-Key": KEY} == await auth.sign(REQUEST)
    assert f"ApiKeyAuth(the file '{path}')" == shown
    assert "live" == auth.environment


async def test_a_file_is_read_again_when_the_key_was_refused(tmp_path: Path) -> None:
    """It may have been rotated; else the refusal is final."""
    path = tmp_path / "key"
    write_private(path, KEY)
    auth = ApiKeyAuth.from_file(path)
    refusal = Refusal(signed=await auth.sign(REQUEST))
    unchanged = await auth.renew(refusal)
    write_private(path, NEXT)
    renewed = await auth.renew(refusal)

    assert (False, True) == (unchanged, renewed)
    assert {"X-API-Key": NEXT} == await auth.sign(REQUEST)


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
        (ApiKeyAuth(KEY, next_key=NEXT), "ApiKeyAuth(***abcd, next_key=***next)"),
    ],
)
def test_the_key_is_not_shown(auth: ApiKeyAuth, shown: str) -> None:
    """Neither as it is nor among the arguments of a callable."""
    assert shown == repr(auth)


def test_its_attributes_do_not_show_the_key() -> None:
    """Tools that walk through `vars()` of everything find a `Secret`."""
    assert not shows(ApiKeyAuth(KEY, next_key=functools.partial(str, KEY)), KEY)


@pytest.mark.parametrize("travel", [pickle.dumps, copy.copy, copy.deepcopy])
@pytest.mark.parametrize("auth", [ApiKeyAuth(KEY), ApiKeyAuth.from_environment()])
def test_it_does_not_travel(travel: Callable[[Any], Any], auth: ApiKeyAuth) -> None:
    """A credential is made anew in each process."""
    with pytest.raises(TypeError, match="make it anew"):
        travel(auth)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read."""
    path.write_text(text)
    path.chmod(0o600)
