"""Every error that this package raises.

    CloudFlowError                      root of all
    ├── InvalidArgumentError            your argument; also a ValueError; nothing was sent
    ├── TransportError                  no complete answer came
    │   ├── RequestTimeoutError         ... within `timeout`
    │   └── ResponseTooLargeError       ... of a size we accept, head or body
    ├── StatusError                     the server answered with an error status
    │   ├── BadRequestError             400, 405, 413, 415, 422 and other 4xx without a class
    │   ├── AuthenticationError         401
    │   ├── PermissionDeniedError       403
    │   ├── NotFoundError               404, 410
    │   ├── ConflictError               409, 412
    │   ├── RateLimitedError            429
    │   └── ServerError                 5xx
    ├── DecodeError                     an answer that is not what the API document shows
    ├── ResponseMismatchError           an answer about another resource than the one asked for
    ├── OutcomeUnknownError             a POST or PATCH that may have been applied
    ├── DeadlineExceededError           your `deadline` or `max_wait` passed, or would have
    ├── UnexpectedRedirectError         a 3xx that was not followed
    ├── CrossOriginError                a URL of another origin; nothing was sent
    ├── PaginationError                 pages that contradict each other
    │   └── DriftError                  rows moved between pages
    ├── CheckpointError                 the file that says how far a run came cannot be used
    ├── CredentialError                 a credential that cannot be used
    │   ├── NoCredentialsError          none was found
    │   ├── ReauthenticationRequiredError  a person has to log in again
    │   ├── LoginError                  a login did not succeed
    │   ├── TokenRequestError           the token endpoint gave no token
    │   ├── InsecureFileError           others could read or change the file it is in
    │   └── MissingScopeError           it is known to lack the scope
    ├── InvalidStateError               not possible now; also a RuntimeError; nothing was sent
    │   ├── ClientClosedError           the client was closed
    │   ├── ForkedClientError           the client belongs to the process that this one is a fork of
    │   └── WrongLoopError              another event loop than the client's, or none of asyncio
    └── WebhookVerificationError        a delivery that cannot be trusted
        └── WebhookPayloadError         ... or that can, but is no event

Beside it two warnings: `CredentialWarning`, of which `InsecureKeyFileWarning` is one.

Each can be made from its message alone, so that all of them pickle, copy and deep-copy with
their attributes: task queues move exceptions between processes.  None holds a credential.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from .public import public


@public("cloudflow_async")
class CloudFlowError(Exception):
    """Root of all errors of this package."""

    attempts: int
    """How many times the request was sent; 0 when nothing was.  In errors out of a list, that of
    the page with which it ended."""

    may_have_been_applied: bool
    """Whether the server may have carried the request out although it failed here."""

    resume_at: int | None
    """In errors out of a list: the `start` with which to go on; None elsewhere."""

    def __init__(
        self,
        message: str,
        *,
        attempts: int = 0,
        may_have_been_applied: bool = False,
        resume_at: int | None = None,
    ) -> None:
        super().__init__(message)
        self.attempts = attempts
        self.may_have_been_applied = may_have_been_applied
        self.resume_at = resume_at

    @property
    def message(self) -> str:
        """What went wrong, in one sentence."""
        return str(self.args[0])


@public("cloudflow_async")
class InvalidArgumentError(CloudFlowError, ValueError):
    """An argument cannot be used; raised before anything is sent."""


@public("cloudflow_async")
class TransportError(CloudFlowError):
    """No complete answer came: connecting, sending or receiving failed, or a proxy refused."""

    sent: bool
    """Whether the request, or a part of it, may have reached the server."""

    retryable: bool
    """Whether trying again can help; False for a certificate that is not trusted."""

    def __init__(
        self, message: str, *, sent: bool = True, retryable: bool = True, **attributes: Any
    ) -> None:
        super().__init__(message, **attributes)
        self.sent = sent
        self.retryable = retryable


@public("cloudflow_async")
class RequestTimeoutError(TransportError, TimeoutError):
    """One attempt took longer than `timeout` seconds; also a `TimeoutError`."""


@public("cloudflow_async")
class ResponseTooLargeError(TransportError):
    """The head of an answer, or its decompressed body, exceeds its limit; reading stopped there.

    The limits are the client's `max_header_bytes` and `max_response_bytes`.
    """


@public("cloudflow_async")
class StatusError(CloudFlowError):
    """The server answered with an error status (API document: Error Handling)."""

    status: int
    """HTTP status."""

    code: str | None
    """The document's error code, such as ``invalid_parameter``; unknown codes as they came."""

    server_message: str | None
    """The message of the answer itself; None when it has none that could be read.

    In the documented envelope it is the server's own, at most 512 characters.  A body of another
    shape, as gateways and other frameworks send them, gives one line of at most 200: `title` and
    `detail` of RFC 9457, a JSON field such as `message`, `error` or `detail`, the title or heading
    of an HTML page, or the first line of plain text.
    """

    field: str | None
    """The parameter or body field at fault, where the server names one."""

    request_id: str | None
    """What the service's support asks for."""

    retry_after: float | None
    """Seconds that the server asks to wait; None when it does not say."""

    method: str | None
    """HTTP method."""

    path: str | None
    """Path template, such as ``/workflows/{workflow_id}``."""

    elapsed: float | None
    """Seconds that the last attempt took."""

    body: str
    """The beginning of the answer's body, at most 512 characters, control characters escaped."""

    headers: Mapping[str, str]
    """The first 64 headers of the answer; upper and lower case are the same.

    Values have at most 512 characters, control characters escaped.  ``***`` stands for the value
    of a header that may carry a secret by its name (``Set-Cookie``, ``WWW-Authenticate``,
    ``Location``, and whatever has `token`, `key` or the like in it), and for a credential of the
    request that the server repeats.
    """

    def __init__(  # noqa: PLR0913 - one parameter for each thing that the answer says
        self,
        message: str,
        *,
        status: int = 0,
        code: str | None = None,
        server_message: str | None = None,
        field: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        method: str | None = None,
        path: str | None = None,
        elapsed: float | None = None,
        body: str = "",
        headers: Mapping[str, str] | None = None,
        **attributes: Any,
    ) -> None:
        super().__init__(message, **attributes)
        self.status = status
        self.code = code
        self.server_message = server_message
        self.field = field
        self.request_id = request_id
        self.retry_after = retry_after
        self.method = method
        self.path = path
        self.elapsed = elapsed
        self.body = body
        self.headers = {} if headers is None else headers

    @property
    def message(self) -> str:
        """`server_message` where there is one, else what went wrong in one sentence."""
        return self.server_message or super().message


