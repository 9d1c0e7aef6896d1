"""What may stand in a profile: everything else is refused, with its key and without its value."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudflow_async._core.auth.profiles.format import (
    Settings,
    check_name,
    names,
    read_settings,
)
from cloudflow_async._core.errors import CredentialError, NoCredentialsError
from cloudflow_async._core.http.response import printable
from cloudflow_async._core.rate_limit.limits import RateLimits

CANARY = "cf_live_canary0123456789"
API_KEY = {"auth": "api_key", "api_key_env": "MY_KEY"}
OAUTH2 = {"auth": "oauth2", "client_id": "app"}
JWT = {"auth": "jwt", "issuer": "app", "subject": "user", "private_key_file": "key.pem"}
URL_WANTED = "an https URL (plain http on loopback alone) without user info, query and fragment"


def _read(values: object, name: str = "work") -> Settings:
    return read_settings({"profiles": {name: values}}, name, "the file")


@pytest.mark.parametrize(
    "values",
    [
        API_KEY,
        {"auth": "api_key", "api_key_file": "~/key", "next_key_keyring": "service/user/name"},
        {"auth": "api_key", "api_key_keyring": "a/b", "created_at": date(2026, 1, 20)},
        {"auth": "api_key", "api_key_env": "X" * 128},
        {**API_KEY, "created_at": datetime(2026, 1, 20, tzinfo=UTC), "next_key_env": "_N2"},
        OAUTH2,
        {
            **OAUTH2,
            "client_secret_file": "secret",
            "scopes": ["workflows:read"],
            "authorize_url": "https://a/authorize",
            "token_url": "http://127.0.0.1:8/token",
            "redirect_uri": "http://127.0.0.1/callback",
            "issuer": "https://a",
            "token_endpoint_auth_method": "client_secret_basic",
            "token_store": "file",
            "token_file": "t.json",
        },
        {**OAUTH2, "token_store": "keyring", "scopes": []},
        JWT,
        {
            **JWT,
            "private_key_password_env": "P",
            "scopes": ["a"],
            "key_id": "k",
            "audience": "https://a",
            "lifetime": 600.5,
        },
        {"auth": "anonymous"},
    ],
    ids=",".join,
)
def test_what_is_accepted(values: dict[str, Any]) -> None:
    """All documented keys of each kind of credential."""
    settings = _read(values)

    assert values["auth"] == settings.kind
    assert values == settings.values


@pytest.mark.parametrize(
    ("tier", "limits"),
    [
        ("standard", RateLimits.standard()),
        ("enterprise", RateLimits.enterprise()),
        ("unauthenticated", RateLimits.unauthenticated()),
    ],
)
def test_tiers(tier: str, limits: RateLimits) -> None:
    """API document, Default Limits."""
    assert limits == _read({**API_KEY, "tier": tier}).limits


def test_without_a_tier_the_documented_limits_hold() -> None:
    """Those of an authenticated user, or those without a credential."""
    assert _read(API_KEY).limits is None
    assert RateLimits.unauthenticated() == _read({"auth": "anonymous"}).limits
    assert RateLimits.standard() == _read({"auth": "anonymous", "tier": "standard"}).limits


def test_a_base_url_loses_its_slash() -> None:
    """So that two spellings of one place are equal."""
    assert "https://a/v2" == _read({**API_KEY, "base_url": "https://a/v2/"}).base_url
    assert _read(API_KEY).base_url is None


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({}, "'auth' is missing; it is one of api_key, oauth2, jwt, anonymous."),
        ({"auth": "oauth"}, "'auth' must be one of api_key, oauth2, jwt, anonymous."),
        ({"auth": ["jwt"]}, "'auth' must be one of api_key, oauth2, jwt, anonymous."),
        ({"auth": "api_key"}, "give exactly one of 'api_key_env', 'api_key_file' or 'api_key_keyr"),
        ({**API_KEY, "api_key_file": "f"}, "give exactly one of 'api_key_env', 'api_key_file' or"),
        ({**JWT, "private_key_env": "P"}, "give exactly one of 'private_key_env', 'private_key_fi"),
        ({"auth": "oauth2"}, "'client_id' is missing."),
        ({"auth": "jwt", "subject": "s"}, "'issuer' is missing."),
        (
            {**API_KEY, "client_id": "x"},
            "'client_id' is unknown; with auth = \"api_key\" there are: ",
        ),
        ({**API_KEY, "a\x1bb": 1}, "'a\\u001bb' is unknown"),
        ({**API_KEY, "x" * 65: 1}, f"'{'x' * 64}' is unknown"),
        (
            {"auth": "api_key", "api_key_env": "X" * 129},
            "'api_key_env' must be the name of an environment variable",
        ),
        (
            {**API_KEY, "tier": "gold"},
            "'tier' must be one of standard, enterprise, unauthenticated",
        ),
        (
            {**API_KEY, "created_at": "2026-01-20"},
            "'created_at' must be a date such as 2026-01",
        ),
        ({**API_KEY, "created_at": datetime(2026, 1, 20)}, "'created_at' must be a date"),  # noqa: DTZ001 - without a zone is the point
        ({**API_KEY, "base_url": "http://a/v2"}, f"'base_url' must be {URL_WANTED}."),
        ({**API_KEY, "base_url": "https://u:p@a"}, f"'base_url' must be {URL_WANTED}."),
        ({**API_KEY, "base_url": 7}, f"'base_url' must be {URL_WANTED}."),
        ({**OAUTH2, "token_url": "https://a?b"}, f"'token_url' must be {URL_WANTED}."),
        ({**OAUTH2, "redirect_uri": "app:/"}, "'redirect_uri' must be an absolute URL of http or"),
        ({**OAUTH2, "redirect_uri": 7}, "'redirect_uri' must be an absolute URL of http or https"),
        ({**OAUTH2, "scopes": "a b"}, "'scopes' must be a list of strings, such as"),
        ({**OAUTH2, "scopes": ["a", ""]}, "'scopes' must be a list of strings, such as"),
        ({**OAUTH2, "client_id": "a\nb"}, "'client_id' must be a string that is not empty and"),
        ({**OAUTH2, "client_id": "a" * 4097}, "'client_id' must be a string that is not empty and"),
        ({**OAUTH2, "client_id": " "}, "'client_id' must be a string that is not empty and"),
        (
            {**OAUTH2, "token_store": "keyring", "token_file": "f"},
            "'token_file' contradicts",
        ),
        ({**JWT, "lifetime": True}, "'lifetime' must be a number."),
        ({**JWT, "lifetime": float("inf")}, "'lifetime' must be a number."),
        ({**JWT, "lifetime": "1"}, "'lifetime' must be a number."),
        ({"auth": "api_key", "api_key_env": "A B"}, "'api_key_env' must be the name of an envir"),
        ({"auth": "api_key", "api_key_file": ""}, "'api_key_file' must be the path of a file."),
        ({"auth": "api_key", "api_key_keyring": "a"}, "'api_key_keyring' must be an entry of the"),
        ({"auth": "api_key", "api_key_keyring": "/a"}, "'api_key_keyring' must be an entry of the"),
        (7, "it is no table; a profile is a table such as [profiles.default]."),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_refused(values: object, problem: str) -> None:
    """The message names file, profile and key, and says what is wanted."""
    with pytest.raises(CredentialError) as caught:
        _read(values)

    assert caught.value.message.startswith(f"the file, profile 'work': {problem}")
    assert not isinstance(caught.value, NoCredentialsError)


@pytest.mark.parametrize(
    "key",
    [
        "api_key",
        "next_key",
        "client_secret",
        "private_key",
        "private_key_password",
        "password",
        "access_token",
        "refresh_token",
        "token",
        "secret",
        "key",
    ],
)
def test_no_secret_stands_in_the_file(key: str) -> None:
    """The message says where to put it instead, and does not show it."""
    with pytest.raises(CredentialError) as caught:
        _read({**API_KEY, key: "canary"})

    assert caught.value.message == (
        f"the file, profile 'work': '{key}' would be a secret, and none stands in this file; say "
        f"where it lies by '{key}_env', '{key}_file' or '{key}_keyring'."
    )


@pytest.mark.parametrize("key", ["api_key_env", "api_key_file", "tier", "unknown"])
@pytest.mark.parametrize("secret", [CANARY, "whsec_canary", "-----BEGIN X\ncanary", "eyJcanary"])
def test_a_secret_in_the_place_of_its_name_is_noticed(key: str, secret: str) -> None:
    """It is an easy mistake, and the message must not make it worse."""
    with pytest.raises(CredentialError, match=f"'{key}' has a secret as its value") as caught:
        _read({"auth": "api_key", key: secret})

    assert "canary" not in caught.value.message


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"profile": {}}, "the file: 'profile' is unknown; a profile is a table such as"),
        ({"profiles": [1]}, "the file: 'profiles' is no table; a profile is a table such as"),
    ],
)
def test_what_is_no_document_of_profiles(document: Mapping[str, Any], problem: str) -> None:
    """A misspelt heading is not passed over in silence."""
    with pytest.raises(CredentialError) as caught:
        names(document, "the file")

    assert caught.value.message.startswith(problem)


@pytest.mark.parametrize(
    ("document", "listed"),
    [
        ({}, "none"),
        ({"profiles": {}}, "none"),
        ({"profiles": {"b": {}, "a": 1, "not one": {}}}, "b, a"),
    ],
)
def test_a_missing_profile(document: Mapping[str, Any], listed: str) -> None:
    """Those that there are, in their order."""
    with pytest.raises(NoCredentialsError) as caught:
        read_settings(document, "work", "the file")

    assert f"the file has no profile 'work'; it has: {listed}." == caught.value.message


def test_other_profiles_do_no_harm() -> None:
    """Only the one that is asked for is checked."""
    document = {"profiles": {"work": API_KEY, "play": {"auth": 7}}}

    assert ("work", "play") == names(document, "the file")
    assert "api_key" == read_settings(document, "work", "the file").kind


@pytest.mark.parametrize("name", ["a", "A-1_b", "x" * 64])
def test_names(name: str) -> None:
    """Letters, digits, hyphens and underscores: fit for a file's name."""
    assert name == check_name(name)


