"""What a bare client finds: in which order, and where it may go."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from cloudflow_async._core.auth import AnonymousAuth
from cloudflow_async._core.auth.chain import AuthChain
from cloudflow_async._core.auth.jwt.jwt import JWTAuth
from cloudflow_async._core.errors import CredentialError, NoCredentialsError
from cloudflow_async._core.messages import Request
from cloudflow_async._core.rate_limit.limits import RateLimits

KEY = "cf_live_environment0001"
PROFILE_KEY = "cf_live_profile00000002"
DOCUMENTED = "https://api.cloudflow.io/v2"
REQUEST = Request(method="GET", path="/workflows", target="/workflows")
PROFILE = '[profiles.default]\nauth = "api_key"\napi_key_env = "PROFILE_KEY"\n'
ELSEWHERE = PROFILE + 'base_url = "https://p/v2"'
JWT = {"ISSUER": "app", "SUBJECT": "user", "PRIVATE_KEY": "-----BEGIN junk"}

Write = Callable[[str], object]
Set = Callable[..., None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Return what writes the configuration file."""
    path = tmp_path / "config.toml"
    monkeypatch.setenv("CLOUDFLOW_CONFIG", str(path))
    monkeypatch.setenv("PROFILE_KEY", PROFILE_KEY)
    return path.write_text


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Set:
    """Return what sets variables by what follows their prefix."""

    def set_all(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(f"CLOUDFLOW_{name}", value)

    return set_all


def whole_jwt(key: str) -> dict[str, str]:
    """Return the variables that a JWT needs."""
    return {"JWT_ISSUER": "a", "JWT_SUBJECT": "b", f"JWT_{key}": "c"}


async def _signed(chain: AuthChain) -> Mapping[str, str]:
    return await chain.sign(REQUEST)


async def test_the_key_of_the_environment_comes_first(write: Write, environment: Set) -> None:
    """The profile is not even read, so that a broken one does no harm."""
    write("junk")
    environment(API_KEY=KEY, JWT_ISSUER="app", PROFILE="work")
    chain = AuthChain.default()

    assert {"X-API-Key": KEY} == await _signed(chain)
    assert "CLOUDFLOW_API_KEY" == chain.chosen_name


async def test_then_the_jwt_of_the_environment(
    write: Write, environment: Set, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is made when it is its turn."""
    write(PROFILE)
    environment(**{f"JWT_{name}": value for name, value in JWT.items()})
    auth = AnonymousAuth()
    monkeypatch.setattr(JWTAuth, "from_environment", lambda: auth)
    chain = AuthChain.default()
    await _signed(chain)

    assert auth is chain.chosen
    assert "CLOUDFLOW_JWT_*" == chain.chosen_name


@pytest.mark.parametrize("name", ["default", "work"])
async def test_then_the_profile(write: Write, environment: Set, name: str) -> None:
    """The one that the environment names, or the one called default, with its tier."""
    write(PROFILE.replace("default", name) + 'tier = "enterprise"')
    if name != "default":
        environment(PROFILE=name)
    chain = AuthChain.default()

    assert {"X-API-Key": PROFILE_KEY} == await _signed(chain)
    assert f"profile {name}" == chain.chosen_name
    assert (DOCUMENTED, RateLimits.enterprise()) == (chain.base_url, chain.limits)


async def test_nothing_anywhere() -> None:
    """Every place is named with the reason, and what to do."""
    with pytest.raises(NoCredentialsError) as caught:
        await _signed(AuthChain.default())

    places, reasons = zip(*caught.value.tried, strict=True)
    assert ("CLOUDFLOW_API_KEY", "CLOUDFLOW_JWT_*", "profile default") == places
    assert "It is not set" == reasons[0]
    assert "CLOUDFLOW_JWT_ISSUER" in reasons[1]
    assert "config.toml' is missing" in reasons[2]
    assert caught.value.message.endswith(
        "Set CLOUDFLOW_API_KEY, or run 'cloudflow login', or give the client api_key=, auth= or "
        "profile=."
    )


async def test_what_is_broken_falls_through_and_is_logged(
    write: Write, environment: Set, caplog: pytest.LogCaptureFixture
) -> None:
    """Half of a JWT's variables do not stop the profile from being used, but are told."""
    write(PROFILE)
    environment(JWT_ISSUER="app")

    assert {"X-API-Key": PROFILE_KEY} == await _signed(AuthChain.default())
    (record,) = caplog.records
    assert logging.WARNING == record.levelno
    assert "CLOUDFLOW_JWT_* cannot be used and is passed over" in record.getMessage()


async def test_a_broken_default_profile_fails_the_call(write: Write) -> None:
    """It was merely looked for: the chain can be made, and the reason stands in the error."""
    write('[profiles.default]\nauth = "oauth"\n')
    chain = AuthChain.default()

    with pytest.raises(NoCredentialsError, match=r"profile default: .*'auth' must be one of"):
        await _signed(chain)
    write(PROFILE)
    assert {"X-API-Key": PROFILE_KEY} == await _signed(chain)


def test_a_broken_profile_that_was_named_fails_at_once(write: Write, environment: Set) -> None:
    """What was chosen explicitly fails loudly."""
    write('[profiles.work]\nauth = "oauth"\n')
    environment(PROFILE="work")

    with pytest.raises(CredentialError, match="'auth' must be one of"):
        AuthChain.default()


async def test_variables_that_are_set_later_count(environment: Set) -> None:
    """A program may read its settings after the client was made."""
    chain = AuthChain.default()
    environment(API_KEY=KEY)

    assert {"X-API-Key": KEY} == await _signed(chain)


@pytest.mark.parametrize(
    ("profile", "variables", "given", "expected"),
    [
        ("", {}, None, DOCUMENTED),
        ("", {"BASE_URL": "https://e/v2"}, None, "https://e/v2"),
        ("", {"BASE_URL": " "}, None, DOCUMENTED),
        (PROFILE, {"BASE_URL": "https://e/v2"}, None, "https://e/v2"),
        (ELSEWHERE, {"BASE_URL": "https://e"}, None, "https://p/v2"),
        (ELSEWHERE, {}, "https://g/v2", "https://g/v2"),
        (ELSEWHERE, {"API_KEY": KEY}, None, DOCUMENTED),
        (ELSEWHERE, {"JWT_ISSUER": "a", "JWT_SUBJECT": "b"}, None, "https://p/v2"),
        (ELSEWHERE, {"JWT_ISSUER": "a", "JWT_PRIVATE_KEY": "c"}, None, "https://p/v2"),
        (ELSEWHERE, {"JWT_SUBJECT": "b", "JWT_PRIVATE_KEY_FILE": "c"}, None, "https://p/v2"),
        (ELSEWHERE, whole_jwt("PRIVATE_KEY"), None, DOCUMENTED),
        (ELSEWHERE, whole_jwt("PRIVATE_KEY_FILE"), None, DOCUMENTED),
    ],
)
def test_base_url(
    write: Write,
    environment: Set,
    profile: str,
    variables: dict[str, str],
    given: str | None,
    expected: str,
) -> None:
    """What was given, the profile's own, the environment's, the documented one."""
    write(profile)
    environment(**variables)

    assert expected == AuthChain.default(base_url=given).base_url


@pytest.mark.parametrize("given", [None, "https://g/v2"])
async def test_a_profile_that_belongs_elsewhere(
    write: Write, environment: Set, given: str | None
) -> None:
    """Its credential does not go to the environment's base URL, unless one is given."""
    write(ELSEWHERE)
    environment(**{f"JWT_{name}": value for name, value in JWT.items()})
    chain = AuthChain.default(base_url=given)

    if given is not None:
        assert {"X-API-Key": PROFILE_KEY} == await _signed(chain)
        return
    with pytest.raises(NoCredentialsError) as caught:
        await _signed(chain)
    name, why = caught.value.tried[-1]
    assert "profile default" == name
    assert f"the base URL https://p/v2, and this client speaks to {DOCUMENTED};" in why


async def test_an_environment_that_belongs_elsewhere(
    write: Write, environment: Set, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that speaks to the profile's base URL takes no key there that comes up later."""
    write(ELSEWHERE)
    chain = AuthChain.default()
    environment(API_KEY=KEY)
    monkeypatch.setattr(JWTAuth, "from_environment", AnonymousAuth)

    assert {"X-API-Key": PROFILE_KEY} == await _signed(chain)


async def test_a_profile_may_name_the_documented_base_url(write: Write, environment: Set) -> None:
    """A slash at the end is no other place."""
    write(PROFILE + f'base_url = "{DOCUMENTED}/"')
    environment(API_KEY=KEY)
    chain = AuthChain.default()
    environment(API_KEY="")

    assert {"X-API-Key": PROFILE_KEY} == await _signed(chain)


async def test_the_environment_may_name_the_profiles_base_url(
    write: Write, environment: Set
) -> None:
    """With a slash at the end, too: a key that comes up later belongs there."""
    write(ELSEWHERE)
    environment(BASE_URL="https://p/v2/")
    chain = AuthChain.default()
    environment(API_KEY=KEY)

    assert {"X-API-Key": KEY} == await _signed(chain)


async def test_an_anonymous_profile_has_its_own_limits(write: Write) -> None:
    """API document, Default Limits: 20 a minute without a credential."""
    write('[profiles.default]\nauth = "anonymous"')
    chain = AuthChain.default()

    assert {} == await _signed(chain)
    assert RateLimits.unauthenticated() == chain.limits
