"""What people may see of what was sent."""

from __future__ import annotations

import pytest

from cloudflow_async.emulator.base.redaction import (
    hide,
    shown_body,
    shown_header,
    shown_query,
    shown_text,
    shown_url,
)

KEY = "cf_live_0123456789abcdef"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJhcHAifQ.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("credential", "expected"),
    [(KEY, "***cdef"), ("a" * 15, "***"), ("a" * 12 + "bcde", "***bcde"), ("", "***")],
)
def test_a_long_credential_shows_its_end_and_a_short_one_nothing(
    credential: str, expected: str
) -> None:
    """Four characters of sixteen or more."""
    assert hide(credential) == expected


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("X-API-Key", KEY, "***cdef"),
        ("x-api-key", "short", "***"),
        ("Authorization", f"Bearer {JWT}", "Bearer ***dXJl"),
        ("Authorization", "basic Y2xpZW50OnNlY3JldA==", "basic ***dA=="),
        ("Authorization", "odd 0123456789abcdef", "***cdef"),
        ("Proxy-Authorization", "Basic abc", "Basic ***"),
        ("Cookie", "session=0123456789abcdef", "***cdef"),
        ("X-Auth-Token", "0123456789abcdef", "***cdef"),
        ("X-Api_Key", "0123456789abcd\x1b\u202e", "***cd\\x1b\\u202e"),
        ("Accept", "application/json", "application/json"),
        ("User-Agent", f"demo {KEY}", "demo ***cdef"),
        ("X-Odd", "a\x01\udcffb", "a\\x01\\udcffb"),
    ],
)
def test_headers_keep_their_credentials_to_themselves(name: str, value: str, expected: str) -> None:
    """Known by the header's name or by their own looks; a scheme stays readable."""
    assert shown_header(name, value) == expected


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        "tf_test_0123456789abcdef",
        JWT,
        "cfat_" + "a" * 28 + "cdef",
        "whsec_" + "b" * 32,
        JWT[:30],
    ],
)
def test_credentials_are_known_by_their_looks(text: str) -> None:
    """Keys, tokens, secrets and JWTs, wherever they stand, whole or cut off."""
    shown = shown_text(f"/v2/{text}?x")

    assert shown == f"/v2/{hide(text)}?x"


def test_characters_that_deceive_are_written_out() -> None:
    """Controls, direction marks and broken characters; other scripts stay as they are."""
    assert shown_text("ä日 \x00\x1b[31m\u202e\ud800\n") == "ä日 \\x00\\x1b[31m\\u202e\\ud800\\n"
    assert shown_text("a\n\tb\r", keep="\n\t") == "a\n\tb\\r"


def test_a_query_is_shown_without_credentials() -> None:
    """Encoded again as far as it has to be."""
    pairs = [("limit", "2"), ("Access_Token", "0123456789abcdef"), ("a b", "c&d/é"), ("code", "")]

    assert shown_query(pairs) == "?limit=2&Access_Token=***cdef&a%20b=c%26d/%C3%A9&code="
    assert shown_query([]) == ""


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:9/hook?a=1", "http://127.0.0.1:9/hook?a=1"),
        ("http://ada:secret@[::1]:9/", "http://***@[::1]:9/"),
        ("http://h/?x=1&tok%65n=0123456789abcdef", "http://h/?x=1&tok%65n=***cdef"),
        ("http://h/?", "http://h/?"),
        (f"http://h/{KEY}\u202e", "http://h/***cdef\\u202e"),
    ],
)
def test_a_url_is_shown_without_credentials(url: str, expected: str) -> None:
    """User and password, parameters, and what looks like a key."""
    assert shown_url(url) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"url": "x",\n\t"secret" : "a\\"b"}', '{"url": "x",\n\t"secret" : "***"}'),
        (b'{"client_secret":"0123456789abcdef","a":1}', '{"client_secret":"***cdef","a":1}'),
        (b'{"access_token":"0123456789abcdef', '{"access_token":"***cdef'),
        (b'{"error":{"code":"invalid_parameter"}}', '{"error":{"code":"invalid_parameter"}}'),
        (b'{"url":"https://ada:pw@h/"}', '{"url":"https://***@h/"}'),
        (b'{"secret": null}', '{"secret": null}'),
        (b"\xff\x00\r\n", "\ufffd\\x00\\r\n"),
    ],
)
def test_a_body_is_shown_without_credentials(body: bytes, expected: str) -> None:
    """Members of JSON objects, even of one that was cut off."""
    assert shown_body(body, form=False) == expected


def test_a_form_is_shown_without_credentials() -> None:
    """Parameters by name, however the name is written."""
    body = b"grant_type=refresh_token&refresh%5Ftoken=0123456789abcdef&code=abc&x"

    assert shown_body(body, form=True) == (
        "grant_type=refresh_token&refresh%5Ftoken=***cdef&code=***&x"
    )
