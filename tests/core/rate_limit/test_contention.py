"""Others on the same key: one test for each sentence of the theory."""

from __future__ import annotations

import pytest

from cloudflow_async._core.rate_limit.contention import Contention


def refused(times: int, *, accepted: int = 0, told: bool = True) -> Contention:
    """Return the state at 0 after so many refusals, and some accepted before each."""
    rivals = Contention(60.0, lambda: 1.0)
    if told:
        rivals.learn()
    for _ in range(times):
        for _ in range(accepted):
            rivals.accept()
        rivals.refuse(0.0, guessed=False)
    return rivals


def test_who_was_never_refused_is_alone() -> None:
    """It waits exactly as long as it is told."""
    rivals = refused(0)
    rivals.accept()
    rivals.send(0.0)

    assert not rivals.suspected(0.0)
    assert (0.0, 0.0, 0.0) == (rivals.gap, rivals.delay(0.0), rivals.wait(0.0))


def test_a_refusal_is_remembered_for_two_periods() -> None:
    """So long one waits up to a second longer than told."""
    rivals = refused(1)

    assert [True, False] == [rivals.suspected(at) for at in (119.9, 120.0)]
    assert [60 / 64, 0.0] == [rivals.delay(at) for at in (119.9, 120.0)]


def test_refusals_that_follow_each_other_double_the_delay() -> None:
    """Up to a quarter of the period; where answers tell what remains, up to half of it."""
    untold, told = refused(1, told=False), refused(1)

    assert [60 / 32, 60 / 16, 15.0, 15.0] == [untold.delay(0.0, n) for n in (1, 2, 5, 5000)]
    assert [60 / 32, 60 / 16, 30.0, 30.0] == [told.delay(0.0, n) for n in (1, 2, 5, 5000)]


@pytest.mark.parametrize(
    ("told", "gaps"), [(False, [0.0, 0.0, 0.0]), (True, [0.9375, 1.875, 30.0])]
)
def test_the_gap_grows_with_each_refusal(told: bool, gaps: list[float]) -> None:
    """Twofold up to 30 seconds; without answers that tell what remains there is no gap."""
    assert gaps == [refused(times, told=told).gap for times in (1, 2, 20)]


@pytest.mark.parametrize(("accepted", "gap"), [(4, 0.9375), (5, 0.0)])
def test_a_gap_is_kept_where_few_are_accepted(accepted: int, gap: float) -> None:
    """A window that has just begun takes more than four."""
    assert gap == refused(1, accepted=accepted).gap


@pytest.mark.parametrize(("accepted", "gap"), [(0, 0.0), (1, 0.9375)])
def test_a_pause_that_was_guessed_too_short_makes_no_gap(accepted: int, gap: float) -> None:
    """Nobody else is needed for that, unless it was over in between."""
    rivals = refused(0)
    for _ in range(accepted):
        rivals.accept()
    rivals.refuse(0.0, guessed=True)

    assert gap == rivals.gap


def test_the_gap_shrinks_the_faster_the_longer_no_refusal_follows() -> None:
    """And is none in the end."""
    rivals = refused(20)
    gaps = []
    for _ in range(90):
        rivals.accept()
        gaps.append(rivals.gap)

    assert [29.91, 29.73054] == pytest.approx(gaps[:2])
    assert gaps[9] / gaps[8] == pytest.approx(0.97)
    assert gaps[20] > 4 * gaps[40]
    assert 0.0 == gaps[-1]


def test_one_leaves_after_about_a_gap() -> None:
    """Half of it to one and a half, by chance."""
    rivals = refused(1)
    rivals.send(10.0)

    assert [0.9375 * 1.5, 0.0] == pytest.approx([rivals.wait(10.0), rivals.wait(12.0)])
