"""What the JWTs of a credential say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudflow_async._core.auth.jwt.claims import JWTClaims
from cloudflow_async._core.errors import InvalidArgumentError

WHO = {"issuer": "your-app-id", "subject": "user-12345"}


def test_the_claims_are_those_of_the_document() -> None:
    """API document, JWT Tokens: six of them; the scopes are separated by spaces."""
    claims = JWTClaims(**WHO, scopes=["workflows:read", "workflows:write", "workflows:read"])

    assert {
        "iss": "your-app-id",
        "sub": "user-12345",
        "aud": "https://api.cloudflow.io",
        "iat": 100,
        "exp": 3700,
        "scope": "workflows:read workflows:write",
    } == claims.payload(100, 3700)


def test_the_keys_id_stands_in_the_header() -> None:
    """And nothing does that was not given."""
    assert {"kid": "key-1"} == JWTClaims(**WHO, key_id="key-1").headers
    assert {} == JWTClaims(**WHO).headers


@given(
    now=st.floats(min_value=0, max_value=4e9),
    lifetime=st.floats(min_value=60, exclude_min=True, max_value=3600),
)
def test_a_token_never_lives_longer_than_an_hour(now: float, lifetime: float) -> None:
    """At most 3600 seconds from ``iat``, in whole seconds, half a minute of them in the past."""
    claims = JWTClaims(**WHO, lifetime=lifetime)
    issued_at, expires_at = claims.at(now)

    assert expires_at - issued_at <= min(3600, lifetime)
    assert issued_at <= now - 30 < issued_at + 1
    assert now < expires_at - claims.spare
    assert [int, int] == [type(issued_at), type(expires_at)]


@pytest.mark.parametrize(("lifetime", "spare"), [(3600, 60), (120, 60), (90, 40), (61, 20.7)])
def test_a_token_is_given_up_a_minute_before_its_end(lifetime: float, spare: float) -> None:
    """Of a life that is hardly longer, a third is used."""
    assert pytest.approx(spare, abs=0.1) == JWTClaims(**WHO, lifetime=lifetime).spare


@pytest.mark.parametrize(
    "options",
    [
        {"lifetime": 60},
        {"lifetime": 3600.5},
        {"lifetime": True},
        {"lifetime": "3600"},
        {"lifetime": float("nan")},
        {"scopes": "workflows:read"},
        {"scopes": ["workflows:read workflows:write"]},
        {"scopes": ["workflows:read", None]},
        {"scopes": [""]},
        {"key_id": ""},
        {"key_id": "a\nb"},
        {"audience": None},
        {"issuer": " "},
        {"subject": 7},
    ],
)
def test_what_no_token_can_say_is_refused(options: dict[str, Any]) -> None:
    """The argument is named."""
    with pytest.raises(InvalidArgumentError, match=f"^{next(iter(options))} (is|must be) "):
        JWTClaims(**{**WHO, **options})
