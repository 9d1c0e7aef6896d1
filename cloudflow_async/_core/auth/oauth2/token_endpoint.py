"""Send token requests: redeem a code, or refresh a token (RFC 6749, 4.1.3 and 6)."""

from __future__ import annotations

import asyncio
import functools
import re
import ssl
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args
from urllib.parse import quote, urlencode, urlsplit

from cloudflow_async._core.auth.token import Token
from cloudflow_async._core.errors import (
    InvalidArgumentError,
    ReauthenticationRequiredError,
    StatusError,
    TokenRequestError,
    TransportError,
)
from cloudflow_async._core.http.proxy import Proxy
from cloudflow_async._core.http.response import read
from cloudflow_async._core.http.retry import TRANSIENT, RetryPolicy
from cloudflow_async._core.http.transport import AiohttpTransport
from cloudflow_async._core.http.urls import check_oauth_url
from cloudflow_async._core.messages import Reply, Request
from cloudflow_async._core.support.secret import Secret
from cloudflow_async._core.support.version import VERSION

from .authorization import AuthorizationRequest, check_client_id
from .token_response import START_ANEW, read_token

if TYPE_CHECKING:
    import aiohttp

ClientAuthentication: TypeAlias = Literal["client_secret_post", "client_secret_basic"]
"""How a client shows its secret (RFC 6749, 2.3.1), by the names of OpenID Connect."""

LARGEST_ANSWER: Final = 64 * 1024
"""Bytes of an answer that are read."""

_CLIENT_SECRET = re.compile(r"[\x20-\x7e]{1,4096}", re.ASCII)

_NOT_SENT: Final = RetryPolicy(attempts=3, base=0.5, cap=1.0)
"""For requests that did not leave."""

_SENT: Final = RetryPolicy(
    attempts=2, throttled_attempts=2, base=0.5, cap=1.0, max_retry_after=30.0
)
"""For requests whose refresh token may be spent; the server then says so, once."""


