"""The documented limits, and the bucket that keeps to them."""

from __future__ import annotations

import itertools
import random
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence

import pytest

from cloudflow_async._core.errors import InvalidArgumentError
from cloudflow_async._core.rate_limit.limits import Bucket, RateLimits, check_priority

STANDARD = RateLimits.standard()


def leave(bucket: Bucket, now: float) -> float:
    """Let one request leave as soon as it may; return when."""
    now += bucket.wait(now)
    bucket.take(now)
    return now


def most_within(times: Sequence[float], seconds: float) -> int:
    """Return the highest number of times in any window of so many seconds."""
    return max(
        at - bisect_right(times, times[at - 1] - seconds + 1e-6) for at in range(1, len(times) + 1)
    )


def test_the_documented_tiers() -> None:
    """API document, Default Limits, and "Enterprise tier for higher limits (1000 req/min)"."""
    assert RateLimits(requests=100, per=60.0, burst=150) == RateLimits.standard()
    assert RateLimits(requests=20, per=60.0, burst=20) == RateLimits.unauthenticated()
    assert RateLimits(requests=1000, per=60.0, burst=1000) == RateLimits.enterprise()


@pytest.mark.parametrize(
    "options",
    [
        {"requests": 0},
        {"requests": -1},
        {"burst": 0},
        {"per": 0},
        {"per": -1},
        {"per": float("nan")},
        {"per": float("inf")},
        {"burst_per": 0},
        {"burst_per": float("nan")},
        {"burst_per": 90.1},
    ],
)
def test_limits_that_let_nothing_through_are_refused(options: dict[str, float]) -> None:
    """A client with them would hang."""
    with pytest.raises(InvalidArgumentError):
        RateLimits(**options)  # type: ignore[arg-type]


def test_a_request_is_gained_every_0_6_seconds() -> None:
    """100 in 60 seconds."""
    assert 0.6 == STANDARD.interval


def test_the_burst_window_is_10_seconds_where_the_burst_is_the_stricter_bound() -> None:
    """With a burst of five a minute, the steady rate lets more than five leave in ten seconds."""
    assert 10.0 == STANDARD.burst_window
    assert RateLimits(requests=100, burst=5).burst_window is None
    assert RateLimits(requests=600, burst=99).burst_window is None
    assert 10.0 == RateLimits(requests=600, burst=100).burst_window


def test_a_burst_that_is_all_of_a_period() -> None:
    """No 60 seconds see more than 100, wherever they begin."""
    bucket = Bucket(RateLimits(requests=100, burst=100, burst_per=60.0))
    left: list[float] = []
    for now in (0.0, 30.0, 60.0, 61.0, 95.0, 120.0):
        while not bucket.wait(now):
            bucket.take(now)
            left.append(now)

    assert {0.0: 100, 60.0: 100, 120.0: 100} == Counter(left)


def test_the_smallest_limits_are_limits() -> None:
    """One request, in less than a second."""
    assert 0.5 == RateLimits(requests=1, per=0.5, burst=1).interval


def test_a_full_bucket_lets_a_burst_leave_at_once() -> None:
    """150, and not one more before ten seconds are over."""
    bucket = Bucket(STANDARD)
    times = [leave(bucket, 5.0) for _ in range(150)]

    assert {5.0} == set(times)
    assert 10.0 == pytest.approx(bucket.wait(5.0))
    assert 1.0 == pytest.approx(bucket.wait(14.0))


def test_after_the_burst_requests_leave_at_the_steady_rate() -> None:
    """What was gained during the burst window leaves at its end, then one every 0.6 seconds."""
    bucket = Bucket(STANDARD)
    bucket.take(0.0)
    times = [0.0]
    while len(times) < 300:
        times.append(leave(bucket, times[-1]))

    assert 10.0 == times[150]
    assert [0.6] * 120 == pytest.approx(
        [after - before for before, after in itertools.pairwise(times[179:])]
    )
    assert 90.0 == pytest.approx(times[299])


def test_the_wait_of_a_place_further_back_is_known() -> None:
    """Each one ahead costs an interval."""
    bucket = Bucket(RateLimits(requests=60, burst=1))
    bucket.take(0.0)

    assert [1.0, 2.0, 11.0] == [bucket.wait(0.0, ahead) for ahead in (0, 1, 10)]


def test_what_is_given_back_can_be_taken_again() -> None:
    """A request that never left costs neither a token nor a place in the burst window."""
    bucket = Bucket(STANDARD)
    for _ in range(150):
        bucket.take(0.0)
    bucket.give_back()

    assert 0.0 == bucket.wait(0.0)
    assert 1.0 == pytest.approx(bucket.tokens(0.0))


def test_giving_back_never_overfills() -> None:
    """A bucket that was filled up in the meantime holds what it holds."""
    bucket = Bucket(STANDARD)
    bucket.take(0.0)
    bucket.tokens(60.0)
    bucket.give_back()

    assert 150.0 == bucket.tokens(60.0)


def test_a_clock_that_stands_or_goes_back_gains_nothing() -> None:
    """Tokens come with time that passes, and no time passes twice."""
    bucket = Bucket(STANDARD)
    bucket.take(10.0)
    bucket.tokens(4.0)

    assert 149.0 == bucket.tokens(10.0)


