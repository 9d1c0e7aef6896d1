"""Show people what was sent, without the credentials in it and without characters that deceive."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote_plus

_HIDDEN = "***"
_TELLING = 4
"""Characters that are left of a credential, so that two of them can be told apart."""

_LONG_ENOUGH = 4 * _TELLING
"""Shorter ones are left out as a whole."""

_SECRET_HEADER = re.compile(
    r"authori[sz]ation|cookie|api[-_]?key|passw|secret|token", re.IGNORECASE
)
_SCHEME = re.compile(r"(?i:basic|bearer|digest)(?= )")

_SECRET_NAMES = frozenset(
    {
        *("access_token", "refresh_token", "id_token", "token", "code", "code_verifier"),
        *("client_secret", "secret", "password", "assertion", "client_assertion"),
        *("api_key", "apikey", "x-api-key", "authorization", "signature", "transaction"),
    }
)
"""Parameters of URLs and forms, in lower case."""

_JSON_SECRET = re.compile(
    r'(?P<name>"(?:\w*(?:secret|password|token)|api_?key|authorization|x-api-key)"\s*:\s*")'
    r'(?P<value>(?:[^"\\]|\\.)*)',
    re.IGNORECASE | re.DOTALL,
)
"""A member of a JSON object; its value may have been cut off."""

_CREDENTIAL = re.compile(
    r"\b(?:cf_(?:live|test)_|tf_(?:live|test)_|cf[a-z]{2}_|whsec_)[A-Za-z0-9_+/=-]+|\beyJ[\w-]{8,}(?:\.[\w-]*)*"
)
"""What is known by its looks, wherever it stands: keys, tokens, secrets, JWTs."""

_USER = re.compile(r"(?<=://)[^/?#\s]*@")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


def hide(credential: str) -> str:
    """Return what may be shown of a credential: its last four characters, if it is long."""
    return _HIDDEN + (credential[-_TELLING:] if len(credential) >= _LONG_ENOUGH else "")


def shown_text(text: str, *, keep: str = "") -> str:
    """Return a text without what looks like a credential or deceives the eye.

    That is keys and tokens, users of URLs; control and direction characters.

    Args:
        text: Anything.
        keep: Characters to leave although they are not printable, such as line ends.
    """
    text = _USER.sub(_HIDDEN + "@", text)
    return _visible(_CREDENTIAL.sub(lambda match: hide(match[0]), text), keep)


def shown_header(name: str, value: str) -> str:
    """Return the value of a header; of one that carries a credential what `hide()` leaves."""
    if not _SECRET_HEADER.search(name):
        return shown_text(value)
    scheme = _SCHEME.match(value)
    if scheme is None:
        return _visible(hide(value))
    return _visible(f"{scheme[0]} {hide(value[scheme.end() + 1 :])}")


def shown_query(pairs: Iterable[tuple[str, str]]) -> str:
    """Return decoded parameters as they stand in a URL, `?` included; nothing for none."""
    shown = "&".join(
        f"{_parameter(shown_text(name))}={_parameter(shown_text(_shown_value(name, value)))}"
        for name, value in pairs
    )
    return f"?{shown}" if shown else ""


def shown_url(url: str) -> str:
    """Return a URL without user, password and parameters that carry credentials."""
    address, mark, query = url.partition("?")
    return shown_text(address + mark + _shown_pairs(query))


def shown_body(body: bytes, *, form: bool) -> str:
    """Return a body, or its beginning, as text.

    Args:
        body: Bytes of any kind; what is not UTF-8 is replaced.
        form: Whether it is a form as browsers send it.
    """
    text = body.decode("utf-8", "replace")
    text = _shown_pairs(text) if form else _JSON_SECRET.sub(_hide_member, text)
    return shown_text(text, keep="\n\t")


def _shown_pairs(text: str) -> str:
    return "&".join(_shown_pair(pair) for pair in text.split("&"))


def _shown_pair(pair: str) -> str:
    name, separator, value = pair.partition("=")
    return name + separator + _shown_value(unquote_plus(name), value)


def _shown_value(name: str, value: str) -> str:
    return hide(value) if value and name.lower() in _SECRET_NAMES else value


def _hide_member(match: re.Match[str]) -> str:
    return match["name"] + hide(match["value"])


def _parameter(text: str) -> str:
    return quote(text, safe="*:,/+@\\", errors="replace")


def _visible(text: str, keep: str = "") -> str:
    if text.isprintable():
        return text
    return _UNPRINTABLE.sub(lambda match: _escaped(match[0], keep), text)


def _escaped(character: str, keep: str) -> str:
    if character.isprintable() or character in keep:
        return character
    return character.encode("unicode_escape").decode("ascii")
