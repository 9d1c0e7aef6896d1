"""How a call behaves: how long it may take, how often it is tried, and before whom it goes."""

from __future__ import annotations

import attrs

from .http.retry import RetryPolicy
from .rate_limit.limits import Priority, check_priority
from .support.validation import check_flag, check_kind, check_seconds

_RETRY_ADVICE = "RetryPolicy(attempts=4) sends up to 4 times."


@attrs.frozen(kw_only=True)
class Options:
    """How a call behaves; `CloudFlow.with_options` changes them."""

    timeout: float = 30.0
    """Seconds for one attempt on the wire, connecting and reading included."""

    deadline: float | None = None
    """Seconds for the whole call: waits, retries and token refresh included; None: no bound."""

    max_wait: float | None = None
    """Most seconds to wait for the rate limit; 0 fails at once; None waits as long as it takes."""

    retry: RetryPolicy = attrs.field(factory=RetryPolicy)
    """How often and how patiently to try again."""

    retry_non_idempotent: bool = False
    """Whether a POST or PATCH is sent again although it may have been applied."""

    follow_redirects: bool = False
    """Whether a GET follows up to three redirects below the base URL; never elsewhere."""

    check_response_ids: bool = True
    """Whether an answer is refused that names another resource than was asked for."""

    priority: Priority = "normal"
    """Who passes ahead of whom in the line for the rate limit; see `Limiter.acquire`."""

    def __attrs_post_init__(self) -> None:
        check_seconds("timeout", self.timeout, endless=True)
        check_seconds("deadline", self.deadline, optional=True, endless=True)
        check_seconds("max_wait", self.max_wait, zero=True, optional=True, endless=True)
        check_kind("retry", self.retry, RetryPolicy, "a RetryPolicy", _RETRY_ADVICE)
        check_flag("retry_non_idempotent", self.retry_non_idempotent)
        check_flag("follow_redirects", self.follow_redirects)
        check_flag("check_response_ids", self.check_response_ids)
        check_priority(self.priority)
