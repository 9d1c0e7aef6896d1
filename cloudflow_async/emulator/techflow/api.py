"""TechFlow as a service: its keys, its limit, and errors that are nothing but a status."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial

import attrs
from multidict import CIMultiDictProxy

from cloudflow_async.emulator.base.paths import TECHFLOW_PREFIX, Match, fit, pick
from cloudflow_async.emulator.base.problems import Problem, Reply
from cloudflow_async.emulator.base.rate_limiter import Budget, RateLimiter
from cloudflow_async.emulator.base.scheduler import Scheduler
from cloudflow_async.emulator.credentials.authentication import bearer_token
from cloudflow_async.emulator.credentials.identities import Identity
from cloudflow_async.emulator.credentials.keys import KeyRing
from cloudflow_async.emulator.deliveries.dispatcher import Dispatcher
from cloudflow_async.emulator.faults.faults import Fault
from cloudflow_async.emulator.request_context import Api, RequestContext

from .endpoints import ENDPOINTS, Call
from .executions import Executions, Publish
from .state import EVENTS, State

TEMPLATES = tuple(TECHFLOW_PREFIX + template for template in ENDPOINTS)
"""How faults and the request log call them: with the prefix that CloudFlow's have not."""

_CHALLENGE = 'Bearer realm="techflow"'


class TechFlowApi(Api):
    """The API of the TechFlow document, on the machinery that serves CloudFlow too.

    Its errors have no body, as the document shows none.  A 429 says neither how long to wait nor
    what is left, for the same reason.

    Args:
        clock: Returns Unix seconds.
        seed: Its keys and the length of executions follow from it.
        limiter: The budgets of its keys; whoever has none is refused, but not counted.
        scheduler: Tells when an execution ends.
        dispatcher: Delivers events.
    """

    tells_limits: bool = False

    def __init__(
        self,
        clock: Callable[[], float],
        seed: int,
        limiter: RateLimiter,
        scheduler: Scheduler,
        dispatcher: Dispatcher,
    ) -> None:
        self.keys: KeyRing = KeyRing(seed, prefix="tf_test_", owner="TechFlow key")
        self.state: State = State(clock)
        self.publish: Publish = partial(dispatcher.publish, self.state, known=EVENTS)
        self.executions: Executions = Executions(clock, seed, scheduler, self.state, self.publish)
        self._limiter = limiter

    def clear(self) -> None:
        """Forget everything but the keys."""
        self.state.clear()
        self.executions.clear()
        self._limiter.reset()

    def match(self, path: str) -> Match | None:
        """Return what a path as on the wire fits, under its name with the prefix."""
        match = fit(path, ENDPOINTS, prefix=TECHFLOW_PREFIX)
        return match and attrs.evolve(match, template=TECHFLOW_PREFIX + match.template)

    def identify(
        self,
        headers: CIMultiDictProxy[str],
        now: float,  # noqa: ARG002 - the interface: keys do not expire
    ) -> Identity:
        """Return whose key the one `Authorization` header carries; no other header counts."""
        presented = headers.getall("Authorization", [])
        if not presented:
            raise _refusal("")
        if len(presented) > 1:
            raise _refusal("the request carries more than one credential")
        token = bearer_token(presented[0])
        if token is None:
            raise _refusal("the Authorization header is not 'Bearer' and a key")
        identity = self.keys.find(token)
        if identity is None:
            raise _refusal("no such key")
        return identity

    def budget(self, user: Hashable | None, peer: str | None) -> Budget | None:
        """Return the budget of a key: "100 requests per minute per API key"."""
        return None if user is None else self._limiter.budget(user=user, peer=peer)

    def answer(self, context: RequestContext) -> Reply:
        """Let the endpoint answer."""
        context.identified()
        if context.match is None:
            raise Problem(404)
        template = context.match.template.removeprefix(TECHFLOW_PREFIX)
        endpoint = pick(context.request.method, ENDPOINTS[template])
        return endpoint(
            Call(
                state=self.state,
                executions=self.executions,
                publish=self.publish,
                path=context.match.parameters,
                body=context.readable_body(),
            )
        )

    def refusal(
        self,
        problem: Problem,
        request_id: str,  # noqa: ARG002 - the interface: only a body could tell it
    ) -> Reply:
        """Return the status and nothing else."""
        return Reply(status=problem.status, headers=problem.headers)

    def failure(self, fault: Fault, request_id: str) -> Reply:
        """Return what a fault answers; the documented error, its `json`, has no body here."""
        if fault.body == "json":
            return Reply(status=fault.status or 0)
        return fault.answer(request_id)


def _refusal(reason: str) -> Problem:
    """Return the 401; since it has no body, its challenge is where people find the reason."""
    challenge = _CHALLENGE
    if reason:
        challenge += f', error="invalid_token", error_description="{reason}"'
    return Problem(401, headers={"WWW-Authenticate": challenge})
