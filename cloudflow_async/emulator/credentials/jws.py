"""Take a signed token apart, in the one form of RFC 7515 that is accepted ("JWT Tokens")."""

from __future__ import annotations

import base64
import json
import re
from typing import Any, NoReturn

import attrs

JsonObject = dict[str, Any]

MAX_SIZE = 16 * 1024
"""Longest token that is looked at, in characters."""

_BASE64URL = re.compile(r"[A-Za-z0-9_-]+", flags=re.ASCII)

_NOT_TAKEN = ("crit", "b64", "cty", "zip", "jwk", "jku", "x5c", "x5u")
"""Header members that change how a token has to be read, or that bring a key along."""


class JwtRefused(Exception):  # noqa: N818 - it is an answer on its way out, not a failure
    """A token that is not accepted; the message says why and quotes nothing of the token."""


@attrs.frozen(kw_only=True)
class SignedToken:
    """A token that has the right form; nothing in it is verified."""

    key_id: str | None
    claims: JsonObject


def take_apart(text: str) -> SignedToken:
    """Return header and claims of a token in compact form.

    Raises:
        JwtRefused: Anything about the form is not as it has to be.
    """
    if len(text) > MAX_SIZE:
        raise JwtRefused(f"the token is longer than {MAX_SIZE} characters")
    parts = text.split(".")
    if len(parts) != 3:
        raise JwtRefused("the token does not consist of three parts")
    header = _read_object(_decode(parts[0], "header"), "header")
    _check_header(header)
    claims = _read_object(_decode(parts[1], "payload"), "payload")
    _decode(parts[2], "signature")
    return SignedToken(key_id=_read_key_id(header), claims=claims)


def _check_header(header: JsonObject) -> None:
    if header.get("alg") != "RS256":
        raise JwtRefused("the algorithm is not RS256")
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.upper() != "JWT":
        raise JwtRefused("the type in the header is not JWT")
    for name in _NOT_TAKEN:
        if name in header:
            raise JwtRefused(f"the header member '{name}' is not accepted")


def _read_key_id(header: JsonObject) -> str | None:
    if "kid" not in header:
        return None
    if not isinstance(header["kid"], str):
        raise JwtRefused("the key id is not a string")
    return header["kid"]


def _decode(part: str, name: str) -> bytes:
    if not part:
        raise JwtRefused(f"the {name} is empty")
    if len(part) % 4 != 1 and _BASE64URL.fullmatch(part):
        decoded = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        # Bits that are left over have to be zero: otherwise there are two ways to write it.
        if base64.urlsafe_b64encode(decoded).rstrip(b"=").decode() == part:
            return decoded
    raise JwtRefused(f"the {name} is not base64url without padding")


def _read_object(data: bytes, name: str) -> JsonObject:
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_without_duplicates,
            parse_constant=_refuse_constant,
        )
    except (ValueError, RecursionError):
        raise JwtRefused(f"the {name} is not JSON") from None
    if not isinstance(value, dict):
        raise JwtRefused(f"the {name} is not a JSON object")
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> JsonObject:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise JwtRefused("the token names a member twice")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
