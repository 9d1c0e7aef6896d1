"""An authorization server that no one here wrote: Authlib's, behind aiohttp, as strict as it goes.

PKCE with S256 alone, ``iss`` in the callback (RFC 9207), a code once and for one redirect URI,
refresh tokens that rotate and whose family is revoked when an old one comes back, and one way for
each client to authenticate.  Whoever opens the authorize URL consents at once.
"""

# ruff: noqa: D102 - most methods are those that Authlib asks for by their names

from __future__ import annotations

import contextlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, cast
from urllib.parse import parse_qsl

import attrs
from aiohttp import web
from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    InvalidRequestError,
    OAuth2Error,
    OAuth2Request,
    grants,
)
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc9207 import IssuerParameter

SECRET = "s3cret-canary-of-the-client"  # letters and hyphens: Authlib does not decode Basic
CLIENTS = (("public", "none"), ("post", "client_secret_post"), ("basic", "client_secret_basic"))
METHODS = tuple(method for _, method in CLIENTS)


@attrs.define
class Client:
    """A registered client, as Authlib asks for one."""

    client_id: str
    method: str

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return endpoint == "token" and method == self.method

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in {"authorization_code", "refresh_token"}

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri.startswith("http://127.0.0.1:") and redirect_uri.endswith("/callback")

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def get_default_redirect_uri(self) -> None:
        return None


@attrs.define
class Code:
    """A code that was given out."""

    code: str
    client_id: str
    redirect_uri: str
    scope: str
    code_challenge: str | None
    code_challenge_method: str | None
    family: str
    spent: bool = False

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope


@attrs.define
class Issued:
    """A pair of tokens that was given out."""

    access_token: str
    refresh_token: str
    client_id: str
    scope: str
    expires_at: float
    family: str
    spent: bool = False

    def check_client(self, client: Client) -> bool:
        return client.client_id == self.client_id

    def get_scope(self) -> str:
        return self.scope


class _Request(OAuth2Request):
    """What aiohttp received, as Authlib asks for it."""

    def __init__(self, request: web.Request, body: bytes) -> None:
        super().__init__(
            request.method, "https://local" + request.path_qs, headers=dict(request.headers)
        )
        self._form = _once(parse_qsl(body.decode(), keep_blank_values=True))
        self.payload = BasicOAuth2Payload({**request.query, **self._form})
        self._query = dict(request.query)

    @property
    def args(self) -> dict[str, str]:
        return self._query

    @property
    def form(self) -> dict[str, str]:
        return self._form


@attrs.define(eq=False)
class _Answer:
    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def location(self) -> str | None:
        return self.headers.get("Location")

    @location.setter
    def location(self, value: str) -> None:
        self.headers = {**self.headers, "Location": value}


@attrs.define(eq=False)
class StrictServer:
    """The server's books, and how it answers."""

    lifetime: int = 3600
    """Seconds for which an access token is accepted."""

    says_scope: bool = True
    """Whether token answers carry ``scope``."""

    says_expires_in: bool = True
    """Whether token answers carry ``expires_in``."""

    consents: bool = True
    """Whether the person at the authorize page says yes."""

    clock: Callable[[], float] = time.time
    url: str = ""
    codes: dict[str, Code] = attrs.field(factory=dict)
    issued: list[Issued] = attrs.field(factory=list)
    revoked: set[str] = attrs.field(factory=set)
    """Families of which an old token came back."""

    token_requests: list[dict[str, str]] = attrs.field(factory=list)
    """Forms that came to the token endpoint."""

    statuses: list[int] = attrs.field(factory=list)
    """What the token endpoint answered."""

    @property
    def authorize_url(self) -> str:
        return f"{self.url}/authorize"

    @property
    def token_url(self) -> str:
        return f"{self.url}/token"

    def allows(self, access_token: str) -> bool:
        """Tell whether an access token is good for a request."""
        return any(
            token.access_token == access_token
            and token.expires_at > self.clock()
            and token.family not in self.revoked
            for token in self.issued
        )

    def find_refresh_token(self, text: str) -> Issued | None:
        """Return what a refresh token belongs to; an old one revokes its whole family."""
        found = next((token for token in self.issued if token.refresh_token == text), None)
        if found is None or found.family in self.revoked:
            return None
        if found.spent:
            self.revoked.add(found.family)
            return None
        return found


class _CodeGrant(grants.AuthorizationCodeGrant):  # type: ignore[misc]  # Authlib is not typed
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
        data = request.payload.data
        _books(self).codes[code] = Code(
            code,
            request.client.client_id,
            data["redirect_uri"],
            data.get("scope", ""),
            data.get("code_challenge"),
            data.get("code_challenge_method"),
            family=secrets.token_hex(8),
        )

    def query_authorization_code(self, code: str, client: Client) -> Code | None:
        books = _books(self)
        found = books.codes.get(code)
        if found is None or found.client_id != client.client_id:
            return None
        if found.spent:
            books.revoked.add(found.family)
            return None
        found.spent = True
        return found

    def delete_authorization_code(self, authorization_code: Code) -> None:
        pass

    def authenticate_user(self, authorization_code: Code) -> str:
        return authorization_code.family