class TokenEndpoint:
    """Sends token requests, each on a connection of its own: there is one in an hour.

    Redirects are never followed, and nothing of a credential is in a URL.

    Args:
        url: https, or http on loopback; a query that it has is kept.
        client_id: Who asks.
        client_secret: None for a public client, which PKCE alone protects.
        method: Whether id and secret go into the body or into the ``Authorization`` header.
        timeout: Seconds for one exchange, connecting and reading included.
        clock: Returns the Unix time in seconds.
        http: A caller's session, which decides how connections are made; it is never closed.
        proxy: Is used for each token request.
        trust_env: Whether proxies of the environment are used.
        ssl_context: For servers, and https proxies, with certificates of a private authority.

    Raises:
        InvalidArgumentError: One of them cannot be used; see also `AiohttpTransport`.
    """

    def __init__(  # noqa: PLR0913 - each is an option of its own
        self,
        url: str,
        *,
        client_id: str,
        client_secret: Secret | None,
        method: ClientAuthentication,
        timeout: float,
        clock: Callable[[], float],
        http: aiohttp.ClientSession | None = None,
        proxy: Proxy | None = None,
        trust_env: bool = False,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._url = urlsplit(check_oauth_url("token_url", url))
        self._client_id = check_client_id(client_id)
        self._client_secret = _check_secret(client_secret)
        self._in_header = _is_basic(method) and client_secret is not None
        self._timeout = timeout
        self._clock = clock
        self._new_transport = functools.partial(
            AiohttpTransport,
            f"{self._url.scheme}://{self._url.netloc}",
            max_connections=1,
            max_body=LARGEST_ANSWER,
            user_agent=f"cloudflow-async/{VERSION}",
            http=http,
            proxy=proxy,
            trust_env=trust_env,
            ssl_context=ssl_context,
        )
        # Arguments that it cannot use are refused now, not at the first token request.
        self._new_transport()

    async def exchange(self, code: Secret, request: AuthorizationRequest) -> Token:
        """Redeem a code; sent at most once, because servers take a second time for a theft.

        When it is cancelled, the code may be spent.

        Raises:
            LoginError: The code is not accepted.
            TokenRequestError: It gave no token for another reason; the login starts anew.
        """
        form: dict[str, str | Secret] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": request.redirect_uri,
            "code_verifier": request.verifier,
        }
        asked_at = self._clock()
        reply = await self._try(self._request(form))
        return self._read(reply, asked_at, form, requested=request.scopes)

    async def refresh(self, token: Token) -> Token:
        """Get the next access token, with the scopes of the last one.

        A request that did not leave is sent up to three times.  One that may have arrived is
        sent once more, after what the server asks to wait if that is at most 30 seconds: if it
        has spent the refresh token, the second answer says that a person has to log in.

        Args:
            token: Its scopes and refresh token go on where the answer has none.

        Raises:
            ReauthenticationRequiredError: There is no refresh token, or it is not accepted.
            TokenRequestError: The token endpoint gave none for another reason.
        """
        if token.refresh_token is None:
            raise ReauthenticationRequiredError(
                "The access token has expired, and no refresh token came with it. Log in again."
            )
        form: dict[str, str | Secret] = {
            "grant_type": "refresh_token",
            "refresh_token": token.refresh_token,
        }
        reply, asked_at = await self._try_again(self._request(form))
        return self._read(reply, asked_at, form, previous=token)

    async def _try_again(self, request: Request) -> tuple[Reply | TransportError, float]:
        tries = arrived = 0
        while True:
            asked_at = self._clock()
            reply = await self._try(request)
            tries += 1
            arrived += not _is_unsent(reply)
            pause = _pause(request, reply, tries, arrived)
            if pause is None:
                return reply, asked_at
            await asyncio.sleep(pause)

    async def _try(self, request: Request) -> Reply | TransportError:
        transport = self._new_transport()
        try:
            return await transport.exchange(request, self._headers(), timeout=self._timeout)
        except TransportError as error:
            return error
        finally:
            await transport.close()

    def _read(
        self,
        reply: Reply | TransportError,
        asked_at: float,
        form: Mapping[str, str | Secret],
        *,
        requested: frozenset[str] = frozenset(),
        previous: Token | None = None,
    ) -> Token:
        if isinstance(reply, TransportError):
            raise TokenRequestError(
                f"The token endpoint gave no answer: {reply}{'' if previous else START_ANEW}",
                retryable=reply.retryable,
            )
        known = [*form.values(), self._client_secret, previous and previous.access_token]
        return read_token(
            reply,
            now=asked_at,
            requested=requested,
            previous=previous,
            secrets=[value for value in known if isinstance(value, Secret)],
        )

    def _request(self, form: Mapping[str, str | Secret]) -> Request:
        path, query = self._url.path or "/", self._url.query
        return Request(
            method="POST",
            path=path,
            target=f"{path}?{query}" if query else path,
            body=_encoded({**form, **self._client()}),
        )

    def _client(self) -> Mapping[str, str | Secret]:
        if self._in_header:
            return {}
        if self._client_secret is None:
            return {"client_id": self._client_id}
        return {"client_id": self._client_id, "client_secret": self._client_secret}

    def _headers(self) -> Mapping[str, str]:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if self._in_header and self._client_secret is not None:
            # Encoded first, because an id may have a colon (RFC 6749, 2.3.1).
            user = f"{_quoted(self._client_id)}:{_quoted(self._client_secret.reveal())}"
            headers["Authorization"] = f"Basic {b64encode(user.encode('ascii')).decode('ascii')}"
        return headers


def _check_secret(secret: Secret | None) -> Secret | None:
    if secret is not None and not _CLIENT_SECRET.fullmatch(secret.reveal()):
        raise InvalidArgumentError(
            "client_secret must be printable ASCII and not empty; None is for public clients."
        )
    return secret


def _is_basic(method: ClientAuthentication) -> bool:
    if method not in get_args(ClientAuthentication):
        raise InvalidArgumentError(
            f"A client's method is one of {', '.join(get_args(ClientAuthentication))}."
        )
    return method == "client_secret_basic"


def _encoded(form: Mapping[str, str | Secret]) -> bytes:
    plain = {k: v.reveal() if isinstance(v, Secret) else v for k, v in form.items()}
    return urlencode(plain, quote_via=quote, safe="").encode("ascii")


def _quoted(text: str) -> str:
    # A space as %20 is understood by those who decode forms, and by those who decode URLs.
    return quote(text, safe="")


def _is_unsent(reply: Reply | TransportError) -> bool:
    return isinstance(reply, TransportError) and not reply.sent


def _pause(
    request: Request, reply: Reply | TransportError, tries: int, arrived: int
) -> float | None:
    """Return the seconds before the next try; None: the answer stands."""
    error = reply if isinstance(reply, TransportError) else _passing_error(request, reply)
    if error is None:
        return None
    policy, attempt = (_NOT_SENT, tries) if _is_unsent(reply) else (_SENT, arrived)
    return policy.delay(request.method, error, attempt, repeatable=True)


def _passing_error(request: Request, reply: Reply) -> StatusError | None:
    if reply.status != 429 and reply.status not in TRANSIENT:
        return None
    try:
        read(request, reply, attempts=1)
    except StatusError as error:
        return error
    raise AssertionError("an error status is an error")
