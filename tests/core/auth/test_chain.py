"""The chain of credentials: who is asked, who is passed over, who is never replaced."""

from __future__ import annotations

import asyncio
import copy
import logging
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from cloudflow_async._core.auth import AnonymousAuth, ApiKeyAuth, Auth, Refusal
from cloudflow_async._core.auth.chain import AuthChain
from cloudflow_async._core.errors import (
    AuthenticationError,
    CredentialError,
    InsecureFileError,
    InvalidArgumentError,
    NoCredentialsError,
    ReauthenticationRequiredError,
    TokenRequestError,
)
from cloudflow_async._core.messages import Request
from cloudflow_async._core.rate_limit.limits import RateLimits

KEY = "cf_live_canary0123456789"
REQUEST = Request(method="GET", path="/workflows", target="/workflows")
HEADERS = {"X-API-Key": KEY}


class Provider:
    """A credential that does what it is told, and counts."""

    def __init__(self, *errors: Exception | None, scopes: Any = None) -> None:
        self.asked = 0
        self.renewed = 0
        self.scopes = scopes
        self.gate = asyncio.Event()
        self.gate.set()
        self._errors = errors or (None,)

    async def sign(self, request: Request) -> Mapping[str, str]:
        """Raise the next error, or sign where there is none; the last one stays."""
        self.asked += 1
        error = self._errors[min(self.asked, len(self._errors)) - 1]
        await self.gate.wait()
        if error is not None:
            raise error
        return {"Authorization": f"Bearer of {request.path}"}

    async def renew(self, refusal: Refusal) -> bool:
        """Count, and say yes."""
        self.renewed += 1
        return True


