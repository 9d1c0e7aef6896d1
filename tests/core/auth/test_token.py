"""Tokens: what is accepted as one, and what is never shown of it."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from cloudflow_async._core.auth.token import Token
from cloudflow_async._core.errors import InvalidArgumentError

from .exposure import exposed_by

ACCESS = "eyJhbGciOi.access-canary_~+/=="
REFRESH = "refresh canary!0123456789"


def test_a_token_keeps_what_it_is_given() -> None:
    """Texts as secrets, an instant as a float, scopes as a set."""
    token = Token(access_token=ACCESS, refresh_token=REFRESH, expires_at=7, scopes=["a", "b", "a"])

    assert ACCESS == token.access_token.reveal()
    assert token.refresh_token is not None
    assert REFRESH == token.refresh_token.reveal()
    assert (7.0, frozenset({"a", "b"})) == (token.expires_at, token.scopes)
    assert token == attrs.evolve(token)


def test_all_but_the_access_token_may_be_unknown() -> None:
    """None says so."""
    token = Token(access_token=ACCESS)

    assert (None, None, None) == (token.refresh_token, token.expires_at, token.scopes)


@pytest.mark.parametrize(
    "fields",
    [
        {"access_token": ""},
        {"access_token": "with space"},
        {"access_token": "a=b"},
        {"access_token": f"{ACCESS}\n"},
        {"access_token": "é"},
        {"access_token": None},
        {"access_token": b"bytes"},
        {"access_token": "x" * 16_385},
        {"refresh_token": ""},
        {"refresh_token": "line\nbreak"},
        {"refresh_token": 7},
        {"expires_at": math.nan},
        {"expires_at": math.inf},
        {"expires_at": 10**400},
        {"expires_at": "soon"},
        {"expires_at": True},
        {"scopes": "read write"},
        {"scopes": [1]},
    ],
)
def test_what_cannot_be_a_token_is_refused(fields: dict[str, Any]) -> None:
    """The error names the field and does not show what it held."""
    name, value = next(iter(fields.items()))
    with pytest.raises(InvalidArgumentError, match=name) as caught:
        Token(**{"access_token": ACCESS, **fields})

    assert not isinstance(value, str) or not value or value not in str(caught.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"access_token": ACCESS, "refresh_token": REFRESH, "expires_at": math.nan},
        {"access_token": ACCESS, "refresh_token": f"{REFRESH}\n"},
    ],
)
def test_what_is_refused_does_not_show_in_a_traceback(fields: dict[str, Any]) -> None:
    """Neither the tokens that are right nor the one that is not."""
    with pytest.raises(InvalidArgumentError) as caught:
        Token(**fields)

    assert "canary" not in exposed_by(caught.value)


def test_the_longest_token_is_accepted() -> None:
    """16,384 characters; headers of that size are refused by most servers anyway."""
    text = "x" * 16_384

    assert text == Token(access_token=text).access_token.reveal()


@pytest.mark.parametrize("show", [repr, str, attrs.asdict, attrs.astuple, format])
def test_neither_token_is_shown(show: Callable[[Token], object]) -> None:
    """However it is printed."""
    shown = str(show(Token(access_token=ACCESS, refresh_token=REFRESH)))

    assert "canary" not in shown


@pytest.mark.parametrize("travel", [pickle.dumps, copy.deepcopy])
def test_it_does_not_travel(travel: Callable[[Any], Any]) -> None:
    """A token store is the way between processes."""
    with pytest.raises(TypeError, match="cannot be pickled"):
        travel(Token(access_token=ACCESS))
