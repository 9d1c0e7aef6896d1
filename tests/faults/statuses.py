"""Answers that are errors (e), and headers about the rate limit that make no sense (l)."""

from __future__ import annotations

import json
from typing import Final

from cloudflow_async._core.auth import ApiKeyAuth
from tests import canaries

from .fault import Fault, fine, lost, refused, row, same
from .server import Answer, Way, answering, saying

_PAGE = b"<!doctype html><title>502 Bad Gateway</title><h1>Bad Gateway</h1>"
_NEVER = 10**9
_YEAR = 365 * 86_400


def _error(
    status: int, code: str, *, headers: dict[str, str] | None = None, **about: object
) -> Way:
    """Return the way to answer with an error (API document: Error Response Format)."""
    body = {"error": {"code": code, "message": f"It is {code}.", **about}}
    return answering(status=status, body=json.dumps(body).encode(), headers=headers or {})


def _refused_grant(status: int = 400) -> Way:
    return answering(status=status, body=b'{"error": "invalid_grant"}')


def _throttled() -> dict[str, str]:
    """Return the outcomes of what asks for patience: it is sent again, whatever it is."""
    return same("R RateLimitedError", tok="R1 TokenRequestError")


def _redirects() -> tuple[Way, ...]:
    targets: tuple[dict[str, str], ...] = (
        {"Location": "/elsewhere"},
        {"Location": "https://elsewhere.test/"},
        {},
    )
    return tuple(
        answering(status=status, headers=headers)
        for status in (301, 302, 303, 307, 308)
        for headers in targets
    )


def _limited(**headers: str) -> Way:
    named = {f"X-RateLimit-{name}": value for name, value in headers.items()}
    return answering(headers=named)


_ERRORS = (
    Fault(
        id="e1",
        words="400 invalid_parameter, invalid_grant",
        ways=(_error(400, "invalid_parameter", field="name"), _refused_grant()),
        cells={
            **refused("BadRequestError"),
            "TOK": "E TokenRequestError, E ReauthenticationRequiredError",
        },
    ),
    *(
        Fault(id=name, words=words, ways=(_error(status, code),), cells=refused(error))
        for name, words, status, code, error in (
            ("e2", "403", 403, "permission_denied", "PermissionDeniedError"),
            ("e3", "404", 404, "resource_not_found", "NotFoundError"),
            ("e4", "409 duplicate_resource", 409, "duplicate_resource", "ConflictError"),
            ("e5", "422", 422, "invalid_parameter", "BadRequestError"),
            ("e6", "405", 405, "method_not_allowed", "BadRequestError"),
            ("e7", "501", 501, "not_implemented", "ServerError"),
        )
    ),
    Fault(
        id="e8",
        words="401, while there is another key",
        ways=(_error(401, "authentication_failed"),),
        options={"auth": lambda: ApiKeyAuth(canaries.API_KEY, next_key=canaries.NEXT_KEY)},
        cells=same("R1 AuthenticationError", tok="E TokenRequestError"),
    ),
    Fault(
        id="e9",
        words="401, and there is no other key",
        ways=(_error(401, "authentication_failed"),),
        cells=refused("AuthenticationError"),
    ),
    Fault(
        id="e10",
        words="429 that says how long to wait",
        ways=(
            _error(429, "rate_limited", headers={"Retry-After": "2"}),
            _error(429, "rate_limited", retry_after=2),
        ),
        cells=_throttled(),
    ),
    Fault(
        id="e11",
        words="429 that does not say how long",
        ways=(_error(429, "rate_limited"),),
        cells=_throttled(),
    ),
    Fault(
        id="e12",
        words="429 with HTML",
        ways=(answering(status=429, body=_PAGE, headers={"Content-Type": "text/html"}),),
        cells=_throttled(),
    ),
    Fault(
        id="e14",
        words="500",
        ways=(_error(500, "internal_error"),),
        cells=lost("ServerError"),
    ),
    Fault(
        id="e15",
        words="502 with HTML",
        ways=(answering(status=502, body=_PAGE, headers={"Content-Type": "text/html"}),),
        cells=lost("ServerError"),
    ),
    Fault(
        id="e16",
        words="503",
        ways=(_error(503, "maintenance"),),
        cells=lost("ServerError"),
    ),
    Fault(
        id="e17",
        words="504",
        ways=(_error(504, "timeout"),),
        cells=lost("ServerError"),
    ),
    Fault(
        id="e18",
        words="503 that asks to wait for 31 years",
        ways=(_error(503, "maintenance", headers={"Retry-After": str(_NEVER)}),),
        cells=row("E ServerError", "U ServerError", "E TokenRequestError", "E ServerError"),
    ),
    Fault(
        id="e19",
        words="429 that asks to wait for 31 years",
        ways=(_error(429, "rate_limited", headers={"Retry-After": str(_NEVER)}),),
        pause=120.0,
        cells=refused("RateLimitedError"),
    ),
    Fault(
        id="e20",
        words="redirects: 301, 302, 303, 307, 308, here, elsewhere and nowhere",
        ways=_redirects(),
        cells=row(
            "E UnexpectedRedirectError",
            "U UnexpectedRedirectError",
            "E TokenRequestError",
            "E UnexpectedRedirectError",
        ),
    ),
)


def _twice(good: Answer) -> bytes:
    lines = (b"X-RateLimit-Remaining: 0", b"X-RateLimit-Remaining: 7", b"X-RateLimit-Limit: 100")
    return good.head(good.length, *lines * 2) + good.body


_NOW = 1_769_251_500
"""The Unix time at which the virtual clock starts."""

_LIMITS = tuple(
    Fault(id=name, words=words, ways=ways, cells=fine())
    for name, words, ways in (
        (
            "l1",
            "a reset in the past",
            (_limited(Limit="100", Remaining="0", Reset=str(_NOW - 3600)),),
        ),
        (
            "l2",
            "a reset in ten years",
            (_limited(Limit="100", Remaining="0", Reset=str(_NOW + 10 * _YEAR)),),
        ),
        (
            "l3",
            "NaN, and text",
            tuple(
                _limited(Limit=text, Remaining=text, Reset=text)
                for text in ("NaN", "many", "1e9", "0x10", "-1", "")
            ),
        ),
        (
            "l4",
            "a reset in milliseconds",
            (_limited(Limit="100", Remaining="0", Reset=str(_NOW * 1000)),),
        ),
        ("l5", "more remaining than the limit", (_limited(Limit="100", Remaining="1000000"),)),
        ("l6", "less than nothing", (_limited(Limit="-100", Remaining="-5", Reset="-1"),)),
        ("l7", "headers that come twice", (saying(_twice, keeps=True),)),
        ("l8", "a reset, and nothing else", (_limited(Reset=str(_NOW + 60)),)),
        (
            "l9",
            "a clock that is a day off",
            tuple(
                answering(
                    headers={
                        "Date": date,
                        "X-RateLimit-Limit": "100",
                        "X-RateLimit-Remaining": "0",
                        "X-RateLimit-Reset": str(reset),
                    }
                )
                for date, reset in (
                    ("Fri, 23 Jan 2026 10:45:00 GMT", _NOW - 86_400 + 30),
                    ("Sun, 25 Jan 2026 10:45:00 GMT", _NOW + 86_400 + 30),
                )
            ),
        ),
    )
)

FAULTS: Final[tuple[Fault, ...]] = _ERRORS + _LIMITS