@public("cloudflow_async")
class BadRequestError(StatusError):
    """400, and other 4xx statuses without a class of their own: the request is at fault."""


@public("cloudflow_async")
class AuthenticationError(StatusError):
    """401: the credential is missing, wrong or expired."""


@public("cloudflow_async")
class PermissionDeniedError(StatusError):
    """403: the credential lacks a scope or permission."""


@public("cloudflow_async")
class NotFoundError(StatusError):
    """404 or 410: the resource does not exist or was deleted."""


@public("cloudflow_async")
class ConflictError(StatusError):
    """409 or 412: the request contradicts what exists, such as ``duplicate_resource``."""


@public("cloudflow_async")
class RateLimitedError(StatusError):
    """429, and no attempt or patience left; `retry_after` says how long the server asks to wait."""


@public("cloudflow_async")
class ServerError(StatusError):
    """5xx: the service failed; name `request_id` when you write to its support."""


@public("cloudflow_async")
class DecodeError(CloudFlowError):
    """An answer is not JSON, or not of the shape that the API document shows."""

    path: str | None
    """Where in the JSON, such as ``data[3].created_at``; None when it is not JSON at all."""

    status: int | None
    """HTTP status of the answer; None when it was no answer to a call."""

    request_id: str | None
    """What the service's support asks for."""

    retryable: bool
    """Whether the answer may have been damaged on its way, so that asking again can help."""

    def __init__(
        self,
        message: str,
        *,
        path: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
        retryable: bool = False,
        **attributes: Any,
    ) -> None:
        super().__init__(message, **attributes)
        self.path = path
        self.status = status
        self.request_id = request_id
        self.retryable = retryable


