"""What the server lets us send: one test for each sentence of the theory."""

from __future__ import annotations

import math

import pytest

from cloudflow_async._core.messages import RateLimitSeen
from cloudflow_async._core.rate_limit.server_budget import INITIAL_WINDOW, Outlook, ServerBudget

UNIX = 1_769_251_500.0
"""The server's clock when ours shows 0."""


class Play:
    """A budget, and a clock that goes from one call to the next."""

    def __init__(self) -> None:
        self.budget = ServerBudget(60.0, lambda: 0.0)
        self.now = 0.0

    def send(self, count: int = 1) -> float:
        """Let requests leave; return when."""
        for _ in range(count):
            assert self.budget.wait(self.now) <= 0
            self.budget.send(self.now)
        return self.now

    def answer(
        self,
        sent_at: float,
        remaining: int | None = None,
        *,
        resets_in: float | None = None,
        date: bool = True,
        retry_after: float | None = None,
        throttled: bool = False,
        tries: int = 0,
    ) -> None:
        """Let an answer arrive now."""
        unix = UNIX + self.now
        seen = RateLimitSeen(
            remaining=remaining,
            reset=None if resets_in is None else unix + resets_in,
            date=unix if date else None,
            throttled=throttled,
            retry_after=retry_after,
        )
        self.budget.observe(seen, sent_at, self.now, unix, tries)

    def refuse(self, sent_at: float, **said: float | None) -> float:
        """Let a 429 arrive now; return the seconds that the pause lasts from now."""
        self.answer(sent_at, throttled=True, **said)  # type: ignore[arg-type]
        return self.wait

    @property
    def wait(self) -> float:
        """Seconds until one may leave."""
        return self.budget.wait(self.now)

    @property
    def room(self) -> int | None:
        """What the server would still take."""
        return self.budget.remaining(self.now)


@pytest.fixture
def play() -> Play:
    """Return a budget of which nothing is known."""
    return Play()


def test_before_the_first_answer_a_handful_goes_out(play: Play) -> None:
    """A process before us may have spent the minute; the sixth waits for an answer."""
    assert play.room is None

    play.send(INITIAL_WINDOW)

    assert math.inf == play.wait


def test_what_may_leave_is_remaining_less_in_flight(play: Play) -> None:
    """Those under way may not be in the figure."""
    sent_at = play.send(INITIAL_WINDOW)
    play.answer(sent_at, 6, resets_in=30)

    assert 2 == play.room

    play.send(2)

    assert 0 == play.room
    assert 30.0 == play.wait


def test_of_answers_under_way_together_the_smaller_figure_stands(play: Play) -> None:
    """Nobody knows which was counted first."""
    sent_at = play.send(3)
    play.now = 0.1
    play.answer(sent_at, 50, resets_in=30)
    play.answer(sent_at, 49, resets_in=30)
    play.answer(sent_at, 51, resets_in=30)

    assert 49 == play.room


def test_of_equal_figures_the_first_reset_stands(play: Play) -> None:
    """An answer that tells nothing new about what remains moves nothing."""
    sent_at = play.send(2)
    play.now = 0.1
    play.answer(sent_at, 0, resets_in=30)
    play.answer(sent_at, 0, resets_in=40)

    assert 30.0 == pytest.approx(play.wait)


def test_a_request_that_left_because_of_an_answer_was_counted_later(play: Play) -> None:
    """It leaves in the moment in which the answer arrives."""
    sent_at = play.send()
    play.now = 0.1
    play.answer(sent_at, 10, resets_in=30)
    play.answer(play.send(), 80, resets_in=30)

    assert 80 == play.room


def test_a_request_that_left_after_an_answer_was_counted_later(play: Play) -> None:
    """Its answer replaces the older one, upwards too."""
    play.answer(play.send(), 10, resets_in=30)
    play.now = 5.0
    play.answer(play.send(), 80, resets_in=25)

    assert 80 == play.room


