"""Servers that count requests, simulated without a socket, and a loop that calls them."""

from __future__ import annotations

import asyncio
import json
import math
import random
from collections import deque
from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import Literal, Protocol

import attrs

from cloudflow_async._core.errors import CloudFlowError
from cloudflow_async._core.http.response import read, read_rate_limit
from cloudflow_async._core.http.retry import RetryBudget, RetryPolicy
from cloudflow_async._core.messages import Reply, Request
from cloudflow_async._core.rate_limit.limiter import LocalLimiter, Permit

EPOCH = 1_769_251_500.0
"""Unix time of a server's start: 2026-01-24T10:45:00Z, the beginning of a minute."""

PER = 60.0
REQUESTS = 100
BURST = 150

REQUEST = Request(method="GET", path="/workflows", target="/workflows")

Hint = Literal["body", "header", "html"]


def _x_headers(left: int, reset_at: float, now: float) -> dict[str, str]:
    return {
        "X-RateLimit-Limit": str(REQUESTS),
        "X-RateLimit-Remaining": str(left),
        "X-RateLimit-Reset": str(math.ceil(reset_at - 1e-6)),
    }


def _milliseconds(left: int, reset_at: float, now: float) -> dict[str, str]:
    reset = str(math.ceil(1000 * reset_at))
    return {**_x_headers(left, reset_at, now), "X-RateLimit-Reset": reset}


def _draft_6(left: int, reset_at: float, now: float) -> dict[str, str]:
    return {
        "RateLimit-Limit": str(REQUESTS),
        "RateLimit-Remaining": str(left),
        "RateLimit-Reset": str(math.ceil(reset_at - now - 1e-6)),
        "RateLimit-Policy": f"{REQUESTS};w={PER:.0f}",
    }


def _draft_7(left: int, reset_at: float, now: float) -> dict[str, str]:
    reset = math.ceil(reset_at - now - 1e-6)
    return {
        "RateLimit": f"limit={REQUESTS}, remaining={left}, reset={reset}",
        "RateLimit-Policy": f"{REQUESTS};w={PER:.0f}",
    }


def _draft_8(left: int, reset_at: float, now: float) -> dict[str, str]:
    reset = math.ceil(reset_at - now - 1e-6)
    return {
        "RateLimit": f'"default";r={left};t={reset};pk=:YWJj:, "daily";r={left + 9000};t=70000',
        "RateLimit-Policy": f'"default";q={REQUESTS};w={PER:.0f}, "daily";q=10000;w=86400',
    }


STYLES: Mapping[str, Callable[[int, float, float], dict[str, str]]] = {
    "x": _x_headers,
    "milliseconds": _milliseconds,
    "draft-6": _draft_6,
    "draft-7": _draft_7,
    "draft-8": _draft_8,
}
"""Ways to say what is left, when more is, and the time."""


class Count(Protocol):
    """One way to count requests; times are Unix seconds of the server."""

    def admit(self, now: float) -> bool:
        """Count a request if it is accepted, and return whether it is."""
        accepted = self.left(now) > 0
        if accepted:
            self.take(now)
        return accepted

    def left(self, now: float) -> int:
        """Return how many requests would be accepted now."""

    def take(self, now: float) -> None:
        """Count one."""

    def free_at(self, now: float) -> float:
        """Return when one more is accepted, when none is left."""

    def whole_at(self, now: float) -> float:
        """Return when the budget is whole again."""


@attrs.define
class TokenBucket(Count):
    """150 at once, 100 more in 60 seconds."""

    tokens: float = BURST
    filled_at: float = 0.0

    def left(self, now: float) -> int:
        """Return the whole tokens."""
        self.tokens = min(BURST, self.tokens + (now - self.filled_at) * REQUESTS / PER)
        self.filled_at = now
        return math.floor(self.tokens + 1e-7)

    def take(self, now: float) -> None:
        """Take a token."""
        self.tokens -= 1

    def free_at(self, now: float) -> float:
        """Return when the next token is there."""
        return now + (1 - self.tokens) * PER / REQUESTS

    def whole_at(self, now: float) -> float:
        """Return when all tokens are there."""
        return now + (BURST - self.tokens) * PER / REQUESTS


