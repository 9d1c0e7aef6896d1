"""How long so many requests will take: the two budgets, played forward.  Pure arithmetic."""

from __future__ import annotations

from math import inf

import attrs

from .limits import Bucket
from .server_budget import Outlook


def forecast(bucket: Bucket, outlook: Outlook, requests: int, reserve: int = 0) -> float:
    """Return when the last of so many requests leaves, on the monotonic clock.

    Args:
        bucket: Our own budget, which is not touched.
        outlook: What is to be expected of the server.
        requests: How many are to leave.
        reserve: How many they leave for others.
    """
    limits = bucket.limits
    each = limits.requests if outlook.each is None else min(limits.requests, outlook.each)
    own = bucket.copy(outlook.begins_at, outlook.tokens)
    has_windows = outlook.left < inf
    if each < limits.requests and not has_windows:
        own = own.resized(attrs.evolve(limits, requests=each), outlook.begins_at)
    # By then what was saved up is gone, and one period is nearly as the other.
    steady = max(1, each - reserve) if has_windows else each
    periods = max(0, requests - limits.burst - 2 * each) // steady
    return _play(own, outlook, requests - periods * steady, reserve) + periods * limits.per


def _play(bucket: Bucket, outlook: Outlook, requests: int, reserve: int) -> float:
    at, left, renews_at = outlook.begins_at, outlook.left - reserve, outlook.renews_at
    for _ in range(requests):
        at += bucket.wait(at, reserve=reserve)
        while left <= 0 or at >= renews_at:
            at = max(at, renews_at)
            left = max(1, (outlook.each or 1) - reserve)
            renews_at += bucket.limits.per
        left -= 1
        bucket.take(at)
    return at
