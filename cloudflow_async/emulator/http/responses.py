"""Turn a reply into a response: the headers of every answer, and what a fault does to them."""

from __future__ import annotations

import json
from email.utils import formatdate

from aiohttp import web
from multidict import CIMultiDict

from cloudflow_async.emulator.base.problems import Reply
from cloudflow_async.emulator.base.rate_limiter import Verdict
from cloudflow_async.emulator.faults.faults import Fault


def response_headers(
    *, now: float, request_id: str, verdict: Verdict | None, retry_after: bool
) -> CIMultiDict[str]:
    """Return what every answer carries ("Rate Limit Headers").

    Args:
        now: Unix seconds; aiohttp would take `Date` from the real clock.
        request_id: The same as in an error's body.
        verdict: What the limiter said about this request, or stands by now; None where there is
            no limit.
        retry_after: Whether a 429 has a `Retry-After` as well.
    """
    headers = CIMultiDict(
        {
            "Date": formatdate(now, usegmt=True),
            "Server": "cloudflow-emulator",
            "X-Request-Id": request_id,
        }
    )
    if verdict is None:
        return headers
    headers["X-RateLimit-Limit"] = str(verdict.limit)
    headers["X-RateLimit-Remaining"] = str(verdict.remaining)
    headers["X-RateLimit-Reset"] = str(verdict.reset_at)
    if retry_after and not verdict.allowed:
        headers["Retry-After"] = str(verdict.retry_after)
    return headers


def make_response(reply: Reply, headers: CIMultiDict[str]) -> web.Response:
    """Return the response for a reply, whose own headers win."""
    body = reply.raw
    if reply.body is not None:
        body = json.dumps(reply.body, separators=(",", ":")).encode()
        headers.setdefault("Content-Type", "application/json")
    headers.update(reply.headers)
    return web.Response(status=reply.status, body=body, headers=headers)


def spoil(response: web.Response, fault: Fault) -> None:
    """Take away or replace headers as a fault wants it."""
    headers = response.headers
    if not fault.rate_limit_headers:
        for name in [name for name in headers if name.lower().startswith("x-ratelimit-")]:
            del headers[name]
    for name, _ in fault.headers:
        headers.popall(name, None)
    for name, value in fault.headers:
        headers.add(name, value)