@attrs.define
class FixedWindow(Count):
    """100 in each window, aligned to the minute or begun by a request."""

    aligned: bool = True
    began_at: float = -math.inf
    used: int = 0

    def left(self, now: float) -> int:
        """Return what is left of the window."""
        if now >= self.began_at + PER:
            self.began_at, self.used = (now // PER * PER if self.aligned else now), 0
        return REQUESTS - self.used

    def take(self, now: float) -> None:
        """Count in this window."""
        self.used += 1

    def free_at(self, now: float) -> float:
        """Return the end of the window."""
        return self.began_at + PER

    whole_at = free_at


@attrs.define
class Sliding(Count):
    """100 in any 60 seconds; with `burst`, also that many in any 10."""

    log: deque[float] = attrs.field(factory=deque)
    burst: int | None = None

    def left(self, now: float) -> int:
        """Return what both windows allow."""
        while self.log and self.log[0] <= now - PER + 1e-7:
            self.log.popleft()
        left = REQUESTS - len(self.log)
        if self.burst is not None:
            left = min(left, self.burst - sum(at > now - 10 for at in self.log))
        return left

    def take(self, now: float) -> None:
        """Log the request."""
        self.log.append(now)

    def free_at(self, now: float) -> float:
        """Return when the oldest leaves the window."""
        return self.log[0] + PER

    def whole_at(self, now: float) -> float:
        """Return when the newest leaves the window."""
        return self.log[-1] + PER if self.log else now


@attrs.define
class Spacing(Count):
    """nginx `limit_req`: a leaky bucket in whole milliseconds and thousandths of a request.

    As in `ngx_http_limit_req_lookup`.  Refused requests do not count.  With `burst` 0, two requests
    are at least one interval apart; with a burst and `nodelay`, so many more are accepted at once.
    """

    per_second: float
    burst: int = 0
    excess: int = 0
    last_at: int | None = None

    @property
    def interval(self) -> float:
        """Seconds after which the next request is accepted, in whole milliseconds as nginx has."""
        return math.ceil(1e6 / int(1000 * self.per_second)) / 1000

    def left(self, now: float) -> int:
        """Return how many requests are accepted now."""
        return (1000 * self.burst - self._excess(now)) // 1000 + 1

    def take(self, now: float) -> None:
        """Count a request."""
        self.excess, self.last_at = self._excess(now), int(1000 * now)

    def free_at(self, now: float) -> float:
        """Return when the next request is accepted."""
        return now + (self._excess(now) - 1000 * self.burst) / 1000 / self.per_second

    def whole_at(self, now: float) -> float:
        """Return when the bucket is empty."""
        return now + max(0, self._excess(now) - 1000) / 1000 / self.per_second

    def _excess(self, now: float) -> int:
        if self.last_at is None:
            return 0
        leaked = int(1000 * self.per_second) * (int(1000 * now) - self.last_at) // 1000
        return max(0, self.excess - leaked + 1000)


@attrs.define
class RequestRate(Count):
    """haproxy `http_req_rate`: this period's requests and a share of the last period's.

    As in `read_freq_ctr_period`.  Refused requests count as well: `track-sc0`, then
    `deny deny_status 429 if { sc_http_req_rate(0) gt LIMIT }`.
    """

    limit: int
    period: float = 10.0
    began_at: float = -math.inf
    current: int = 0
    past: int = 0

    def admit(self, now: float) -> bool:
        """Count a request, and return whether it is accepted."""
        self._rotate(now)
        self.current += 1
        return self._rate(now) <= self.limit

    def left(self, now: float) -> int:
        """Return how many requests are accepted now."""
        self._rotate(now)
        return self.limit - self._rate(now)

    def take(self, now: float) -> None:
        """Count a request."""
        self.current += 1

    def free_at(self, now: float) -> float:
        """Return when the next request is accepted, at the latest."""
        return self.began_at + 2 * self.period

    whole_at = free_at

    def _rate(self, now: float) -> int:
        remaining = self.began_at + self.period - now
        return int(self.past * remaining / self.period + self.current)

    def _rotate(self, now: float) -> None:
        elapsed = now - self.began_at
        if elapsed < self.period:
            return
        self.past, self.current = (self.current if elapsed < 2 * self.period else 0), 0
        self.began_at = now if elapsed >= 2 * self.period else self.began_at + self.period


COUNTS: Mapping[str, Callable[[], Count]] = {
    "bucket": TokenBucket,
    "fixed": FixedWindow,
    "fixed_from_first": lambda: FixedWindow(aligned=False),
    "sliding": Sliding,
    "windows": lambda: Sliding(burst=BURST),
}


@attrs.define(kw_only=True)
class Server:
    """Answers after some latency, accepts what its count allows, says so or does not."""

    count: Count
    headers: bool = True
    style: str = "x"
    refuses_with: int = 429
    hint: Hint | None = "body"
    latency: Callable[[], float] = lambda: 0.0
    phase: float = 0.0
    skew: float = 0.0
    says_date: bool = True
    accepted: list[float] = attrs.field(factory=list)
    refused: list[float] = attrs.field(factory=list)
    seen: list[int] = attrs.field(factory=list)

    async def exchange(self, name: int = 0) -> Reply:
        """Carry out one request; half of the latency passes on the way to the server."""
        loop = asyncio.get_running_loop()
        latency = self.latency()
        await asyncio.sleep(latency / 2)
        reply = self._answer(loop.time(), name)
        await asyncio.sleep(latency / 2)
        return reply

    def _answer(self, local: float, name: int) -> Reply:
        now = EPOCH + self.phase + self.skew + local
        allowed = self.count.admit(now)
        (self.accepted if allowed else self.refused).append(local)
        if allowed:
            self.seen.append(name)
        headers = self._headers(now) if self.headers else {}
        if self.says_date:
            headers["Date"] = formatdate(math.floor(now), usegmt=True)
        if allowed:
            return Reply(status=200, headers=headers, body=b"{}", elapsed=0.0)
        wait = max(1, math.ceil(self.count.free_at(now) - now))
        return self._refusal(headers, wait)

    def _headers(self, now: float) -> dict[str, str]:
        left = self.count.left(now)
        reset = self.count.whole_at(now) if left else self.count.free_at(now)
        return STYLES[self.style](left, reset, now)

    def _refusal(self, headers: dict[str, str], wait: int) -> Reply:
        error: dict[str, object] = {"code": "rate_limit_exceeded"}
        if self.hint == "header":
            headers["Retry-After"] = str(wait)
        elif self.hint == "body":
            error["retry_after"] = wait
        body = json.dumps({"error": error}).encode()
        if self.hint == "html":
            body = b"<html><h1>429 Too Many Requests</h1></html>"
        return Reply(status=self.refuses_with, headers=headers, body=body, elapsed=0.0)


async def call(
    limiter: LocalLimiter, server: Server, policy: RetryPolicy, name: int = 0
) -> CloudFlowError | None:
    """Send one request as the session does; return the error that it ended with."""
    permit: Permit | None = None
    for attempt in range(1, 100):
        permit = await limiter.acquire(again=permit)
        reply = await server.exchange(name)
        limiter.observe(permit, read_rate_limit(reply))
        try:
            read(REQUEST, reply, attempt)
        except CloudFlowError as error:
            delay = policy.delay("GET", error, attempt)
            if delay is None:
                return error
            await asyncio.sleep(delay)
        else:
            return None
    raise AssertionError


async def herd(
    limiter: LocalLimiter, server: Server, count: int, policy: RetryPolicy | None = None
) -> float:
    """Send `count` requests at once; return the seconds until all have succeeded."""
    policy = policy or RetryPolicy(chance=random.Random(7).random)
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    ends = await asyncio.gather(*(call(limiter, server, policy, name) for name in range(count)))
    failed = [end for end in ends if end is not None]
    assert [] == failed
    return loop.time() - began_at


async def call_within_budget(
    limiter: LocalLimiter, server: Server, policy: RetryPolicy, count: int
) -> int:
    """Send `count` requests at once as one session, with its retry budget; return how many fail."""
    budget = RetryBudget()

    async def one() -> bool:
        permit: Permit | None = None
        spent: int | None = 0
        for attempt in range(1, 100):
            permit = await limiter.acquire(again=permit)
            reply = await server.exchange()
            limiter.observe(permit, read_rate_limit(reply))
            try:
                read(REQUEST, reply, attempt)
            except CloudFlowError as error:
                delay = policy.delay("GET", error, attempt)
                if delay is None or (spent := budget.spend(error)) is None:
                    return False
                await asyncio.sleep(delay)
            else:
                budget.refund(spent or 0)
                return True
        raise AssertionError

    return count - sum(await asyncio.gather(*(one() for _ in range(count))))
