"""A key as a bearer token: where it comes from, and that it does not show."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from cloudflow_async import (
    AnonymousAuth,
    CredentialError,
    InvalidArgumentError,
    NoCredentialsError,
)
from cloudflow_async._core.auth import Refusal
from cloudflow_async._core.messages import Request
from cloudflow_async.techflow import BearerKeyAuth, TechFlow
from tests.canaries import API_KEY, Lookout

REQUEST = Request(method="GET", path="/workflows", target="/workflows")
TF_KEY = API_KEY.removeprefix("cf_live_")
"""A planted secret, as TechFlow would call it."""


async def test_signature() -> None:
    """One header, as the document has it."""
    signed = await BearerKeyAuth("your_key").sign(REQUEST)

    assert {"Authorization": "Bearer your_key"} == signed


async def test_a_callable_is_asked_again() -> None:
    """A rotated key is picked up; a refusal of the old one is worth another attempt."""
    keys = ["old", "new"]
    auth = BearerKeyAuth(lambda: keys[0])
    signed = await auth.sign(REQUEST)

    assert not await auth.renew(Refusal(signed=signed))
    keys.pop(0)
    assert await auth.renew(Refusal(signed=signed))
    assert {"Authorization": "Bearer new"} == await auth.sign(REQUEST)


async def test_a_file_is_read_again(tmp_path: Path) -> None:
    """Of a file the first line counts; it is read anew once the key is refused."""
    path = tmp_path / "key"
    path.write_text("old\n")
    path.chmod(0o600)
    auth = BearerKeyAuth.from_file(path)
    signed = await auth.sign(REQUEST)
    path.write_text("new\n")

    assert isinstance(auth, BearerKeyAuth)
    assert await auth.renew(Refusal(signed=signed))
    assert {"Authorization": "Bearer new"} == await auth.sign(REQUEST)


async def test_a_refusal_of_something_else() -> None:
    """Where another credential was refused, this one is worth an attempt."""
    assert await BearerKeyAuth("your_key").renew(Refusal(signed={"X-API-Key": "your_key"}))
    assert await BearerKeyAuth("your_key").renew(Refusal(signed={}))


async def test_nothing_shows_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the reprs, nor the errors with the variables of our frames in their tracebacks."""
    lookout = Lookout()
    monkeypatch.setenv("TECHFLOW_API_KEY", API_KEY)
    from_environment = BearerKeyAuth.from_environment()
    given = BearerKeyAuth(TF_KEY)

    with lookout.listening():
        lookout.see("credential", given)
        lookout.see("client", TechFlow(TF_KEY))
        lookout.copies("credential", given)
        await lookout.watch(from_environment.sign(REQUEST))
        await lookout.watch(BearerKeyAuth(lambda: f"{TF_KEY}\n").sign(REQUEST))
        await lookout.watch(BearerKeyAuth(lambda: f"{TF_KEY}\n").renew(Refusal(signed={})))
        lookout.see("environment", from_environment)

    assert [] == lookout.finds()
    assert repr(given).startswith("BearerKeyAuth(***")


@pytest.mark.parametrize(
    "given",
    [
        {"api_key": f"{TF_KEY}\n"},
        {"api_key": TF_KEY, "auth": AnonymousAuth()},
        {"api_key": TF_KEY, "timeout": 0},
        {"api_key": TF_KEY, "base_url": "http://techflow"},
    ],
    ids=["key", "auth", "timeout", "base_url"],
)
def test_no_refusal_shows_the_key(given: dict[str, Any]) -> None:
    """Whatever is wrong with the arguments of a client."""
    lookout = Lookout()
    with pytest.raises(InvalidArgumentError) as caught:
        TechFlow(**given)
    lookout.see("error", caught.value)

    assert [] == lookout.finds()


async def test_keys_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """The errors are those of other keys."""
    monkeypatch.setenv("TECHFLOW_API_KEY", API_KEY)

    with pytest.raises(NoCredentialsError, match="a key of CloudFlow's"):
        await BearerKeyAuth.from_environment().sign(REQUEST)
    with pytest.raises(CredentialError, match="gave none that is usable"):
        await BearerKeyAuth(lambda: "").sign(REQUEST)
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(BearerKeyAuth("your_key"))
