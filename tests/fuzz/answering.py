"""What judges an answer: its status, its headers, and what it says of the rate limit."""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import json
import math
import pickle
import random
from collections.abc import AsyncIterator
from typing import Any, Final

from multidict import CIMultiDict

from cloudflow_async._core.auth.oauth2.token_response import LONGEST_LIFE, read_token
from cloudflow_async._core.auth.token import Token
from cloudflow_async._core.errors import CloudFlowError, CredentialError, StatusError
from cloudflow_async._core.http.response import Response, read, read_rate_limit
from cloudflow_async._core.messages import RateLimitSeen, Reply, Request
from cloudflow_async._core.rate_limit.limiter import LocalLimiter
from cloudflow_async._core.support.secret import Secret
from tests.cloudflow.samples import document
from tests.virtual_time import EPOCH

from .campaign import AsyncTry, Campaign
from .decoding import plainly
from .mutating import ODD_TEXTS, changed_bytes, changed_json, changed_text
from .oracles import check_message

_KEY: Final = "cf_live_canary_7d1f0e5b9a"
_STATUSES = (*(200, 201, 204, 206, 301, 400, 401, 403, 404, 409, 422, 429, 429, 500, 502, 503),)
_LONGEST_PAUSE: Final = 120.0 + 60.0 / 4
"""Seconds that a 429 may stop us: what it says, and by chance a quarter of a period more."""

_LONGEST_STOP: Final = 60.0
"""Seconds for which an answer that is no 429 may stop us."""

_DAY: Final = 86_400
_WAITS = (
    *("0", "1", "42", " 7 ", "1.5", "-5", "nan", "inf", "1e9", "9" * 26, "abc", "", "0x10"),
    *("\u0664\u0662", "1_000", "+5", "1, 2", "5;q=1", "\u00a07", "119", "3600"),
    *("Sat, 24 Jan 2026 10:46:00 GMT", "Saturday, 24-Jan-26 10:46:00 GMT", "Sat, 99 Jan 2026"),
    *("Sat Jan 24 10:46:00 2026", "Thu, 01 Jan 1970 00:00:00 -9999", "Mon, 1 Jan 99999999 1:1:1"),
)
_ERROR = {
    "error": {
        "code": "rate_limit_exceeded",
        "message": "Rate limit exceeded",
        "field": "x",
        "request_id": "req_1",
        "retry_after": 42,
    }
}
_BODIES: Final = [
    json.dumps(document("get_workflow.200")).encode(),
    json.dumps(_ERROR).encode(),
    b'{"error": "invalid_grant"}',
    b"<html><body>Bad gateway</body></html>",
    _KEY.encode() + b"\x1b[2J\xe2\x80\xae" + b"x" * 600,
    b"",
]


def reply(chance: random.Random, status: int) -> Reply:
    """Return an answer with odd headers and an odd body."""
    body = changed_bytes(chance.choice(_BODIES), chance)
    if chance.random() < 0.3:
        body = json.dumps(changed_json(_ERROR, chance)).encode()
    headers: CIMultiDict[str] = CIMultiDict()
    for name, value in _headers(chance).items():
        if chance.random() < 0.7:
            headers.add(name, changed_text(value, chance) if chance.random() < 0.5 else value)
        if chance.random() < 0.05:
            headers.add(name, chance.choice(ODD_TEXTS))
    return Reply(status=status, headers=headers, body=body, elapsed=0.1)


def _headers(chance: random.Random) -> dict[str, str]:
    now = EPOCH + chance.choice((0, 0, 0, -_DAY, _DAY, 300, -300, 10 * 365 * _DAY))
    reset = now + chance.choice((0, 1, 30, 60, 3600, -60, 10 * 365 * _DAY, -now + 5, now * 999))
    return {
        "Date": email.utils.formatdate(now, usegmt=True),
        "X-RateLimit-Limit": chance.choice(("100", "20", "1000", "0")),
        "X-RateLimit-Remaining": chance.choice(("0", "1", "87", "150", "-1")),
        "X-RateLimit-Reset": f"{reset:.0f}",
        "Retry-After": chance.choice(_WAITS),
        "X-Request-Id": "req_abc123",
        "Location": chance.choice(("https://evil.io/x?" + _KEY, "//x", "http://[::1", "/v2")),
    }


