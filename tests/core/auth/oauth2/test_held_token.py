"""When a token is refreshed, and until when it is sent."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudflow_async._core.auth.oauth2.held_token import hold, is_alive
from cloudflow_async._core.auth.token import Token

NOW = 1_769_251_500.0


def _token(life: float | None, *, refresh_token: str | None = "refresh") -> Token:
    expires_at = None if life is None else NOW + life
    return Token(access_token="access", refresh_token=refresh_token, expires_at=expires_at)


@pytest.mark.parametrize("is_new", [True, False])
def test_a_refresh_begins_60_to_90_seconds_before_the_end(is_new: bool) -> None:
    """Spread over half a minute, drawn anew for each token; five seconds before it is too late."""
    held = [hold(_token(3600.0), now=NOW, is_new=is_new) for _ in range(1000)]
    early = [NOW + 3600.0 - each.refresh_at for each in held]

    assert 60.0 <= min(early) < 62.0
    assert 88.0 < max(early) <= 90.0
    assert {NOW + 3595.0} == {each.ends_at for each in held}


@pytest.mark.parametrize(("life", "early", "late"), [(60.0, 15.0, 3.0), (1.0, 0.25, 0.05)])
def test_a_short_life_is_not_given_away(life: float, early: float, late: float) -> None:
    """A server whose tokens last a minute is not asked for the next one at once."""
    held = hold(_token(life), now=NOW, is_new=True)

    assert pytest.approx(NOW + life - early) == held.refresh_at
    assert pytest.approx(NOW + life - late) == held.ends_at


def test_a_token_that_comes_too_late_has_no_life_to_give_away() -> None:
    """Its answer took longer than the token lives: it has ended, and nothing else."""
    held = hold(_token(-10.0), now=NOW, is_new=True)

    assert (NOW - 10.0, NOW - 10.0) == (held.refresh_at, held.ends_at)


def test_what_is_left_of_an_old_token_says_nothing_of_its_life() -> None:
    """Out of the store with 50 seconds to go, it is sent, and refreshed at once."""
    held = hold(_token(50.0), now=NOW, is_new=False)

    assert held.refresh_at <= NOW < held.ends_at


def test_without_a_refresh_token_it_is_used_to_its_end() -> None:
    """There is nothing to be begun ahead of time."""
    held = hold(_token(3600.0, refresh_token=None), now=NOW, is_new=True)

    assert (math.inf, NOW + 3600.0) == (held.refresh_at, held.ends_at)


def test_an_unknown_end_is_the_servers_to_say() -> None:
    """It is used until it is refused."""
    held = hold(_token(None), now=NOW, is_new=True)

    assert (math.inf, math.inf) == (held.refresh_at, held.ends_at)
    assert not held.is_due(NOW + 1e9)


@given(life=st.floats(-1e9, 1e9), is_new=st.booleans())
def test_it_is_refreshed_before_it_ends_and_ends_before_it_expires(
    life: float, is_new: bool
) -> None:
    """Whatever a server or a clock says."""
    held = hold(_token(life), now=NOW, is_new=is_new)

    assert held.refresh_at <= held.ends_at <= NOW + life
    assert held.is_due(NOW) == (held.refresh_at <= NOW)


@pytest.mark.parametrize(
    ("life", "refresh_token", "alive"),
    [
        (6.0, "refresh", True),
        (5.0, "refresh", False),
        (-1.0, "refresh", False),
        (1.0, None, True),
        (0.0, None, False),
        (None, None, True),
    ],
)
def test_what_the_store_has_is_alive_until_shortly_before_its_end(
    life: float | None, refresh_token: str | None, alive: bool
) -> None:
    """Five seconds, in which a request travels; none where there is nothing to refresh with."""
    assert alive == is_alive(_token(life, refresh_token=refresh_token), NOW)
