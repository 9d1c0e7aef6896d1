"""One request on its way, and what each of the services that can answer it has to do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable

import attrs
from aiohttp import web
from multidict import CIMultiDictProxy

from .base.paths import Match
from .base.problems import Problem, Reply
from .base.rate_limiter import Budget, Verdict
from .credentials.identities import Identity
from .faults.faults import Fault


@attrs.define(kw_only=True)
class RequestContext:
    """One request on its way."""

    request: web.BaseRequest
    request_id: str
    path: str
    """As on the wire, without the query."""

    number: int
    """Its number in the request log."""

    api: Api
    """The service that it came to."""

    verdict: Verdict | None
    """What the limiter says; before the request is counted, how the budget of strangers stands.
    None where there is no limit."""

    match: Match | None
    caller: Identity | Problem
    """Who asks, or why that is not known."""

    body: bytes = b""
    unreadable: Problem | None = None
    """Why there is no body."""

    def identified(self) -> Identity:
        """Return who asks, or raise why that is not known."""
        if isinstance(self.caller, Problem):
            raise self.caller
        return self.caller

    def readable_body(self) -> bytes:
        """Return the body, or raise why there is none."""
        if self.unreadable is not None:
            raise self.unreadable
        return self.body


class Api(ABC):
    """One of the services that the emulator stands for."""

    tells_limits: bool = True
    """Whether its answers say how much of the budget is left."""

    @abstractmethod
    def match(self, path: str) -> Match | None:
        """Return what a path as on the wire fits, or None."""

    @abstractmethod
    def identify(self, headers: CIMultiDictProxy[str], now: float) -> Identity:
        """Return who sent these headers at `now` (Unix seconds).

        Raises:
            Problem: The 401.
        """

    @abstractmethod
    def budget(self, user: Hashable | None, peer: str | None) -> Budget | None:
        """Return the budget of a user, or of a stranger at an address; None: there is no limit."""

    @abstractmethod
    def answer(self, context: RequestContext) -> Reply:
        """Do what is asked for.

        Raises:
            Problem: It is refused.
        """

    def refusal(self, problem: Problem, request_id: str) -> Reply:
        """Return the answer to what is refused."""
        return problem.reply(request_id)

    def failure(self, fault: Fault, request_id: str) -> Reply:
        """Return what a fault with a `status` answers."""
        return fault.answer(request_id)
