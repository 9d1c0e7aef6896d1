"""Judge what came over the wire: a successful answer, or the exception that it stands for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice
from typing import Final

import attrs
from multidict import CIMultiDict

from cloudflow_async._core.codec.json import loads
from cloudflow_async._core.errors import (
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
from cloudflow_async._core.messages import UNSET, Json, RateLimitSeen, Reply, Request, Unset
from cloudflow_async._core.public import public

from .rate_limit_headers import read_budget, retry_after
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

MESSAGE_FIELDS: Final[tuple[tuple[str, ...], ...]] = (
    ("message",),
    ("title", "detail"),  # RFC 9457; a framework's detail alone
    ("error", "error_description"),  # RFC 6749, 5.2; a framework's error alone
    ("errors",),
    ("msg",),
    ("reason",),
)
"""JSON fields that say what is wrong, in this order; the fields of one row are joined.

An object or a list in one of them is searched in the same way, a list for its first item.
"""

SECRET_HEADERS: Final = re.compile(
    r"auth|cookie|credential|csrf|key|nonce|passw|secret|session|signature|token|xsrf"
    r"|^(content-)?location$|^link$|^refresh$",
    re.IGNORECASE,
)
"""Names of headers whose values no error shows, because they may carry a secret.

Headers with URLs are among them: a path or query may hold a token.
"""

_EXCERPT = 512
_ONE_LINE = 200
_SEARCHED = 4096
"""Bytes of a body, or characters of a field of it, in which its message is looked for."""

_DEEPEST = 3
"""Objects and lists inside each other in which it is looked for."""

_MOST_HEADERS = 64
_HIDDEN = "***"
_TITLE = re.compile(r"<(?:title|h1)\b[^>]{0,100}>([^<]{1,1000})", re.IGNORECASE)
# Beside control characters those that turn the text around them, so that a log would lie.
_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


@public("cloudflow_async")
@attrs.frozen(kw_only=True)
class Response:
    """A successful answer."""

    status: int
    """HTTP status, 200 to 299."""

    headers: Mapping[str, str] = attrs.field(repr=False)
    """Case-insensitive."""

    body: bytes = attrs.field(repr=False)
    """The whole body, decompressed."""

    request_id: str | None = None
    """The server's name for this request, where it gives one."""

    attempts: int = 1
    """How many times the request was sent."""

    elapsed: float = 0.0
    """Seconds that the last attempt took on the wire."""

    _parsed: Json | Unset = attrs.field(default=UNSET, alias="parsed", repr=False, eq=False)

    def json(self) -> Json:
        """Return the body as JSON.

        Raises:
            DecodeError: The body is empty or not strict JSON.
        """
        return loads(self.body) if isinstance(self._parsed, Unset) else self._parsed


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
    return read_budget(reply, _error_object(reply.body) if reply.status == 429 else {})


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
    if title := _line(_title(_beginning(reply.body)), redact):
        message += f"; it is a page with the title '{title}'"
    return DecodeError(message, status=reply.status, request_id=request_id, retryable=retryable)


def _failure(request: Request, reply: Reply, attempts: int, redact: Redact) -> CloudFlowError:
    status = reply.status
    if 300 <= status <= 399:
        return _redirect(request, reply, redact)
    if 400 <= status <= 599:
        return _status_error(request, reply, attempts, redact)
    return DecodeError(
        f"{request.method} {request.path} was answered with status {status}, "
        "which this API does not use.",
        status=status,
        request_id=_request_id(reply.headers, redact),
    )


