"""Decide whether and when to try again.  Never sleeps: that is the session's job."""

from __future__ import annotations

import random
from collections.abc import Callable

import attrs

from cloudflow_async._core.errors import (
    CloudFlowError,
    DecodeError,
    RateLimitedError,
    ServerError,
    StatusError,
    TransportError,
    UnexpectedRedirectError,
)
from cloudflow_async._core.public import public
from cloudflow_async._core.support.validation import check_callable, check_int, check_seconds

REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})
"""Methods that may be sent again although the first may have been carried out (RFC 9110, 9.2.2)."""

TRANSIENT = frozenset({500, 502, 503, 504})
"""API document, HTTP Status Codes: an unexpected error, a temporary issue, maintenance; and 504,
a gateway's."""

NEVER_RETRIED = frozenset({"quota_exceeded", "duplicate_resource", "workflow_execution_failed"})
"""API document, Error Codes: asking again gives the same answer, whatever the status."""

_MOST_DOUBLINGS = 100


_ATTEMPTS = 3
_THROTTLED_ATTEMPTS = 5


@public("cloudflow_async")
@attrs.frozen(kw_only=True, init=False)
class RetryPolicy:
    """How often, and how patiently, to try again.

    Raises:
        InvalidArgumentError: A field is of another kind, or out of range.
    """

    attempts: int
    """Most times one request is sent, the first included; 1 never tries again.  3 unless given."""

    throttled_attempts: int
    """The same where the answers are 429 or 503: the server asks for patience.  Unless given, as
    many as `attempts`, and 5 where these are not given either."""

    base: float = 0.5
    """Seconds, at most, before the second attempt; doubles with each one after."""

    cap: float = 20.0
    """Most seconds between two attempts, unless the server asks for more."""

    max_retry_after: float = 120.0
    """Seconds; a server that asks for a longer wait gets no retry, the error comes at once."""

    chance: Callable[[], float] = attrs.field(default=random.random, repr=False)
    """Returns the share of the longest wait that is taken, 0 to 1 (full jitter)."""

    def __init__(
        self,
        *,
        attempts: int | None = None,
        throttled_attempts: int | None = None,
        base: float = 0.5,
        cap: float = 20.0,
        max_retry_after: float = 120.0,
        chance: Callable[[], float] = random.random,
    ) -> None:
        if throttled_attempts is None:
            throttled_attempts = _THROTTLED_ATTEMPTS if attempts is None else attempts
        attempts = _ATTEMPTS if attempts is None else attempts
        check_int("attempts", attempts, 1)
        check_int("throttled_attempts", throttled_attempts, 1)
        check_seconds("base", base)
        check_seconds("cap", cap, endless=True)
        check_seconds("max_retry_after", max_retry_after, zero=True, endless=True)
        check_callable("chance", chance, "a callable that returns 0 to 1", arguments=0)
        self.__attrs_init__(  # pyright: ignore[reportAttributeAccessIssue]  # attrs makes it
            attempts=attempts,
            throttled_attempts=throttled_attempts,
            base=base,
            cap=cap,
            max_retry_after=max_retry_after,
            chance=chance,
        )

    @classmethod
    def never(cls) -> RetryPolicy:
        """Return the policy that sends each request once."""
        return cls(attempts=1)

    def delay(
        self, method: str, error: CloudFlowError, attempt: int, *, repeatable: bool | None = None
    ) -> float | None:
        """Return the seconds to wait before the next attempt; None means give up.

        Args:
            method: The HTTP method.
            error: How the attempt failed.
            attempt: How many times the request was sent so far, 1 after the first.
            repeatable: Whether it may be sent again although it may have been carried out;
                None decides by the method.
        """
        if repeatable is None:
            repeatable = method in REPEATABLE
        if not _may_help(error, repeatable=repeatable) or attempt >= self._most(error):
            return None
        doublings = min(attempt - 1, _MOST_DOUBLINGS)
        backoff: float = self.chance() * min(self.cap, self.base * 2.0**doublings)
        asked = error.retry_after if isinstance(error, StatusError) else None
        if asked is None:
            return backoff
        return None if asked > self.max_retry_after else max(asked, backoff)

    def _most(self, error: CloudFlowError) -> int:
        if isinstance(error, DecodeError):
            return min(self.attempts, 2)
        return self.throttled_attempts if is_throttle(error) else self.attempts


class RetryBudget:
    """Keeps retries a small share of the traffic while a service is down.

    A bucket of tokens: each retry takes some, success brings them back, and when it is empty
    calls fail at once.  The figures are those of botocore's standard mode; with them 1,000 calls
    to a dead service are sent 1,035 times.
    """

    CAPACITY = 500
    TRANSIENT_COST = 14
    THROTTLE_COST = 5
    REFUND = 1

    __slots__ = ("tokens",)

    def __init__(self) -> None:
        self.tokens = self.CAPACITY

    def spend(self, error: CloudFlowError) -> int | None:
        """Return what the retry after `error` cost; None when it cannot be afforded."""
        cost = self.THROTTLE_COST if isinstance(error, RateLimitedError) else self.TRANSIENT_COST
        if cost > self.tokens:
            return None
        self.tokens -= cost
        return cost

    def refund(self, spent: int) -> None:
        """Give back what the retry that led to success cost, or a token for a first success."""
        self.tokens = min(self.CAPACITY, self.tokens + (spent or self.REFUND))


def is_throttle(error: CloudFlowError) -> bool:
    """Return whether the server asked for patience: 429 or 503."""
    return isinstance(error, StatusError) and error.status in {429, 503}


def leaves_open(error: CloudFlowError) -> bool:
    """Return whether the request may have been carried out although it failed so."""
    if isinstance(error, TransportError):
        return error.sent
    if isinstance(error, ServerError):
        return error.status in TRANSIENT
    return isinstance(error, DecodeError | UnexpectedRedirectError)


def _may_help(error: CloudFlowError, *, repeatable: bool) -> bool:
    if isinstance(error, TransportError):
        return error.retryable and (repeatable or not error.sent)
    if isinstance(error, DecodeError):
        return error.retryable and repeatable
    if not isinstance(error, StatusError) or error.code in NEVER_RETRIED:
        return False
    return error.status == 429 or (error.status in TRANSIENT and repeatable)
