"""OAuth 2.0: the authorization code grant with PKCE (API document: Authentication, OAuth 2.0).

A person logs in once, at a terminal (`OAuth2Auth.login`) or in a web app (its two halves,
`OAuth2Auth.authorization_request` and `OAuth2Auth.exchange`); from then on the token is kept in a
store and refreshed when it has to be.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import ssl
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final, NoReturn

from cloudflow_async._core.auth.protocol import Refusal
from cloudflow_async._core.auth.stores.token_store import MemoryTokenStore, TokenStore, check_store
from cloudflow_async._core.auth.token import Token
from cloudflow_async._core.errors import InvalidArgumentError, LoginError
from cloudflow_async._core.http.proxy import read_proxy
from cloudflow_async._core.http.urls import check_oauth_url
from cloudflow_async._core.messages import Request
from cloudflow_async._core.public import public
from cloudflow_async._core.support.secret import Secret
from cloudflow_async._core.support.validation import (
    check_callable,
    check_flag,
    check_kind,
    check_seconds,
)

from .authorization import (
    LIFETIME,
    AuthorizationRequest,
    check_client_id,
    check_scopes,
    new_request,
    read_callback,
)
from .browser import open_in_browser
from .loopback import LoopbackListener
from .token_endpoint import ClientAuthentication, TokenEndpoint
from .token_source import TokenSource

if TYPE_CHECKING:
    import aiohttp

AUTHORIZE_URL: Final = "https://auth.cloudflow.io/oauth/authorize"
"""API document: OAuth 2.0, Authorization Endpoint."""

TOKEN_URL: Final = "https://auth.cloudflow.io/oauth/token"  # noqa: S105 - no password
"""API document: OAuth 2.0, Token Endpoint."""

HEADER = "Authorization"
_SCHEME = "Bearer "
_PASTED_REDIRECT_URI = "http://127.0.0.1/callback"


@public("cloudflow_async")
class OAuth2Auth:
    """Signs requests with a token of OAuth 2.0, and refreshes it.

    It stands for one person, or one account: an app that many log in to makes one for each, with
    a store of its own.  Any number of clients and processes may share a store.  Constructing it
    does no I/O; it belongs to the event loop of its first use, and when that has ended, to the
    next one's.

    A refresh begins 60 to 90 seconds before the token's end, while calls go on with it; there is
    one at a time, whoever asks, and a caller that is cancelled does not end it.  A rotated refresh
    token is saved before the new access token is used.  After a 401 the token is refreshed, and
    the call sent again, once.

    Args:
        client_id: The id that the app was registered with.
        client_secret: None: a public client, such as a program that people install.
        scopes: What to ask for at a login, such as ``workflows:read``; those that the API
            document does not name pass.  Empty: what the server grants by default.
        store: Where the token is kept; None: in memory.
        authorize_url: Where a person logs in.  https, or http on loopback, as the next one.
        token_url: Where codes and refresh tokens are redeemed.
        redirect_uri: Where the browser returns to, as registered.  `login` needs none: it listens
            on a free port of 127.0.0.1.
        issuer: What ``iss`` in a callback has to be (RFC 9207); None: where it is given, it has to
            be of the origin of `authorize_url`.
        token_endpoint_auth_method: Whether the secret goes into the body of a token request or
            into its ``Authorization`` header.
        timeout: Seconds for one token request on the wire.
        http: A session of your own for token requests, as `CloudFlow` takes it; it is never closed.
        proxy: As of `CloudFlow`, for token requests; the API may be reached in another way.
        trust_env: Whether token requests use proxies of the environment; as of `CloudFlow`.
        ssl_context: For a token endpoint, or an https proxy, with a certificate of a private
            authority.
        clock: Returns the Unix time in seconds.

    Raises:
        InvalidArgumentError: An argument cannot be used; secrets are not shown.
    """

    def __init__(  # noqa: PLR0913 - each is an option of its own, all but one have a default
        self,
        client_id: str,
        *,
        client_secret: str | None = None,
        scopes: Iterable[str] = (),
        store: TokenStore | None = None,
        authorize_url: str = AUTHORIZE_URL,
        token_url: str = TOKEN_URL,
        redirect_uri: str | None = None,
        issuer: str | None = None,
        token_endpoint_auth_method: ClientAuthentication = "client_secret_post",  # noqa: S107 - a name
        timeout: float = 30.0,
        http: aiohttp.ClientSession | None = None,
        proxy: str | None = None,
        trust_env: bool = False,
        ssl_context: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        hidden = _hide(client_secret)
        try:
            route = read_proxy("proxy", proxy)
        finally:
            # From here on a traceback that shows variables shows no secret.
            del client_secret, proxy
        check_callable("clock", clock, "a callable that returns Unix seconds", arguments=0)
        check_flag("trust_env", trust_env)
        check_seconds("timeout", timeout)
        if store is not None:
            check_store("store", store)
        if issuer is not None:
            check_kind("issuer", issuer, str, "a URL")
        self._client_id = check_client_id(client_id)
        self._asked = check_scopes(scopes)
        self._authorize_url = check_oauth_url("authorize_url", authorize_url)
        self._redirect_uri = _check_redirect_uri(redirect_uri)
        self._issuer = issuer
        self._clock = clock
        self._endpoint = TokenEndpoint(
            token_url,
            client_id=client_id,
            client_secret=_check_secret(hidden),
            method=token_endpoint_auth_method,
            timeout=timeout,
            clock=clock,
            http=http,
            proxy=route,
            trust_env=trust_env,
            ssl_context=ssl_context,
        )
        self._tokens = TokenSource(
            store=MemoryTokenStore() if store is None else store,
            endpoint=self._endpoint,
            clock=clock,
        )
        self._answered: dict[bytes, float] = {}

    def __repr__(self) -> str:
        scopes = self._asked if self.scopes is None else self.scopes
        return f"OAuth2Auth({self._client_id!r}, scopes={sorted(scopes)})"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "A credential cannot be pickled or copied; make it anew where it is needed, with a "
            "FileTokenStore on the same path."
        )

    @property
    def client_id(self) -> str:
        """The id that the app was registered with."""
        return self._client_id

    @property
    def scopes(self) -> frozenset[str] | None:
        """Scopes of the token in use; empty: it was granted none; None while they are not known."""
        token = self._tokens.held
        return None if token is None else token.scopes

    @property
    def expires_at(self) -> float | None:
        """When the token of the moment ends, in Unix seconds; None while that is not known."""
        token = self._tokens.held
        return None if token is None else token.expires_at

    async def sign(self, request: Request) -> Mapping[str, str]:  # noqa: ARG002 - protocol
        """Return the header with the token; see `token`."""
        token = await self._tokens.token()
        return {HEADER: f"{_SCHEME}{token.access_token.reveal()}"}

    async def renew(self, refusal: Refusal) -> bool:
        """Return whether there is another token than the refused one, after a refresh if need be.

        False where the refused one came of a refresh that had just answered a refusal: yet
        another would not be accepted either.

        Raises:
            CredentialError: As `token` does.
        """
        refused = Secret(refusal.signed.get(HEADER, "").removeprefix(_SCHEME))
        del refusal
        return await self._tokens.renew(refused)

    async def token(self) -> Token:
        """Return the token of the moment, loaded and refreshed if it has to be.

        Cancelling it leaves the refresh alone.

        Raises:
            ReauthenticationRequiredError: Nobody is logged in, or the login has ended.
            TokenRequestError: The token endpoint gave none; for a second it is not asked again.
            CredentialError: The store cannot be read.
            WrongLoopError: This credential is in use on another event loop, which has not ended.
        """
        return await self._tokens.token()

    async def settled(self) -> None:
        """Return when no refresh is under way, however it ended.

        A program that ends during one loses what the server has answered by then, and with a
        server that rotates refresh tokens the login too.
        """
        await self._tokens.settled()

    def authorization_request(self, *, redirect_uri: str | None = None) -> AuthorizationRequest:
        """Begin a login in a web app: send the person to the URL of what is returned.

        Keep the request in the session of that person until they come back; then call `exchange`.

        Args:
            redirect_uri: Where the person comes back to; None: as it was constructed with.

        Raises:
            InvalidArgumentError: There is no redirect URI, or it is neither https nor on loopback.
        """
        target = self._redirect_uri if redirect_uri is None else redirect_uri
        if target is None:
            raise InvalidArgumentError(
                "A login in a web app needs a redirect_uri, here or when OAuth2Auth is made."
            )
        return new_request(
            authorize_url=self._authorize_url,
            client_id=self._client_id,
            redirect_uri=target,
            scopes=self._asked,
            now=self._clock(),
        )

    async def exchange(self, callback_url: str, request: AuthorizationRequest) -> Token:
        """End a login in a web app: redeem the code of a callback, and save the token.

        Each request is answered once.  The code is sent at most once, whatever happens; cancelling
        may lose it.

        Args:
            callback_url: What the browser asked for: the URL, or its path and query.
            request: What `authorization_request` returned for this person.

        Raises:
            LoginError: The login was refused, or the callback cannot be trusted; in the latter
                case no token request was sent.
            TokenRequestError: The token endpoint gave no token; the login has to start anew.
            CredentialError: The token could not be saved; it is held in memory alone.
        """
        try:
            code = self._accept(callback_url, request)
        finally:
            # Error trackers record local variables, and the code is in this one.
            del callback_url
        return await self._redeem(code, request)

    async def login(
        self,
        *,
        open_browser: bool | Callable[[str], bool] = True,
        show_url: Callable[[str], None] | None = None,
        ask: Callable[[str], Awaitable[str]] | None = None,
        timeout: float = 120.0,
    ) -> Token:
        """Log a person in who sits at this machine, and save the token.

        Their browser is opened, and its answer received on a port of 127.0.0.1, which is closed
        when this returns, raises or is cancelled.

        Args:
            open_browser: Whether to; or what does it, called in a thread because it may block,
                and returns whether it could.
            show_url: Given the URL before the browser is opened.  None: it is written to stderr
                where no browser can be opened.
            ask: For a person whose browser runs elsewhere: given the URL, it returns the address
                at which their browser ended, which they paste.  Nothing is opened or listens.
            timeout: Seconds for the person to come back.

        Raises:
            LoginError: It was refused, took too long, or its answer cannot be trusted.
            TokenRequestError: The token endpoint gave no token; the login has to start anew.
            CredentialError: The token could not be saved; it is held in memory alone.
            InvalidArgumentError: `redirect_uri` is not one that this machine answers at.
        """
        check_seconds("timeout", timeout)
        limit = asyncio.timeout(timeout)
        try:
            async with limit:
                if ask is None:
                    code, request = await self._listen(open_browser=open_browser, show_url=show_url)
                else:
                    code, request = await self._paste(ask)
        except TimeoutError:
            if not limit.expired():
                raise
        else:
            return await self._redeem(code, request)
        raise LoginError(f"Nobody logged in within {timeout:g} seconds. Start the login anew.")

    async def logout(self) -> None:
        """Forget the token, in the store too.

        The API document names no endpoint that revokes tokens: until its end, an access token
        would still be accepted from whoever has a copy.

        Raises:
            CredentialError: The store cannot be changed; memory holds no token any more.
        """
        await self._tokens.forget()

    async def _listen(
        self, *, open_browser: bool | Callable[[str], bool], show_url: Callable[[str], None] | None
    ) -> tuple[Secret, AuthorizationRequest]:
        async with LoopbackListener(self._redirect_uri) as listener:
            request = self.authorization_request(redirect_uri=listener.redirect_uri)
            await _present(request.url, open_browser=open_browser, show_url=show_url)
            code = await listener.callback(functools.partial(self._accept, request=request))
        return code, request

    async def _paste(
        self, ask: Callable[[str], Awaitable[str]]
    ) -> tuple[Secret, AuthorizationRequest]:
        redirect_uri = self._redirect_uri or _PASTED_REDIRECT_URI
        request = self.authorization_request(redirect_uri=redirect_uri)
        return self._accept(await ask(request.url), request), request

    def _accept(self, callback: str, request: AuthorizationRequest) -> Secret:
        """Return the code of a callback, the first that answers its request."""
        now = self._clock()
        try:
            code = read_callback(
                callback,
                request,
                now=now,
                issuer=self._issuer,
                authorize_url=self._authorize_url,
            )
        finally:
            # Error trackers record local variables.
            del callback
        state = hashlib.sha256(request.state.reveal().encode()).digest()
        if state in self._answered:
            raise LoginError("This login has been answered before. Start the login anew.")
        # Later ones are too old to be accepted.
        recent = {key: at for key, at in self._answered.items() if now - at <= 2 * LIFETIME}
        self._answered = {**recent, state: now}
        return code

    async def _redeem(self, code: Secret, request: AuthorizationRequest) -> Token:
        token = await self._endpoint.exchange(code, request)
        await self._tokens.replace(token)
        return token


async def _present(
    url: str, *, open_browser: bool | Callable[[str], bool], show_url: Callable[[str], None] | None
) -> None:
    if show_url is not None:
        show_url(url)
    if callable(open_browser):
        opened = await asyncio.to_thread(open_browser, url)
    else:
        opened = open_browser and await open_in_browser(url)
    if show_url is None and not opened:
        sys.stderr.write(f"To log in, open this address in a browser:\n\n  {url}\n\n")
        sys.stderr.flush()


def _hide(secret: object) -> Secret | str | None:
    """Return a client's secret, or what is wrong with it; it raises nothing."""
    if secret is None or isinstance(secret, str):
        return None if secret is None else Secret(secret)
    return "client_secret must be a str, or None for a public client."


def _check_secret(hidden: Secret | str | None) -> Secret | None:
    if isinstance(hidden, str):
        raise InvalidArgumentError(hidden)
    return hidden


def _check_redirect_uri(redirect_uri: str | None) -> str | None:
    return None if redirect_uri is None else check_oauth_url("redirect_uri", redirect_uri)