@public("cloudflow_async")
class ResponseMismatchError(CloudFlowError):
    """An answer names another resource than the one that was asked for, and was not handed out.

    Something between here and the service has mixed up answers; or the server is a mock that
    repeats a sample, for which clients have ``check_response_ids=False``.
    """

    path: str | None
    """Where in the JSON it does, such as ``data[3].pipeline_id``."""

    status: int | None
    """HTTP status of the answer."""

    request_id: str | None
    """What the service's support asks for."""

    def __init__(
        self,
        message: str,
        *,
        path: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
        **attributes: Any,
    ) -> None:
        super().__init__(message, **attributes)
        self.path = path
        self.status = status
        self.request_id = request_id


@public("cloudflow_async")
class OutcomeUnknownError(CloudFlowError):
    """A POST or PATCH failed in a way that leaves open whether it was applied.

    It was not sent again: the API documents no idempotency key, so a second one could create
    twice.  Look (list or get) before you repeat it.
    """

    error: CloudFlowError | None
    """How it failed: a `TransportError`, a `ServerError`, a `DecodeError`..."""

    def __init__(
        self, message: str, *, error: CloudFlowError | None = None, **attributes: Any
    ) -> None:
        attributes.setdefault("may_have_been_applied", True)
        super().__init__(message, **attributes)
        self.error = error


@public("cloudflow_async")
class DeadlineExceededError(CloudFlowError, TimeoutError):
    """The call's `deadline` passed, or a wait was not begun because it would pass it.

    Also raised when the wait for the rate limit would be longer than `max_wait`.  When an attempt
    had failed before, that failure is the `__cause__`, and `status`, `code` and `request_id` are
    those of its answer.
    """

    status: int | None
    """HTTP status of the last answer, such as 429 or 503; None when none came."""

    code: str | None
    """The document's error code in that answer; None when it had none."""

    request_id: str | None
    """What the service's support asks for, of that answer."""

    retry_after: float | None
    """Seconds of the wait that was not begun; else those that the last answer asked to wait."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        **attributes: Any,
    ) -> None:
        super().__init__(message, **attributes)
        self.status = status
        self.code = code
        self.request_id = request_id
        self.retry_after = retry_after


@public("cloudflow_async")
class UnexpectedRedirectError(CloudFlowError):
    """The server answered 3xx, and redirects are not followed.

    A POST or PATCH that was answered so may have been applied or not: look (list or get) before
    you repeat it.
    """

    status: int
    """HTTP status."""

    origin: str | None
    """Scheme, host and port that it pointed to; never the path or query."""

    request_id: str | None
    """What the service's support asks for."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        origin: str | None = None,
        request_id: str | None = None,
        **attributes: Any,
    ) -> None:
        super().__init__(message, **attributes)
        self.status = status
        self.origin = origin
        self.request_id = request_id


@public("cloudflow_async")
class CrossOriginError(CloudFlowError):
    """A URL points to another origin than the client's; credentials do not go there."""


@public("cloudflow_async")
class PaginationError(CloudFlowError):
    """Pages contradict each other; `resume_at` is the offset with which to go on."""


@public("cloudflow_async")
class DriftError(PaginationError):
    """Rows were inserted or deleted between two pages."""


@public("cloudflow_async")
class CheckpointError(CloudFlowError):
    """A checkpoint's file cannot be read, written or had: damaged, foreign, or used by another.

    It was left as it is.
    """


@public("cloudflow_async")
class CredentialError(CloudFlowError):
    """A credential cannot be used."""


@public("cloudflow_async")
class NoCredentialsError(CredentialError):
    """No credential was given and none was found."""

    tried: tuple[tuple[str, str], ...]
    """Where one was looked for, in order, and why each gave none."""

    def __init__(
        self, message: str, *, tried: tuple[tuple[str, str], ...] = (), **attributes: Any
    ) -> None:
        super().__init__(message, **attributes)
        self.tried = tried


