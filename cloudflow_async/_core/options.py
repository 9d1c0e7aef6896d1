"""How a call behaves: how long it may take, how often it is tried, and before whom it goes."""

from __future__ import annotations

import attrs

from .arguments import is_number
from .errors import InvalidArgumentError
from .limits import Priority, check_priority
from .retry import RetryPolicy


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

    retry_unsafe: bool = False
    """Whether a POST or PATCH is sent again although it may have been applied."""

    follow_redirects: bool = False
    """Whether a GET follows up to three redirects below the base URL; never elsewhere."""

    check_response_ids: bool = True
    """Whether an answer is refused that names another resource than was asked for."""

    priority: Priority = "normal"
    """Who passes ahead of whom in the line for the rate limit; see `Limiter.acquire`."""

    def __attrs_post_init__(self) -> None:
        if not (is_number(self.timeout) and self.timeout > 0):
            raise InvalidArgumentError("timeout must be more than 0 seconds.")
        if self.deadline is not None and not (is_number(self.deadline) and self.deadline > 0):
            raise InvalidArgumentError("deadline must be more than 0 seconds, or None.")
        if self.max_wait is not None and not (is_number(self.max_wait) and self.max_wait >= 0):
            raise InvalidArgumentError("max_wait must be at least 0 seconds, or None.")
        check_priority(self.priority)