@pytest.mark.parametrize("name", ["", "a b", "../a", "a.b", "é", "a\n", "x" * 65, None, 7])
def test_what_is_no_name(name: Any) -> None:
    """It is refused without being shown."""
    with pytest.raises(CredentialError, match="The name of a profile has 1 to 64 letters"):
        check_name(name)


_SCALARS = (
    st.text(max_size=20)
    | st.integers()
    | st.floats()
    | st.booleans()
    | st.dates()
    | st.datetimes(timezones=st.none() | st.just(UTC))
    | st.times()
    | st.sampled_from(["https://a/v2", "MY_KEY", "a/b", "file", "enterprise", *API_KEY, CANARY])
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
_KEYS = st.sampled_from(
    [
        "base_url",
        "tier",
        "api_key_env",
        "api_key_file",
        "created_at",
        "client_id",
        "scopes",
        "token_url",
        "redirect_uri",
        "lifetime",
        "issuer",
        "subject",
        "private_key_file",
        "token",
    ]
) | st.text(max_size=8)
_PROFILES = st.dictionaries(_KEYS, _VALUES, max_size=6).flatmap(
    lambda values: st.sampled_from([API_KEY, OAUTH2, JWT, {"auth": "anonymous"}, {}]).map(
        lambda base: {**base, **values}
    )
)
_DOCUMENTS = st.builds(
    lambda profile: {"profiles": {"work": profile}}, _PROFILES | _VALUES
) | st.dictionaries(st.sampled_from(["profiles", "x"]) | st.text(max_size=5), _VALUES)


@given(_DOCUMENTS)
def test_any_document(document: dict[str, Any]) -> None:
    """It ends in settings or in an error of ours that does not show a secret."""
    kinds, problem = {"api_key", "oauth2", "jwt", "anonymous"}, ""
    try:
        assert read_settings(document, "work", "the file").kind in kinds
    except CredentialError as error:
        problem = error.message

    assert CANARY not in problem
    assert printable(problem) == problem
