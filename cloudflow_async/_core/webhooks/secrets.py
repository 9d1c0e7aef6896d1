"""Webhook secrets: from the text that was agreed upon to the bytes that sign.

The API document shows ``whsec_your_webhook_secret`` and does not say how a key is made of it.  Our
reading is that of Standard Webhooks: after ``whsec_`` stands base64, in its one strict form, of 24
to 64 bytes.  The sample itself is none; a server that signs with the text as it stands is met with
``secret_encoding="utf8"``.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, NoReturn, TypeAlias

from cloudflow_async._core.errors import InvalidArgumentError
from cloudflow_async._core.public import public
from cloudflow_async._core.support.secret import Secret

from .strict_base64 import decode_base64, encode_base64

SecretEncoding: TypeAlias = Literal["base64", "utf8"]
"""How a key is made of a secret: of the base64 after ``whsec_``, or of the whole text."""

MOST_SECRETS: Final = 5
"""More than a rotation needs; each one costs a signature a delivery."""

_PREFIX: Final = "whsec_"
_KEY_LENGTHS: Final = range(24, 65)
_SHORTEST_TEXT: Final = 16

_NOT_BASE64: Final = (
    'A webhook secret is base64 of 24 to 64 bytes, with its padding, after "whsec_"; this one is '
    'not. If the sender signs with the text as it stands, pass secret_encoding="utf8".'
)


@public("cloudflow_async")
class WebhookKey:
    """The bytes that a secret stands for: neither printed nor pickled.

    Args:
        key: The bytes.
    """

    __slots__ = ("_prepared", "_text")

    def __init__(self, key: bytes) -> None:
        self._text = Secret(encode_base64(key))
        self._prepared = hmac.new(key, digestmod="sha256")

    def __repr__(self) -> str:
        return f"WebhookKey({self._text!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A credential cannot be pickled; make it anew where it is needed.")

    def hmac_sha256(self, content: bytes) -> bytes:
        """Return the 32 bytes that prove that whoever made them has the key."""
        mac = self._prepared.copy()
        mac.update(content)
        return mac.digest()

    def reveal(self) -> bytes:
        """Return the bytes themselves, for schemes that sign otherwise."""
        return decode_base64(self._text.reveal()) or b""


Secrets: TypeAlias = str | Sequence[str | WebhookKey]
"""One secret, or several while they are rotated; keys stand for secrets that were read before."""


def find_keys(secrets: Secrets, encoding: SecretEncoding) -> tuple[WebhookKey, ...] | str:
    """Return the keys of one to five secrets, or what is wrong with them; it raises nothing.

    `check_keys` raises, once its caller has dropped the secrets: error trackers record variables.
    """
    read = _READERS.get(encoding)
    if read is None:
        return 'secret_encoding is "base64" or "utf8".'
    given = [*secrets] if _are_several(secrets) else [secrets]
    if not 1 <= len(given) <= MOST_SECRETS:
        return f"1 to {MOST_SECRETS} webhook secrets are due, not {len(given)}."
    keys: list[WebhookKey] = []
    for secret in given:
        key = secret if isinstance(secret, WebhookKey) else _key(secret, read)
        if isinstance(key, str):
            return key
        keys.append(key)
    return tuple(keys)


def check_keys(found: tuple[WebhookKey, ...] | str) -> tuple[WebhookKey, ...]:
    """Return what `find_keys` found.

    Raises:
        InvalidArgumentError: It found something wrong.
    """
    if isinstance(found, str):
        raise InvalidArgumentError(found)
    return found


def _are_several(secrets: object) -> bool:
    return hasattr(secrets, "__iter__") and not isinstance(secrets, (str, bytes))


def _key(secret: object, read: Callable[[str], WebhookKey | str]) -> WebhookKey | str:
    if not isinstance(secret, str):
        return f"A webhook secret is a str, not {type(secret).__name__}."
    if not secret:
        return "A webhook secret is empty."
    if len(secret.strip()) < len(secret):
        return "A webhook secret has white space around it: was the end of a line read with it?"
    return read(secret)


def _key_of_base64(secret: str) -> WebhookKey | str:
    key = decode_base64(secret.removeprefix(_PREFIX))
    return WebhookKey(key) if key is not None and len(key) in _KEY_LENGTHS else _NOT_BASE64


def _key_of_text(secret: str) -> WebhookKey | str:
    # An error of the encoding would carry the text, so none may be raised.
    key = secret.encode("utf-8", "ignore")
    if key.decode() != secret:
        return "A webhook secret has characters that UTF-8 does not have."
    if len(key) < _SHORTEST_TEXT:
        return f"A webhook secret has at least {_SHORTEST_TEXT} bytes."
    return WebhookKey(key)


_READERS: Final[Mapping[str, Callable[[str], WebhookKey | str]]] = {
    "base64": _key_of_base64,
    "utf8": _key_of_text,
}