def test_nothing_remaining_parks_everybody_until_the_reset(play: Play) -> None:
    """Then one asks how things stand, since a sliding limit may have freed just one."""
    play.answer(play.send(), 0, resets_in=42)

    assert 42.0 == play.wait

    play.now = 2.0

    assert 40.0 == play.wait

    play.now = 42.0
    play.send()

    assert math.inf == play.wait


@pytest.mark.parametrize(("remaining", "after"), [(1, 1), (3, 3), (80, INITIAL_WINDOW)])
def test_after_a_reset_a_handful_goes_out(play: Play, remaining: int, after: int) -> None:
    """No more than were left, since nothing says that the budget is whole again."""
    play.answer(play.send(), remaining, resets_in=10)
    play.now = 10.0

    assert play.room is None

    play.send(after)

    assert math.inf == play.wait


def test_a_reset_that_has_passed_on_the_way_parks_nobody(play: Play) -> None:
    """The budget is renewed already: one may ask, whatever an older answer said."""
    sent_at = play.send(2)
    play.answer(sent_at, 1, resets_in=88)
    play.now = 2.0
    play.answer(sent_at, 0, resets_in=-0.1)

    assert 0.0 == play.wait


def test_a_slow_answer_holds_for_as_long_as_it_took(play: Play) -> None:
    """A bucket that was whole again before its answer came does not make it a first answer."""
    sent_at = play.send()
    play.now = 1.0
    play.answer(sent_at, 149, resets_in=-0.4)
    play.send(4 * INITIAL_WINDOW)

    assert 0 == play.wait

    play.now = 2.0

    assert math.inf == play.wait


def test_an_answer_from_before_a_reset_says_nothing_about_after(play: Play) -> None:
    """Requests that were counted after it have been answered, and forgotten, since."""
    sent_at = play.send(3)
    play.now = 0.1
    play.answer(sent_at, 0, resets_in=1)
    play.answer(sent_at, 0, resets_in=1)
    play.now = 2.0

    assert play.room is None

    play.answer(sent_at, 2, resets_in=60)

    assert play.room is None

    play.send()

    assert math.inf == play.wait


def test_a_request_without_an_answer_may_have_been_counted(play: Play) -> None:
    """It is taken off what remains; what was given back is not."""
    play.answer(play.send(), 10, resets_in=30)
    play.send(2)
    play.budget.lose()

    assert 8 == play.room

    play.budget.give_back()

    assert 9 == play.room


def test_a_lost_request_about_which_nothing_is_known_makes_room(play: Play) -> None:
    """A dead network does not lock the client up."""
    play.send(INITIAL_WINDOW)
    play.budget.lose()

    assert 0.0 == play.wait


def test_more_may_be_lost_than_remained(play: Play) -> None:
    """Less than none is none."""
    play.answer(play.send(), 1, resets_in=30)
    play.send()
    play.budget.in_flight += 1
    play.budget.lose()
    play.budget.lose()

    assert 0 == play.room
    assert 30.0 == play.wait


def test_a_server_without_headers_gets_one_more_each_time(play: Play) -> None:
    """Each answer makes room for its successor, and all of them for one more."""
    rounds = []
    for _ in range(5):
        sent = 0
        while play.wait <= 0:
            play.send()
            sent += 1
        for _ in range(sent):
            play.answer(play.now, None)
        rounds.append(sent)

    assert [5, 6, 7, 8, 9] == rounds


def test_a_server_without_headers_that_refused_is_approached_more_slowly(play: Play) -> None:
    """It doubles up to half of what was under way before, then one more each time."""
    for _ in range(60):
        play.answer(play.send(), None)
    sent_at = play.send(10)
    for _ in range(10):
        play.answer(sent_at, throttled=True, retry_after=40.0)
    play.now = 40.0
    rounds = []
    for _ in range(6):
        sent = 0
        while play.wait <= 0:
            play.send()
            sent += 1
        for _ in range(sent):
            play.answer(play.now, None)
        rounds.append(sent)

    assert [1, 2, 4, 8, 9, 10] == rounds


