"""State of one call across its attempts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import attrs

from .errors import (
    CloudFlowError,
    DeadlineExceededError,
    NotFoundError,
    OutcomeUnknownError,
    UnexpectedRedirectError,
    out_of_time,
)
from .http.response import Response
from .http.retry import REPEATABLE
from .http.timeouts import Scope
from .messages import Request
from .options import Options
from .rate_limit.limiter import Permit

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110, 9.2.1)."""


@attrs.define(eq=False, kw_only=True)
class Call:
    """One call, with what its attempts have brought so far."""

    request: Request
    options: Options
    deadline_at: float | None
    """On the event loop's clock."""

    repeatable: bool
    """Whether it may be sent again although it may have been applied."""

    scope: Scope
    alarm: asyncio.TimerHandle | None = None
    """Ends the scope at the deadline, where there is one."""

    attempts: int = 0
    permit: Permit | None = None
    signed: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    on_wire: bool = False

    sent: bool = False
    """Whether the attempt under way has begun to leave."""

    date: float | None = None
    """`Date` of the last response, in Unix seconds; None without one."""

    lost: bool = False
    """Whether an attempt ended so that it may have been carried out."""

    failure: CloudFlowError | None = None
    """How the last attempt failed, while another one is prepared or under way."""

    location: str | None = attrs.field(default=None, repr=False)
    hops: int = 0
    renewed: bool = False

    spent: int = 0
    """What the last retry cost the retry budget."""

    def __str__(self) -> str:
        return f"{self.request.method} {self.request.path}"

    def leave(self) -> None:
        """Note that the attempt under way begins to leave."""
        self.sent = True

    def left(self) -> float | None:
        """Return the seconds until the deadline; None when there is none."""
        if self.deadline_at is None:
            return None
        return max(0.0, self.deadline_at - asyncio.get_running_loop().time())

    def max_wait(self) -> float | None:
        """Return how many seconds it may wait for the rate limit; None: any number."""
        left, most = self.left(), self.options.max_wait
        if left is None or most is None:
            return left if most is None else most
        return min(left, most)

    def was_deleted_before(self, error: CloudFlowError) -> bool:
        """Return whether it has done its work: a DELETE that was lost, and now finds nothing."""
        return self.lost and self.request.method == "DELETE" and isinstance(error, NotFoundError)

    def deleted(self) -> Response:
        """Return the answer of such a call."""
        return Response(status=204, headers={}, body=b"", attempts=self.attempts, parsed=None)

    def final(self, error: CloudFlowError) -> CloudFlowError:
        """Return the error to raise after the last attempt failed."""
        self.failure = None
        error = self.counted(error)
        if self.request.method in REPEATABLE or not self.lost:
            return error
        if isinstance(error, UnexpectedRedirectError):
            return error
        unknown = OutcomeUnknownError(
            f"{self} may have been applied: it failed ({error}) and was not sent again. "
            "Look before you repeat it.",
            error=error,
            attempts=self.attempts,
        )
        unknown.__cause__ = error
        return unknown

    def too_late(
        self,
        problem: str,
        failure: CloudFlowError | None = None,
        *,
        retry_after: float | None = None,
    ) -> DeadlineExceededError:
        """Return the error that it ends with for lack of time.

        Args:
            problem: What takes too long, as a sentence.
            failure: How the last attempt failed; None: as it was noted, if one failed at all.
            retry_after: Seconds of the wait that was not begun.
        """
        last, self.failure = failure or self.failure, None
        error = out_of_time(f"{self}: {problem}", last, retry_after=retry_after)
        self.counted(error)
        return error

    def counted(self, error: CloudFlowError) -> CloudFlowError:
        """Return `error` with what is known of the attempts."""
        error.attempts = self.attempts
        error.may_have_been_applied = self.lost and self.request.method not in SAFE
        return error
