"""The errors that the emulator answers with, in the documented envelope."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

STATUS_CODES: dict[int, tuple[str, str]] = {
    400: ("invalid_parameter", "One or more request parameters are invalid"),
    401: ("authentication_failed", "Invalid API key or token"),
    403: ("insufficient_permissions", "User lacks required scope or permission"),
    404: ("resource_not_found", "Requested resource does not exist"),
    405: ("method_not_allowed", "The method is not allowed for this resource"),
    408: ("request_timeout", "The request took too long to arrive"),
    409: ("duplicate_resource", "Resource with same identifier already exists"),
    413: ("payload_too_large", "Request body is too large"),
    415: ("unsupported_media_type", "Request body must be JSON"),
    429: ("rate_limit_exceeded", "Too many requests, see rate limiting section"),
    500: ("internal_error", "Unexpected server error, contact support if persists"),
    502: ("bad_gateway", "Temporary service issue, retry with exponential backoff"),
    503: ("service_unavailable", "Scheduled maintenance or temporary outage"),
    504: ("gateway_timeout", "The request took too long"),
}
"""What stands in the envelope when nothing more particular is known ("HTTP Status Codes" and
"Error Codes"; the document names no code for 405, 408, 413, 415 and the 5xx)."""


@attrs.frozen(kw_only=True)
class Reply:
    """An answer before it is put on the wire."""

    status: int
    body: Any = None
    """JSON value; None sends no body, unless there is a `raw` one."""

    raw: bytes | None = None
    """A body that is sent as it is."""

    headers: Mapping[str, str] = attrs.Factory(dict)


class Problem(Exception):  # noqa: N818 - it is an answer on its way out, not a failure
    """A request that is answered with an error."""

    def __init__(
        self,
        status: int,
        message: str | None = None,
        *,
        code: str | None = None,
        field: str | None = None,
        retry_after: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Fill in the status's own code and message where none is given."""
        super().__init__(message)
        self.status = status
        self.error: dict[str, Any] = envelope(
            status, code=code, message=message, field=field, retry_after=retry_after
        )
        self.headers: dict[str, str] = dict(headers or {})

    def reply(self, request_id: str) -> Reply:
        """Return the answer, with the id that the request was given."""
        body = {"error": {**self.error, "request_id": request_id}}
        return Reply(status=self.status, body=body, headers=self.headers)


def envelope(
    status: int,
    *,
    code: str | None = None,
    message: str | None = None,
    field: str | None = None,
    retry_after: float | str | None = None,
) -> dict[str, Any]:
    """Return the inside of an error body; what is None is left out."""
    known = STATUS_CODES.get(status, ("unknown_error", "Something went wrong"))
    error = {
        "code": code or known[0],
        "message": message or known[1],
        "field": field,
        "retry_after": retry_after,
    }
    return {name: value for name, value in error.items() if value is not None}


def invalid(field: str, message: str) -> Problem:
    """Return the 400 for a parameter or body field that has a wrong value."""
    return Problem(400, message, code="invalid_parameter", field=field)


def missing(field: str) -> Problem:
    """Return the 400 for a body field that has to be there."""
    message = f"The '{field}' field is required"
    return Problem(400, message, code="missing_required_field", field=field)


def not_found(what: str, identifier: str) -> Problem:
    """Return the 404 for a resource that does not exist or has been deleted."""
    return Problem(404, f"{what} '{identifier}' does not exist or has been deleted")


def rate_limited(retry_after: int) -> Problem:
    """Return the documented 429."""
    message = f"Rate limit exceeded. Please retry after {retry_after} seconds."
    return Problem(429, message, retry_after=retry_after)
