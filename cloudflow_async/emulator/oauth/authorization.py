"""Read authorization requests: who asks for what, and whether it can be asked like that."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, urlencode

import attrs

from cloudflow_async.emulator.base.oauth_errors import AuthorizationError, UnsafeRequestError
from cloudflow_async.emulator.credentials.identities import SCOPES

from .clients import ClientBook, OAuthClient
from .parameters import Parameters

_PKCE = ("code_challenge", "code_challenge_method")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
"""What S256 makes of any verifier: 32 bytes (RFC 7636, section 4.2)."""


@attrs.frozen
class WayBack:
    """Where the answer goes."""

    redirect_uri: str
    state: str | None = attrs.field(repr=False)
    """As the client sent it; None when it sent none, or more than one."""

    issuer: str

    def url(self, **answer: str) -> str:
        """Return the address to send the browser to, with `iss` as RFC 9207 has it."""
        if self.state is not None:
            answer["state"] = self.state
        answer["iss"] = self.issuer
        separator = "&" if "?" in self.redirect_uri else "?"
        return self.redirect_uri + separator + urlencode(answer, quote_via=quote)


@attrs.frozen
class AuthorizationRequest:
    """A request that a person can be asked to allow."""

    client: OAuthClient
    way_back: WayBack
    scopes: frozenset[str]
    challenge: str = attrs.field(repr=False)

    def denied(self) -> str:
        """Return the address to send the browser to when the person does not allow it."""
        description = "the person said no"
        return self.way_back.url(error="access_denied", error_description=description)


def read_authorization(
    parameters: Parameters, clients: ClientBook, *, issuer: str, require_pkce: bool = True
) -> AuthorizationRequest:
    """Return what is asked for, if nothing about it is doubtful.

    Without `require_pkce`, a request as in the API document, whose sample shows no PKCE, is taken.

    A request without scopes asks for all that the client may have, except full administration.

    Raises:
        UnsafeRequestError: Who asks, or where the answer goes, is not known for sure.
        AuthorizationError: Anything else.
    """
    client = _client(parameters, clients)
    way_back = WayBack(_redirect_uri(parameters, client), parameters.get("state"), issuer)
    scope = parameters.get("scope")
    asked = _default_scopes(client) if scope is None else scope.split(" ")
    mistakes = (*_mistakes(parameters), *_scope_mistakes(asked, client))
    if require_pkce or any(map(parameters.get, _PKCE)):
        mistakes = (*mistakes, *_pkce_mistakes(parameters))
    for wrong, error, description in mistakes:
        if wrong:
            url = way_back.url(error=error, error_description=description)
            raise AuthorizationError(error, description, url)
    challenge = parameters.get("code_challenge") or ""
    return AuthorizationRequest(client, way_back, frozenset(asked), challenge)


def _client(parameters: Parameters, clients: ClientBook) -> OAuthClient:
    client_id = _needed(parameters, "client_id")
    client = clients.find(client_id)
    if client is None:
        raise UnsafeRequestError(f"There is no client '{client_id}'.")
    return client


def _redirect_uri(parameters: Parameters, client: OAuthClient) -> str:
    redirect_uri = _needed(parameters, "redirect_uri")
    if not client.takes_answers_at(redirect_uri):
        raise UnsafeRequestError(
            f"'{redirect_uri}' is not registered as a redirect_uri of '{client.client_id}'."
        )
    return redirect_uri


def _needed(parameters: Parameters, name: str) -> str:
    if name in parameters.repeated:
        raise UnsafeRequestError(f"The parameter {name} is there more than once.")
    value = parameters.get(name)
    if value is None:
        raise UnsafeRequestError(f"The parameter {name} is missing.")
    return value


def _default_scopes(client: OAuthClient) -> list[str]:
    return sorted(client.scopes - {"admin:full"} or client.scopes)


def _mistakes(parameters: Parameters) -> Iterable[tuple[bool, str, str]]:
    invalid, get = "invalid_request", parameters.get
    yield bool(parameters.repeated), invalid, "a parameter is there more than once"
    kind = get("response_type")
    yield kind is None, invalid, "response_type is missing"
    yield kind != "code", "unsupported_response_type", "response_type must be code"


def _pkce_mistakes(parameters: Parameters) -> Iterable[tuple[bool, str, str]]:
    invalid, get = "invalid_request", parameters.get
    challenge = get("code_challenge")
    yield challenge is None, invalid, "code_challenge is missing: PKCE is required"
    yield get("code_challenge_method") != "S256", invalid, "code_challenge_method must be S256"
    good = _CHALLENGE.fullmatch(challenge or "")
    yield not good, invalid, "code_challenge must be 43 characters of base64url"


def _scope_mistakes(asked: Iterable[str], client: OAuthClient) -> Iterable[tuple[bool, str, str]]:
    invalid = "invalid_scope"
    unknown = "scope must be documented scopes with a single space in between"
    yield not set(asked) <= set(SCOPES), invalid, unknown
    yield not set(asked) <= client.scopes, invalid, "the client may not ask for this scope"
