"""Find out who asks: exactly one credential, and one that was issued here or is signed well."""

from __future__ import annotations

import re

from multidict import CIMultiDictProxy

from cloudflow_async.emulator.base.problems import STATUS_CODES, Problem

from .identities import Identity
from .jws import JwtRefused
from .jwts import JwtVerifier
from .keys import KeyRing
from .tokens import TokenBook

_BEARER = re.compile(r"bearer +(?P<token>[A-Za-z0-9._~+/-]+=*)", flags=re.ASCII | re.IGNORECASE)
_CHALLENGE = 'Bearer realm="cloudflow"'


class Authenticator:
    """Turns the headers of a request into an identity.

    A real service would not tell why it refuses.  This one is for people who are looking for
    their mistake, so it does; it never quotes what was presented.
    """

    def __init__(self, keys: KeyRing, tokens: TokenBook, jwts: JwtVerifier) -> None:
        self._keys = keys
        self._tokens = tokens
        self._jwts = jwts

    def identify(self, headers: CIMultiDictProxy[str], now: float) -> Identity:
        """Return who sent these headers at `now` (Unix seconds).

        Raises:
            Problem: The 401.
        """
        keys, tokens = headers.getall("X-API-Key", []), headers.getall("Authorization", [])
        if not keys and not tokens:
            raise _refusal("the request carries neither X-API-Key nor Authorization")
        if len(keys) + len(tokens) > 1:
            raise _refusal("the request carries more than one credential")
        return self._by_key(keys[0]) if keys else self._by_token(tokens[0], now)

    def _by_key(self, text: str) -> Identity:
        identity = self._keys.find(text)
        if identity is None:
            raise _refusal("no such key")
        return identity

    def _by_token(self, header: str, now: float) -> Identity:
        token = bearer_token(header)
        if token is None:
            raise _invalid_token("the Authorization header is not 'Bearer' and a token")
        if token.count(".") >= 2:
            return self._by_jwt(token, now)
        identity = self._tokens.find(token, now)
        if identity is None:
            raise _invalid_token("the token is unknown, has expired or was revoked")
        return identity

    def _by_jwt(self, token: str, now: float) -> Identity:
        try:
            return self._jwts.verify(token, now)
        except JwtRefused as refused:
            reason = str(refused)
        raise _invalid_token(reason)


def bearer_token(header: str) -> str | None:
    """Return what an `Authorization` header carries; None: it is of another kind."""
    match = _BEARER.fullmatch(header)
    return None if match is None else match["token"]


def missing_scope(identity: Identity, scope: str) -> Problem:
    """Return the 403 for a caller who lacks a scope."""
    challenge = f'{_CHALLENGE}, error="insufficient_scope", scope="{scope}"'
    headers = {"WWW-Authenticate": challenge} if identity.bearer else {}
    return Problem(403, f"The credential lacks the scope {scope}", headers=headers)


def _refusal(reason: str) -> Problem:
    return Problem(401, _message(reason), headers={"WWW-Authenticate": _CHALLENGE})


def _invalid_token(reason: str) -> Problem:
    description = reason.replace('"', "'")
    challenge = f'{_CHALLENGE}, error="invalid_token", error_description="{description}"'
    return Problem(401, _message(reason), headers={"WWW-Authenticate": challenge})


def _message(reason: str) -> str:
    return f"{STATUS_CODES[401][1]}: {reason}"
