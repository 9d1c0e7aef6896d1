"""Read what a token endpoint answered: a token, or the error that it stands for.

No I/O and no clock (RFC 6749, 5; API document: OAuth 2.0).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from cloudflow_async._core.auth.token import Token
from cloudflow_async._core.codec.json import loads
from cloudflow_async._core.errors import (
    CredentialError,
    DecodeError,
    InvalidArgumentError,
    LoginError,
    ReauthenticationRequiredError,
    TokenRequestError,
)
from cloudflow_async._core.messages import Json, Reply
from cloudflow_async._core.support.secret import Secret

from .errors import OAuthError

DOCUMENTED_LIFE: Final = 3600.0
"""Seconds; API document: "All tokens expire after 3600 seconds"."""

LONGEST_LIFE: Final = 365 * 86_400.0
"""Seconds; a server that promises more is not believed."""

START_ANEW: Final = " Start the login anew."
"""Ends the message of whatever fails when a code is redeemed: a code serves once."""

_TEMPORARY: Final = frozenset({"server_error", "temporarily_unavailable"})
_NUMBER = re.compile(r"[0-9]{1,18}(\.[0-9]{1,9})?", re.ASCII)


def read_token(
    reply: Reply,
    *,
    now: float,
    requested: frozenset[str],
    previous: Token | None,
    secrets: Iterable[Secret] = (),
) -> Token:
    """Return the token that a token endpoint sent.

    Args:
        reply: What came.
        now: Unix time in seconds at which it was asked for.
        requested: The scopes that a login asked for: what it was granted if the answer to it
            has no ``scope``; an empty one grants nothing.
        previous: The token that was refreshed, whose scopes and refresh token go on where the
            answer has none; None: a code was redeemed.
        secrets: What the server knows; errors do not show it where it repeats it.

    Raises:
        ReauthenticationRequiredError: The refresh token is not accepted any more.
        LoginError: The code is not accepted.
        TokenRequestError: There is no token in it for another reason.
    """
    found = _judge(reply, now, requested, previous, secrets)
    # Raised here, where no local variable shows the body.
    if isinstance(found, Token):
        return found
    raise found


def _judge(
    reply: Reply,
    now: float,
    requested: frozenset[str],
    previous: Token | None,
    secrets: Iterable[Secret],
) -> Token | CredentialError:
    answer = _json_object(reply.body)
    if answer and answer.get("error"):
        return _refusal(reply.status, _told(answer, secrets), previous)
    problem = _problem(reply.status, answer)
    if answer is None or problem is not None:
        return _failure(reply.status, f"answered {reply.status} {problem}", previous)
    scopes = _scopes(answer.get("scope"))
    if scopes is None:
        scopes = _scopes_without(requested, previous)
    try:
        return _token(answer, now, scopes, previous)
    except InvalidArgumentError as error:
        problem = error.message
    return _failure(reply.status, f"sent a token that cannot be used: {problem}", previous)


def _json_object(body: bytes) -> Mapping[str, Json] | None:
    try:
        value = loads(body)
    except DecodeError:
        return None
    return value if isinstance(value, dict) else None


def _problem(status: int, answer: Mapping[str, Json] | None) -> str | None:
    """Say why an answer without an error is none with a token."""
    if 300 <= status <= 399:
        return "with a redirect, which is not followed: is token_url right?"
    if status not in {200, 201}:
        return "without a reason"
    if answer is None:
        return "with what is not a JSON object: is token_url right?"
    if "access_token" not in answer:
        return "without an access_token"
    kind = answer.get("token_type")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        return "with a token_type that is not Bearer"
    return None


def _token(
    answer: Mapping[str, Any], now: float, scopes: frozenset[str] | None, previous: Token | None
) -> Token:
    kept = None if previous is None else previous.refresh_token
    return Token(
        access_token=answer["access_token"],
        # Servers that do not rotate leave it out, or empty.
        refresh_token=answer.get("refresh_token") or kept,
        expires_at=now + _life(answer.get("expires_in")),
        scopes=scopes,
    )


def _life(value: Json) -> float:
    """Return the seconds that a token lives; what is no positive number counts as absent."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return DOCUMENTED_LIFE
    return min(float(value), LONGEST_LIFE) if 0 < value < math.inf else DOCUMENTED_LIFE


def _scopes(value: Json) -> frozenset[str] | None:
    """Return the scopes that an answer names: separated by spaces, or as some servers do, a list.

    An empty string or list grants no scope.  None: the answer has no scopes, or something else in
    their place.
    """
    if isinstance(value, str):
        return frozenset(value.split())
    if isinstance(value, list):
        scopes = frozenset(scope for scope in value if isinstance(scope, str))
        return scopes if scopes or not value else None
    return None


def _scopes_without(requested: frozenset[str], previous: Token | None) -> frozenset[str] | None:
    # RFC 6749, 5.1: left out, they are those that were asked for.  A refresh asks for what the
    # token had, and what was not known of it does not become known by it.
    if previous is not None:
        return previous.scopes
    return requested or None


def _told(answer: Mapping[str, Json], secrets: Iterable[Secret]) -> OAuthError:
    """Return a refusal out of OAuth's envelope, or of the API's (API document: Error Handling)."""
    error = answer["error"]
    if isinstance(error, dict):
        return OAuthError.read(error.get("code"), error.get("message"), secrets)
    return OAuthError.read(error, answer.get("error_description"), secrets)


def _refusal(status: int, told: OAuthError, previous: Token | None) -> CredentialError:
    if told.error != "invalid_grant" or status >= 500:
        return _failure(status, f"answered {status}: {told}.", previous, told.error)
    if previous is not None:
        return ReauthenticationRequiredError(
            "The login has ended: the authorization server does not accept the refresh token any "
            f"more ({told}). Log in again."
        )
    return LoginError(
        f"The authorization server did not accept the code: {told}.{START_ANEW}", error=told.error
    )


def _failure(
    status: int, what: str, previous: Token | None, error: str | None = None
) -> TokenRequestError:
    passing = status in {408, 429} or 500 <= status <= 599 or error in _TEMPORARY
    end = "" if what.endswith((".", "?")) else "."
    advice = START_ANEW if previous is None else ""
    return TokenRequestError(
        f"The token endpoint {what}{end}{advice}", status=status, error=error, retryable=passing
    )
