"""The way of one request: guards, budget, fault, credentials, endpoint.

Every request goes through `App.handle()`, which reads from top to bottom in that order.  What
the services do not have in common stands in `apis.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from aiohttp import web

from .base.paths import PREFIX, is_for_authorization_server, is_for_inspection, is_for_techflow
from .base.problems import Problem, Reply, rate_limited
from .base.rate_limiter import RateLimiter, Verdict
from .base.request_log import RecordedRequest, RequestLog
from .base.scheduler import Scheduler
from .base.seeded_random import letters, seeded
from .cloudflow.runs import Runs
from .cloudflow.seeding import Seeding
from .cloudflow.state import State
from .credentials.authentication import Authenticator
from .credentials.identities import DEFAULT_ACCOUNT, Identity
from .credentials.jwts import JwtVerifier
from .credentials.keys import KeyRing
from .credentials.tokens import TokenBook
from .deliveries.dispatcher import Dispatcher
from .deliveries.targets import Targets
from .faults.faults import Fault
from .faults.plan import FaultPlan
from .http.connections import Connection, NoAnswer, read_body
from .http.origin_check import is_own_host, is_own_origin
from .http.responses import make_response, response_headers, spoil
from .http.slow_send import send
from .inspection.inspection import Inspection
from .oauth.clients import ClientBook
from .oauth.server import AuthorizationServer
from .request_context import Api, RequestContext
from .services import AuthorizationApi, CloudFlowApi
from .techflow.api import TechFlowApi

_INSPECTION_ID = "req_inspection"
"""All looks at the inspection page share it: one of the others would change those to come."""


class App:
    """All that it takes to answer requests; the emulator's public face works on the same parts.

    Args:
        stage: Handed to the callables of faults.
        clock: Returns Unix seconds.
        seed: What chance follows from.
        limiter: The budgets.
        techflow_limiter: Those of TechFlow's keys.
        targets: Where webhooks may be delivered.
        retry_after_header: Whether a 429 carries `Retry-After`.
        require_pkce: Whether a login without PKCE is refused.
        max_recorded: Requests, and ended deliveries, that are kept.
        allow_remote: Whether other addresses than loopback ones are served.
    """

    def __init__(  # noqa: PLR0913 - each is an option of the emulator
        self,
        stage: Seeding,
        *,
        clock: Callable[[], float],
        seed: int,
        limiter: RateLimiter,
        techflow_limiter: RateLimiter,
        targets: Targets,
        retry_after_header: bool,
        require_pkce: bool,
        max_recorded: int,
        allow_remote: bool,
    ) -> None:
        self.keys: KeyRing = KeyRing(seed)
        self.tokens: TokenBook = TokenBook(seed)
        self.jwts: JwtVerifier = JwtVerifier()
        self.clients: ClientBook = ClientBook(seed)
        self.oauth: AuthorizationServer = AuthorizationServer(
            clock, seed, self.tokens, self.clients, require_pkce=require_pkce
        )
        self.state: State = State(clock, seed)
        self.faults: FaultPlan = FaultPlan(seed)
        self.request_log: RequestLog = RequestLog(max_recorded)
        self.scheduler: Scheduler = Scheduler(clock)
        self.dispatcher: Dispatcher = Dispatcher(
            clock, seed, self.scheduler, targets, size=max_recorded
        )
        self.runs: Runs = Runs(clock, self.scheduler, self.dispatcher.publish)
        self._inspection: Inspection = Inspection(self.request_log, self.dispatcher)
        self.port: int = 0
        self._stage = stage
        self._clock = clock
        self._seed = seed
        self._limiter = limiter
        self._targets = targets
        self._retry_after_header = retry_after_header
        self._allow_remote = allow_remote
        self._request_ids = seeded(seed, "requests")
        self._accounts: dict[str, State] = {DEFAULT_ACCOUNT: self.state}
        self._cloudflow = CloudFlowApi(
            Authenticator(self.keys, self.tokens, self.jwts), limiter, self.account, self.runs
        )
        self._authorization = AuthorizationApi(self.oauth, clock)
        self.techflow: TechFlowApi = TechFlowApi(
            clock, seed, techflow_limiter, self.scheduler, self.dispatcher
        )

    def account(self, name: str) -> State:
        """Return what an account has; one that was never named before has nothing yet."""
        if name not in self._accounts:
            self._accounts[name] = State(self._clock, self._seed, name)
        return self._accounts[name]

    def start(self, port: int) -> None:
        """Begin to do on the running loop what happens without a request: runs and deliveries."""
        self.port = port
        self._targets.own_port = port
        self.scheduler.start()
        self.dispatcher.start()

    async def stop(self, patience: float) -> None:
        """End deliveries that are on their way; what is still to be done waits for a start.

        Args:
            patience: Seconds to wait for their end.
        """
        self.scheduler.stop()
        await self.dispatcher.stop(patience)

    def add_token(
        self, scopes: Iterable[str], *, subject: str, expires_in: float, account: str
    ) -> str:
        """Return a new bearer token, issued now."""
        return self.tokens.add(
            *scopes, subject=subject, expires_in=expires_in, account=account, now=self._clock()
        )

    def reset(self) -> None:
        """Begin again at the seed; credentials that were issued keep working."""
        for state in list(self._accounts.values()):
            state.clear()
        self.scheduler.clear()
        self.runs.clear()
        self.techflow.clear()
        self.dispatcher.clear()
        self.faults.clear()
        self.request_log.clear()
        self._limiter.reset()
        self._request_ids = seeded(self._seed, "requests")

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, or end its connection."""
        if is_for_inspection(_path(request)):
            return await self._inspect(request)
        self.scheduler.catch_up()
        context = self._arrive(request)
        try:
            self._guard(request, remote=self._allow_remote)
            await self._read_body(context)
            self._count(context)
        except Problem as problem:
            return self._respond(context, context.api.refusal(problem, context.request_id))
        if self._is_forgotten(context):
            return NoAnswer()
        fault = self.faults.choose(request.method, _fault_routes(context))
        if fault is None:
            return self._respond(context, self._process(context))
        return await self._act_out(fault, context)

    def refuse(self, request: web.BaseRequest, status: int) -> web.StreamResponse:
        """Answer what is not HTTP (400), or what broke the emulator itself (500)."""
        api = self._api_for(_path(request))
        request_id = self._new_request_id()
        message = "The request is not valid HTTP" if status == 400 else None
        response = make_response(
            api.refusal(Problem(status, message), request_id),
            response_headers(
                now=self._clock(),
                request_id=request_id,
                verdict=self._peek(api, request),
                retry_after=False,
            ),
        )
        response.force_close()
        return response

    def _api_for(self, path: str) -> Api:
        if is_for_authorization_server(path):
            return self._authorization
        return self.techflow if is_for_techflow(path) else self._cloudflow

    def _arrive(self, request: web.BaseRequest) -> RequestContext:
        path = _path(request)
        api = self._api_for(path)
        match = api.match(path)
        request_id = self._new_request_id()
        caller = self._identify(api, request)
        number = self.request_log.open(
            RecordedRequest(
                method=request.method,
                path=path,
                query=request.query,
                headers=request.headers,
                received_at=self._clock(),
                connection=Connection.number_of(request),
                route=match.template if match else None,
                identity=caller.name if isinstance(caller, Identity) else None,
                request_id=request_id,
            )
        )
        return RequestContext(
            request=request,
            request_id=request_id,
            path=path,
            number=number,
            api=api,
            verdict=self._peek(api, request),
            match=match,
            caller=caller,
        )

    def _identify(self, api: Api, request: web.BaseRequest) -> Identity | Problem:
        try:
            return api.identify(request.headers, self._clock())
        except Problem as problem:
            return problem

    async def _inspect(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer people who look at what happened; nothing of that becomes part of it."""
        try:
            self._guard(request, remote=False)
            reply = self._inspection.handle(request, await read_body(request))
            refused = False
        except Problem as problem:
            reply = problem.reply(_INSPECTION_ID)
            refused = True
        headers = response_headers(
            now=self._clock(), request_id=_INSPECTION_ID, verdict=None, retry_after=False
        )
        response = make_response(reply, headers)
        if refused:
            # What follows on this connection may be the rest of the body.
            response.force_close()
        return response

    def _guard(self, request: web.BaseRequest, *, remote: bool) -> None:
        hosts = request.headers.getall("Host", [])
        if len(hosts) != 1 or not is_own_host(hosts[0], self.port, remote=remote):
            raise Problem(403, "The Host header does not name this server")
        for origin in request.headers.getall("Origin", []):
            if not is_own_origin(origin, self.port, remote=remote):
                raise Problem(403, "Requests from other origins are not accepted")

    async def _read_body(self, context: RequestContext) -> None:
        """Read the body without judging it: first comes the counting."""
        try:
            context.body = await read_body(context.request)
        except Problem as problem:
            context.unreadable = problem
        self.request_log.note(context.number, body=context.body)

    def _count(self, context: RequestContext) -> None:
        user = context.caller.budget if isinstance(context.caller, Identity) else None
        budget = context.api.budget(user, context.request.remote)
        if budget is None:
            return
        context.verdict = budget.count(self._clock())
        self.request_log.note(context.number, rate_limit_remaining=context.verdict.remaining)
        if not context.verdict.allowed:
            raise rate_limited(context.verdict.retry_after)

    def _process(self, context: RequestContext) -> Reply:
        try:
            return context.api.answer(context)
        except Problem as problem:
            return context.api.refusal(problem, context.request_id)

    async def _act_out(self, fault: Fault, context: RequestContext) -> web.StreamResponse:
        if fault.delay:
            await asyncio.sleep(fault.delay)
            if self._is_forgotten(context):
                return NoAnswer()
        if fault.before is not None:
            fault.before(self._stage)
        reply = self._process(context) if fault.processes else Reply(status=0)
        return await send(context.request, self._spoiled(context, reply, fault), fault)

    def _spoiled(self, context: RequestContext, reply: Reply, fault: Fault) -> web.Response | None:
        """Return the response that a fault leaves of an answer, or None if there is none."""
        if not fault.answers:
            return None
        if fault.status is not None:
            reply = context.api.failure(fault, context.request_id)
        response = self._respond(context, reply)
        spoil(response, fault)
        return response

    def _is_forgotten(self, context: RequestContext) -> bool:
        """Return whether `reset()` came meanwhile: the request belongs to an earlier life."""
        return not self.request_log.knows(context.number)

    def _respond(self, context: RequestContext, reply: Reply) -> web.Response:
        self.request_log.note(context.number, status=reply.status)
        headers = response_headers(
            now=self._clock(),
            request_id=context.request_id,
            verdict=context.verdict if context.api.tells_limits else None,
            retry_after=self._retry_after_header,
        )
        response = make_response(reply, headers)
        if context.unreadable is not None:
            # What follows on this connection may be the rest of the body.
            response.force_close()
        return response

    def _peek(self, api: Api, request: web.BaseRequest) -> Verdict | None:
        """Return the budget of strangers as it stands, for answers that are not counted."""
        budget = api.budget(None, request.remote)
        return None if budget is None else budget.peek(self._clock())

    def _new_request_id(self) -> str:
        return "req_" + letters(self._request_ids, 8)


def _fault_routes(context: RequestContext) -> tuple[str | None, ...]:
    """Return what a fault can call this request's path."""
    return (context.match.template if context.match else None, context.path.removeprefix(PREFIX))


def _path(request: web.BaseRequest) -> str:
    """Return the path as on the wire."""
    return request.raw_path.partition("?")[0]
