"""The line in three priority classes, beside a naive model of it."""

from __future__ import annotations

import random

import attrs
import pytest

from cloudflow_async._core.rate_limit.wait_queue import HIGH, Waiter, WaitQueue

NORMAL, LOW = 1, 2


@attrs.define
class Model:
    """The same line, as a list that is searched from end to end."""

    waiting: list[Waiter] = attrs.field(factory=list)
    passed: dict[int, int] = attrs.field(factory=lambda: {NORMAL: 0, LOW: 0})

    def first(self, classes: tuple[int, ...] = (HIGH, NORMAL, LOW)) -> Waiter | None:
        """Return who is next: a class that was passed over too often, else the most urgent."""
        if not self.waiting:
            return None
        patience = {LOW: 9, NORMAL: 8}
        overdue = [
            priority_class
            for priority_class in (LOW, NORMAL)
            if self.passed[priority_class] >= patience[priority_class]
        ]
        for priority_class in (
            *(priority_class for priority_class in overdue if priority_class in classes),
            *classes,
        ):
            in_class = [place for place in self.waiting if place.priority_class == priority_class]
            if in_class:
                return min(in_class, key=lambda place: place.number)
        return None

    def serve(self, place: Waiter) -> None:
        """Let it leave, past all others."""
        self.waiting.remove(place)
        for priority_class in self.passed:
            self.passed[priority_class] += 1
        if place.priority_class in self.passed:
            self.passed[place.priority_class] = 0

    def join(self, place: Waiter) -> None:
        """Begin to count with the first of a priority class."""
        if all(other.priority_class != place.priority_class for other in self.waiting):
            self.passed[place.priority_class] = 0
        self.waiting.append(place)


def fill(line: WaitQueue, priority_class: int, count: int, begin: int = 0) -> list[Waiter]:
    """Let so many join a priority class, with numbers in their order."""
    return [line.join(number, priority_class) for number in range(begin, begin + count)]


def serve(line: WaitQueue) -> Waiter:
    """Let the first leave."""
    place = line.first()
    assert place is not None
    line.serve(place)
    return place


@pytest.mark.parametrize("seed", range(20))
def test_it_serves_as_the_model_does(seed: int) -> None:
    """Over 2,000 steps in which callers join, come back, give up, and are served in any mix."""
    chance, line, model = random.Random(seed), WaitQueue(), Model()
    served: list[Waiter] = []
    joins = chance.uniform(0.35, 0.6)
    for number in range(2_000):
        step = chance.random()
        if step < joins:
            # Some come back with the number that they had.
            comes_back = bool(served) and chance.random() < 0.2
            own = served.pop(chance.randrange(len(served))).number if comes_back else number
            model.join(line.join(own, chance.choice([HIGH, NORMAL, NORMAL, LOW, LOW])))
        elif step < joins + 0.15 and model.waiting:
            place = model.waiting.pop(chance.randrange(len(model.waiting)))
            line.leave(place)
        elif step < joins + 0.2:
            high = line.first_high()
            assert model.first((HIGH,)) is high
            if high is not None:
                line.serve(high)
                model.serve(high)
        else:
            first = line.first()
            assert model.first() is first
            if first is not None:
                line.serve(first)
                model.serve(first)
                served.append(first)

        assert len(model.waiting) == line.waiting


def test_within_a_lane_the_earlier_number_is_first() -> None:
    """Whenever it joined."""
    line = WaitQueue()
    for number in (3, 1, 2, 1):
        line.join(number, NORMAL)

    assert [1, 1, 2, 3] == [serve(line).number for _ in range(4)]
    assert line.first() is None
    assert line.first_high() is None


def test_the_more_urgent_pass_ahead_however_long_the_line_is() -> None:
    """Of a thousand low, one normal and one high the last that came leaves first."""
    line = WaitQueue()
    fill(line, LOW, 1_000)
    normal, high = line.join(1_000, NORMAL), line.join(1_001, HIGH)

    assert [high, normal] == [serve(line), serve(line)]
    assert 0 == serve(line).number


