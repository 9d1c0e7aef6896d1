"""Parameters of the authorization server's endpoints."""

from __future__ import annotations

import pytest

from cloudflow_async.emulator.oauth.parameters import Parameters, read_form

FORM = "application/x-www-form-urlencoded"


def test_a_form_is_decoded_once() -> None:
    """Plus signs, escapes, and characters beyond ASCII."""
    form = read_form(b"a=1+2%2B3&b=%C3%A9&c=%2541", f"{FORM}; charset=utf-8")

    assert [form.get(name) for name in "abc"] == ["1 2+3", "é", "%41"]


@pytest.mark.parametrize("body", [b"", b"a=", b"a", b"&&"])
def test_a_parameter_without_a_value_counts_as_left_out(body: bytes) -> None:
    """RFC 6749, section 3.1."""
    assert read_form(body, FORM).get("a") is None


@pytest.mark.parametrize("pairs", [["1", "2"], ["1", "1"], ["", "1"], ["", ""]])
def test_a_repeated_parameter_has_no_value(pairs: list[str]) -> None:
    """Also with equal values, and with empty ones."""
    parameters = Parameters([("a", value) for value in pairs] + [("b", "2")])

    assert parameters.repeated == ("a",)
    assert (parameters.get("a"), parameters.get("b")) == (None, "2")


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (b"a=1", None, "content type"),
        (b"a=1", "application/json", "content type"),
        (b"a=1", "multipart/form-data", "content type"),
        ("a=é".encode(), FORM, "not a form"),
        (b"a=%FF", FORM, "not a form"),
        (b"a=%ED%A0%80", FORM, "not a form"),
        (b"&".join([b"a=1"] * 101), FORM, "not a form"),
        (b"a=%", FORM, "percent sign"),
        (b"a=%zz", FORM, "percent sign"),
    ],
)
def test_what_is_no_form_is_refused(body: bytes, content_type: str | None, reason: str) -> None:
    """Other content types, raw or broken bytes, broken escapes, and far too many fields."""
    with pytest.raises(ValueError, match=reason):
        read_form(body, content_type)
