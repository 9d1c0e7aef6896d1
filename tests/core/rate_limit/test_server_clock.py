"""Where the server's clock stands."""

from __future__ import annotations

import math
import random

import pytest

from cloudflow_async._core.rate_limit.server_clock import ServerClock

UNIX = 1_769_251_500.0


@pytest.mark.parametrize("skew", [-86_400.0, -300.0, 0.0, 0.37, 300.0, 86_400.0])
@pytest.mark.parametrize("latency", [0.0, 0.05, 1.0])
def test_a_time_of_the_server_is_never_taken_too_early(skew: float, latency: float) -> None:
    """Nor later than the whole second of a ``Date`` and the way back allow."""
    chance, clock = random.Random(1), ServerClock()
    offset = UNIX + skew
    now, late = 100.0, 0.0
    for _ in range(200):
        sent_at, now = now, now + chance.uniform(0, latency)
        clock.observe(math.floor(now + offset), sent_at, now := now + chance.uniform(0, latency))
        late = clock.local(UNIX + skew + 500.0, now, wall=0.0) - 500.0

        assert -1e-6 <= late <= 1.0 + latency
        now += chance.uniform(0, 0.3)

    assert 0.1 + latency >= late


def test_without_a_date_our_wall_clock_has_to_do() -> None:
    """It is all that there is."""
    assert 110.0 == ServerClock().local(UNIX + 10.0, now=100.0, wall=UNIX)


def test_with_a_date_our_wall_clock_is_not_asked() -> None:
    """It may be wrong, and it can jump."""
    clock = ServerClock()
    clock.observe(UNIX, 100.0, 100.0)

    assert 110.0 == clock.local(UNIX + 10.0, now=100.0, wall=UNIX + 3600.0)


@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
def test_a_server_whose_clock_is_set_is_followed(jump: float) -> None:
    """Forwards and backwards: the next ``Date`` counts, not what was learnt before."""
    clock = ServerClock()
    clock.observe(UNIX, 100.0, 100.0)
    clock.observe(UNIX + jump, 101.0, 101.0)

    assert 111.0 == clock.local(UNIX + jump + 10.0, now=101.0, wall=0.0)


def test_a_date_that_was_cached_for_a_second_changes_nothing() -> None:
    """A lower bound that is lower than the one known tells nothing new."""
    clock = ServerClock()
    clock.observe(UNIX + 1.0, 101.0, 101.0)
    clock.observe(UNIX + 1.0, 102.9, 102.9)

    assert 110.0 == clock.local(UNIX + 10.0, now=103.0, wall=0.0)
