"""What a server repeats of a secret is hidden, in every spelling and although it is cut."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudflow_async._core.http.redaction import redactor

SECRET = "whsec_MfKQ9r8GKYqr+TwjUPD8/ILPZIo2LaLaSw=='"
DATA = SECRET.encode()


def b64(data: bytes, before: int) -> str:
    """Return base64 text in which `data` stands behind other bytes."""
    return base64.b64encode(b"a" * before + data).decode()


@pytest.mark.parametrize(
    "spelling",
    [
        SECRET,
        repr(SECRET),
        quote(SECRET),
        quote(SECRET, safe=""),
        quote(quote(SECRET, safe=""), safe=""),
        json.dumps(SECRET),
        json.dumps(SECRET).replace("/", "\\/"),
        "".join(f"\\u{byte:04x}" for byte in DATA),
        DATA.hex(),
        DATA.hex().upper(),
        SECRET[5:30],
        *[b64(DATA, before) for before in range(3)],
        *[base64.urlsafe_b64encode(b"a" * before + DATA).decode() for before in range(3)],
        b64(quote(SECRET, safe="").encode(), 1),
    ],
)
def test_every_spelling_is_hidden(spelling: str) -> None:
    """Of what is left no twelve characters in a row are the secret's; the words around stay."""
    shown = redactor([SECRET])(f"the key {spelling} is unknown")
    inside = shown.removeprefix("the key ").removesuffix(" is unknown")

    assert inside != shown
    assert "***" in inside
    assert not any(spelling[at : at + 12] in inside for at in range(len(spelling) - 11))


def test_a_secret_in_html_is_hidden() -> None:
    """All five characters that HTML writes as entities are looked for as such."""
    assert "***" == redactor(["a<b>c&d\"e'f"])(html.escape("a<b>c&d\"e'f"))


def test_each_place_is_hidden() -> None:
    """At the beginning, at the end, twice in a row, and of several secrets."""
    other = "cf_live_0123456789abcd"

    assert "******, ***" == redactor([SECRET, other])(f"{SECRET}{SECRET}, {other}")


def test_a_short_secret_is_hidden_whole() -> None:
    """One of 6 to 11 characters; anything shorter may be a word of the message."""
    assert "***, abcde" == redactor(["abcdef", "abcde"])("abcdef, abcde")


@pytest.mark.parametrize("secrets", [[], ["short"], [SECRET]])
def test_other_text_stays_as_it_is(secrets: list[str]) -> None:
    """Also text that begins like a secret."""
    text = f"The 'limit' parameter must be between 1 and 100; {SECRET[:11]}"

    assert text == redactor(secrets)(text)


@given(
    st.text(max_size=40),
    st.text(min_size=8, max_size=40).filter(lambda secret: "*" not in secret),
    st.text(max_size=40),
)
def test_no_secret_is_left(before: str, secret: str, after: str) -> None:
    """Whatever it is made of, and whatever stands around it."""
    shown = redactor([secret])(before + secret + after)

    assert secret not in shown
