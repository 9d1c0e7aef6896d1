"""Judge what came over the wire: a successful answer, or the exception that it stands for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache

from .arguments import is_number
from .errors import (
    AuthenticationError,
    BadRequestError,
    CloudFlowError,
    ConflictError,
    CrossOriginError,
    DecodeError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    ServerError,
    StatusError,
    UnexpectedRedirectError,
)
from .json import loads
from .messages import UNSET, Json, RateLimitSeen, Reply, Request, Response
from .redaction import Redact, redactor
from .urls import origin

ERRORS_BY_STATUS: Mapping[int, type[StatusError]] = {
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    410: NotFoundError,
    412: ConflictError,
    429: RateLimitedError,
}
"""API document, HTTP Status Codes, and the statuses that it forgot.

Any other 4xx is a `BadRequestError`, any 5xx a `ServerError`.
"""

RELATIVE_RESET = 1e9
"""Below it, an ``X-RateLimit-Reset`` cannot be a Unix time of this API's life: it is seconds."""

_EXCERPT = 512
_LONGEST_WAIT = 1e9
_LONGEST_RESET = 120.0
_YEAR_2286 = 1e10
_NUMBER = re.compile(r"\+?[0-9]{1,18}(\.[0-9]{1,9})?", re.ASCII)
_WHOLE = re.compile(r"[0-9]{1,12}", re.ASCII)
# Beside control characters those that turn the text around them, so that a log would lie.
_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def read(
    request: Request, reply: Reply, attempts: int, signed: Mapping[str, str] | None = None
) -> Response:
    """Return a successful answer.

    Args:
        request: What was asked.
        reply: What came.
        attempts: How many times it was sent.
        signed: The headers that carried the credential; should the server repeat it, or a
            secret of the request, errors show ``***`` instead.

    Raises:
        StatusError: The status is 400 to 599.
        UnexpectedRedirectError: The status is 300 to 399.
        DecodeError: The status is none, or JSON was due and something else came.
    """
    found = _judge(request, reply, attempts, signed)
    # Those who record tracebacks with local variables find no credential here.
    del signed
    if isinstance(found, Response):
        return found
    raise found


def read_rate_limit(reply: Reply) -> RateLimitSeen:
    """Return what an answer says about the rate limit; what is malformed counts as absent."""
    headers = reply.headers
    throttled = reply.status == 429
    return RateLimitSeen(
        limit=_whole(headers.get("X-RateLimit-Limit")),
        remaining=_whole(headers.get("X-RateLimit-Remaining")),
        reset=_reset(headers),
        date=_date(headers.get("Date")),
        throttled=throttled,
        retry_after=_retry_after(reply, _error_object(reply.body)) if throttled else None,
    )


def _judge(
    request: Request, reply: Reply, attempts: int, signed: Mapping[str, str] | None
) -> Response | CloudFlowError:
    redact = redactor(_secrets(request, signed or {}))
    if not 200 <= reply.status <= 299 or reply.status == 206:
        return _failure(request, reply, attempts, redact)
    request_id = _request_id(reply.headers, redact)
    parsed = _parse(reply, request_id, redact) if request.expects_json else UNSET
    if isinstance(parsed, DecodeError):
        return parsed
    return Response(
        status=reply.status,
        headers=reply.headers,
        body=reply.body,
        request_id=request_id,
        attempts=attempts,
        elapsed=reply.elapsed,
        reader=loads,
        parsed=parsed,
    )


def _secrets(request: Request, signed: Mapping[str, str]) -> list[str]:
    # "Bearer ..." has its credential at the end.
    credentials = [value.rpartition(" ")[2] for value in signed.values()]
    return [*credentials, *(secret.reveal() for secret in request.secrets)]


def _parse(reply: Reply, request_id: str | None, redact: Redact) -> Json | DecodeError:
    try:
        return loads(reply.body)
    except DecodeError as error:
        message, retryable = printable(redact(error.message)), error.retryable
    return DecodeError(message, request_id=request_id, retryable=retryable)


def _failure(request: Request, reply: Reply, attempts: int, redact: Redact) -> CloudFlowError:
    status = reply.status
    if 300 <= status <= 399:
        return _redirect(request, reply, redact)
    if 400 <= status <= 599:
        return _status_error(request, reply, attempts, redact)
    return DecodeError(
        f"{request.method} {request.path} was answered with status {status}, "
        "which this API does not use.",
        request_id=_request_id(reply.headers, redact),
    )


