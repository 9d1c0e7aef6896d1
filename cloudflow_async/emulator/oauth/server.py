"""The authorization server ("OAuth 2.0" of the API document): authorization code with PKCE.

As strict as OAuth 2.1 and RFC 9700 allow, so that a client which gets along with it gets along
with others: whatever is doubtful is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from urllib.parse import parse_qsl

import attrs
from multidict import CIMultiDictProxy, MultiMapping

from cloudflow_async.emulator.base.expiring_dict import ExpiringDict
from cloudflow_async.emulator.base.oauth_errors import (
    NO_STORE,
    AuthorizationError,
    TokenError,
    UnsafeRequestError,
)
from cloudflow_async.emulator.base.paths import AUTHORIZE_PATH, METADATA_PATH, TOKEN_PATH
from cloudflow_async.emulator.base.problems import Problem, Reply
from cloudflow_async.emulator.base.seeded_random import letters, seeded
from cloudflow_async.emulator.credentials.identities import SCOPES
from cloudflow_async.emulator.credentials.tokens import Grant, TokenBook

from . import consent, token_requests
from .authorization import AuthorizationRequest, read_authorization
from .client_authentication import authenticate
from .clients import ClientBook
from .parameters import Parameters, read_form

CONSENT_SECONDS = 600.0
"""How long a consent page can be answered."""


@attrs.frozen(kw_only=True)
class OAuthCall:
    """A request to the authorization server, with a body that was read but not judged."""

    method: str
    path: str
    """As on the wire, without the query."""

    query: MultiMapping[str]
    """Decoded; a name can stand in it more than once (`getall`)."""

    body: bytes
    content_type: str | None
    headers: CIMultiDictProxy[str]
    now: float
    """Unix seconds."""

    base: str
    """How the client addresses this server, such as `http://127.0.0.1:8787`."""


@attrs.frozen
class _Transaction:
    """A consent page that waits for its answer."""

    request: AuthorizationRequest
    expires_at: float


class AuthorizationServer:
    """Answers what goes to `/oauth/` and `/.well-known/`."""

    def __init__(
        self,
        clock: Callable[[], float],
        seed: int,
        tokens: TokenBook,
        clients: ClientBook,
        *,
        require_pkce: bool,
    ) -> None:
        self._clock = clock
        self._random = seeded(seed, "transactions")
        self._tokens = tokens
        self._clients = clients
        self._require_pkce = require_pkce
        self._transactions: ExpiringDict[_Transaction] = ExpiringDict()
        self._endpoints: dict[str, dict[str, Callable[[OAuthCall], Reply]]] = {
            AUTHORIZE_PATH: {"GET": self._ask, "POST": self._decide},
            TOKEN_PATH: {"POST": self._give_tokens},
            METADATA_PATH: {"GET": _metadata},
        }

    def handle(self, call: OAuthCall) -> Reply:
        """Answer one request; a `Problem` that is raised is answered as in the API."""
        methods = self._endpoints.get(call.path)
        if methods is None:
            raise Problem(404)
        if call.method not in methods:
            raise Problem(405, headers={"Allow": ", ".join(methods)})
        return methods[call.method](call)

    def approve(self, url: str, *, subject: str, scopes: Iterable[str] | None, deny: bool) -> str:
        """Do at once what a person would do in the browser, and return the callback's URL.

        Args:
            url: What the browser would open.
            subject: Who signs in.
            scopes: Some of those that are asked for; None: all of them.
            deny: Refuse instead.

        Raises:
            ValueError: It cannot be asked like that, or answered like that.
        """
        request = self._read(url)
        if deny:
            return request.denied()
        granted = request.scopes if scopes is None else frozenset(scopes)
        if not granted or not granted <= request.scopes:
            asked = ", ".join(sorted(request.scopes))
            raise ValueError(f"scopes must be some of those that are asked for: {asked}")
        if wrong := _wrong_with(subject):
            raise ValueError(f"subject: {wrong}")
        return self._allow(request, subject, granted, self._clock())

    def _read(self, url: str) -> AuthorizationRequest:
        address, _, query = url.partition("?")
        issuer = address.removesuffix(AUTHORIZE_PATH)
        if issuer == address:
            raise ValueError(f"{address!r} does not end in {AUTHORIZE_PATH}")
        parameters = Parameters(parse_qsl(query, keep_blank_values=True))
        try:
            return self._read_parameters(parameters, issuer)
        except (UnsafeRequestError, AuthorizationError) as error:
            reason = str(error)
        raise ValueError(reason)

    def _read_parameters(self, parameters: Parameters, issuer: str) -> AuthorizationRequest:
        return read_authorization(
            parameters, self._clients, issuer=issuer, require_pkce=self._require_pkce
        )

    def _ask(self, call: OAuthCall) -> Reply:
        """Show the consent page."""
        try:
            request = self._read_parameters(Parameters(call.query.items()), call.base)
        except UnsafeRequestError as error:
            return consent.refusal(str(error))
        except AuthorizationError as error:
            return _redirect(error.callback_url)
        transaction = letters(self._random, 32)
        expires_at = call.now + CONSENT_SECONDS
        pending = _Transaction(request, expires_at)
        self._transactions.put(transaction, pending, now=call.now, until=expires_at)
        return consent.question(request, transaction=transaction)

    def _decide(self, call: OAuthCall) -> Reply:
        """Act on the answer to a consent page, once."""
        try:
            form = read_form(call.body, call.content_type)
        except ValueError as error:
            return consent.refusal(f"The answer cannot be read: {error}.")
        transaction = form.get("transaction") or ""
        pending = self._transactions.find(transaction)
        if pending is None or pending.expires_at <= call.now:
            return consent.refusal("The question was answered before, or its time is over.")
        request, subject = pending.request, (form.get("subject") or "").strip()
        allowed = form.get("decision") == "allow"
        if allowed and (wrong := _wrong_with(subject)):
            return consent.question(request, transaction=transaction, subject=subject, wrong=wrong)
        self._transactions.remove(transaction)
        if not allowed:
            return _redirect(request.denied())
        return _redirect(self._allow(request, subject, request.scopes, call.now))

    def _allow(
        self, request: AuthorizationRequest, subject: str, scopes: frozenset[str], now: float
    ) -> str:
        """Return the address that brings the client its code."""
        client = request.client
        grant = Grant(
            subject=subject, client_id=client.client_id, scopes=scopes, refresh=client.refresh
        )
        code = self._tokens.issue_code(
            grant,
            redirect_uri=request.way_back.redirect_uri,
            challenge=request.challenge,
            now=now,
        )
        return request.way_back.url(code=code)

    def _give_tokens(self, call: OAuthCall) -> Reply:
        try:
            return token_requests.answer(self._token_request(call), self._tokens)
        except TokenError as error:
            return error.reply()

    def _token_request(self, call: OAuthCall) -> token_requests.TokenRequest:
        if len(call.query):
            raise TokenError("invalid_request", "parameters belong into the body, not the URL")
        try:
            form = read_form(call.body, call.content_type)
        except ValueError as error:
            raise TokenError("invalid_request", str(error)) from None
        if form.repeated:
            raise TokenError("invalid_request", "a parameter is there more than once")
        client = authenticate(call.headers, form, self._clients)
        return token_requests.TokenRequest(client, form, call.now)


def _metadata(call: OAuthCall) -> Reply:
    """Describe the server (RFC 8414)."""
    methods = ["none", "client_secret_post", "client_secret_basic"]
    document = {
        "issuer": call.base,
        "authorization_endpoint": call.base + AUTHORIZE_PATH,
        "token_endpoint": call.base + TOKEN_PATH,
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": methods,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }
    return Reply(status=200, body=document)


def _redirect(url: str) -> Reply:
    """Send the browser on with a GET, whatever it came with (RFC 9700, section 4.12)."""
    headers = {**NO_STORE, "Location": url, "Referrer-Policy": "no-referrer"}
    return Reply(status=303, headers=headers)


def _wrong_with(subject: str) -> str:
    """Return why somebody cannot be called so; nothing: all is well."""
    if not subject:
        return "A name is missing."
    if len(subject) > consent.LONGEST_SUBJECT or not subject.isprintable():
        return f"A name has at most {consent.LONGEST_SUBJECT} characters, all of them visible."
    return ""