def _request(**changes: Any) -> Request:
    asked: dict[str, Any] = {
        "method": "GET",
        "path": "/workflows/{workflow_id}",
        "target": "/workflows/wf_1",
        "expects_json": True,
    }
    return Request(**asked | changes)


def _judge(chance: random.Random) -> str:
    status = chance.choice((*_STATUSES, chance.randint(-1, 1000)))
    came = reply(chance, status)
    try:
        found = read(_request(expects_json=chance.random() < 0.8), came, 1, {"X-API-Key": _KEY})
    except CloudFlowError as error:
        return _check_error(error, came)
    assert isinstance(found, Response)
    assert 200 <= status <= 299, "an error was taken for an answer"
    return "answer"


def _check_error(error: CloudFlowError, came: Reply) -> str:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (type(error), str(error)) == (type(again), str(again))
    check_message(error, _KEY)
    assert _KEY not in str(vars(error)), "an attribute shows the credential"
    if isinstance(error, StatusError):
        assert came.status == error.status, "the status was lost"
        assert len(error.body or "") <= 512
        wait = error.retry_after
        assert wait is None or 0 <= wait <= 1e9, f"a wait of {wait}"
    return type(error).__name__


def _read_limits(chance: random.Random) -> RateLimitSeen:
    seen = read_rate_limit(reply(chance, chance.choice((200, 404, 429, 503))))
    for figure in (seen.limit, seen.remaining, seen.reset, seen.date, seen.retry_after):
        assert figure is None or (math.isfinite(figure) and figure >= 0), f"{seen} is no limit"
    return seen


@contextlib.asynccontextmanager
async def _limiters() -> AsyncIterator[AsyncTry]:
    loop = asyncio.get_running_loop()

    async def attempt(chance: random.Random) -> str:
        limiter, begun_at = LocalLimiter(chance=chance.random), loop.time()
        seen = _read_limits(chance)
        longest = _LONGEST_PAUSE if seen.throttled else _LONGEST_STOP
        for _ in range(3):
            permit = await limiter.acquire()
            waited = loop.time() - begun_at
            assert waited <= longest + 0.25, f"{seen} stopped us for {waited:.1f} seconds"
            begun_at = loop.time()
            limiter.observe(permit, seen)
        return "paused" if seen.throttled else "went on"

    yield attempt


_TOKEN = {
    "access_token": "cf_at_canary_1",
    "token_type": "Bearer",
    "expires_in": 3600,
    "refresh_token": "cf_rt_canary_2",
    "scope": "workflows:read workflows:write",
}


def _read_token(chance: random.Random) -> str:
    status = chance.choice((200, 200, 200, 400, 401, 429, 500, 302))
    value = changed_json(_TOKEN if chance.random() < 0.8 else _ERROR, chance)
    body = json.dumps(value).encode()
    if chance.random() < 0.3:
        body = changed_bytes(body, chance)
    came = Reply(status=status, headers=CIMultiDict(), body=body, elapsed=0.1)
    before = Token(access_token="a", refresh_token=_KEY) if chance.random() < 0.5 else None
    wanted = frozenset({"workflows:read"})
    try:
        token = read_token(
            came, now=EPOCH, requested=wanted, previous=before, secrets=[Secret(_KEY)]
        )
    except CredentialError as error:
        check_message(error, _KEY)
        return type(error).__name__
    assert status in {200, 201}, "an error was taken for a token"
    lives_until = token.expires_at
    assert lives_until is None or EPOCH <= lives_until <= EPOCH + LONGEST_LIFE, lives_until
    return "token"


CAMPAIGNS = [
    Campaign(
        name="answers",
        words="odd statuses, headers and bodies: an answer, or an error that keeps the status",
        quick=3_000,
        deep=150_000,
        outcomes=frozenset({"answer", "DecodeError", "RateLimitedError", "ServerError"}),
        prepare=lambda: plainly(_judge),
    ),
    Campaign(
        name="rate-limits",
        words="odd rate limit headers: never stop traffic for longer than is promised",
        quick=1_000,
        deep=50_000,
        outcomes=frozenset({"paused", "went on"}),
        serve=_limiters,
    ),
    Campaign(
        name="token-answers",
        words="damaged answers of a token endpoint: a token, or an error without secrets",
        quick=1_000,
        deep=100_000,
        outcomes=frozenset({"token", "TokenRequestError"}),
        prepare=lambda: plainly(_read_token),
    ),
]