def _status_error(request: Request, reply: Reply, attempts: int, redact: Redact) -> StatusError:
    status, error = reply.status, _error_object(reply.body)
    code, told = _text(error.get("code"), redact), _text(error.get("message"), redact)
    request_id = _text(error.get("request_id"), redact) or _request_id(reply.headers, redact)
    default = ServerError if status >= 500 else BadRequestError
    return ERRORS_BY_STATUS.get(status, default)(
        _sentence(request, status, code, told, request_id),
        status=status,
        code=code,
        server_message=told,
        field=_text(error.get("field"), redact),
        request_id=request_id,
        retry_after=_retry_after(reply, error),
        method=request.method,
        path=request.path,
        elapsed=reply.elapsed,
        body=excerpt(reply.body, redact),
        attempts=attempts,
    )


def _sentence(
    request: Request, status: int, code: str | None, told: str | None, request_id: str | None
) -> str:
    message = f"{request.method} {request.path}: {status}"
    message += f" {code}" if code else ""
    message += f": {told}" if told else ""
    # API document, HTTP Status Codes: "contact support if persists".
    if status == 500 and request_id:
        message += f" (if it persists, give support the request id {request_id})"
    return message


def _redirect(request: Request, reply: Reply, redact: Redact) -> CloudFlowError:
    try:
        place: str | None = redact(str(origin(reply.headers.get("Location", ""))))
    except CrossOriginError:
        place = None
    return UnexpectedRedirectError(
        f"{request.method} {request.path} was answered with a redirect ({reply.status}) to "
        f"{place or 'an address that is no absolute URL'}; it was not followed. "
        "Is the base URL right?",
        status=reply.status,
        origin=place,
    )


def excerpt(body: bytes, redact: Redact) -> str:
    """Return the beginning of a body as text that is safe to print, at most 512 characters."""
    text = body[: 4 * _EXCERPT].decode("utf-8", "replace")
    return printable(redact(text))[:_EXCERPT]


def printable(text: str) -> str:
    """Return `text` with control characters and lone surrogates escaped."""
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _error_object(body: bytes) -> Mapping[str, Json]:
    # API document, Error Response Format: {"error": {...}}.  A gateway's HTML page, an empty
    # body or another shape must not hide the status.
    try:
        value = loads(body)
    except DecodeError:
        return {}
    error = value.get("error") if isinstance(value, dict) else None
    return error if isinstance(error, dict) else {}


def _retry_after(reply: Reply, error: Mapping[str, Json]) -> float | None:
    # The document shows the wait only in the body of a 429; the header is the standard's way.
    if (asked := _wait_of_header(reply)) is not None:
        return asked
    if (asked := _wait_of_json(error.get("retry_after"))) is not None:
        return asked
    if reply.status != 429:
        return None
    return _wait_of_reset(reply.headers)


def _wait_of_header(reply: Reply) -> float | None:
    text = reply.headers.get("Retry-After")
    if (seconds := _number(text)) is not None:
        return min(seconds, _LONGEST_WAIT)
    if (until := _date(text)) is None:
        return None
    now = _date(reply.headers.get("Date"))
    return None if now is None else max(0.0, until - now)


def _wait_of_json(value: Json) -> float | None:
    if isinstance(value, str):
        value = _number(value)
    if not is_number(value):
        return None
    return min(float(value), _LONGEST_WAIT) if value >= 0 else None


def _wait_of_reset(headers: Mapping[str, str]) -> float | None:
    wait = _reset(headers)
    if wait is not None and wait >= RELATIVE_RESET:
        now = _date(headers.get("Date"))
        wait = None if now is None else max(0.0, wait - now)
    # Farther off than a minute's limit can be, it is a mistake, and no reason to give up.
    return wait if wait is not None and wait <= _LONGEST_RESET else None


def _reset(headers: Mapping[str, str]) -> float | None:
    return _parse_reset(headers.get("X-RateLimit-Reset"))


@lru_cache(maxsize=8)  # answers of one minute have the same
def _parse_reset(text: str | None) -> float | None:
    return _unix(_number(text))


def _unix(seconds: float | None) -> float | None:
    # What lies farther off than 2286 is in milliseconds, or made up.
    return seconds if seconds is not None and 0 <= seconds < _YEAR_2286 else None


def _number(text: str | None) -> float | None:
    if text is None or _NUMBER.fullmatch(text := text.strip(" \t")) is None:
        return None
    return float(text)


def _whole(text: str | None) -> int | None:
    if text is None or _WHOLE.fullmatch(text := text.strip(" \t")) is None:
        return None
    return int(text)


def _date(text: str | None) -> float | None:
    return _parse_date(text) if text else None


@lru_cache(maxsize=8)  # parsing takes longer than all the rest, and a second has one date
def _parse_date(text: str) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
        return _unix((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _text(value: Json, redact: Redact) -> str | None:
    return printable(redact(value))[:_EXCERPT] if isinstance(value, str) else None


def _request_id(headers: Mapping[str, str], redact: Redact) -> str | None:
    value = headers.get("X-Request-Id")
    return printable(redact(value))[:128] if value else None
