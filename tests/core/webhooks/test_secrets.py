"""From the secret that was agreed upon to the bytes that sign."""

from __future__ import annotations

import base64
import copy
import hashlib
import hmac
import pickle
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from cloudflow_async._core.errors import InvalidArgumentError
from cloudflow_async._core.webhooks.secrets import WebhookKey, check_keys, find_keys
from tests.canaries import Lookout
from tests.core.webhooks.samples import CANARY, OTHERS, SECRET

SAMPLE = "whsec_your_webhook_secret"
"""The API document's own."""


def keys_of(secrets: Any, encoding: Any = "base64") -> list[bytes]:
    """Return the bytes of the keys that are found."""
    return [key.reveal() for key in check_keys(find_keys(secrets, encoding))]


def text_of(length: int) -> str:
    """Return a secret of so many bytes."""
    return "whsec_" + base64.b64encode(bytes(range(length))).decode()


@pytest.mark.parametrize("length", [24, 25, 26, 32, 63, 64])
def test_the_key_is_the_base64_after_the_prefix(length: int) -> None:
    """24 to 64 bytes, with or without ``whsec_`` in front."""
    expected = [bytes(range(length))]

    assert expected == keys_of(text_of(length))
    assert expected == keys_of(text_of(length).removeprefix("whsec_"))


@pytest.mark.parametrize(
    "secret",
    [
        SAMPLE,
        text_of(23),
        text_of(65),
        text_of(25).rstrip("="),
        text_of(24) + "=",
        text_of(26).replace("=", "!"),
        "whsec_whsec_" + text_of(24)[6:],
        "whsk_" + text_of(24)[6:],
        "WHSEC_" + text_of(24)[6:],
        "whsec_",
        "whsec_" + "\u0661" * 32,
        "whsec_" + "\ud800" * 32,
        "whsec_" + "-_" * 16,
    ],
)
def test_anything_else_is_refused_with_the_way_out(secret: str) -> None:
    """The message says what is due and names the other encoding; the secret is not in it."""
    with pytest.raises(InvalidArgumentError, match='pass secret_encoding="utf8"') as caught:
        keys_of(secret)

    assert secret.removeprefix("whsec_") not in str(caught.value) or secret == "whsec_"


@pytest.mark.parametrize("secret", [SAMPLE, "0123456789abcdef", "ä" * 8, SECRET])
def test_utf8_takes_the_whole_text(secret: str) -> None:
    """A server that signs with the text as it stands signs with its prefix, too."""
    assert [secret.encode()] == keys_of(secret, "utf8")


@pytest.mark.parametrize(
    ("secret", "problem"),
    [("0123456789abcde", "at least 16 bytes"), ("\ud800" + "a" * 32, "UTF-8 does not have")],
)
def test_utf8_refuses_short_and_impossible_texts(secret: str, problem: str) -> None:
    """Fewer than 16 bytes are guessed, and a lone surrogate has no bytes."""
    with pytest.raises(InvalidArgumentError, match=problem):
        keys_of(secret, "utf8")


@pytest.mark.parametrize("encoding", ["base64", "utf8"])
@pytest.mark.parametrize(
    ("secret", "problem"),
    [
        ("", "is empty"),
        (SECRET + "\n", "white space"),
        (" " + SECRET, "white space"),
        (SECRET.encode(), "is a str, not bytes"),
        (None, "is a str, not NoneType"),
        ([SECRET, None], "is a str, not NoneType"),
        (5, "is a str, not int"),
    ],
)
def test_what_is_no_secret_is_refused(secret: Any, problem: str, encoding: str) -> None:
    """A variable that is not set and a line's end that was read along are named as such."""
    with pytest.raises(InvalidArgumentError, match=problem):
        keys_of(secret, encoding)


def test_one_to_five_are_taken_in_order() -> None:
    """A rotation has two, rarely more; none at all would verify nothing."""
    five = [SECRET, *OTHERS]

    assert [keys_of(secret)[0] for secret in five] == keys_of(five)
    assert keys_of(five) == keys_of(tuple(five)) == keys_of(deque(five))
    for secrets in ([], [*five, SECRET]):
        with pytest.raises(InvalidArgumentError, match=r"1 to 5 .* not [06]"):
            keys_of(secrets)


def test_keys_stand_for_secrets_that_were_read_before() -> None:
    """They are taken as they are, so that secrets are read once and deliveries often."""
    keys = check_keys(find_keys([SECRET, OTHERS[0]], "base64"))

    assert keys == find_keys(keys, "base64") == find_keys(list(keys), "utf8")


def test_an_unknown_encoding_is_refused() -> None:
    """There are two."""
    with pytest.raises(InvalidArgumentError, match='"base64" or "utf8"'):
        keys_of(SECRET, "hex")


@pytest.mark.parametrize("content", [b"", b"abc", b"x" * 1000])
def test_a_key_signs_again_and_again(content: bytes) -> None:
    """Each signature is the standard library's, whatever was signed before."""
    key = WebhookKey(b"k" * 100)
    key.hmac_sha256(b"something else")

    assert hmac.digest(b"k" * 100, content, hashlib.sha256) == key.hmac_sha256(content)


@pytest.mark.parametrize("travel", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_key_does_not_travel(travel: Callable[[Any], Any]) -> None:
    """Pickling and copying say what to do instead."""
    with pytest.raises(TypeError, match="make it anew"):
        travel(WebhookKey(b"k" * 24))


def test_a_key_does_not_show_itself() -> None:
    """Neither the secret nor its bytes are in anything that a key shows; its end tells it apart."""
    (key,) = check_keys(find_keys(CANARY, "base64"))
    lookout = Lookout()
    lookout.plant("bytes", key.reveal().decode())
    lookout.see("key", key)
    lookout.copies("key", key)

    assert [] == lookout.finds()
    assert f"WebhookKey(***{CANARY[-4:]})" == repr(key) == str(key)


def test_a_refused_secret_is_in_no_variable_of_ours() -> None:
    """Whoever records the variables of a traceback does not record the secret."""
    lookout = Lookout()
    found = find_keys([CANARY + "x"], "base64")
    with pytest.raises(InvalidArgumentError) as caught:
        check_keys(found)
    lookout.see("error", caught.value)

    assert [] == lookout.finds()
