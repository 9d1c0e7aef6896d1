"""Tokens as text: what is written is read, and nothing else is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudflow_async._core.auth.stores import token_json
from cloudflow_async._core.auth.token import Token
from cloudflow_async._core.errors import CredentialError
from tests.core.auth.exposure import exposed_by

_CONTENT = {
    "version": 1,
    "access_token": "access-canary",
    "refresh_token": "refresh-canary",
    "expires_at": 1769251500.0,
    "scopes": ["analytics:read", "workflows:read"],
}
_TOKEN = Token(
    access_token="access-canary",
    refresh_token="refresh-canary",
    expires_at=1769251500,
    scopes=["workflows:read", "analytics:read"],
)


def test_it_is_json_with_a_version() -> None:
    """Other tools may read it, and a later format is told apart."""
    assert _CONTENT == json.loads(token_json.write(_TOKEN))


@pytest.mark.parametrize(
    "token",
    [
        _TOKEN,
        Token(access_token="a"),
        Token(access_token="a", scopes=[]),
        Token(access_token="a", scopes=["\ud800 é", "*"], refresh_token=' "\\'),
    ],
)
def test_what_is_written_is_read(token: Token) -> None:
    """Also what is not known: no refresh token, no end, no scopes."""
    assert token == token_json.read(token_json.write(token), "It")


def test_what_is_added_to_it_is_passed_over() -> None:
    """A field of another program does no harm."""
    assert _TOKEN == token_json.read(json.dumps(_CONTENT | {"by": [1]}).encode(), "It")


_DAMAGED: list[Any] = [
    {"version": 2},
    {"version": True},
    {"version": "1"},
    {"version": None},
    {"access_token": None},
    {"access_token": ""},
    {"access_token": 7},
    {"access_token": "access-canary\r\n"},
    {"access_token": "a" * 20_000},
    {"refresh_token": ["refresh-canary"]},
    {"refresh_token": "refresh-canary\n"},
    {"expires_at": "soon"},
    {"expires_at": True},
    {"scopes": "workflows:read"},
    {"scopes": [None]},
    {"scopes": {"access-canary": 1}},
    {"scopes": 7},
]


@pytest.mark.parametrize("change", _DAMAGED, ids=str)
def test_what_is_damaged_is_refused_without_showing_it(change: dict[str, Any]) -> None:
    """The message names the place and the field, and says what to do."""
    with pytest.raises(CredentialError, match=r"^The box holds no token .* Log in again\.$") as it:
        token_json.read(json.dumps(_CONTENT | change).encode(), "The box")

    assert next(iter(change)) in str(it.value)
    assert "canary" not in exposed_by(it.value)


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"{", b"null", b"[]", b'"access-canary"', b"\xff", b"NaN"),
        *(b"[" * 5000, b"1" * 5000),
        *(json.dumps(_CONTENT).encode()[:-2], json.dumps(_CONTENT).encode("utf-16")),
    ],
)
def test_what_is_no_object_is_refused(data: bytes) -> None:
    """Cut, of another encoding, or another kind of JSON."""
    with pytest.raises(CredentialError, match="Log in again") as caught:
        token_json.read(data, "It")

    assert "canary" not in exposed_by(caught.value)


_TEXTS = st.text('aZ09 -._~+/="\\\n\0é\ud800\U0001f600')
_VALUES = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), _TEXTS),
    *(st.lists(_TEXTS | st.none(), max_size=3), st.dictionaries(_TEXTS, st.none())),
)


@given(st.binary() | st.dictionaries(st.sampled_from(sorted(_CONTENT)), _VALUES))
def test_anything_ends_in_a_token_or_in_one_error(content: bytes | dict[str, Any]) -> None:
    """No other exception escapes, whatever a disk or a person made of the text."""
    data = content if isinstance(content, bytes) else json.dumps({**_CONTENT, **content}).encode()
    try:
        found: object = token_json.read(data, "It")
    except CredentialError:
        return

    assert isinstance(found, Token)
