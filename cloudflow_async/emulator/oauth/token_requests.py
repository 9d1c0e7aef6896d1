"""Answer token requests (RFC 6749, sections 4.1.3 and 6)."""

from __future__ import annotations

import re
from collections.abc import Callable

import attrs

from cloudflow_async.emulator.base.oauth_errors import NO_STORE, TokenError
from cloudflow_async.emulator.base.problems import Reply
from cloudflow_async.emulator.credentials.identities import SCOPES
from cloudflow_async.emulator.credentials.tokens import IssuedTokens, TokenBook

from .clients import OAuthClient
from .parameters import Parameters

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


@attrs.frozen
class TokenRequest:
    """A form that a client sent, which is the one that it says to be."""

    client: OAuthClient
    form: Parameters
    now: float
    """Unix seconds."""

    def needed(self, name: str) -> str:
        """Return a parameter, or raise that it is missing."""
        value = self.form.get(name)
        if value is None:
            raise TokenError("invalid_request", f"{name} is missing")
        return value


def answer(request: TokenRequest, tokens: TokenBook) -> Reply:
    """Return tokens.

    Raises:
        TokenError: There are none for this request.
    """
    grant = _GRANTS.get(request.needed("grant_type"))
    if grant is None:
        known = " and ".join(_GRANTS)
        raise TokenError("unsupported_grant_type", f"grant_type can be {known}")
    return _reply(grant(request, tokens))


def _exchange(request: TokenRequest, tokens: TokenBook) -> IssuedTokens:
    code, client_id = request.needed("code"), request.client.client_id
    # First of all, because a thief who knows no verifier must not go unnoticed.
    has_challenge = tokens.check_code(code, client_id=client_id)
    verifier = request.needed("code_verifier") if has_challenge else None
    if verifier is not None and not _VERIFIER.fullmatch(verifier):
        raise TokenError("invalid_request", "code_verifier must be 43 to 128 unreserved characters")
    return tokens.exchange(
        code,
        client_id=client_id,
        redirect_uri=request.needed("redirect_uri"),
        verifier=verifier,
        now=request.now,
    )


def _refresh(request: TokenRequest, tokens: TokenBook) -> IssuedTokens:
    if not request.client.refresh:
        raise TokenError("unauthorized_client", "the client gets no refresh tokens")
    scope = request.form.get("scope")
    return tokens.refresh(
        request.needed("refresh_token"),
        client_id=request.client.client_id,
        scopes=None if scope is None else scope.split(" "),
        now=request.now,
    )


_GRANTS: dict[str, Callable[[TokenRequest, TokenBook], IssuedTokens]] = {
    "authorization_code": _exchange,
    "refresh_token": _refresh,
}


def _reply(issued: IssuedTokens) -> Reply:
    body: dict[str, object] = {
        "access_token": issued.access_token,
        "token_type": "Bearer",
        "expires_in": issued.expires_in,
        "scope": " ".join(scope for scope in SCOPES if scope in issued.scopes),
    }
    if issued.refresh_token is not None:
        body["refresh_token"] = issued.refresh_token
    return Reply(status=200, body=body, headers=NO_STORE)