@pytest.mark.parametrize(
    ("limits", "left"),
    [
        (RateLimits.enterprise(), 960.0),
        (RateLimits(requests=100, burst=60), 20.0),
        (RateLimits.unauthenticated(), 0.0),
    ],
)
def test_other_limits_leave_as_much_used_up(limits: RateLimits, left: float) -> None:
    """Nothing is gained by learning of another tier, and less than nothing is left of none."""
    bucket = Bucket(STANDARD)
    for _ in range(40):
        bucket.take(7.0)

    assert left == pytest.approx(bucket.resized(limits, 7.0).tokens(7.0))


def test_other_limits_keep_the_burst_window() -> None:
    """What left in the last ten seconds still counts."""
    bucket = Bucket(STANDARD)
    for _ in range(150):
        bucket.take(0.0)
    other = bucket.resized(RateLimits(requests=600, burst=300), 0.0)
    for _ in range(150):
        other.take(1.0)

    assert 9.0 == pytest.approx(other.wait(1.0))


@pytest.mark.parametrize("limits", [STANDARD, RateLimits(requests=100, burst=7)], ids=str)
@pytest.mark.parametrize("load", [0.5, 1.0, 3.0])
def test_the_schedule_is_the_ideal_one(limits: RateLimits, load: float) -> None:
    """Nobody leaves earlier, or later, than the generic cell rate algorithm and the window say."""
    chance, bucket = random.Random(3), Bucket(limits)
    arrives = full_at = ideal = 0.0
    expected: list[float] = []
    actual: list[float] = []
    for _ in range(5_000):
        arrives += chance.expovariate(load / limits.interval)
        if chance.random() < 0.002:
            arrives += 120.0
        ideal = max(arrives, ideal, full_at - (limits.burst - 1) * limits.interval)
        if limits.burst_window is not None and len(expected) >= limits.burst:
            ideal = max(ideal, expected[-limits.burst] + limits.burst_window)
        full_at = max(full_at, ideal) + limits.interval
        expected.append(ideal)
        actual.append(leave(bucket, max([arrives, *actual[-1:]])))

    assert expected == pytest.approx(actual, abs=1e-6)


@pytest.mark.slow
def test_the_documented_bounds_hold_in_every_window() -> None:
    """Of 100,000, a fifth given back: 150 in any 10 s, 150 + 100/60 t in any t."""
    chance, bucket, now = random.Random(5), Bucket(STANDARD), 0.0
    times: list[float] = []
    while len(times) < 80_000:
        if chance.random() < 0.01:
            now += chance.uniform(0.0, 120.0)
        now = leave(bucket, now)
        if chance.random() < 0.2:
            bucket.give_back()
        else:
            times.append(now)

    assert 150 == most_within(times, 10.0)
    for seconds in (0.0, 1.0, 5.0, 10.0, 30.0, 60.0, 600.0):
        assert 150 + 100 / 60 * seconds + 1e-3 >= most_within(times, seconds)


def test_a_reserve_is_left_in_the_bucket() -> None:
    """A tenth of the burst: 135 leave at once, and then one as often as one is gained."""
    bucket = Bucket(STANDARD)
    times = [0.0]
    for _ in range(300):
        times.append(times[-1] + bucket.wait(times[-1], reserve=15))
        bucket.take(times[-1])

    assert 0.0 == times[135] < times[136]
    assert (299 - 135 + 1) * 0.6 == pytest.approx(times[300])
    assert 15.0 == pytest.approx(bucket.tokens(times[300]))
    assert 0.0 == bucket.wait(times[300])


def test_a_reserve_is_left_in_the_burst_window() -> None:
    """Whatever was gained meanwhile, the 150th of ten seconds is for those it is kept for."""
    bucket = Bucket(STANDARD)
    for _ in range(140):
        bucket.take(0.0)

    assert 4.0 == pytest.approx(bucket.wait(6.0, reserve=10))
    for _ in range(10):
        assert 0.0 == bucket.wait(6.0)
        bucket.take(6.0)
    assert 4.0 == pytest.approx(bucket.wait(6.0))


def test_no_reserve_slows_the_steady_rate() -> None:
    """Of 20 a minute 19 are kept: one leaves every three seconds all the same."""
    bucket = Bucket(RateLimits.unauthenticated())
    now, times = 0.0, list[float]()
    for _ in range(20):
        now += bucket.wait(now, reserve=19)
        bucket.take(now)
        times.append(now)

    assert [3.0] * 19 == pytest.approx([b - a for a, b in itertools.pairwise(times)])


def test_a_copy_goes_its_own_way() -> None:
    """With no more tokens than it is given, and with what left lately."""
    bucket = Bucket(STANDARD)
    for _ in range(100):
        bucket.take(0.0)
    other, poorer = bucket.copy(0.0), bucket.copy(0.0, 7.5)
    other.take(0.0)

    assert [50.0, 49.0, 7.5] == pytest.approx(
        [each.tokens(0.0) for each in (bucket, other, poorer)]
    )
    for _ in range(49):
        other.take(0.0)
    assert 10.0 == pytest.approx(other.wait(0.0))


@pytest.mark.parametrize("priority", ["urgent", "", None, 0, ["high"]])
def test_a_priority_is_one_of_three(priority: object) -> None:
    """Anything else is refused, with the names."""
    assert [0, 1, 2] == [check_priority(each) for each in ("high", "normal", "low")]
    with pytest.raises(InvalidArgumentError, match="must be 'high', 'normal' or 'low'"):
        check_priority(priority)  # type: ignore[arg-type]
