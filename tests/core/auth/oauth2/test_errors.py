"""Refusals in OAuth's own words: kept where they help, without what must not be shown."""

from __future__ import annotations

import base64
from urllib.parse import quote_plus

import pytest

from cloudflow_async._core.auth.oauth2.errors import OAuthError
from cloudflow_async._core.support.secret import Secret
from tests.core.auth.exposure import spellings

SECRET = "s3c/+ d"


@pytest.mark.parametrize(
    ("error", "description", "text"),
    [
        ("access_denied", None, "access_denied"),
        ("access_denied", "The user said no", "access_denied (The user said no)"),
        ("access_denied", " ", "access_denied"),
        ("unsupported_response_type", None, "unsupported_response_type"),
        (None, "No name", "an error without a name (No name)"),
        (7, {"a": 1}, "an error without a name"),
    ],
)
def test_a_refusal_reads_as_the_server_worded_it(
    error: object, description: object, text: str
) -> None:
    """The code first, then the sentence if there is one; what is no text is left out."""
    assert text == str(OAuthError.read(error, description))


def test_control_characters_are_escaped() -> None:
    """A description cannot write lines of its own into a log, or turn its text around."""
    told = OAuthError.read("a\nb", "x\r\n\x1b[31m\u202ey")

    assert ("a\\u000ab", "x\\u000d\\u000a\\u001b[31m\\u202ey") == (told.error, told.description)


def test_both_are_shortened() -> None:
    """64 characters of the code and 256 of the sentence are more than any has."""
    told = OAuthError.read("no " * 100, "no " * 100)

    assert ("no " * 100)[:64] == told.error
    assert ("no " * 100)[:256] == told.description


@pytest.mark.parametrize("spelt", [*spellings(SECRET), quote_plus(SECRET)])
def test_a_known_secret_is_hidden(spelt: str) -> None:
    """Servers repeat what they were sent, as it is or encoded, as it came over the wire."""
    told = OAuthError.read("invalid_client", f"wrong: {spelt}!", [Secret(SECRET)])

    assert "invalid_client (wrong: ***!)" == str(told)


def test_the_longer_of_two_secrets_is_hidden_first() -> None:
    """Else the rest of it would stand behind the stars of the shorter one."""
    told = OAuthError.read("x", "is abcd-efg", [Secret("abcd"), Secret("abcd-efg")])

    assert "is ***" == told.description


def test_a_secret_of_three_letters_is_not_looked_for() -> None:
    """It would hide every word that holds it, and show what it is by that."""
    assert "an apple" == OAuthError.read("x", "an apple", [Secret("app")]).description


@pytest.mark.parametrize(
    "run",
    [
        base64.b64encode(SECRET.encode() * 3).decode(),
        (SECRET.encode() * 3).hex(),
        "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln",
        "unsupported_grant_type=ABC",
        "0123456789abcdefghij",
    ],
)
def test_a_long_run_of_characters_is_hidden(run: str) -> None:
    """It may be a credential that nobody here knows, or one in another encoding."""
    assert "it was ***" == OAuthError.read("x", f"it was {run}").description
