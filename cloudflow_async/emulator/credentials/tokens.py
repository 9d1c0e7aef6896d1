"""Codes, access and refresh tokens: issued for a grant, and dead as soon as it is abused.

A grant is what one person allowed one client.  All that is issued for it is one family: whoever
presents a code or a refresh token for the second time has it from somebody else, or somebody else
has it from them, and nobody can tell which.  So the whole family dies (RFC 9700, section 4.14.2).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable

import attrs

from cloudflow_async.emulator.base.expiring_dict import ExpiringDict
from cloudflow_async.emulator.base.oauth_errors import TokenError
from cloudflow_async.emulator.base.seeded_random import letters, seeded

from .identities import DEFAULT_ACCOUNT, Identity, known_scopes

CODE_SECONDS = 60.0
"""How long an authorization code can be exchanged."""

TOKEN_SECONDS = 3600.0
"""How long an access token is valid ("Token Expiration")."""

REFRESH_SECONDS = 30 * 86_400.0
"""How long a refresh token is valid if nobody uses it; the document names no time."""


@attrs.define(kw_only=True, eq=False)
class Grant:
    """What one person allowed one client."""

    subject: str
    """The person."""

    client_id: str | None = None
    """None for tokens that were made without a client."""

    scopes: frozenset[str]
    account: str = DEFAULT_ACCOUNT
    refresh: bool = True
    """Whether refresh tokens are issued for it."""

    revoked: bool = False

    def identity(self, scopes: frozenset[str]) -> Identity:
        """Return who comes with an access token for these scopes."""
        client = f" via {self.client_id}" if self.client_id else ""
        return Identity(
            name=self.subject + client,
            scopes=scopes,
            account=self.account,
            budget=("oauth", self.account, self.subject, self.client_id),
        )


@attrs.frozen(kw_only=True)
class IssuedTokens:
    """What a successful token request brings."""

    access_token: str = attrs.field(repr=False)
    refresh_token: str | None = attrs.field(repr=False)
    scopes: frozenset[str]
    expires_in: int
    """Seconds."""


@attrs.define(kw_only=True, eq=False)
class _Code:
    grant: Grant
    redirect_uri: str
    challenge: str = attrs.field(repr=False)
    expires_at: float
    spent: bool = False


@attrs.frozen(kw_only=True)
class _AccessToken:
    grant: Grant
    scopes: frozenset[str]
    expires_at: float


@attrs.define(kw_only=True, eq=False)
class _RefreshToken:
    grant: Grant
    expires_at: float
    spent: bool = False


class TokenBook:
    """All codes and tokens of one emulator, the same in every run with the same seed.

    Instants are Unix seconds, and always an argument.
    """

    def __init__(self, seed: int) -> None:
        self._random = seeded(seed, "tokens")
        self._codes: ExpiringDict[_Code] = ExpiringDict()
        self._access_tokens: ExpiringDict[_AccessToken] = ExpiringDict()
        self._refresh_tokens: ExpiringDict[_RefreshToken] = ExpiringDict()

    def add(
        self,
        *scopes: str,
        subject: str,
        expires_in: float = TOKEN_SECONDS,
        account: str = DEFAULT_ACCOUNT,
        now: float,
    ) -> str:
        """Return a new access token that no client had to ask for; `expires_in` is in seconds.

        Raises:
            ValueError: A scope that the API document does not name.
        """
        grant = Grant(subject=subject, scopes=known_scopes(scopes), account=account)
        return self._access_token(grant, grant.scopes, now=now, until=now + expires_in)

    def find(self, text: str, now: float) -> Identity | None:
        """Return who an access token stands for at `now`, or None."""
        token = self._access_tokens.find(text)
        if token is None or token.grant.revoked or token.expires_at <= now:
            return None
        return token.grant.identity(token.scopes)

    def revoke(self, text: str) -> None:
        """End an access token, or a refresh token with its whole family.

        Raises:
            ValueError: No such token was issued here, or it is long forgotten.
        """
        refresh_token = self._refresh_tokens.find(text)
        if refresh_token is not None:
            refresh_token.grant.revoked = True
        elif self._access_tokens.find(text) is not None:
            self._access_tokens.remove(text)
        else:
            raise ValueError("no such token was issued here")

    def issue_code(self, grant: Grant, *, redirect_uri: str, challenge: str, now: float) -> str:
        """Return a code that `exchange()` takes once.

        `challenge` is that of PKCE with S256; empty: there is none.
        """
        text = "cfac_" + letters(self._random, 40)
        expires_at = now + CODE_SECONDS
        code = _Code(
            grant=grant, redirect_uri=redirect_uri, challenge=challenge, expires_at=expires_at
        )
        # It is remembered for as long as a second use would have something to revoke.
        self._codes.put(text, code, now=now, until=now + REFRESH_SECONDS)
        return text

    def check_code(self, text: str, *, client_id: str) -> bool:
        """Make sure that a code comes from its client and for the first time.

        Return whether it was asked for with a challenge of PKCE.

        Raises:
            TokenError: It does not; a code that was used before takes everything with it that
                was issued for it.
        """
        return bool(self._unspent_code(text, client_id).challenge)

    def exchange(
        self, text: str, *, client_id: str, redirect_uri: str, verifier: str | None, now: float
    ) -> IssuedTokens:
        """Return tokens for a code, which is spent from then on, tokens or not.

        Raises:
            TokenError: Anything does not fit, see also `check_code()`.
        """
        code = self._unspent_code(text, client_id)
        code.spent = True
        if code.expires_at <= now:
            raise _invalid_grant("the code has expired")
        if code.redirect_uri != redirect_uri:
            raise _invalid_grant("redirect_uri is not that of the authorization request")
        if code.challenge and not hmac.compare_digest(_s256(verifier or ""), code.challenge):
            raise _invalid_grant("code_verifier does not fit the code_challenge")
        return self._issue(code.grant, code.grant.scopes, now)

    def refresh(
        self, text: str, *, client_id: str, scopes: Iterable[str] | None, now: float
    ) -> IssuedTokens:
        """Return new tokens for a refresh token, which is worth nothing from then on.

        Args:
            text: The refresh token.
            client_id: Of the client that presents it.
            scopes: Some of those that were granted; None: all of them.
            now: Unix seconds.

        Raises:
            TokenError: Anything does not fit; a refresh token that was used before takes its
                whole family with it.
        """
        token = self._unspent_refresh_token(text, client_id)
        if token.expires_at <= now:
            raise _invalid_grant("the refresh token has expired")
        granted = token.grant.scopes
        wanted = granted if scopes is None else frozenset(scopes)
        if not wanted <= granted:
            raise TokenError("invalid_scope", "scope asks for more than was granted")
        token.spent = True
        return self._issue(token.grant, wanted, now)

    def _unspent_code(self, text: str, client_id: str) -> _Code:
        code = self._codes.find(text)
        if code is None or code.grant.client_id != client_id:
            raise _invalid_grant("the code is unknown to this client")
        if code.spent:
            code.grant.revoked = True
            raise _invalid_grant("the code was used before; its tokens are revoked")
        return code

    def _unspent_refresh_token(self, text: str, client_id: str) -> _RefreshToken:
        token = self._refresh_tokens.find(text)
        if token is None or token.grant.client_id != client_id:
            raise _invalid_grant("the refresh token is unknown to this client")
        if token.spent:
            token.grant.revoked = True
            raise _invalid_grant("the refresh token was used before; its family is revoked")
        if token.grant.revoked:
            raise _invalid_grant("the refresh token was revoked")
        return token

    def _issue(self, grant: Grant, scopes: frozenset[str], now: float) -> IssuedTokens:
        access_token = self._access_token(grant, scopes, now=now, until=now + TOKEN_SECONDS)
        return IssuedTokens(
            access_token=access_token,
            refresh_token=self._refresh_token(grant, now) if grant.refresh else None,
            scopes=scopes,
            expires_in=int(TOKEN_SECONDS),
        )

    def _access_token(
        self, grant: Grant, scopes: frozenset[str], *, now: float, until: float
    ) -> str:
        text = "cfat_" + letters(self._random, 32)
        token = _AccessToken(grant=grant, scopes=scopes, expires_at=until)
        self._access_tokens.put(text, token, now=now, until=until)
        return text

    def _refresh_token(self, grant: Grant, now: float) -> str:
        text = "cfrt_" + letters(self._random, 40)
        expires_at = now + REFRESH_SECONDS
        token = _RefreshToken(grant=grant, expires_at=expires_at)
        self._refresh_tokens.put(text, token, now=now, until=expires_at)
        return text


def _s256(verifier: str) -> str:
    """Return the challenge of a verifier (RFC 7636, section 4.6)."""
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def _invalid_grant(description: str) -> TokenError:
    return TokenError("invalid_grant", description)