def _status_error(request: Request, reply: Reply, attempts: int, redact: Redact) -> StatusError:
    status, value = reply.status, _json_of(reply.body)
    error = _envelope(value)
    code = _text(error.get("code"), redact)
    told = _text(error.get("message"), redact) or _line(_message(reply, value), redact)
    request_id = _text(error.get("request_id"), redact) or _request_id(reply.headers, redact)
    default = ServerError if status >= 500 else BadRequestError
    return ERRORS_BY_STATUS.get(status, default)(
        _sentence(request, status, code, told, request_id),
        status=status,
        code=code,
        server_message=told,
        field=_text(error.get("field"), redact),
        request_id=request_id,
        retry_after=retry_after(reply, error),
        method=request.method,
        path=request.path,
        elapsed=reply.elapsed,
        body=excerpt(reply.body, redact),
        headers=_shown_headers(reply.headers, redact),
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
    advice = "Is the base URL right?"
    if request.method in {"POST", "PATCH"}:
        advice = f"It may have been applied or not: look before you repeat it. {advice}"
    return UnexpectedRedirectError(
        f"{request.method} {request.path} was answered with a redirect ({reply.status}) to "
        f"{place or 'an address that is no absolute URL'}; it was not followed. {advice}",
        status=reply.status,
        origin=place,
        request_id=_request_id(reply.headers, redact),
    )


def excerpt(body: bytes, redact: Redact) -> str:
    """Return the beginning of a body as text that is safe to print, at most 512 characters."""
    text = body[: 4 * _EXCERPT].decode("utf-8", "replace")
    return printable(redact(text))[:_EXCERPT]


def printable(text: str) -> str:
    """Return `text` with control characters and lone surrogates escaped."""
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _error_object(body: bytes) -> Mapping[str, Json]:
    return _envelope(_json_of(body))


def _json_of(body: bytes) -> Json:
    # A gateway's HTML page or an empty body must not hide the status.
    try:
        return loads(body)
    except DecodeError:
        return None


def _envelope(value: Json) -> Mapping[str, Json]:
    # API document, Error Response Format: {"error": {...}}.
    error = value.get("error") if isinstance(value, dict) else None
    return error if isinstance(error, dict) else {}


def _message(reply: Reply, value: Json) -> str | None:
    """Return what an answer says that has no message in the documented envelope."""
    if found := _message_of_json(value):
        return found
    text = _beginning(reply.body)
    if found := _title(text):
        # "502 Bad Gateway": the status is in the message of the error already.
        return found.removeprefix(f"{reply.status} ")
    kind = reply.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return text.partition("\n")[0] if kind == "text/plain" else None


def _message_of_json(value: Json, depth: int = _DEEPEST) -> str | None:
    if isinstance(value, str):
        return value[:_SEARCHED].strip() or None
    if not (value and depth):
        return None
    if isinstance(value, list):
        return _message_of_json(value[0], depth - 1)
    if not isinstance(value, dict):
        return None
    for names in MESSAGE_FIELDS:
        parts = [_message_of_json(value.get(name), depth - 1) for name in names]
        if any(parts):
            return ": ".join(filter(None, parts))
    return None


def _title(text: str) -> str | None:
    """Return the title of an HTML page, or else its heading; None when it has none."""
    if not text.startswith("<"):
        return None
    found = (match[1].strip() for match in _TITLE.finditer(text))
    title = next(filter(None, found), None)
    if title is not None and "&" in title:
        from html import unescape  # noqa: PLC0415 - its table of entities is rarely needed

        title = unescape(title)
    return title


def _beginning(body: bytes) -> str:
    return body[:_SEARCHED].decode("utf-8", "replace").lstrip("\ufeff \t\r\n")


def _line(text: str | None, redact: Redact) -> str | None:
    """Return a text as one short line that is safe to print; None when it is empty."""
    return printable(" ".join(redact(text or "").split()))[:_ONE_LINE] or None


def _shown_headers(headers: Mapping[str, str], redact: Redact) -> CIMultiDict[str]:
    """Return headers without secrets, as text that is safe to print."""
    shown: CIMultiDict[str] = CIMultiDict()
    for name, value in islice(headers.items(), _MOST_HEADERS):
        text = _HIDDEN if SECRET_HEADERS.search(name) else redact(value[: 2 * _EXCERPT])
        shown.add(printable(redact(name[:_EXCERPT])), printable(text)[:_EXCERPT])
    return shown


def _text(value: Json, redact: Redact) -> str | None:
    return printable(redact(value))[:_EXCERPT] if isinstance(value, str) else None


def _request_id(headers: Mapping[str, str], redact: Redact) -> str | None:
    value = headers.get("X-Request-Id")
    return printable(redact(value))[:128] if value else None