@public("cloudflow_async")
class ReauthenticationRequiredError(CredentialError):
    """The login has ended, or there was none yet: a person has to log in."""


@public("cloudflow_async")
class LoginError(CredentialError):
    """A login did not succeed: it was denied, took too long, or its answer cannot be trusted."""

    error: str | None
    """OAuth's own word, such as ``access_denied``; None when the server did not refuse it."""

    def __init__(self, message: str, *, error: str | None = None, **attributes: Any) -> None:
        super().__init__(message, **attributes)
        self.error = error


@public("cloudflow_async")
class TokenRequestError(CredentialError):
    """The token endpoint gave no token."""

    status: int | None
    """HTTP status; None when no complete answer came."""

    error: str | None
    """OAuth's own word, such as ``invalid_client``; None when the answer had none."""

    retryable: bool
    """Whether asking again later can help."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        error: str | None = None,
        retryable: bool = False,
        **attributes: Any,
    ) -> None:
        super().__init__(message, **attributes)
        self.status = status
        self.error = error
        self.retryable = retryable


@public("cloudflow_async")
class InsecureFileError(CredentialError):
    """Others than its owner could read or change a file with a credential; it was not used."""


@public("cloudflow_async")
class MissingScopeError(CredentialError):
    """The credential is known to lack the scope that the call needs; nothing was sent."""

    scope: str | None
    """The scope, such as ``workflows:write``."""

    def __init__(self, message: str, *, scope: str | None = None, **attributes: Any) -> None:
        super().__init__(message, **attributes)
        self.scope = scope


@public("cloudflow_async")
class CredentialWarning(UserWarning):
    """A credential works, but something about it should be changed."""


@public("cloudflow_async")
class InsecureKeyFileWarning(CredentialWarning):
    """Others than its owner may read the file of a private key or an API key."""


@public("cloudflow_async")
class InvalidStateError(CloudFlowError, RuntimeError):
    """A call is not possible in the state that its object is in; the message says what is.

    Such as iterating over a fan-out without ``async with``, or reading one twice.
    """


@public("cloudflow_async")
class ClientClosedError(InvalidStateError):
    """The client was closed, before the call or during it."""


@public("cloudflow_async")
class ForkedClientError(InvalidStateError):
    """The client was in use when this process was forked, and belongs to the parent.

    Make one in each process.
    """


@public("cloudflow_async")
class WrongLoopError(InvalidStateError):
    """The client is in use on another event loop that still runs, or no asyncio loop runs."""


@public("cloudflow_async")
class WebhookVerificationError(CloudFlowError):
    """A webhook delivery cannot be trusted, or is not a delivery."""


@public("cloudflow_async")
class WebhookPayloadError(WebhookVerificationError):
    """A webhook delivery is signed and in time, but its body is no event."""


def out_of_time(
    message: str, last: CloudFlowError | None, *, retry_after: float | None = None
) -> DeadlineExceededError:
    """Return the error for lack of time that keeps the failure before it, where there was one.

    Args:
        message: What takes too long, as a sentence.
        last: How the last attempt failed; it becomes the cause.
        retry_after: Seconds of a wait that was not begun; None: what the last answer asked for.
    """
    asked = getattr(last, "retry_after", None)
    error = DeadlineExceededError(
        message if last is None else f"{message} Last: {last}",
        status=getattr(last, "status", None),
        code=getattr(last, "code", None),
        request_id=getattr(last, "request_id", None),
        retry_after=asked if retry_after is None else retry_after,
        attempts=0 if last is None else last.attempts,
    )
    error.__cause__ = last
    return error


def own(error: Exception) -> Exception:
    """Return an error for one of several who get the same: raised, it grows by their tracebacks."""
    try:
        twin = copy.copy(error)
    except Exception:  # noqa: BLE001 - not every exception of others can be made anew
        return error
    return twin.with_traceback(error.__traceback__)
