"""Judge the claims of a signed token: all six of "JWT Tokens", each as it is written there."""

from __future__ import annotations

from .identities import SCOPES
from .jws import JsonObject, JwtRefused

AUDIENCE = "https://api.cloudflow.io"
"""The only audience, whatever address the emulator itself has."""

MAX_LIFETIME = 3600
"""Most seconds from `iat` to `exp`."""

LEEWAY = 60
"""Seconds that the clock of the one who signs may be ahead."""

REQUIRED = ("iss", "sub", "aud", "exp", "iat", "scope")


def check_presence(claims: JsonObject) -> None:
    """Refuse claims of which one is missing.

    Raises:
        JwtRefused: Which one it is.
    """
    for name in REQUIRED:
        if name not in claims:
            raise JwtRefused(f"the claim '{name}' is missing")


def check_parties(claims: JsonObject) -> None:
    """Refuse a token that is about nobody, or for somebody else.

    Raises:
        JwtRefused: Which claim is wrong.
    """
    subject = claims["sub"]
    if not isinstance(subject, str) or not subject.strip():
        raise JwtRefused("the claim 'sub' is not a string, or empty")
    if claims["aud"] != AUDIENCE:
        raise JwtRefused(f"the claim 'aud' is not the string {AUDIENCE}")


def check_times(claims: JsonObject, now: float) -> None:
    """Refuse a token that is not valid at `now` (Unix seconds), or is valid for too long.

    Raises:
        JwtRefused: Which claim is wrong.
    """
    expires_at, issued_at = _seconds(claims, "exp"), _seconds(claims, "iat")
    if expires_at <= now:
        raise JwtRefused("the token has expired")
    if issued_at > now + LEEWAY:
        raise JwtRefused("the token was issued in the future")
    if not 1 <= expires_at - issued_at <= MAX_LIFETIME:
        raise JwtRefused(f"the claim 'exp' is not 1 to {MAX_LIFETIME} seconds after 'iat'")
    if "nbf" in claims and _seconds(claims, "nbf") > now + LEEWAY:
        raise JwtRefused("the token is not valid yet")


def read_scopes(claims: JsonObject) -> frozenset[str]:
    """Return what the token asks for; an empty string asks for nothing.

    Raises:
        JwtRefused: Not documented scopes with one space between them.
    """
    text = claims["scope"]
    if not isinstance(text, str):
        raise JwtRefused("the claim 'scope' is not a string")
    scopes = text.split(" ") if text else []
    if not set(scopes) <= set(SCOPES):
        raise JwtRefused("the claim 'scope' is not a list of known scopes with single spaces")
    return frozenset(scopes)


def _seconds(claims: JsonObject, name: str) -> int:
    value = claims[name]
    if type(value) is not int:
        raise JwtRefused(f"the claim '{name}' is not an integer")
    return value
