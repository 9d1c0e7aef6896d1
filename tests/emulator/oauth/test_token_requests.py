"""Token requests of a client that is known."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from cloudflow_async.emulator.base.oauth_errors import TokenError
from cloudflow_async.emulator.base.problems import Reply
from cloudflow_async.emulator.credentials.tokens import Grant, TokenBook
from cloudflow_async.emulator.oauth.clients import ClientBook
from cloudflow_async.emulator.oauth.parameters import Parameters
from cloudflow_async.emulator.oauth.token_requests import TokenRequest, answer
from tests.emulator.oauth_flow import CHALLENGE, REDIRECT_URI, VERIFIER, Changes, changed

SCOPES = frozenset({"workflows:read", "admin:full", "analytics:read"})


def send(tokens: TokenBook, form: Mapping[str, str], *, may_refresh: bool = True) -> Reply:
    """Send a form as the client `app`."""
    client = ClientBook(0).add("app", refresh=may_refresh)
    return answer(TokenRequest(client, Parameters(form.items()), now=0.0), tokens)


def code_form(tokens: TokenBook, **changes: Changes) -> dict[str, str]:
    """Return the form that exchanges a new code."""
    grant = Grant(subject="ada", client_id="app", scopes=SCOPES)
    code = tokens.issue_code(grant, redirect_uri=REDIRECT_URI, challenge=CHALLENGE, now=0)
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT_URI,
        "code_verifier": VERIFIER,
    }
    return changed(fields, changes)


def refresh_form(tokens: TokenBook, **changes: Changes) -> dict[str, str]:
    """Return the form that uses a new refresh token."""
    issued = send(tokens, code_form(tokens)).body
    fields = {"grant_type": "refresh_token", "refresh_token": issued["refresh_token"]}
    return changed(fields, changes)


def test_the_answer_is_what_rfc_6749_wants() -> None:
    """Type, lifetime, scopes in the document's order, and nobody may store it."""
    reply = send(tokens := TokenBook(0), code_form(tokens))

    assert reply.status == 200
    assert reply.headers == {"Cache-Control": "no-store", "Pragma": "no-cache"}
    assert set(reply.body) == {
        "access_token",
        "token_type",
        "expires_in",
        "scope",
        "refresh_token",
    }
    assert reply.body["token_type"] == "Bearer"
    assert reply.body["expires_in"] == 3600
    assert reply.body["scope"] == "workflows:read analytics:read admin:full"


def test_a_refresh_brings_new_tokens_for_some_of_the_scopes() -> None:
    """In any order, and without a scope for all of them."""
    tokens = TokenBook(0)
    some = send(tokens, refresh_form(tokens, scope="analytics:read workflows:read"))
    rest = send(tokens, refresh_form(tokens))

    assert some.body["scope"] == "workflows:read analytics:read"
    assert rest.body["scope"] == "workflows:read analytics:read admin:full"


@pytest.mark.parametrize(
    "grant_type",
    ["password", "client_credentials", "implicit", "token", "Authorization_Code", "code"],
)
def test_there_are_two_grants(grant_type: str) -> None:
    """All others are refused, whatever comes with them."""
    form = {"grant_type": grant_type, "username": "ada", "password": "x", "scope": "admin:full"}
    with pytest.raises(TokenError, match="unsupported_grant_type"):
        send(TokenBook(0), form)


@pytest.mark.parametrize("name", ["grant_type", "code", "redirect_uri", "code_verifier"])
@pytest.mark.parametrize("value", [None, ""])
def test_an_exchange_needs_all_its_parameters(name: str, value: str | None) -> None:
    """One that is empty is missing, too; nothing is spent by it."""
    tokens = TokenBook(0)
    form = code_form(tokens)
    with pytest.raises(TokenError, match=f"invalid_request: {name} is missing"):
        send(tokens, changed(form, {name: value}))

    assert send(tokens, form).status == 200


@pytest.mark.parametrize(
    "verifier", [VERIFIER[:-1], "x" * 42, "x" * 129, VERIFIER + "\n", "é" * 43, "x" * 42 + "+"]
)
def test_a_verifier_is_43_to_128_unreserved_characters(verifier: str) -> None:
    """RFC 7636, section 4.1."""
    tokens = TokenBook(0)
    with pytest.raises(TokenError, match="invalid_request: code_verifier"):
        send(tokens, code_form(tokens, code_verifier=verifier))


@pytest.mark.parametrize("changes", [{}, {"code_verifier": None}, {"redirect_uri": None}])
def test_a_code_for_the_second_time_is_noticed_whatever_is_missing(
    changes: dict[str, None],
) -> None:
    """A thief has no verifier, but has the code from somewhere."""
    tokens = TokenBook(0)
    form = code_form(tokens)
    issued = send(tokens, form).body
    with pytest.raises(TokenError, match=r"invalid_grant: .*used before"):
        send(tokens, changed(form, changes))

    assert tokens.find(issued["access_token"], 0) is None


def test_a_refresh_needs_its_token() -> None:
    """There is nothing else to go by."""
    with pytest.raises(TokenError, match="invalid_request: refresh_token is missing"):
        send(TokenBook(0), {"grant_type": "refresh_token"})


@pytest.mark.parametrize(
    "scope", ["workflows:write", "workflows:read  analytics:read", " workflows:read", "nothing"]
)
def test_a_refresh_asks_for_granted_scopes_only(scope: str) -> None:
    """With a single space between them."""
    tokens = TokenBook(0)
    with pytest.raises(TokenError, match="invalid_scope"):
        send(tokens, refresh_form(tokens, scope=scope))


def test_a_client_without_refresh_tokens_cannot_use_one() -> None:
    """Not even one that exists."""
    tokens = TokenBook(0)
    with pytest.raises(TokenError, match="unauthorized_client"):
        send(tokens, refresh_form(tokens), may_refresh=False)
