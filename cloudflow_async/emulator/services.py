"""The services behind the one port: who may ask, how much, and how each answers and refuses."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from multidict import CIMultiDictProxy

from .base.paths import PREFIX, Match, match_authorization
from .base.problems import Problem, Reply
from .base.rate_limiter import Budget, RateLimiter
from .cloudflow.endpoints import Call
from .cloudflow.routes import find_route, match_path
from .cloudflow.runs import Runs
from .cloudflow.state import State
from .credentials.authentication import Authenticator, missing_scope
from .credentials.identities import Identity
from .oauth.server import AuthorizationServer, OAuthCall
from .request_context import Api, RequestContext


class CloudFlowApi(Api):
    """The API of the CloudFlow document.

    Args:
        authenticator: Knows who asks.
        limiter: The budgets.
        account: Gives what an account has.
        runs: Those that are under way.
    """

    def __init__(
        self,
        authenticator: Authenticator,
        limiter: RateLimiter,
        account: Callable[[str], State],
        runs: Runs,
    ) -> None:
        self._authenticator = authenticator
        self._limiter = limiter
        self._account = account
        self._runs = runs

    def match(self, path: str) -> Match | None:
        """Return what a path as on the wire fits, or None."""
        return match_path(path)

    def identify(self, headers: CIMultiDictProxy[str], now: float) -> Identity:
        """Return who sent these headers."""
        return self._authenticator.identify(headers, now)

    def budget(self, user: Hashable | None, peer: str | None) -> Budget | None:
        """Return the budget of a user, or of all strangers at an address."""
        return self._limiter.budget(user=user, peer=peer)

    def answer(self, context: RequestContext) -> Reply:
        """Let the endpoint answer, if the caller may use it."""
        caller = context.identified()
        route = find_route(context.request.method, context.match)
        if not caller.allows(route.scope):
            raise missing_scope(caller, route.scope)
        return route.answer(self._call(context, caller))

    def _call(self, context: RequestContext, caller: Identity) -> Call:
        request = context.request
        return Call(
            state=self._account(caller.account),
            runs=self._runs,
            path=context.match.parameters if context.match else {},
            query=request.query,
            body=context.readable_body(),
            content_type=request.headers.get("Content-Type"),
            base_url=f"http://{request.host}{PREFIX}",
        )


class AuthorizationApi(Api):
    """The authorization server, which asks for credentials of its own and has no limit.

    Args:
        server: Answers.
        clock: Returns Unix seconds.
    """

    def __init__(self, server: AuthorizationServer, clock: Callable[[], float]) -> None:
        self._server = server
        self._clock = clock

    def match(self, path: str) -> Match | None:
        """Return what a path as on the wire fits, or None."""
        return match_authorization(path)

    def identify(
        self,
        headers: CIMultiDictProxy[str],  # noqa: ARG002 - the interface
        now: float,  # noqa: ARG002 - the same
    ) -> Identity:
        """Refuse: the OAuth server authenticates its clients itself."""
        raise Problem(401)

    def budget(self, user: Hashable | None, peer: str | None) -> None:
        """Count nothing."""

    def answer(self, context: RequestContext) -> Reply:
        """Hand the request over."""
        request = context.request
        return self._server.handle(
            OAuthCall(
                method=request.method,
                path=context.path,
                query=request.query,
                body=context.readable_body(),
                content_type=request.headers.get("Content-Type"),
                headers=request.headers,
                now=self._clock(),
                base=f"http://{request.host}",
            )
        )
