"""`Emulator`: start and stop, credentials, request log, faults; the rest is in `Seeding`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Self, TypeGuard

from aiohttp import web

from .app import App
from .base.paths import AUTHORIZE_PATH, INSPECTION_PATH, PREFIX, TOKEN_PATH
from .base.rate_limiter import EmulatorLimits, Limits, LimitsMode, RateLimiter, check_limits
from .base.request_log import RecordedRequest
from .cloudflow.routes import TEMPLATES
from .cloudflow.seeding import Seeding
from .credentials.identities import DEFAULT_ACCOUNT, SCOPES
from .deliveries.deliveries import RecordedDelivery
from .deliveries.faults import DeliveryFault
from .deliveries.targets import Reach, Targets
from .faults.faults import Fault
from .http.connections import ConnectionServer
from .http.origin_check import check_listening_host
from .oauth.clients import BUILT_IN, OAuthClient
from .techflow.api import TEMPLATES as TECHFLOW_TEMPLATES
from .techflow.seeding import TechFlowSeeding

_HIGHEST_PORT = 65535
_PATIENCE = 0.1
"""Seconds that requests in flight get to end when the emulator stops."""


class Emulator(Seeding):
    """A local server that behaves as the API document says.

    `async with Emulator() as emulator:` listens on a free loopback port until the block ends.
    The methods may also be called from another thread than the one whose loop it runs on.
    It holds 512 connections at most, and waits 5 seconds for the head of a request, 10 for its body
    (then it is a 408) and 75 for the next one.

    Args:
        rate_limits: Budget of each authenticated user; None: the documented one, 100 a minute;
            ``"off"``: none is kept, and answers have no rate-limit headers.  The same for the next
            two.
        anonymous_limits: Budget of all requests without a valid credential from one address; None:
            the documented one, 20 a minute.
        techflow_limits: Budget of each key of the TechFlow API; None: the documented one, 100 a
            minute.
        limits_mode: How budgets are counted: `bucket`, `fixed`, `sliding` or `windows`.
        retry_after_header: Whether a 429 of the CloudFlow API carries a `Retry-After` header.  The
            document shows `retry_after` in the body only.
        require_pkce: Whether a login without PKCE is refused.  False takes the authorization and
            token requests as the document prints them, without challenge and verifier.
        api_key: The value of `api_key`; None: it follows from the seed.
        max_recorded: Requests that `requests` keeps, and ended deliveries that `deliveries` keeps;
            the oldest are dropped.
        clock: Returns Unix seconds; all times of the emulator come from it, the `Date` header
            included.  None: the real time.
        seed: Ids, made-up figures and the chances of faults follow from it.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        allow_remote: Whether to listen on other addresses than 127.0.0.1 and ::1.
        allow_webhooks_to: Where events are delivered: `loopback` addresses, `private` and
            `public` ones.  Never to the emulator itself, and never to link-local addresses such
            as 169.254.169.254; what is refused is recorded as a failed attempt.

    Raises:
        ValueError: An address that other machines could reach without `allow_remote`, an unknown
            `limits_mode` or member of `allow_webhooks_to`, or an argument of another kind.
    """

    def __init__(  # noqa: PLR0913 - each is an option of its own, all have a default
        self,
        *,
        rate_limits: Limits | None = None,
        anonymous_limits: Limits | None = None,
        techflow_limits: Limits | None = None,
        limits_mode: LimitsMode = "bucket",
        retry_after_header: bool = False,
        require_pkce: bool = True,
        api_key: str | None = None,
        max_recorded: int = 10_000,
        clock: Callable[[], float] | None = None,
        seed: int = 0,
        host: str = "127.0.0.1",
        port: int = 0,
        allow_remote: bool = False,
        allow_webhooks_to: Iterable[Reach] = ("loopback",),
    ) -> None:
        check_listening_host(host, allow_remote=allow_remote)
        _check_kinds(clock=clock, seed=seed, port=port, max_recorded=max_recorded)
        limiter = RateLimiter(
            limits_mode,
            authenticated=check_limits("rate_limits", rate_limits, EmulatorLimits()),
            anonymous=check_limits(
                "anonymous_limits", anonymous_limits, EmulatorLimits.unauthenticated()
            ),
        )
        techflow_limiter = RateLimiter(
            limits_mode,
            authenticated=check_limits(
                "techflow_limits", techflow_limits, EmulatorLimits.techflow()
            ),
        )
        self._app = App(
            self,
            clock=clock or time.time,
            seed=seed,
            limiter=limiter,
            techflow_limiter=techflow_limiter,
            targets=Targets(allow_webhooks_to),
            retry_after_header=retry_after_header,
            require_pkce=require_pkce,
            max_recorded=max_recorded,
            allow_remote=allow_remote,
        )
        super().__init__(self._app.state, self._app.runs, self._app.dispatcher.publish)
        self._host = host
        self._wanted_port = port
        self._running: tuple[web.ServerRunner, ConnectionServer] | None = None
        self._changing = asyncio.Lock()
        self._api_key = self._app.keys.issue(SCOPES, text=api_key).text
        self._techflow = TechFlowSeeding(self._app.techflow, lambda: self.issuer)

    def __repr__(self) -> str:
        where = f"on {self.base_url}" if self._running else "stopped"
        return f"<Emulator {where}, {len(self.requests)} requests>"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; does nothing when it already does.

        Raises:
            OSError: The port is taken.
        """
        async with self._changing:
            if self._running is not None:
                return
            server = ConnectionServer(self._app.handle, self._app.refuse)
            runner = web.ServerRunner(server, shutdown_timeout=_PATIENCE)
            await runner.setup()
            try:
                await web.TCPSite(runner, self._host, self._wanted_port).start()
            except BaseException:
                await runner.cleanup()
                raise
            self._app.start(runner.addresses[0][1])
            self._running = runner, server

    async def stop(self) -> None:
        """Free the port and end all connections, requests and deliveries in flight included.

        Does nothing when it is stopped.  State and request log stay, so that they can be looked at;
        what is due meanwhile is done after the next start.
        """
        async with self._changing:
            if self._running is None:
                return
            (runner, server), self._running = self._running, None
            await self._app.stop(_PATIENCE)
            await runner.cleanup()
            await server.end(_PATIENCE)

    @property
    def base_url(self) -> str:
        """What a client takes for the address of the API, `/v2` included.

        Raises:
            RuntimeError: The emulator is not running.
        """
        if self._running is None:
            raise RuntimeError("the emulator is not running: use async with, or await start()")
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._app.port}{PREFIX}"

    @property
    def api_key(self) -> str:
        """A key that may do everything; it follows from the seed, unless one was given."""
        return self._api_key

    def add_key(self, *scopes: str, account: str = DEFAULT_ACCOUNT) -> str:
        """Return a new key with these scopes and a budget of its own, for one account.

        Raises:
            ValueError: A scope that the API document does not name.
        """
        return self._app.keys.issue(scopes, account=account).text

    def add_jwt_key(
        self,
        public_key_pem: bytes | str,
        *,
        issuer: str,
        key_id: str | None = None,
        scopes: Iterable[str] = SCOPES,
        account: str = DEFAULT_ACCOUNT,
    ) -> None:
        """Accept the JWTs that an application signs with the other half of this key.

        Args:
            public_key_pem: RSA, 2048 bits or more.
            issuer: The claim `iss` of its tokens.
            key_id: The header member `kid` of its tokens; None: they have none.
            scopes: The most that a token may claim.
            account: What the tokens give access to.

        Raises:
            ValueError: Another kind of key, no issuer, an id that it has already used, or an
                undocumented scope.
        """
        self._app.jwts.add_key(
            public_key_pem, issuer=issuer, key_id=key_id, scopes=scopes, account=account
        )

    def account(self, name: str) -> Seeding:
        """Return the stage of one account, whose callers see nothing of the others.

        The emulator itself is the stage of the account `default`; any other name makes a new one.
        """
        return Seeding(self._app.account(name), self._app.runs, self._app.dispatcher.publish)

    @property
    def techflow(self) -> TechFlowSeeding:
        """The TechFlow API, on the same port below another path: its address, keys and stage."""
        return self._techflow

    @property
    def issuer(self) -> str:
        """How the authorization server names itself.

        Raises:
            RuntimeError: The emulator is not running.
        """
        return self.base_url.removesuffix(PREFIX)

    @property
    def authorize_url(self) -> str:
        """Where a browser asks a person for consent.

        Raises:
            RuntimeError: The emulator is not running.
        """
        return self.issuer + AUTHORIZE_PATH

    @property
    def token_url(self) -> str:
        """Where a client gets tokens.

        Raises:
            RuntimeError: The emulator is not running.
        """
        return self.issuer + TOKEN_PATH

    @property
    def inspection_url(self) -> str:
        """Where a browser on this machine shows requests and deliveries, and delivers again.

        Raises:
            RuntimeError: The emulator is not running.
        """
        return self.issuer + INSPECTION_PATH

    @property
    def client_id(self) -> str:
        """A public client that exists from the beginning, with any loopback redirect."""
        return BUILT_IN

    def add_client(
        self,
        client_id: str | None = None,
        *,
        name: str = "Demo app",
        redirect_uris: Sequence[str] = ("http://127.0.0.1/callback",),
        confidential: bool = False,
        client_secret: str | None = None,
        scopes: Sequence[str] = SCOPES,
        refresh: bool = True,
    ) -> OAuthClient:
        """Register an application that asks people for access.

        Args:
            client_id: None: made up.
            name: What the consent page calls it.
            redirect_uris: Where callbacks may go; of a loopback one any port.
            confidential: Whether it gets a secret, which it then has to present.
            client_secret: The secret of a confidential client; None: made up.
            scopes: The most that it may ask for.
            refresh: Whether it gets refresh tokens.

        Raises:
            ValueError: A client of that id exists, an undocumented scope, or a redirect that
                cannot be registered.
        """
        return self._app.clients.add(
            client_id,
            name=name,
            redirect_uris=redirect_uris,
            confidential=confidential,
            client_secret=client_secret,
            scopes=scopes,
            refresh=refresh,
        )

    def add_token(
        self,
        *scopes: str,
        subject: str = "user-12345",
        expires_in: float = 3600,
        account: str = DEFAULT_ACCOUNT,
    ) -> str:
        """Return a new bearer token, without any flow.

        Args:
            scopes: What it may do.
            subject: Whose it is; tokens of one subject in one account share a budget.
            expires_in: Seconds on the emulator's clock.
            account: What it gives access to.

        Raises:
            ValueError: A scope that the API document does not name.
        """
        return self._app.add_token(scopes, subject=subject, expires_in=expires_in, account=account)

    def revoke(self, token: str) -> None:
        """Make an access token worthless, or a refresh token with all that came of its grant.

        Raises:
            ValueError: No such token.
        """
        self._app.tokens.revoke(token)

    def approve(
        self,
        authorize_url: str,
        *,
        subject: str = "user-12345",
        scopes: Iterable[str] | None = None,
        deny: bool = False,
    ) -> str:
        """Do at once what a person would do in the browser, and return the callback's URL.

        Args:
            authorize_url: What the browser would open.
            subject: Who signs in.
            scopes: What is granted; None: all that is asked for.
            deny: Refuse instead.

        Raises:
            ValueError: The page would show an error, or redirect with one; the message says why.
        """
        return self._app.oauth.approve(authorize_url, subject=subject, scopes=scopes, deny=deny)

    @property
    def requests(self) -> list[RecordedRequest]:
        """What arrived since the last reset, in order of arrival: the last `max_recorded`."""
        return self._app.request_log.entries()

    @property
    def deliveries(self) -> list[RecordedDelivery]:
        """Every event that was delivered, or is to be, since the last reset, oldest first.

        They are those of all accounts.  Of those that have ended, the last `max_recorded` are kept.
        """
        return self._app.dispatcher.recorded()

    def redeliver(self, delivery_id: str) -> None:
        """Deliver an event once more, now, with the same `webhook-id`.

        When that fails, the schedule of attempts begins anew.

        Raises:
            KeyError: No such delivery.
        """
        self._app.dispatcher.redeliver(delivery_id)

    async def wait_for_deliveries(self, *, retries: bool = False, timeout: float = 10.0) -> None:
        """Wait until all runs have ended and nothing is left to deliver.

        After turning a clock by hand, this does first what has become due by that.

        Args:
            retries: Whether to wait for attempts, too, that follow later because earlier ones
                failed: up to 28 hours on the emulator's clock.
            timeout: Seconds, on the emulator's event loop.

        Raises:
            TimeoutError: It took longer; a clock that stands still lets no run end.
            RuntimeError: The emulator is not running, or was stopped meanwhile.
        """
        await self._app.dispatcher.settle(retries=retries, timeout=timeout)

    def inject(self, fault: Fault | DeliveryFault) -> None:
        """Put a fault on duty, after those that are.

        Raises:
            ValueError: Its route is a template that does not exist.
        """
        if isinstance(fault, DeliveryFault):
            self._app.dispatcher.faults.add(fault)
            return
        known = TEMPLATES + TECHFLOW_TEMPLATES
        if fault.route is not None and "{" in fault.route and fault.route not in known:
            raise ValueError(f"no route {fault.route}; there are {', '.join(known)}")
        self._app.faults.add(fault)

    def clear_faults(self) -> None:
        """Take all faults off duty."""
        self._app.faults.clear()
        self._app.dispatcher.faults.clear()

    def reset(self) -> None:
        """Forget state, request log, deliveries, faults and spent budgets.

        What comes next repeats from the seed; what is being delivered is broken off.

        That goes for all accounts.  Keys, tokens, clients and registered public keys stay.
        """
        self._app.reset()


def _check_kinds(*, clock: object, seed: object, port: object, max_recorded: object) -> None:
    if clock is not None and not callable(clock):
        raise ValueError("clock must be a callable that returns Unix seconds, or None")
    if not _is_whole(seed):
        raise ValueError(f"seed must be an int, not {type(seed).__name__}")
    if not _is_whole(port) or not 0 <= port <= _HIGHEST_PORT:
        raise ValueError(f"port must be an int between 0 and {_HIGHEST_PORT}")
    if not _is_whole(max_recorded) or max_recorded < 1:
        raise ValueError("max_recorded must be an int of at least 1")


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