def test_an_answer_without_headers_counts_as_one(play: Play) -> None:
    """A gateway's page among answers that have them."""
    play.answer(play.send(), 10, resets_in=30)
    play.answer(play.send(), None)

    assert 9 == play.room


def test_remaining_without_a_reset_lasts_a_period(play: Play) -> None:
    """Nothing remaining lasts only as long as a first guess: one asks again after a sixth."""
    play.answer(play.send(), 1)
    play.send()

    assert 60.0 == play.wait

    play.answer(play.now, 0)

    assert 10.0 == play.wait


@pytest.mark.parametrize(
    ("resets_in", "waits"),
    [(30.0, 30.0), (60.0, 60.0), (90.0, 60.0), (120.0, 60.0)],
)
def test_a_reset_parks_for_a_period_at_most(play: Play, resets_in: float, waits: float) -> None:
    """No header stops the traffic for longer."""
    play.answer(play.send(), 0, resets_in=resets_in)

    assert waits == play.wait


@pytest.mark.parametrize("resets_in", [-86_400.0, -2.5, 120.5, 86_400.0 * 3650])
def test_a_reset_that_cannot_be_is_passed_over(play: Play, resets_in: float) -> None:
    """Gone by before the request left, or years ahead: neither shown nor waited for."""
    play.answer(play.send(), 0, resets_in=resets_in)

    assert 10.0 == play.wait
    assert play.budget.reset is None


def test_a_small_reset_is_seconds_from_now(play: Play) -> None:
    """No Unix time of this API's life is below 10^9."""
    sent_at = play.send()
    play.budget.observe(RateLimitSeen(remaining=0, reset=42.0), sent_at, 0.0, UNIX)

    assert 42.0 == play.wait
    assert UNIX + 42.0 == play.budget.reset


@pytest.mark.parametrize("skew", [-86_400.0, -300.0, 300.0, 86_400.0])
def test_a_reset_goes_by_the_servers_clock(play: Play, skew: float) -> None:
    """Where the server sends a ``Date``, ours may be a day off."""
    seen = RateLimitSeen(remaining=0, reset=UNIX + 42.0, date=UNIX)
    play.budget.observe(seen, play.send(), 0.0, UNIX + skew)

    assert 42.0 == play.wait


def test_the_last_limit_that_was_told_stands(play: Play) -> None:
    """An answer without it takes nothing back."""
    for limit in (100, 1000, None):
        play.budget.observe(RateLimitSeen(limit=limit), play.send(), 0.0, UNIX)

    assert 1000 == play.budget.limit


def test_flights_of_an_ended_loop_are_forgotten(play: Play) -> None:
    """They will never be answered."""
    play.send(INITIAL_WINDOW)
    play.budget.forget_flights()

    assert 0 == play.budget.in_flight
    assert 0.0 == play.wait


def test_a_429_pauses_for_as_long_as_it_says_and_then_one_asks(play: Play) -> None:
    """Whatever was known to remain is forgotten."""
    play.answer(play.send(), 50, resets_in=30)

    assert 42.0 == play.refuse(play.send(), retry_after=42.0)

    play.now = 42.0
    play.send()
    play.now = 43.0

    assert math.inf == play.wait


def test_a_429_pauses_for_120_seconds_at_most(play: Play) -> None:
    """The call that got it hears of a longer wait; the others are not kept for a year."""
    assert 120.0 == play.refuse(play.send(), retry_after=1e9)


def test_a_429_without_a_wait_pauses_until_the_reset(play: Play) -> None:
    """If it names one that lies ahead."""
    assert 33.0 == play.refuse(play.send(), resets_in=33.0)


def test_a_shorter_pause_does_not_end_a_longer_one(play: Play) -> None:
    """Of several that were refused together, the longest wait counts."""
    sent_at = play.send(3)
    play.refuse(sent_at, retry_after=42.0)

    assert 42.0 == play.refuse(sent_at, retry_after=7.0)
    assert 42.0 == play.refuse(sent_at)