@pytest.mark.parametrize(
    "error",
    [
        NoCredentialsError("It is not set."),
        ReauthenticationRequiredError("Nobody is logged in."),
        CredentialError("The key is junk."),
        InsecureFileError("Others can read it."),
        TokenRequestError("invalid_client", status=401, error="invalid_client"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_one_that_has_nothing_is_passed_over(error: Exception) -> None:
    """The next one signs, and the chain says which it is."""
    second = ApiKeyAuth(KEY)
    chain = AuthChain(Provider(error), second)

    assert chain.chosen is None
    assert chain.chosen_name is None
    assert HEADERS == await chain.sign(REQUEST)
    assert second is chain.chosen
    assert "ApiKeyAuth" == chain.chosen_name


@pytest.mark.parametrize(
    "error",
    [
        TokenRequestError("The token endpoint is down.", status=503, retryable=True),
        AuthenticationError("401"),
        OSError("the vault is locked"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_trouble_does_not_change_who_one_is(error: Exception) -> None:
    """What is not about the credential itself ends the call; the next call asks again."""
    first, second = Provider(error, None), Provider()
    chain = AuthChain(first, second)

    with pytest.raises(type(error)):
        await chain.sign(REQUEST)
    await chain.sign(REQUEST)

    assert first is chain.chosen
    assert 0 == second.asked


async def test_the_chosen_one_stays() -> None:
    """Its later errors are its own, and nobody else signs in its place."""
    first = Provider(None, ReauthenticationRequiredError("The login has ended."))
    second = Provider()
    chain = AuthChain(first, second)
    await chain.sign(REQUEST)

    with pytest.raises(ReauthenticationRequiredError, match="has ended"):
        await chain.sign(REQUEST)
    assert 0 == second.asked


async def test_the_first_request_is_signed_once() -> None:
    """Choosing costs no signature of its own."""
    first = Provider()
    chain = AuthChain(first)

    assert {"Authorization": "Bearer of /workflows"} == await chain.sign(REQUEST)
    assert 1 == first.asked


async def test_many_choose_once() -> None:
    """Tasks that sign at the same time wait for one choice; each gets its own signature."""
    absent, second = Provider(NoCredentialsError("nothing")), Provider()
    absent.gate.clear()
    chain = AuthChain(absent, second)
    paths = [f"/{number}" for number in range(100)]
    tasks = [
        asyncio.create_task(chain.sign(Request(method="GET", path=path, target=path)))
        for path in paths
    ]
    await asyncio.sleep(0)
    absent.gate.set()

    signed = await asyncio.gather(*tasks)

    assert 1 == absent.asked
    assert [f"Bearer of {path}" for path in paths] == [it["Authorization"] for it in signed]


async def test_cancelling_the_first_caller_leaves_the_others_alone() -> None:
    """The choice goes on, and is made once."""
    first = Provider()
    first.gate.clear()
    chain = AuthChain(first)
    leader, other = (asyncio.create_task(chain.sign(REQUEST)) for _ in range(2))
    await asyncio.sleep(0)
    leader.cancel()
    await asyncio.wait([leader])
    first.gate.set()

    assert {"Authorization": "Bearer of /workflows"} == await other
    assert first is chain.chosen
    assert leader.cancelled()


async def test_all_failed() -> None:
    """The error lists every one in order and why, and says what to do; a second try asks again."""
    login = Provider(ReauthenticationRequiredError("Nobody is logged in."), None)
    chain = AuthChain(ApiKeyAuth.from_environment(), login)

    with pytest.raises(NoCredentialsError) as caught:
        await chain.sign(REQUEST)

    (key, why), last = caught.value.tried
    assert "ApiKeyAuth" == key
    assert "CLOUDFLOW_API_KEY is not set" in why
    assert ("Provider", "Nobody is logged in") == last
    assert caught.value.message.startswith("No usable credentials were found. Tried in order: (1) ")
    assert "; (2) Provider: Nobody is logged in. Make one" in caught.value.message
    assert caught.value.__context__ is None
    assert {"Authorization": "Bearer of /workflows"} == await chain.sign(REQUEST)


async def test_reasons_are_fit_to_print() -> None:
    """Control characters are escaped, and a novel is cut short."""
    chain = AuthChain(Provider(CredentialError("\x1b[2J" + "x" * 1000)))

    with pytest.raises(NoCredentialsError) as caught:
        await chain.sign(REQUEST)

    ((_, why),) = caught.value.tried
    assert why.startswith("\\u001b[2Jxxx")
    assert 303 == len(why)


async def test_chains_nest() -> None:
    """The inner one is passed over as a whole, and its reasons are listed with the others."""
    inner = AuthChain(Provider(NoCredentialsError("a")), Provider(CredentialError("b")))
    chain = AuthChain(inner, Provider(NoCredentialsError("c"), None))

    with pytest.raises(NoCredentialsError) as caught:
        await chain.sign(REQUEST)

    assert ["a", "b", "c"] == [why for _, why in caught.value.tried]
    assert {"Authorization": "Bearer of /workflows"} == await AuthChain(chain).sign(REQUEST)


async def test_a_broken_one_is_told_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Once, with its reason; what is merely absent is none of the log's business."""
    chain = AuthChain(
        Provider(NoCredentialsError("absent")),
        Provider(CredentialError("It is junk.")),
        Provider(ReauthenticationRequiredError("logged out")),
    )
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            with pytest.raises(NoCredentialsError):
                await chain.sign(REQUEST)

    assert [("WARNING", "Credentials: Provider cannot be used and is passed over: It is junk")] == [
        (record.levelname, record.getMessage()) for record in caplog.records
    ]


async def test_a_refusal_is_answered_by_the_chosen_one() -> None:
    """Nobody else is asked; without a chosen one there is nothing to renew."""
    first, second = Provider(NoCredentialsError("nothing")), Provider()
    chain = AuthChain(first, second)
    refusal = Refusal(signed={})

    assert not await chain.renew(refusal)
    await chain.sign(REQUEST)
    assert await chain.renew(refusal)
    assert (0, 1) == (first.renewed, second.renewed)


class Renewing(Provider):
    """A credential that can be waited for."""

    waited = 0

    async def settled(self) -> None:
        """Count."""
        self.waited += 1


async def test_who_closes_waits_for_the_chosen_one() -> None:
    """A renewal that is cut off may cost a login; most credentials have none to wait for."""
    renewing, plain = Renewing(), AuthChain(Provider())
    chain = AuthChain(renewing, Renewing())
    await chain.settled()

    assert 0 == renewing.waited
    for each in (chain, plain):
        await each.sign(REQUEST)
        await each.settled()

    assert 1 == renewing.waited


async def test_scopes_are_those_of_the_chosen_one() -> None:
    """They are not known before, nor of one that does not know them."""
    chain = AuthChain(Provider(scopes=["workflows:read"]))

    assert chain.scopes is None
    await chain.sign(REQUEST)
    assert frozenset({"workflows:read"}) == chain.scopes


def test_one_loop_after_another() -> None:
    """The choice outlives the loop in which it was made, and a choice can be made in each."""
    chain = AuthChain(Provider(NoCredentialsError("not yet"), None))

    async def sign() -> Mapping[str, str]:
        return await chain.sign(REQUEST)

    with pytest.raises(NoCredentialsError):
        asyncio.run(sign())
    for _ in range(2):
        assert {"Authorization": "Bearer of /workflows"} == asyncio.run(sign())


@pytest.mark.parametrize("providers", [(), (None,), ([AnonymousAuth()],), ("cf_live_x",)])
def test_what_is_no_credential_is_refused(providers: Any) -> None:
    """When the chain is made, without showing it."""
    with pytest.raises(InvalidArgumentError, match="AuthChain") as caught:
        AuthChain(*providers)

    assert "cf_live_x" not in caught.value.message


def test_repr_shows_the_credentials_and_no_secret() -> None:
    """Each by its own repr; of a default chain the places where one is looked for."""
    assert "AuthChain(ApiKeyAuth(***6789), AnonymousAuth())" == repr(
        AuthChain(ApiKeyAuth(KEY), AnonymousAuth())
    )
    assert "AuthChain(CLOUDFLOW_API_KEY, CLOUDFLOW_JWT_*, profile default)" == repr(
        AuthChain.default()
    )


@pytest.mark.parametrize("travel", [pickle.dumps, copy.copy, copy.deepcopy])
def test_it_does_not_travel(travel: Callable[[Any], Any]) -> None:
    """A credential is made anew in each process."""
    with pytest.raises(TypeError, match="make it anew"):
        travel(AuthChain(ApiKeyAuth(KEY)))


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], object]:
    """Return what writes the configuration file."""
    path = tmp_path / "config.toml"
    monkeypatch.setenv("CLOUDFLOW_CONFIG", str(path))
    monkeypatch.setenv("PROFILE_KEY", KEY)
    return path.write_text


PROFILE = '[profiles.{}]\nauth = "api_key"\napi_key_env = "PROFILE_KEY"\n'


async def test_an_explicit_profile_stands_alone(
    config: Callable[[str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment is not asked; base URL and tier are the profile's."""
    monkeypatch.setenv("CLOUDFLOW_API_KEY", "cf_live_other")
    config(PROFILE.format("work") + 'base_url = "https://w/v2/"\ntier = "enterprise"\n')
    chain = AuthChain.default("work")

    assert HEADERS == await chain.sign(REQUEST)
    assert "profile work" == chain.chosen_name
    assert ("https://w/v2", RateLimits.enterprise()) == (chain.base_url, chain.limits)
    assert "https://x" == AuthChain.default("work", base_url="https://x").base_url


def test_an_explicit_profile_that_is_missing_fails_at_once(
    config: Callable[[str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By whichever way it was asked for."""
    config(PROFILE.format("work"))

    with pytest.raises(NoCredentialsError, match="no profile 'play'; it has: work"):
        AuthChain.default("play")
    monkeypatch.setenv("CLOUDFLOW_PROFILE", "play")
    with pytest.raises(NoCredentialsError, match="no profile 'play'; it has: work"):
        AuthChain.default()


def test_a_chain_of_ones_own_leaves_the_place_to_the_client() -> None:
    """It knows neither base URL nor limits."""
    chain = AuthChain(AnonymousAuth())

    assert (None, None) == (chain.base_url, chain.limits)


def test_it_is_an_auth() -> None:
    """A chain stands where a credential can."""
    auth: Auth = AuthChain(AnonymousAuth())

    assert isinstance(auth, AuthChain)
