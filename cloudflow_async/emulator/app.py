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
from .base.request_log import Ledger, RecordedRequest
from .base.scheduler import Agenda
from .base.seeded_random import letters, seeded
from .cloudflow.runs import Runs
from .cloudflow.seeding import Staging
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
from .request_context import Api, Visit
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
        stage: Staging,
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
        self.ledger: Ledger = Ledger(max_recorded)
        self.agenda: Agenda = Agenda(clock)
        self.dispatcher: Dispatcher = Dispatcher(
            clock, seed, self.agenda, targets, size=max_recorded
        )
        self.runs: Runs = Runs(clock, self.agenda, self.dispatcher.publish)
        self._inspection: Inspection = Inspection(self.ledger, self.dispatcher)
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
            clock, seed, techflow_limiter, self.agenda, self.dispatcher
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
        self.agenda.start()
        self.dispatcher.start()

    async def stop(self, patience: float) -> None:
        """End deliveries that are on their way; what is still to be done waits for a start.

        Args:
            patience: Seconds to wait for their end.
        """
        self.agenda.stop()
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
        self.agenda.clear()
        self.runs.clear()
        self.techflow.clear()
        self.dispatcher.clear()
        self.faults.clear()
        self.ledger.clear()
        self._limiter.reset()
        self._request_ids = seeded(self._seed, "requests")

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, or end its connection."""
        if is_for_inspection(_path(request)):
            return await self._inspect(request)
        self.agenda.catch_up()
        visit = self._arrive(request)
        try:
            self._guard(request, remote=self._allow_remote)
            await self._read_body(visit)
            self._count(visit)
        except Problem as problem:
            return self._respond(visit, visit.api.refusal(problem, visit.request_id))
        if self._is_forgotten(visit):
            return NoAnswer()
        fault = self.faults.choose(request.method, _fault_routes(visit))
        if fault is None:
            return self._respond(visit, self._process(visit))
        return await self._act_out(fault, visit)

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

    def _arrive(self, request: web.BaseRequest) -> Visit:
        path = _path(request)
        api = self._api_for(path)
        match = api.match(path)
        request_id = self._new_request_id()
        caller = self._identify(api, request)
        number = self.ledger.open(
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
        return Visit(
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

    async def _read_body(self, visit: Visit) -> None:
        """Read the body without judging it: first comes the counting."""
        try:
            visit.body = await read_body(visit.request)
        except Problem as problem:
            visit.unreadable = problem
        self.ledger.note(visit.number, body=visit.body)

    def _count(self, visit: Visit) -> None:
        user = visit.caller.budget if isinstance(visit.caller, Identity) else None
        budget = visit.api.budget(user, visit.request.remote)
        if budget is None:
            return
        visit.verdict = budget.count(self._clock())
        self.ledger.note(visit.number, rate_limit_remaining=visit.verdict.remaining)
        if not visit.verdict.allowed:
            raise rate_limited(visit.verdict.retry_after)

    def _process(self, visit: Visit) -> Reply:
        try:
            return visit.api.answer(visit)
        except Problem as problem:
            return visit.api.refusal(problem, visit.request_id)

    async def _act_out(self, fault: Fault, visit: Visit) -> web.StreamResponse:
        if fault.delay:
            await asyncio.sleep(fault.delay)
            if self._is_forgotten(visit):
                return NoAnswer()
        if fault.before is not None:
            fault.before(self._stage)
        reply = self._process(visit) if fault.processes else Reply(status=0)
        return await send(visit.request, self._spoiled(visit, reply, fault), fault)

    def _spoiled(self, visit: Visit, reply: Reply, fault: Fault) -> web.Response | None:
        """Return the response that a fault leaves of an answer, or None if there is none."""
        if not fault.answers:
            return None
        if fault.status is not None:
            reply = visit.api.failure(fault, visit.request_id)
        response = self._respond(visit, reply)
        spoil(response, fault)
        return response

    def _is_forgotten(self, visit: Visit) -> bool:
        """Return whether `reset()` came meanwhile: the request belongs to an earlier life."""
        return not self.ledger.knows(visit.number)

    def _respond(self, visit: Visit, reply: Reply) -> web.Response:
        self.ledger.note(visit.number, status=reply.status)
        headers = response_headers(
            now=self._clock(),
            request_id=visit.request_id,
            verdict=visit.verdict if visit.api.tells_limits else None,
            retry_after=self._retry_after_header,
        )
        response = make_response(reply, headers)
        if visit.unreadable is not None:
            # What follows on this connection may be the rest of the body.
            response.force_close()
        return response

    def _peek(self, api: Api, request: web.BaseRequest) -> Verdict | None:
        """Return the budget of strangers as it stands, for answers that are not counted."""
        budget = api.budget(None, request.remote)
        return None if budget is None else budget.peek(self._clock())

    def _new_request_id(self) -> str:
        return "req_" + letters(self._request_ids, 8)


def _fault_routes(visit: Visit) -> tuple[str | None, ...]:
    """Return what a fault can call this request's path."""
    return (visit.match.template if visit.match else None, visit.path.removeprefix(PREFIX))


def _path(request: web.BaseRequest) -> str:
    """Return the path as on the wire."""
    return request.raw_path.partition("?")[0]
