"""Accept tokens that applications sign themselves ("JWT Tokens" of the API document).

A library alone would not do: told algorithm and audience, it still takes tokens without `sub` or
`exp`, with `aud` as a list, with a lifetime of years.  What a token has to look like stands in
`jws.py` and `claims.py`; PyJWT checks the signature.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import attrs

from . import claims
from .identities import Identity, includes, known_scopes
from .jws import JwtRefused, SignedToken, take_apart

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

MIN_KEY_BITS = 2048


@attrs.frozen(kw_only=True)
class _IssuerKey:
    """A public key, and what tokens that it verifies may claim."""

    verifies: Callable[[str], bool]
    """Whether the signature of a token is this key's."""

    key_id: str | None
    scopes: frozenset[str]
    account: str


class JwtVerifier:
    """Knows the public keys of applications, and whose tokens they verify."""

    def __init__(self) -> None:
        self._issuers: dict[str, list[_IssuerKey]] = {}

    def add_key(
        self,
        pem: bytes | str,
        *,
        issuer: str,
        key_id: str | None,
        scopes: Iterable[str],
        account: str,
    ) -> None:
        """Accept tokens of an issuer that this key verifies.

        Raises:
            ValueError: Not the public half of an RSA key of 2048 bits or more, no issuer, a key
                id that the issuer has already, or an undocumented scope.
        """
        if not issuer:
            raise ValueError("issuer must not be empty")
        key = _IssuerKey(
            verifies=_verification(_load(pem)),
            key_id=key_id,
            scopes=known_scopes(scopes),
            account=account,
        )
        keys = self._issuers.setdefault(issuer, [])
        if key_id is not None and key_id in {other.key_id for other in keys}:
            raise ValueError(f"issuer {issuer!r} has a key with the id {key_id!r} already")
        keys.append(key)

    def verify(self, text: str, now: float) -> Identity:
        """Return who a token stands for at `now` (Unix seconds).

        Raises:
            JwtRefused: Anything about the token is not as it has to be.
        """
        token = take_apart(text)
        claims.check_presence(token.claims)
        key = self._signer(text, token)
        claims.check_parties(token.claims)
        claims.check_times(token.claims, now)
        scopes = claims.read_scopes(token.claims)
        if not all(includes(key.scopes, scope) for scope in scopes):
            raise JwtRefused("the claim 'scope' asks for more than the issuer may have")
        issuer, subject = token.claims["iss"], token.claims["sub"]
        return Identity(
            name=f"jwt {issuer}/{subject}",
            scopes=scopes,
            account=key.account,
            budget=("jwt", issuer, subject),
        )

    def _signer(self, text: str, token: SignedToken) -> _IssuerKey:
        """Return the key that verifies the signature."""
        for key in self._candidates(token):
            if key.verifies(text):
                return key
        raise JwtRefused("the signature does not fit a key of the issuer")

    def _candidates(self, token: SignedToken) -> list[_IssuerKey]:
        issuer = token.claims["iss"]
        keys = self._issuers.get(issuer) if isinstance(issuer, str) else None
        if keys is None:
            raise JwtRefused("the claim 'iss' is not an issuer of which a key is registered")
        named = [key for key in keys if key.key_id == token.key_id]
        if not named and token.key_id is None:
            raise JwtRefused("the header has no 'kid', and each key of the issuer has an id")
        if not named:
            raise JwtRefused("the issuer has no key of that id")
        return named


def _load(pem: bytes | str) -> RSAPublicKey:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - takes a while
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - the same
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415 - the same

    data = pem.encode() if isinstance(pem, str) else pem
    if b"PRIVATE KEY" in data:
        raise ValueError("this is a private key: register the public half of it")
    try:
        key = serialization.load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("not a public key in PEM form") from error
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < MIN_KEY_BITS:
        raise ValueError(f"RS256 takes an RSA key of {MIN_KEY_BITS} bits or more")
    return key


def _verification(key: RSAPublicKey) -> Callable[[str], bool]:
    import jwt  # noqa: PLC0415 - takes a while, so here and not when the first token arrives

    jws = jwt.PyJWS(algorithms=["RS256"])

    def verifies(text: str) -> bool:
        try:
            jws.decode(text, key, algorithms=["RS256"])
        except jwt.PyJWTError:
            return False
        return True

    return verifies
