"""The two budgets, played forward."""

from __future__ import annotations

import math
import random

import pytest

from cloudflow_async._core.rate_limit.forecast import forecast
from cloudflow_async._core.rate_limit.limits import Bucket, RateLimits
from cloudflow_async._core.rate_limit.server_budget import Outlook

STANDARD = RateLimits.standard()
OPEN = Outlook(begins_at=0.0, each=None)


def windows(left: float, renews_at: float, each: int = 100) -> Outlook:
    """Return what is to be expected of a server that counts in windows."""
    return Outlook(begins_at=0.0, each=each, left=left, renews_at=renews_at)


@pytest.mark.parametrize(
    ("requests", "at"), [(1, 0.0), (150, 0.0), (151, 10.0), (166, 10.0), (300, 90.0), (1000, 510.0)]
)
def test_without_a_word_of_the_server_our_own_budget_rules(requests: int, at: float) -> None:
    """A burst, its window, then one every 0.6 seconds."""
    assert at == pytest.approx(forecast(Bucket(STANDARD), OPEN, requests))


@pytest.mark.parametrize(
    ("requests", "at"), [(30, 0.0), (31, 20.0), (130, 20.0), (131, 80.0), (1030, 560.0)]
)
def test_windows_give_what_is_left_and_then_so_many_each(requests: int, at: float) -> None:
    """30 now, 100 in 20 seconds, and so on."""
    assert at == pytest.approx(forecast(Bucket(STANDARD), windows(30, 20.0), requests), abs=0.7)


def test_a_reserve_is_left_to_others() -> None:
    """In each window, and in our own bucket."""
    server = windows(30, 20.0)

    assert [0.0, 20.0, 80.0] == [
        forecast(Bucket(STANDARD), server, requests, 10) for requests in (20, 110, 111)
    ]
    assert 6.0 == pytest.approx(forecast(Bucket(STANDARD), OPEN, 150, 10) - 4.0)


def test_a_pause_comes_first() -> None:
    """Nothing leaves before its end."""
    outlook = Outlook(begins_at=42.0, each=100, left=100, renews_at=102.0)

    assert [42.0, 102.0] == [forecast(Bucket(STANDARD), outlook, count) for count in (100, 101)]


def test_what_the_server_has_less_than_we_is_waited_for() -> None:
    """Its bucket is emptier than ours, or refills more slowly."""
    emptier = Outlook(begins_at=0.0, each=100, tokens=10.0)
    slower = Outlook(begins_at=0.0, each=50)

    assert 60.0 == pytest.approx(forecast(Bucket(STANDARD), emptier, 110))
    assert 120.0 == pytest.approx(forecast(Bucket(STANDARD), slower, 250))


def test_windows_that_are_over_are_skipped() -> None:
    """Our own budget can be so slow that some pass unused."""
    bucket = Bucket(RateLimits(requests=1, burst=1, per=150.0))

    assert 300.0 == forecast(bucket, windows(1, 10.0), 3)


@pytest.mark.parametrize("seed", range(30))
def test_many_are_foretold_as_if_each_were_played(seed: int) -> None:
    """Whole periods are not played but added, which moves the end by a few percent at most."""
    chance = random.Random(seed)
    limits = RateLimits(requests=100, burst=chance.choice([20, 100, 150]))
    bucket = Bucket(limits)
    for _ in range(chance.randrange(limits.burst)):
        bucket.take(0.0)
    reserve = chance.choice([0, 0, 5, 19])
    outlook = chance.choice([OPEN, windows(chance.randrange(100), chance.uniform(0.0, 60.0))])
    requests = chance.randrange(2_000, 3_000)
    each = 100 - reserve if outlook.left < math.inf else 100
    one, other = (
        forecast(bucket, outlook, count, reserve) for count in (requests, requests + each)
    )

    assert 60.0 == pytest.approx(other - one)

    played = bucket.copy(0.0)
    at, left, renews_at = 0.0, outlook.left - reserve, outlook.renews_at
    for _ in range(requests):
        at += played.wait(at, reserve=reserve)
        while left <= 0 or at >= renews_at:
            at, left, renews_at = max(at, renews_at), each, renews_at + 60.0
        left -= 1
        played.take(at)

    assert at == pytest.approx(one, rel=0.03)
