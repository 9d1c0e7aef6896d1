"""Who asks, as the headers tell it."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from cloudflow_async.emulator.base.problems import Problem
from cloudflow_async.emulator.credentials.authentication import Authenticator, missing_scope
from cloudflow_async.emulator.credentials.identities import SCOPES, Identity
from cloudflow_async.emulator.credentials.jwts import JwtVerifier
from cloudflow_async.emulator.credentials.keys import KeyRing
from cloudflow_async.emulator.credentials.tokens import TokenBook
from tests.emulator.conftest import NOON
from tests.emulator.forged_tokens import ISSUER, public_pem, rsa_key, token

KEYS, TOKENS, JWTS = KeyRing(0), TokenBook(0), JwtVerifier()
KEY = KEYS.issue(SCOPES).text
TOKEN = TOKENS.add(*SCOPES, subject="user-1", now=NOON)
AUTHENTICATOR = Authenticator(KEYS, TOKENS, JWTS)


def identify(*headers: tuple[str, str]) -> Identity:
    """Return who sends these headers at noon."""
    return AUTHENTICATOR.identify(CIMultiDictProxy(CIMultiDict(headers)), NOON)


def refusal(*headers: tuple[str, str]) -> tuple[str, str]:
    """Return reason and challenge of the 401 for these headers."""
    with pytest.raises(Problem) as caught:
        identify(*headers)

    assert caught.value.status == 401
    assert caught.value.error["code"] == "authentication_failed"
    prefix, _, reason = caught.value.error["message"].partition(": ")
    assert prefix == "Invalid API key or token"
    return reason, caught.value.headers["WWW-Authenticate"]


def test_every_kind_of_credential_becomes_an_identity() -> None:
    """A key by itself, tokens after `Bearer`, whose case does not matter."""
    JWTS.add_key(
        public_pem(rsa_key(ISSUER)), issuer=ISSUER, key_id=None, scopes=SCOPES, account="default"
    )
    signed = token(NOON, header={"kid": ...})
    names = [
        identify(("x-api-key", KEY)).name,
        identify(("Authorization", f"Bearer {TOKEN}")).name,
        identify(("authorization", f"bearer  {TOKEN}")).name,
        identify(("Authorization", f"BEARER {signed}")).name,
    ]

    assert names == ["key 1", "user-1", "user-1", "jwt your-app-id/user-12345"]


@pytest.mark.parametrize(
    "headers",
    [
        [("X-API-Key", KEY), ("X-API-Key", KEY)],
        [("X-API-Key", KEY), ("x-api-key", "")],
        [("X-API-Key", KEY), ("Authorization", f"Bearer {TOKEN}")],
        [("X-API-Key", KEY), ("Authorization", "")],
        [("Authorization", f"Bearer {TOKEN}"), ("Authorization", f"Bearer {TOKEN}")],
    ],
)
def test_more_than_one_credential_is_none(headers: list[tuple[str, str]]) -> None:
    """Which one counts would be anybody's guess, even where all are good."""
    assert refusal(*headers) == (
        "the request carries more than one credential",
        'Bearer realm="cloudflow"',
    )


def test_no_credential_is_told_apart_from_a_wrong_one() -> None:
    """Only a token that was tried can be an invalid one (RFC 6750, section 3.1)."""
    assert refusal() == (
        "the request carries neither X-API-Key nor Authorization",
        'Bearer realm="cloudflow"',
    )
    assert refusal(("X-API-Key", "cf_test_wrong")) == ("no such key", 'Bearer realm="cloudflow"')


def test_a_wrong_token_is_told_so_in_the_challenge_as_well() -> None:
    """For clients that never look into the body."""
    reason = "the token is unknown, has expired or was revoked"
    challenge = f'Bearer realm="cloudflow", error="invalid_token", error_description="{reason}"'

    assert refusal(("Authorization", "Bearer wrong")) == (reason, challenge)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        TOKEN,
        f"Basic {TOKEN}",
        f"Bearer {TOKEN} ",
        f"Bearer {TOKEN}, {TOKEN}",
        f"Bearer\t{TOKEN}",
        f'Bearer "{TOKEN}"',
        f"Bearer ={TOKEN}",
        "Bearer é",
        "Bearer \udcff",
    ],
)
def test_what_is_not_a_bearer_token_is_not_looked_up(header: str) -> None:
    """The form is that of RFC 6750, section 2.1."""
    reason, challenge = refusal(("Authorization", header))

    assert reason == "the Authorization header is not 'Bearer' and a token"
    assert 'error="invalid_token"' in challenge


def test_a_refusal_quotes_nothing() -> None:
    """What looks like a JWT, and what does not."""
    told = [refusal(("Authorization", f"Bearer {text}")) for text in ("a.SECRET.c", "SECRET")]
    told.append(refusal(("X-API-Key", "SECRET")))

    assert "SECRET" not in str(told)


def test_a_challenge_names_the_missing_scope_to_those_with_a_token() -> None:
    """Keys know no challenges (RFC 6750, section 3.1)."""
    by_key = missing_scope(KEYS.issue([]).identity, "workflows:read")
    by_token = missing_scope(identify(("Authorization", f"Bearer {TOKEN}")), "workflows:read")

    assert (by_key.status, by_key.headers) == (403, {})
    assert by_token.headers == {
        "WWW-Authenticate": 'Bearer realm="cloudflow", error="insufficient_scope", '
        'scope="workflows:read"'
    }
    assert by_key.error == by_token.error
    assert by_key.error["message"] == "The credential lacks the scope workflows:read"
