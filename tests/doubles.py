"""Stand-ins for the parts of a client: they behave, and remember what was asked of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

import attrs
from multidict import CIMultiDict

from cloudflow_async._core.auth import Refusal
from cloudflow_async._core.errors import ClientClosedError
from cloudflow_async._core.http.transport import Connections, nothing
from cloudflow_async._core.messages import (
    LimiterStatistics,
    RateLimitSeen,
    RateLimitStatus,
    Reply,
    Request,
)
from cloudflow_async._core.rate_limit.limiter import Permit
from cloudflow_async._core.rate_limit.limits import Priority

Step = Reply | BaseException | Callable[[], Any]
"""What one exchange does: returns a reply, raises an error, or awaits what a callable gives."""


def reply(
    status: int = 200, body: object = b"{}", headers: Mapping[str, str] | None = None
) -> Reply:
    """Return a reply; a body that is not bytes is sent as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status=status, headers=CIMultiDict(headers or {}), body=data, elapsed=0.0)


def failure(status: int, code: str | None = None, **error: object) -> Reply:
    """Return a reply in the documented envelope of errors."""
    return reply(status, {"error": {"code": code, **error}})


@attrs.frozen
class Exchange:
    """One exchange that was asked for."""

    request: Request
    headers: Mapping[str, str]
    timeout: float
    at: float
    """On the event loop's clock."""


class FakeTransport:
    """A transport that goes through a script; its last step answers all further exchanges."""

    def __init__(self, *steps: Step) -> None:
        self.exchanges: list[Exchange] = []
        self.is_open = False
        self.closed = 0
        self.abandoned = 0
        self.under_way = 0
        self.connects = True
        """Whether requests leave; else they wait for a connection, as long as the step takes."""
        self._steps = steps or (reply(),)

    async def exchange(
        self,
        request: Request,
        headers: Mapping[str, str],
        *,
        timeout: float,
        on_send: Callable[[], None] = nothing,
    ) -> Reply:
        """Do what the script says next."""
        at = asyncio.get_running_loop().time()
        self.exchanges.append(Exchange(request, dict(headers), timeout, at))
        if self.connects:
            on_send()
        step = self._steps[min(len(self.exchanges), len(self._steps)) - 1]
        self.under_way += 1
        try:
            found = await step() if callable(step) else step
        finally:
            self.under_way -= 1
        if isinstance(found, BaseException):
            raise found
        assert isinstance(found, Reply)
        return found

    def connections(self) -> Connections:
        """Return as many as are in use."""
        return Connections(self.under_way, self.under_way)

    async def close(self) -> None:
        """Count the call."""
        self.closed += 1

    def abandon(self) -> None:
        """Count the call."""
        self.abandoned += 1


class OpenLimiter:
    """A limiter that lets everything through at once, or nothing while `shut` is set."""

    def __init__(self) -> None:
        self.granted = 0
        self.waiting = 0
        self.asked: list[tuple[float | None, Permit | None]] = []
        self.priorities: list[Priority] = []
        self.seen: list[RateLimitSeen | None] = []
        self.released = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def acquire(
        self,
        *,
        max_wait: float | None = None,
        again: Permit | None = None,
        priority: Priority = "normal",
    ) -> Permit:
        """Return a permit, when the gate is open."""
        self.asked.append((max_wait, again))
        self.priorities.append(priority)
        self.waiting += 1
        try:
            await self.gate.wait()
        finally:
            self.waiting -= 1
        self.granted += 1
        return Permit(number=self.granted, sent_at=asyncio.get_running_loop().time())

    def observe(self, permit: Permit, seen: RateLimitSeen | None) -> None:
        """Take a permit back."""
        self.seen.append(seen)

    def release(self, permit: Permit) -> None:
        """Take a permit back that was not used."""
        self.released += 1

    def forecast(self, requests: int) -> float:
        """Return a second for each request."""
        return float(requests)

    def statistics(self) -> LimiterStatistics:
        """Return what was granted."""
        return {"granted": self.granted, "waited": 0.0, "pauses": 0}

    def status(self) -> RateLimitStatus:
        """Return what is under way."""
        return RateLimitStatus(
            limit=None,
            remaining=None,
            reset_at=None,
            waiting=self.waiting,
            in_flight=self.granted - len(self.seen) - self.released,
            paused_for=0.0,
        )


class FakeAuth:
    """A credential whose keys are numbered; `renew` goes on to the next one, `keys` times."""

    def __init__(self, keys: int = 1) -> None:
        self.number = 1
        self.refusals: list[Refusal] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self._keys = keys

    async def sign(self, request: Request) -> Mapping[str, str]:
        """Return the header with the key of the moment, when the gate is open."""
        await self.gate.wait()
        return {"X-API-Key": f"key-{self.number}"}

    async def renew(self, refusal: Refusal) -> bool:
        """Go on to the next key if there is one."""
        self.refusals.append(refusal)
        await self.gate.wait()
        if self.number == self._keys:
            return False
        self.number += 1
        return True


async def never() -> Reply:
    """Wait for ever: a server that does not answer."""
    await asyncio.Event().wait()
    raise ClientClosedError("nobody waits for ever")