@pytest.mark.parametrize("priority_class", [NORMAL, LOW])
@pytest.mark.parametrize("before", [0, 1, 7])
def test_nobody_starves(priority_class: int, before: int) -> None:
    """With k before it in its class, and no end of others, one leaves with the 10 (k + 1)th."""
    line = WaitQueue()
    for other in {HIGH, NORMAL, LOW} - {priority_class}:
        fill(line, other, 200)
    *_, last = fill(line, priority_class, before + 1, begin=1_000)
    grants = next(count for count in range(1, 100) if serve(line) is last)

    assert grants <= 10 * (before + 1)
    assert grants >= 9 * (before + 1)


def test_each_lane_has_its_share_of_a_crowd() -> None:
    """One in nine for normal, one in ten for low, and the rest for high."""
    line = WaitQueue()
    for priority_class in (HIGH, NORMAL, LOW):
        fill(line, priority_class, 1_000)
    classes = [serve(line).priority_class for _ in range(900)]

    assert [90, 90] == pytest.approx([classes.count(NORMAL), classes.count(LOW)], abs=10)
    assert all({HIGH, NORMAL, LOW} == set(classes[at : at + 10]) for at in range(891))


def test_patience_begins_when_somebody_waits() -> None:
    """What passed while nobody was in a priority class is not counted for who joins it then."""
    line = WaitQueue()
    fill(line, HIGH, 100)
    for _ in range(50):
        serve(line)
    low = line.join(100, LOW)
    later = [serve(line) for _ in range(10)]

    assert 9 == later.index(low)


def test_who_gave_up_is_passed_over_and_cleared_away() -> None:
    """At the front or in the middle; places are not kept for more than those who wait."""
    line = WaitQueue()
    places = fill(line, NORMAL, 1_000)
    for place in places[:500] + places[501:]:
        line.leave(place)

    assert (1, True) == (line.waiting, len(line) <= 70)
    assert places[500] is line.first()


@pytest.mark.parametrize("seed", range(10))
def test_how_many_are_ahead_is_known_when_one_joins(seed: int) -> None:
    """So many leave before it, and those of lower priority whose patience is at its end."""
    chance, line = random.Random(seed), WaitQueue()
    for number in range(200):
        line.join(number, chance.choice([HIGH, HIGH, NORMAL, LOW]))
        if chance.random() < 0.3:
            serve(line)
    priority_class = chance.choice([HIGH, NORMAL, LOW])
    ahead = line.ahead(priority_class)
    mine = line.join(1_000, priority_class)
    before = next(count for count in range(1_000) if serve(line) is mine)

    assert ahead <= before <= 1.3 * ahead + 3


def test_who_comes_back_is_ahead_of_its_class() -> None:
    """And behind the higher ones all the same."""
    line = WaitQueue()
    fill(line, HIGH, 3)
    fill(line, NORMAL, 5, begin=3)

    assert [0, 3] == [line.ahead(HIGH, again=True), line.ahead(NORMAL, again=True)]
    assert [3, 8, 8] == [line.ahead(priority_class) for priority_class in (HIGH, NORMAL, LOW)]


def number_of_first(line: WaitQueue, most_tries: int) -> int | None:
    """Return who is next where so many attempts are no reason to let others pass."""
    place = line.first(most_tries)
    return None if place is None else place.number


def test_who_tries_again_lets_fresh_ones_pass() -> None:
    """Whoever had more attempts than that; of the others the one with most attempts is first."""
    line = WaitQueue()
    line.join(3, NORMAL)
    once, twice = line.join(1, NORMAL, 1), line.join(2, NORMAL, 2)

    assert [3, 1, 2] == [number_of_first(line, most) for most in (0, 1, 2)]

    line.serve(twice)

    assert [3, 1] == [number_of_first(line, most) for most in (0, 1)]

    line.leave(once)

    assert [3, 3] == [number_of_first(line, most) for most in (0, 1)]


def test_who_tries_again_stands_where_it_stood() -> None:
    """While nothing else is asked for, it is by number that one leaves."""
    line = WaitQueue()
    for number, tries in ((2, 0), (1, 1), (3, 2)):
        line.join(number, NORMAL, tries)

    assert 3 == len(line)
    assert [2, 3, 1] == [serve(line).number for _ in range(3)]


def test_where_nobody_is_fresh_the_one_with_fewest_attempts_goes() -> None:
    """A refusal of the others is more likely to be their last."""
    line = WaitQueue()
    line.join(1, NORMAL, 4)
    fewest = line.join(2, NORMAL, 1)

    assert fewest is line.first(0)
