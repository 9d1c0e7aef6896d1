"""A rate limit for those who test something else."""

from __future__ import annotations

from typing import Final

from cloudflow_async._core.rate_limit.limits import RateLimits

UNLIMITED: Final = RateLimits(requests=10**6, burst=10**6)