def probes(play: Play, count: int, tries: int = 0) -> list[float]:
    """Return the times at which requests ask again, each of which is refused."""
    times = []
    for _ in range(count):
        play.refuse(play.send(), tries=tries)
        play.now += play.wait
        times.append(play.now)
    return times


def test_pauses_that_are_guessed_grow(play: Play) -> None:
    """From a 512th of the period to the whole, then a period each time."""
    shares = (1 / 512, 1 / 200, 1 / 57, 1 / 26, 1 / 12, 1 / 5.8, 1 / 4.6, 1 / 3.5, 1 / 2, 1, 2)

    assert [60 * share for share in shares] == pytest.approx(probes(play, 11))


def test_a_call_that_is_refused_again_and_again_outlasts_a_window(play: Play) -> None:
    """Alone, it asks after 0.1, 10, 30 and 60 seconds: five attempts."""
    play.now = 0.0
    times = []
    for tries in range(4):
        times += probes(play, 1, tries)

    assert [60 / 512, 60 / 5.8, 30.0, 60.0] == pytest.approx(times)


def test_a_call_that_was_refused_before_others_were_accepted_asks_early(play: Play) -> None:
    """Its earlier refusals say nothing about this pause."""
    assert [60 / 512] == pytest.approx(probes(play, 1, tries=3))


@pytest.mark.parametrize(("accepted", "share"), [(2, 1 / 512), (3, 1 / 5.8)])
def test_after_as_many_as_a_period_accepts_probes_begin_late(
    play: Play, accepted: int, share: float
) -> None:
    """A server that has accepted all that is expected of it is at the end of a window."""
    play.budget = ServerBudget(60.0, lambda: 0.0, expected=3)
    for _ in range(accepted):
        play.answer(play.send())

    assert [60 * share] == pytest.approx(probes(play, 1))


def test_probes_begin_late_where_the_last_recovery_took_long(play: Play) -> None:
    """After a quarter of the time that it took."""
    probes(play, 9)
    play.answer(play.send())
    play.now = 100.0
    play.answer(play.send())
    began_at = play.now

    assert [60 / 5.8, 60 / 4.6] == pytest.approx([at - began_at for at in probes(play, 2)])


def test_guesses_do_not_go_past_the_window_that_our_first_request_began(play: Play) -> None:
    """It was counted before its answer came, so a minute after that the window is over."""
    play.send()
    play.now = 1.0
    play.answer(0.0)

    assert [30 + 1.0, 61.0] == pytest.approx(probes(play, 10)[-2:])


def test_a_later_success_does_not_move_the_beginning_of_the_window(play: Play) -> None:
    """Not before a minute has passed since the first: until then it may be the same window."""
    play.answer(play.send())
    play.now = 57.0
    play.answer(play.send())

    assert [57 + 60 / 26, 60.0] == pytest.approx(probes(play, 5)[-2:])


def test_those_refused_together_cost_one_guess(play: Play) -> None:
    """Only the request that leaves after a pause says anything about that pause."""
    sent_at = play.send(4)
    pauses = [play.refuse(sent_at) for _ in range(3)]
    play.now = 0.2
    late = play.refuse(sent_at)

    assert [60 / 512, 60 / 512, 60 / 512] == pytest.approx(pauses)
    assert 0.0 == late
    assert 0.3 == pytest.approx(play.now + play.refuse(play.send()))


def test_a_success_after_a_pause_begins_anew(play: Play) -> None:
    """The next guess is short again: the interval that was measured, or the first probe."""
    probes(play, 3)
    play.answer(play.send())

    assert 60 / 200 == pytest.approx(play.refuse(play.send()), rel=0.3)


def test_a_success_from_before_the_pause_says_nothing(play: Play) -> None:
    """It was counted while there was room."""
    sent_at = play.send(2)
    play.refuse(sent_at)
    play.answer(sent_at, None)
    play.now = 0.2

    assert 0.3 == pytest.approx(play.now + play.refuse(play.send()))


def overload(play: Play, **said: int | None) -> float:
    """Let a request leave and be answered by a 503; return the seconds that the pause lasts."""
    sent_at = play.send()
    play.budget.observe(RateLimitSeen(overloaded=True, **said), sent_at, play.now, UNIX)
    return play.wait


