"""Base64 in its one strict form."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudflow_async._core.webhooks.strict_base64 import decode_base64, encode_base64


@given(st.binary(max_size=100))
def test_what_is_encoded_is_decoded(data: bytes) -> None:
    """Any bytes come back, and their base64 is the standard library's."""
    text = encode_base64(data)

    assert base64.b64encode(data).decode() == text
    assert data == decode_base64(text)


@pytest.mark.parametrize(
    "text",
    [
        "QUI",  # without its padding
        "QUJD=",  # with a padding that is not due: the standard library takes it
        "QUJD====",
        "QUI==",
        "QU=I",
        "=QUJ",
        "QUI=x",
        "QR==",  # bits behind the last byte: it is QQ== or nothing
        "QUJ=",
        "QUJD\n",
        "QU JD",
        "\u0661UJD",
        "QU-_",  # the alphabet for URLs
        "Q",
        "=",
        "é===",
    ],
)
def test_any_other_form_is_refused(text: str) -> None:
    """One value has one text; what others let pass is no base64 here."""
    assert decode_base64(text) is None


@given(st.text(alphabet="AQgwxyz019+/=", max_size=12))
def test_two_texts_never_mean_the_same(text: str) -> None:
    """Whatever is accepted is what encoding gives for it."""
    data = decode_base64(text)

    assert data is None or text == encode_base64(data)
