"""The interval that is learned from refusals: one test for each sentence of the theory."""

from __future__ import annotations

import pytest

from cloudflow_async._core.rate_limit.pacing import Pacing


class Play:
    """An interval, and a clock that goes from one request to the next."""

    def __init__(self) -> None:
        self.pacing = Pacing(60.0)
        self.now = 0.0

    def accept(self, count: int = 1, *, apart: float | None = None) -> None:
        """Let requests leave, as early as they may or so far apart; all are accepted."""
        for _ in range(count):
            self._send(apart)
            self.pacing.accept(self.now)

    def refuse(self, *, pause: float = 0.0, apart: float | None = None) -> None:
        """Let a request leave that is refused, and wait."""
        self._send(apart)
        self.pacing.refuse(self.now)
        self.now += pause

    @property
    def interval(self) -> float:
        """Seconds between two requests."""
        return self.pacing.interval

    def _send(self, apart: float | None) -> None:
        self.now += self.pacing.wait(self.now) if apart is None else apart
        self.pacing.send(self.now)


@pytest.fixture
def play() -> Play:
    """Return a pacing that has seen nothing."""
    return Play()


def trickling(accepted: int = 2) -> Play:
    """Return one after a first cycle of 10 seconds that accepted so many requests."""
    play = Play()
    play.accept(accepted)
    play.refuse(pause=10.0)
    play.accept()
    return play


def avoiding() -> Play:
    """Return one in congestion avoidance, after a refusal that followed many acceptances."""
    play = trickling(20)
    play.accept(10)
    play.refuse()
    play.accept()
    return play


def test_without_a_refusal_there_is_no_interval(play: Play) -> None:
    """Requests leave as they come."""
    play.accept(100)

    assert (0.0, 0.0) == (play.interval, play.pacing.wait(play.now))


def test_a_cycle_in_which_nothing_was_accepted_says_nothing(play: Play) -> None:
    """A process before this one may have used the budget."""
    play.refuse(pause=10.0)
    play.accept()

    assert 0.0 == play.interval


def test_the_interval_is_the_time_of_a_cycle_by_what_it_accepted(play: Play) -> None:
    """Requests that were accepted late, after the refusal, count as well."""
    play.accept(19)
    play.refuse()
    play.pacing.accept(play.now, is_late=True)
    play.now = 10.0
    play.accept()

    assert 0.5 == play.interval
    assert 0.5 == play.pacing.wait(play.now)


def test_what_is_measured_is_at_most_a_64th_of_the_period() -> None:
    """A long pause after few requests may have been longer than the server needed."""
    assert 60 / 64 == trickling(1).interval


@pytest.mark.parametrize(("waited", "interval"), [(35.0, 0.35), (36.0, 0.0)])
def test_a_window_gets_no_interval(play: Play, waited: float, interval: float) -> None:
    """It accepted many and then nothing for most of the period; the next may be used at once."""
    play.accept(100)
    play.refuse(pause=waited)
    play.accept()

    assert interval == play.interval


def test_a_long_cycle_with_an_interval_is_a_window_if_it_waited_long() -> None:
    """A minute of paced requests is none; after a wait of 36 seconds the interval goes."""
    play = trickling(20)
    play.accept(100, apart=0.5)
    play.refuse()
    play.accept()

    assert play.interval > 0

    play.accept(10)
    play.refuse(pause=36.0)
    play.accept()

    assert 0.0 == play.interval


def test_in_slow_start_the_interval_shrinks_by_a_tenth_with_each_acceptance() -> None:
    """After few requests all the way down to no interval."""
    play = trickling()
    before = play.interval
    play.accept(2)

    assert 0.81 == pytest.approx(play.interval / before)

    play.accept(100)

    assert 0.0 == play.interval


def test_slow_start_ends_at_a_share_of_what_many_requests_measured() -> None:
    """20 in 10 seconds are one in half a second: it ends at 0.7 times that."""
    play = trickling(20)
    play.accept(4)

    assert 0.5 * 0.9**4 == pytest.approx(play.interval)

    play.accept(1)

    assert 0.99 < play.interval / (0.5 * 0.9**4)


def test_requests_that_the_interval_does_not_limit_do_not_shrink_it() -> None:
    """RFC 7661: a rate that is not used is not tested."""
    play = trickling()
    before = play.interval
    play.accept(5, apart=2.5)

    assert before == play.interval


def test_a_refusal_after_many_lengthens_the_interval_a_little() -> None:
    """By 7 %, or to what the cycle measured, but not beyond what was refused before."""
    play = trickling(20)
    play.accept(10)
    first = play.interval
    play.refuse()

    assert 1.07 * first == pytest.approx(play.interval)

    play.accept(80)
    second = play.interval
    play.refuse()

    assert 1.07 * second < play.interval <= first


def test_a_refusal_after_few_lengthens_it_more() -> None:
    """By half, up to an eighth of the period; and the short cycle is measured."""
    play = avoiding()
    before = play.interval
    play.accept(1)
    play.refuse()

    assert 1.5 * 0.99 < play.interval / before <= 1.5

    for _ in range(20):
        play.accept()
        play.refuse()

    assert 60 / 8 == play.interval


def test_a_request_refused_that_the_interval_did_not_limit_changes_nothing() -> None:
    """It was far from the one before; something else refused it."""
    play = avoiding()
    before = play.interval
    play.accept(10, apart=5.0)
    play.refuse(apart=5.0)

    assert before == play.interval


def test_two_refusals_in_a_row_make_the_measured_interval_count() -> None:
    """A counter over a period answers late: the interval was too short for long."""
    play = trickling(20)
    play.accept(30)
    play.refuse(pause=8.0)
    before = play.interval
    play.refuse()

    assert play.interval > 1.2 * before


def test_avoidance_shrinks_the_interval_the_faster_the_longer_no_refusal_follows() -> None:
    """By the number of requests where they are frequent, by the time where they are not."""
    play = avoiding()
    steps = []
    for _ in range(4):
        before = play.interval
        play.accept(5)
        steps.append(before / play.interval - 1)

    assert sorted(steps) == steps
    assert 0.0 < steps[0] < 0.02
    assert steps[3] > 2 * steps[0]


def test_below_what_was_refused_last_slow_start_begins_again() -> None:
    """The server accepts more than before: another client may be done."""
    play = avoiding()
    refused = play.interval / 1.07
    while play.interval >= 0.97 * refused:
        play.accept()
    before = play.interval
    play.accept()

    assert 0.9 == pytest.approx(play.interval / before)


def test_a_request_that_was_refused_keeps_an_interval_for_each_time() -> None:
    """So that it is not refused to the end."""
    play = trickling()

    assert [1, 1, 2, 4] == [
        round(play.pacing.wait(play.now, tries) / play.interval) for tries in (0, 1, 2, 4)
    ]