def test_a_503_pauses_like_a_429_that_names_no_time(play: Play) -> None:
    """Those that were under way at the time are no news."""
    sent_at = play.send()

    assert 60 / 512 == pytest.approx(overload(play))

    play.budget.observe(RateLimitSeen(overloaded=True), sent_at, play.now, UNIX)

    assert 60 / 512 == pytest.approx(play.wait)


def test_many_503_in_a_row_are_an_outage(play: Play) -> None:
    """Five pause for 5 seconds in all; what follows pauses nobody, until the next success."""
    for _ in range(5):
        play.now += overload(play)

    assert 5.0 == pytest.approx(play.now)
    assert [0.0, 0.0, 0.0] == [overload(play) for _ in range(3)]

    play.answer(play.send())

    assert 0.0 < overload(play)


def test_a_503_pauses_for_a_twelfth_of_the_period_at_most(play: Play) -> None:
    """Though the last recovery took a minute; a 503 that left before it is no news."""
    probes(play, 10)
    play.answer(play.send())
    play.now = 200.0
    play.answer(play.send())

    assert 5.0 == pytest.approx(overload(play))


def test_a_503_that_says_what_remains_is_no_refusal(play: Play) -> None:
    """The limiter counted it; something behind it is down."""
    assert 0.0 == overload(play, remaining=50)
    assert 50 == play.room


def test_a_refusal_that_contradicts_what_answers_tell_is_paced(play: Play) -> None:
    """A gateway in front has a limiter of its own: there, too, an interval is kept."""
    play.answer(play.send(), 90, resets_in=30)
    play.now += play.refuse(play.send())
    play.answer(play.send(), 89, resets_in=30)

    assert 60 / 512 == pytest.approx(play.wait, rel=0.01)


def test_a_limit_of_another_period_is_not_learned(play: Play) -> None:
    """5,000 a day are not 5,000 a minute; what remains counts all the same."""
    sent_at = play.send()
    seen = RateLimitSeen(limit=5000, remaining=7, reset=30.0, window=86_400.0)
    play.budget.observe(seen, sent_at, play.now, UNIX)

    assert play.budget.limit is None
    assert 7 == play.room

    play.send()
    play.budget.observe(
        RateLimitSeen(limit=100, remaining=6, reset=30.0, window=60.0), sent_at, play.now, UNIX
    )

    assert 100 == play.budget.limit


def test_a_wait_that_proves_too_short_is_believed_less_and_less(play: Play) -> None:
    """A server that says "0" all the time is not asked all the time."""
    pauses = []
    for _ in range(12):
        pauses.append(play.refuse(play.send(), retry_after=0.0))
        play.now += pauses[-1]
        play.now += play.wait

    assert [60 / 512 * 2.0**n for n in range(10)] == pytest.approx(pauses[:10])
    assert 60.0 == pytest.approx(pauses[-1])


def test_what_is_kept_for_others_is_compared_with_what_remains(play: Play) -> None:
    """Ten of twelve are kept: two leave, and the third waits for the reset."""
    play.answer(play.send(), 12, resets_in=30)

    assert [0.0, 0.0, 30.0] == [play.budget.wait(play.now, reserve) for reserve in (0, 11, 12)]

    play.send(2)

    assert [0.0, 30.0] == [play.budget.wait(play.now, reserve) for reserve in (9, 10)]


def refill(play: Play, *, missing: int) -> None:
    """Let 150 tokens be used up but for some, by answers of a bucket that tells its limit."""
    for used in range(1, 151 - missing):
        sent_at = play.now
        play.budget.send(play.now)
        seen = RateLimitSeen(
            limit=100, remaining=150 - used, reset=UNIX + sent_at + used * 0.6, date=UNIX + sent_at
        )
        play.budget.observe(seen, sent_at, play.now, UNIX)


