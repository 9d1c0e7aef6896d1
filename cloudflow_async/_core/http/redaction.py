"""Hide secrets in text that a server wrote: it may repeat them, whole or cut, in any encoding."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import TypeAlias
from urllib.parse import quote, quote_plus

Redact: TypeAlias = Callable[[str], str]
"""Returns a text without secrets."""

SHORTEST = 6
"""Characters of the shortest secret that is looked for; a shorter one may be a common word."""

_PIECE = 12
"""Characters of a secret that are hidden wherever they stand in a row; of a short one all."""

_HIDDEN = "***"
_URL_SAFE = str.maketrans("+/", "-_")
_IN_HTML = str.maketrans(
    # What html.escape() does, without the table of all entities that its module loads.
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"}
)


def redactor(secrets: Iterable[str]) -> Redact:
    """Return what hides these secrets, and of long ones whatever has twelve characters."""
    return _redactor(tuple(secrets))


@lru_cache(maxsize=16)  # a client has few credentials, and each answer is looked at
def _redactor(secrets: tuple[str, ...]) -> Redact:
    looked_for = frozenset(secret for secret in secrets if len(secret) >= SHORTEST)
    if not looked_for:
        return _unchanged

    def redact(text: str) -> str:
        for secret in looked_for:
            text = _hide(text, _pieces(secret), min(_PIECE, len(secret)))
        return text

    return redact


def _unchanged(text: str) -> str:
    return text


def _hide(text: str, pieces: frozenset[str], length: int) -> str:
    shown: list[str] = []
    at = kept = 0
    while at <= len(text) - length:
        if text[at : at + length] not in pieces:
            at += 1
            continue
        shown += [text[kept:at], _HIDDEN]
        while text[at : at + length] in pieces:
            at += 1
        at = kept = at + length - 1
    return "".join([*shown, text[kept:]]) if shown else text


@lru_cache(maxsize=16)
def _pieces(secret: str) -> frozenset[str]:
    length = min(_PIECE, len(secret))
    return frozenset(
        text[at : at + length]
        for text in _spellings(secret)
        for at in range(len(text) - length + 1)
    )


def _spellings(secret: str) -> Iterator[str]:
    data, in_url = secret.encode("utf-8", "surrogatepass"), quote(secret, safe="", errors="replace")
    yield from (secret, repr(secret)[1:-1], secret.translate(_IN_HTML))
    yield from (data.hex(), data.hex().upper())
    yield from (in_url, quote_plus(secret, errors="replace"), quote(in_url, safe=""))
    in_json = json.dumps(secret)[1:-1]
    yield from (in_json, in_json.replace("/", "\\/"))
    yield "".join(f"\\u{ord(character):04x}" for character in secret)
    for text in (data, in_url.encode()):
        yield b64encode(text).decode("ascii")
        for before in range(3):
            yield from _base64(text, before)


def _base64(data: bytes, before: int) -> tuple[str, str]:
    """Return the characters of base64 text that depend on `data` alone, behind other bytes."""
    text = b64encode(b"\0" * before + data).decode("ascii").rstrip("=")
    inside = text[(0, 2, 3)[before] : -1]
    return inside, inside.translate(_URL_SAFE)