class _RefreshGrant(grants.RefreshTokenGrant):  # type: ignore[misc]  # the same
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> Issued | None:
        return _books(self).find_refresh_token(refresh_token)

    def authenticate_user(self, refresh_token: Issued) -> str:
        return refresh_token.family

    def revoke_old_credential(self, refresh_token: Issued) -> None:
        refresh_token.spent = True


class _S256Only(CodeChallenge):  # type: ignore[misc]  # the same
    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        data = grant.request.payload.data
        if data.get("code_challenge_method") != "S256" or not data.get("code_challenge"):
            raise InvalidRequestError("PKCE with S256 is required")
        super().validate_code_challenge(grant, redirect_uri)


class _Issuer(IssuerParameter):  # type: ignore[misc]  # the same
    def __init__(self, books: StrictServer) -> None:
        self._books = books

    def get_issuer(self) -> str:
        return self._books.url


class _Authorization(AuthorizationServer):  # type: ignore[misc]  # the same
    def __init__(self, books: StrictServer, clients: list[Client]) -> None:
        super().__init__()
        self.books = books
        self._clients = {client.client_id: client for client in clients}
        self.register_token_generator(
            "default",
            BearerTokenGenerator(
                lambda **_: secrets.token_urlsafe(24), lambda **_: secrets.token_urlsafe(24)
            ),
        )
        self.register_grant(_CodeGrant, [_S256Only(required=True)])
        self.register_grant(_RefreshGrant)
        _Issuer(books)(self)

    def query_client(self, client_id: str) -> Client | None:
        return self._clients.get(client_id)

    def save_token(self, token: dict[str, Any], request: OAuth2Request) -> None:
        books = self.books
        books.issued.append(
            Issued(
                token["access_token"],
                token["refresh_token"],
                request.client.client_id,
                token.get("scope", ""),
                books.clock() + books.lifetime,
                family=request.user,
            )
        )
        token["expires_in"] = books.lifetime
        for name, said in (("scope", books.says_scope), ("expires_in", books.says_expires_in)):
            if not said:
                token.pop(name, None)

    def create_oauth2_request(self, request: OAuth2Request) -> OAuth2Request:
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> _Answer:
        return _Answer(status, body, dict(headers))

    def send_signal(self, name: str, *args: Any, **options: Any) -> None:
        pass


class _Endpoints:
    """The server's pages."""

    def __init__(self, books: StrictServer) -> None:
        self._books = books
        self._server = _Authorization(books, [Client(*client) for client in CLIENTS])

    async def authorize(self, request: web.Request) -> web.Response:
        asked, server = _Request(request, b""), self._server
        try:
            grant = server.get_consent_grant(asked)
        except OAuth2Error as error:
            return _respond(server.handle_error_response(asked, error))
        user = "ada" if self._books.consents else None
        return _respond(server.create_authorization_response(asked, grant_user=user, grant=grant))

    async def token(self, request: web.Request) -> web.Response:
        asked = _Request(request, await request.read())
        self._books.token_requests.append(asked.form)
        answer = self._server.create_token_response(asked)
        self._books.statuses.append(answer.status)
        return _respond(answer)

    async def resource(self, request: web.Request) -> web.Response:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme == "Bearer" and self._books.allows(given):
            page = {"total": 0, "limit": 100, "offset": 0, "has_more": False}
            return web.json_response({"data": [], "pagination": page})
        return web.json_response({"error": {"code": "authentication_failed"}}, status=401)


@contextlib.asynccontextmanager
async def strict_server(**options: Any) -> AsyncIterator[StrictServer]:
    """Run the server, with one client for each way to authenticate."""
    books = StrictServer(**options)
    endpoints = _Endpoints(books)
    app = web.Application()
    app.router.add_get("/authorize", endpoints.authorize)
    app.router.add_post("/token", endpoints.token)
    app.router.add_get("/v2/workflows", endpoints.resource)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        books.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield books
    finally:
        await runner.cleanup()


def _respond(answer: _Answer) -> web.Response:
    text = json.dumps(answer.body) if isinstance(answer.body, dict) else answer.body
    body = (text or "").encode()
    return web.Response(body=body, status=answer.status, headers=answer.headers)


def _once(pairs: list[tuple[str, str]]) -> dict[str, str]:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise web.HTTPBadRequest(text="a parameter came twice")
    return dict(pairs)


def _books(grant: Any) -> StrictServer:
    return cast(_Authorization, grant.server).books
