"""Counting requests in the four ways, each against a slow and obvious count."""

from __future__ import annotations

import copy
import random
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from typing import get_args

import pytest

from cloudflow_async.emulator import EmulatorLimits
from cloudflow_async.emulator.base.rate_limiter import Budget, LimitsMode, RateLimiter, Verdict

MODES = get_args(LimitsMode)
START = 1_769_256_000.0


Oracle = Callable[[int], bool]
"""The slow and obvious way: tells whether a request at an instant (nanoseconds) is accepted."""


class TokenOracle:
    """Tokens that are added up as time goes by."""

    def __init__(self, requests: int, per: int, burst: int) -> None:
        self.rate, self.burst = Fraction(requests, per), burst
        self.tokens = Fraction(burst)
        self.last = 0

    def __call__(self, now: int) -> bool:
        """Take a token if there is one."""
        self.tokens = min(Fraction(self.burst), self.tokens + (now - self.last) * self.rate)
        self.last = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class WindowOracle:
    """A counter for each window of the Unix clock."""

    def __init__(self, requests: int, per: int) -> None:
        self.requests, self.per = requests, per
        self.counts: Counter[int] = Counter()

    def __call__(self, now: int) -> bool:
        """Take a place in the window."""
        if self.counts[now // self.per] >= self.requests:
            return False
        self.counts[now // self.per] += 1
        return True


class LogOracle:
    """All accepted requests, looked through again for each new one."""

    def __init__(self, *windows: tuple[int, int]) -> None:
        self.windows = windows
        self.log: list[int] = []

    def __call__(self, now: int) -> bool:
        """Write a line into the log."""
        for requests, per in self.windows:
            if len(self.log) - bisect_right(self.log, now - per) >= requests:
                return False
        self.log.append(now)
        return True


ORACLES: dict[LimitsMode, Oracle] = {
    "bucket": TokenOracle(100, 60 * 10**9, 150),
    "fixed": WindowOracle(100, 60 * 10**9),
    "sliding": LogOracle((100, 60 * 10**9)),
    "windows": LogOracle((100, 60 * 10**9), (40, 10 * 10**9)),
}


def gaps(seed: int, count: int) -> list[float]:
    """Return seconds between requests: herds, then silence, at about the allowed rate."""
    chance = random.Random(seed)
    means = (0.0001, 0.05, 0.6, 5.0, 40.0)
    return [
        chance.expovariate(1 / mean)
        for mean in chance.choices(means, weights=(400, 300, 270, 30, 3), k=count)
    ]


def spend(budget: Budget, now: float, count: int) -> list[Verdict]:
    """Count so many requests at once and return the verdicts."""
    return [budget.count(now) for _ in range(count)]


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_a_hundred_thousand_requests_are_counted_exactly(mode: LimitsMode) -> None:
    """After 100,000 requests the limiter still agrees with the slow and obvious count."""
    burst = 40 if mode == "windows" else 150
    budget = Budget(EmulatorLimits(burst=burst), mode)
    oracle = ORACLES[mode]
    now, differences, accepted = START, 0, 0
    for gap in gaps(1, 100_000):
        now += gap
        allowed = budget.count(now).allowed
        differences += allowed != oracle(round(now * 10**9))
        accepted += allowed

    assert differences == 0
    assert 1000 < accepted < 99_000


@pytest.mark.parametrize("mode", MODES)
def test_remaining_is_the_number_of_requests_still_accepted(mode: LimitsMode) -> None:
    """So many requests as `remaining` says are accepted at once, and not one more."""
    budget = Budget(EmulatorLimits(burst=40), mode)
    now = START
    for gap in gaps(2, 300):
        now += gap
        verdict = budget.count(now)
        verdicts = spend(copy.deepcopy(budget), now, verdict.remaining + 1)

        assert [True] * verdict.remaining + [False] == [one.allowed for one in verdicts]


@pytest.mark.parametrize("mode", MODES)
def test_reset_is_the_first_second_of_the_next_request_or_of_the_whole_budget(
    mode: LimitsMode,
) -> None:
    """With nothing left it says when one more is accepted, else when all of it is back."""
    budget = Budget(EmulatorLimits(burst=40), mode)
    full = budget.peek(START).remaining
    now = START
    for gap in gaps(3, 400):
        now += gap
        verdict = budget.count(now)
        enough = full if verdict.remaining else 1
        at_reset = budget_at(budget, verdict.reset_at)
        before = budget_at(budget, max(now, verdict.reset_at - 1))

        assert at_reset >= enough
        # Of two windows the smaller can be whole before the larger is.
        assert before < enough or (mode == "windows" and verdict.remaining)


def budget_at(budget: Budget, now: float) -> int:
    """Return what remains at an instant, without moving the budget there."""
    return copy.deepcopy(budget).peek(now).remaining


@pytest.mark.parametrize("mode", MODES)
def test_a_refused_request_costs_nothing_and_is_accepted_after_its_wait(mode: LimitsMode) -> None:
    """However often it asks before, a client that waits `retry_after` seconds is served."""
    budget = Budget(EmulatorLimits(burst=100), mode)
    spend(budget, START + 0.25, 100)
    refused = spend(budget, START + 0.25, 500)[-1]
    accepted = budget.count(START + 0.25 + refused.retry_after)

    assert not refused.allowed
    assert refused.retry_after >= 1
    assert accepted.allowed


@pytest.mark.parametrize("mode", MODES)
def test_the_limit_is_the_documented_number_in_every_mode(mode: LimitsMode) -> None:
    """`X-RateLimit-Limit` says 100, whatever the burst."""
    verdict = Budget(EmulatorLimits(), mode).count(START)

    assert verdict.limit == 100


def test_the_bucket_holds_the_burst_and_refills_at_the_rate() -> None:
    """150 at once, then one each 0.6 seconds."""
    budget = Budget(EmulatorLimits(), "bucket")
    burst = spend(budget, START, 151)
    later = [budget.count(START + seconds).allowed for seconds in (0.59, 0.6, 0.61, 1.2)]

    assert [one.allowed for one in burst] == [True] * 150 + [False]
    assert later == [False, True, False, True]


def test_fixed_windows_follow_the_unix_clock() -> None:
    """A window ends at the full minute, even if it was spent a moment before."""
    budget = Budget(EmulatorLimits(), "fixed")
    last = spend(budget, START + 59.5, 101)[-1]
    next_minute = budget.count(START + 60)

    assert (last.allowed, last.reset_at, last.retry_after) == (False, START + 60, 1)
    assert (next_minute.allowed, next_minute.remaining) == (True, 99)


def test_fixed_windows_can_begin_at_the_first_request() -> None:
    """The window then lasts its whole length from that request on."""
    budget = Budget(EmulatorLimits(windows_begin="first_request"), "fixed")
    before = budget.peek(START + 59.5)
    last = spend(budget, START + 59.5, 101)[-1]
    later = [budget.count(START + seconds).allowed for seconds in (60, 119.4, 119.5)]

    assert before.remaining == 100
    assert (last.allowed, last.reset_at, last.retry_after) == (False, START + 120, 60)
    assert later == [False, False, True]


def test_two_windows_bind_together() -> None:
    """The burst binds in ten seconds, the rate in sixty."""
    budget = Budget(EmulatorLimits(burst=60), "windows")
    first = spend(budget, START, 61)
    second = spend(budget, START + 10, 41)

    assert [one.allowed for one in first] == [True] * 60 + [False]
    assert first[-1].retry_after == 10
    assert [one.allowed for one in second] == [True] * 40 + [False]
    assert second[-1].retry_after == 50


def test_peeking_costs_nothing() -> None:
    """A look at a budget leaves it whole."""
    budget = Budget(EmulatorLimits(), "sliding")
    for _ in range(200):
        verdict = budget.peek(START)

        assert (verdict.remaining, verdict.reset_at) == (100, START)


@pytest.mark.parametrize("mode", MODES)
def test_a_clock_set_back_does_not_make_the_remaining_negative(mode: LimitsMode) -> None:
    """After a correction of the clock the counts stay within their bounds."""
    budget = Budget(EmulatorLimits(), mode)
    spend(budget, START, 150)
    verdict = budget.count(START - 3600)

    assert 0 <= verdict.remaining <= 150


def test_every_key_and_every_anonymous_address_has_its_own_budget() -> None:
    """A spent budget is nobody else's; a reset makes all of them whole."""
    limiter = RateLimiter(
        "bucket",
        authenticated=EmulatorLimits(),
        anonymous=EmulatorLimits.unauthenticated(),
    )
    spend(limiter.budget(user="a", peer="127.0.0.1"), START, 200)
    spend(limiter.budget(user=None, peer="127.0.0.1"), START, 30)
    same_key = limiter.budget(user="a", peer="::1").peek(START).remaining
    other_key = limiter.budget(user="b", peer="127.0.0.1").peek(START).remaining
    other_peer = limiter.budget(user=None, peer="::1").peek(START).remaining
    limiter.reset()
    after = limiter.budget(user="a", peer="127.0.0.1").peek(START).remaining

    assert (same_key, other_key, other_peer, after) == (0, 150, 20, 150)


def test_an_unknown_mode_is_refused() -> None:
    """The error names the four that there are."""
    limits = EmulatorLimits()

    with pytest.raises(ValueError, match="bucket, fixed, sliding, windows"):
        RateLimiter("leaky", authenticated=limits, anonymous=limits)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [{"requests": 0}, {"per": 0}, {"burst": 0}, {"burst_window": -1}, {"windows_begin": "now"}],
)
def test_limits_that_allow_nothing_are_refused(wrong: dict[str, object]) -> None:
    """Every number must be above zero."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        EmulatorLimits(**wrong)  # type: ignore[arg-type]