def test_a_bucket_refills_while_only_the_reserve_is_in_the_way(play: Play) -> None:
    """It gains one in 0.6 seconds, and is not waited for until it is whole."""
    refill(play, missing=20)

    assert [0.0, 0.6, 3.0] == pytest.approx(
        [play.budget.wait(play.now, reserve) for reserve in (19, 20, 24)]
    )
    play.now = 1.0

    assert [0.0, 2.0] == pytest.approx([play.budget.wait(play.now, each) for each in (20, 24)])


def test_of_a_budget_that_is_not_known_no_more_than_the_rest_is_used(play: Play) -> None:
    """Of 100 a minute 97 are kept: three leave when the next window begins, others as always."""
    play.send()
    play.budget.observe(
        RateLimitSeen(limit=100, remaining=97, reset=UNIX + 30, date=UNIX), 0.0, 0.0, UNIX
    )
    play.now = 30.0
    left = 0
    while play.budget.wait(play.now, 97) <= 0:
        play.budget.send(play.now)
        left += 1

    assert 3 == left
    assert 0.0 == play.wait


def test_the_outlook_of_a_server_that_says_nothing_is_open(play: Play) -> None:
    """Before the first answer, and where none tells the limit; a pause is known all the same."""
    assert Outlook(begins_at=0.0, each=None) == play.budget.outlook(0.0, 150)

    play.refuse(play.send(), retry_after=20.0)

    assert Outlook(begins_at=20.0, each=None) == play.budget.outlook(0.0, 150)


def told(play: Play, remaining: int, resets_in: float, **said: bool) -> None:
    """Let one request leave, and its answer tell the limit."""
    sent_at = play.now
    play.budget.send(play.now)
    unix = UNIX + play.now
    seen = RateLimitSeen(limit=100, remaining=remaining, reset=unix + resets_in, date=unix, **said)
    play.budget.observe(seen, sent_at, play.now, unix)


def test_the_outlook_of_windows_is_what_is_left_and_when_they_end(play: Play) -> None:
    """Less what is under way; when one has ended, the next ones are expected in its step."""
    told(play, 70, 20.0)
    play.send(2)

    assert Outlook(begins_at=0.0, each=100, left=68, renews_at=20.0) == play.budget.outlook(0, 150)
    expected = Outlook(begins_at=95.0, each=100, left=98, renews_at=140.0)
    assert expected == play.budget.outlook(95.0, 150)


def test_the_outlook_after_a_pause_is_a_window_of_its_own(play: Play) -> None:
    """What refused is taken to begin anew with the pause's end."""
    told(play, 0, 20.0, throttled=True)

    expected = Outlook(begins_at=20.0, each=100, left=100, renews_at=80.0)
    assert expected == play.budget.outlook(0.0, 150)


def test_the_outlook_without_a_word_of_a_reset_is_a_period(play: Play) -> None:
    """A limit alone says how many, and not when."""
    play.send()
    play.budget.observe(RateLimitSeen(limit=100), 0.0, 0.0, UNIX)

    expected = Outlook(begins_at=5.0, each=100, left=100, renews_at=65.0)
    assert expected == play.budget.outlook(5.0, 150)


def test_the_outlook_of_a_bucket_is_what_it_holds(play: Play) -> None:
    """With what it has gained since it was told; when that is too long ago, nobody knows."""
    refill(play, missing=20)

    assert 30.0 == pytest.approx(play.budget.outlook(6.0, 150).tokens)
    assert math.inf == play.budget.outlook(6.0, 150).left
    assert Outlook(begins_at=200.0, each=100) == play.budget.outlook(200.0, 150)


@pytest.mark.parametrize(("remaining", "under_way"), [(10, 10), (30, 20), (100, 25), (1_000, 250)])
def test_no_more_than_a_quarter_of_much_is_under_way_at_once(
    play: Play, remaining: int, under_way: int
) -> None:
    """Another process may have been told the same; 20 are not many."""
    play.answer(play.send(), remaining, resets_in=30)
    left = 0
    while play.wait <= 0:
        play.budget.send(play.now)
        left += 1

    assert under_way == left
