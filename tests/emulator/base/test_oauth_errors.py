"""Errors in the words of RFC 6749."""

from __future__ import annotations

from cloudflow_async.emulator.base.oauth_errors import AuthorizationError, TokenError


def test_a_refused_token_request_is_a_400_that_nobody_stores() -> None:
    """Code and description, as section 5.2 has them."""
    reply = TokenError("invalid_grant", "the code has expired").reply()

    assert reply.status == 400
    assert reply.body == {"error": "invalid_grant", "error_description": "the code has expired"}
    assert reply.headers == {"Cache-Control": "no-store", "Pragma": "no-cache"}


def test_a_client_that_is_not_known_is_asked_who_it_is() -> None:
    """401 and a challenge, which no other error has."""
    reply = TokenError("invalid_client", "there is no such client").reply()

    assert reply.status == 401
    assert reply.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert reply.headers["Cache-Control"] == "no-store"


def test_messages_name_code_and_reason() -> None:
    """For people who meet them as exceptions."""
    error = AuthorizationError("invalid_scope", "unknown", "https://app.example/?error=x")

    assert str(error) == "invalid_scope: unknown"
    assert str(TokenError("invalid_grant", "expired")) == "invalid_grant: expired"
