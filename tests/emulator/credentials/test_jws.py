"""The form of a signed token."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudflow_async.emulator.credentials.jws import MAX_SIZE, JwtRefused, take_apart
from tests.emulator.conftest import NOON
from tests.emulator.forged_tokens import (
    encoded,
    good_claims,
    good_header,
    signed,
    token,
)


def no_signature(data: bytes) -> bytes:
    """Return what is as good as a signature here, where none is verified."""
    return b"signature"


def test_a_token_is_taken_apart() -> None:
    """Key id and claims are read, whatever else the header says."""
    taken = take_apart(token(NOON, header={"x5t": "thumb"}))

    assert (taken.key_id, taken.claims) == ("key-1", good_claims(NOON))


@pytest.mark.parametrize("header", [{"alg": "RS256"}, {"alg": "RS256", "typ": "jwt"}])
def test_the_header_can_be_short(header: dict[str, str]) -> None:
    """Neither type nor key id has to be there; the type's case does not matter."""
    assert take_apart(signed(header, {}, no_signature)).key_id is None


def test_a_long_token_is_not_looked_at() -> None:
    """16 KiB are accepted, one character more is not."""
    rest = signed(good_header(), b"", no_signature)
    size = (MAX_SIZE - len(rest)) // 4 * 3
    fits = signed(good_header(), json.dumps({"a": "x" * (size - 9)}).encode(), no_signature)

    assert MAX_SIZE - 4 < len(fits) <= MAX_SIZE
    assert len(take_apart(fits).claims["a"]) == size - 9

    with pytest.raises(JwtRefused, match="longer than 16384"):
        take_apart("x" * (MAX_SIZE + 1))


@pytest.mark.parametrize("payload", [b'{"a": {"b": 1, "b": 2}}', b'{"a": [{"b": 1, "b": 1}]}'])
def test_members_that_are_named_twice_are_found_at_any_depth(payload: bytes) -> None:
    """Two readers could read two things."""
    with pytest.raises(JwtRefused, match="a member twice"):
        take_apart(signed(good_header(), payload, no_signature))


@pytest.mark.parametrize("part", ["é", "\udcff", chr(0xD800), "a\n", "YQ\u0660"])
def test_only_the_alphabet_of_base64url_is_read(part: str) -> None:
    """Nothing is skipped, and no other character counts as one of them."""
    with pytest.raises(JwtRefused, match="the header is not base64url"):
        take_apart(f"{part}.{encoded({})}.AAAA")


@given(st.text() | st.text(alphabet="AZaz09-_.="))
def test_any_text_is_refused_in_one_way(text: str) -> None:
    """No other exception leaves."""
    with pytest.raises(JwtRefused):
        take_apart(text)


@given(st.binary())
def test_any_payload_is_read_or_refused(payload: bytes) -> None:
    """What is read is an object."""
    try:
        claims = take_apart(signed(good_header(), payload, no_signature)).claims
    except JwtRefused:
        claims = {}

    assert isinstance(claims, dict)
