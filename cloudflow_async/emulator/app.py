"""The way of one request: guards, budget, fault, credentials, endpoint.

Every request goes through `App.handle()`, which reads from top to bottom in that order.  What an
endpoint does stands in `cloudflow.py`; here is what all of them have in common.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs
from aiohttp import web

from .chance import letters, seeded
from .cloudflow import Call
from .connections import Connection, NoAnswer
from .faults import Fault, FaultPlan
from .guards import is_own_host, is_own_origin
from .keys import ApiKey, KeyRing
from .ledger import Ledger, RecordedRequest
from .limits import RateLimiter, Verdict
from .problems import Problem, Reply, rate_limited
from .responses import make_response, response_headers, send_part, spoil
from .routes import PREFIX, Match, find_route, match_path
from .state import State

if TYPE_CHECKING:
    from .server import Emulator


@attrs.define(kw_only=True)
class _Visit:
    """What becomes known about one request while it is being handled."""

    request: web.BaseRequest
    request_id: str
    path: str
    """As on the wire, without the query."""

    number: int
    """Its number in the ledger."""

    verdict: Verdict
    """What the limiter says; before the request is counted, how the anonymous budget stands."""

    match: Match | None
    key: ApiKey | None
    body: bytes = b""
    unreadable: Problem | None = None
    """Why there is no body."""


class App:
    """All that it takes to answer requests; the emulator's public face works on the same parts.

    Args:
        emulator: Handed to the callables of faults.
        clock: Returns Unix seconds.
        seed: What chance follows from.
        limiter: The budgets.
        retry_after_header: Whether a 429 carries `Retry-After`.
        allow_remote: Whether other addresses than loopback ones are served.
    """

    def __init__(
        self,
        emulator: Emulator,
        *,
        clock: Callable[[], float],
        seed: int,
        limiter: RateLimiter,
        retry_after_header: bool,
        allow_remote: bool,
    ) -> None:
        self.keys: KeyRing = KeyRing(seed)
        self.state: State = State(clock, seed)
        self.faults: FaultPlan = FaultPlan(seed)
        self.ledger: Ledger = Ledger()
        self.port = 0
        self._emulator = emulator
        self._clock = clock
        self._seed = seed
        self._limiter = limiter
        self._retry_after_header = retry_after_header
        self._allow_remote = allow_remote
        self._request_ids = seeded(seed, "requests")

    def reset(self) -> None:
        """Begin again at the seed; keys that were issued keep working."""
        self.state.clear()
        self.faults.clear()
        self.ledger.clear()
        self._limiter.reset()
        self._request_ids = seeded(self._seed, "requests")

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, or end its connection."""
        visit = self._arrive(request)
        try:
            self._guard(request)
            await self._read_body(visit)
            self._count(visit)
        except Problem as problem:
            return self._respond(visit, problem.reply(visit.request_id))
        if self._is_forgotten(visit):
            return NoAnswer()
        fault = self.faults.choose(request.method, _fault_routes(visit))
        if fault is None:
            return self._respond(visit, self._process(visit))
        return await self._act_out(fault, visit)

    def refuse(self, request: web.BaseRequest, status: int) -> web.StreamResponse:
        """Answer what is not HTTP (400), or what broke the emulator itself (500)."""
        request_id = self._new_request_id()
        message = "The request is not valid HTTP" if status == 400 else None
        response = make_response(
            Problem(status, message).reply(request_id),
            response_headers(
                now=self._clock(),
                request_id=request_id,
                verdict=self._peek(request),
                retry_after=False,
            ),
        )
        response.force_close()
        return response

    def _arrive(self, request: web.BaseRequest) -> _Visit:
        path = request.raw_path.partition("?")[0]
        match = match_path(path)
        request_id = self._new_request_id()
        number = self.ledger.open(
            RecordedRequest(
                method=request.method,
                path=path,
                query=request.query,
                headers=request.headers,
                received_at=self._clock(),
                connection=Connection.number_of(request),
                route=match.template if match else None,
                request_id=request_id,
            )
        )
        return _Visit(
            request=request,
            request_id=request_id,
            path=path,
            number=number,
            verdict=self._peek(request),
            match=match,
            key=self.keys.find(_presented_key(request)),
        )

    def _guard(self, request: web.BaseRequest) -> None:
        hosts = request.headers.getall("Host", [])
        if len(hosts) != 1 or not is_own_host(hosts[0], self.port, remote=self._allow_remote):
            raise Problem(403, "The Host header does not name this server")
        for origin in request.headers.getall("Origin", []):
            if not is_own_origin(origin, self.port, remote=self._allow_remote):
                raise Problem(403, "Requests from other origins are not accepted")

    async def _read_body(self, visit: _Visit) -> None:
        """Read the body without judging it: first comes the counting."""
        try:
            await _continue_if_expected(visit.request)
            visit.body = await visit.request.read()
        except web.HTTPRequestEntityTooLarge:
            visit.unreadable = Problem(413)
        except web.RequestPayloadError:
            message = "Request body cannot be decoded"
            visit.unreadable = Problem(400, message, code="invalid_json")
        self.ledger.note(visit.number, body=visit.body)

    def _count(self, visit: _Visit) -> None:
        key = visit.key.text if visit.key else None
        budget = self._limiter.budget(key=key, peer=visit.request.remote)
        visit.verdict = budget.count(self._clock())
        self.ledger.note(visit.number, rate_limit_remaining=visit.verdict.remaining)
        if not visit.verdict.allowed:
            raise rate_limited(visit.verdict.retry_after)

    def _process(self, visit: _Visit) -> Reply:
        try:
            return self._dispatch(visit)
        except Problem as problem:
            return problem.reply(visit.request_id)

    def _dispatch(self, visit: _Visit) -> Reply:
        request = visit.request
        if visit.key is None:
            raise Problem(401)
        route = find_route(request.method, visit.match)
        if not visit.key.allows(route.scope):
            raise Problem(403, f"The key lacks the scope {route.scope}")
        if visit.unreadable is not None:
            raise visit.unreadable
        return route.answer(
            Call(
                state=self.state,
                path=visit.match.parameters if visit.match else {},
                query=request.query,
                body=visit.body,
                content_type=request.headers.get("Content-Type"),
                base_url=f"http://{request.host}{PREFIX}",
            )
        )

    async def _act_out(self, fault: Fault, visit: _Visit) -> web.StreamResponse:
        if fault.delay:
            await asyncio.sleep(fault.delay)
            if self._is_forgotten(visit):
                return NoAnswer()
        if fault.before is not None:
            fault.before(self._emulator)
        reply = self._process(visit) if fault.processes else Reply(status=0)
        if fault.drop is not None:
            return NoAnswer()
        if fault.status is not None:
            reply = fault.answer(visit.request_id)
        response = self._respond(visit, reply)
        spoil(response, fault)
        if fault.truncate is None:
            return response
        return await send_part(visit.request, response, fault.truncate)

    def _is_forgotten(self, visit: _Visit) -> bool:
        """Return whether `reset()` came meanwhile: the request belongs to an earlier life."""
        return not self.ledger.knows(visit.number)

    def _respond(self, visit: _Visit, reply: Reply) -> web.Response:
        self.ledger.note(visit.number, status=reply.status)
        headers = response_headers(
            now=self._clock(),
            request_id=visit.request_id,
            verdict=visit.verdict,
            retry_after=self._retry_after_header,
        )
        response = make_response(reply, headers)
        if visit.unreadable is not None:
            # What follows on this connection may be the rest of the body.
            response.force_close()
        return response

    def _peek(self, request: web.BaseRequest) -> Verdict:
        """Return the anonymous budget as it stands, for answers that are not counted."""
        return self._limiter.budget(key=None, peer=request.remote).peek(self._clock())

    def _new_request_id(self) -> str:
        return "req_" + letters(self._request_ids, 8)


def _fault_routes(visit: _Visit) -> tuple[str | None, ...]:
    """Return what a fault can call this request's path."""
    return (visit.match.template if visit.match else None, visit.path.removeprefix(PREFIX))


def _presented_key(request: web.BaseRequest) -> str | None:
    keys = request.headers.getall("X-API-Key", [])
    return keys[0] if len(keys) == 1 else None


async def _continue_if_expected(request: web.BaseRequest) -> None:
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # The interim answer is no part of the real one, whose size aiohttp goes by.
        request.writer.output_size = 0
