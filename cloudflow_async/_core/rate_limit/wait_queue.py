"""The queue of those who wait for their turn, in three priority classes.

It knows neither clock nor budget.

Theory.  High passes ahead of normal, and normal ahead of low; within a class the earlier number is
first.  So that nobody starves, a class that was passed over often enough goes next, once: of any
ten grants that are made while somebody waits in a class, one at least is that class's.  A caller
with k others before it in its own class therefore leaves with the 10 (k + 1)th grant at the latest.

The limits of `_PATIENCE` differ by one, so that two classes that run out of it together both keep
the promise.  In each class, those who try again may have to let others pass that had fewer
attempts: see `WaitQueue.first`.

Those who give up are taken out when they come to the front, or when they are the most.
"""

from __future__ import annotations

import heapq
import itertools
import math
from typing import TYPE_CHECKING, Final, TypeAlias, cast

import attrs

from .limits import PRIORITIES

if TYPE_CHECKING:
    from asyncio import Future

HIGH: Final = PRIORITIES.index("high")

_PATIENCE: Final = (0, 8, 9)
"""How many others a class lets pass while somebody waits in it; the first is never asked."""

_FEW: Final = 64
"""Places of those who gave up that are not worth clearing away."""


@attrs.define(eq=False)
class Waiter:
    """One caller in the line."""

    number: int
    """Smaller came earlier."""

    priority_class: int
    """Its priority, by its place in `PRIORITIES`."""

    tries: int = 0
    """How many attempts it had."""

    served: bool = False
    """Whether it may leave."""

    gone: bool = False
    """Whether it gave up."""

    turn: Future[None] | None = None
    """What the caller waits for, as soon as it does."""


_Entry: TypeAlias = tuple[int, int, Waiter]

_Heap: TypeAlias = list[_Entry]
"""The earliest first; the serial keeps places apart."""

_PriorityClass: TypeAlias = dict[int, _Heap]
"""A heap for each number of attempts that somebody in the priority class had."""


class WaitQueue:
    """Those who wait: `join`, then `serve` or `leave`."""

    __slots__ = ("_classes", "_passed", "_serials", "_waiting", "waiting")

    def __init__(self) -> None:
        self._serials = itertools.count()
        self.clear()

    def clear(self) -> None:
        """Forget everybody."""
        self.waiting = 0
        self._classes: tuple[_PriorityClass, ...] = tuple({0: []} for _ in PRIORITIES)
        self._waiting = [0 for _ in PRIORITIES]
        self._passed = [0 for _ in PRIORITIES]

    def __len__(self) -> int:
        """Return the places that are kept, of those who gave up too."""
        return sum(len(heap) for by_tries in self._classes for heap in by_tries.values())

    def join(self, number: int, priority_class: int, tries: int = 0) -> Waiter:
        """Take a place behind all earlier numbers of a priority class."""
        place = Waiter(number, priority_class, tries)
        if not self._waiting[priority_class]:
            self._passed[priority_class] = 0
        heapq.heappush(self._heap(place), (number, next(self._serials), place))
        self._waiting[priority_class] += 1
        self.waiting += 1
        return place

    def first(self, most_tries: float = math.inf) -> Waiter | None:
        """Return who is next; None when nobody waits.

        Args:
            most_tries: Of those with at most so many attempts, the one with the most goes, if it
                had any; else the one with the fewest.  Infinity: those who try again stand where
                they stood.
        """
        if not self.waiting:
            return None
        return self._front(self._next_class(), most_tries)

    def first_high(self) -> Waiter | None:
        """Return who is next in the priority class of the highest priority."""
        return self._front(HIGH) if self._waiting[HIGH] else None

    def serve(self, place: Waiter) -> None:
        """Let one leave that `first` or `first_high` returned."""
        heapq.heappop(self._heap(place))
        place.served = True
        self._take_off(place.priority_class)
        if self._waiting[place.priority_class] < self.waiting:
            self._passed = [count + 1 for count in self._passed]
        self._passed[place.priority_class] = 0

    def leave(self, place: Waiter) -> None:
        """Give up a place that was not served."""
        place.gone = True
        self._take_off(place.priority_class)
        heap = self._heap(place)
        if len(heap) > 2 * self._waiting[place.priority_class] + _FEW:
            heap[:] = [entry for entry in heap if not entry[2].gone]
            heapq.heapify(heap)

    def ahead(self, priority_class: int, *, again: bool = False) -> int:
        """Return how many leave before one that joins a priority class now, if nobody else joins.

        Args:
            priority_class: Its priority class.
            again: Whether it had its turn before, and so is ahead of its own priority class.
        """
        before = 0 if again else self._waiting[priority_class]
        higher = sum(self._waiting[:priority_class])
        passing = _PATIENCE[priority_class] * (before + 1) - self._passed_over(priority_class)
        return before + min(higher, max(0, passing))

    def _passed_over(self, priority_class: int) -> int:
        return self._passed[priority_class] if self._waiting[priority_class] else 0

    def _next_class(self) -> int:
        highest = HIGH
        while not self._waiting[highest]:
            highest += 1
        if self._waiting[highest] < self.waiting:
            for priority_class in range(len(PRIORITIES) - 1, highest, -1):
                if (
                    self._waiting[priority_class]
                    and self._passed[priority_class] >= _PATIENCE[priority_class]
                ):
                    return priority_class
        return highest

    def _heap(self, place: Waiter) -> _Heap:
        return self._classes[place.priority_class].setdefault(place.tries, [])

    def _front(self, priority_class: int, most_tries: float = math.inf) -> Waiter:
        heaps = self._classes[priority_class]
        if len(heaps) == 1:
            return cast("Waiter", _front_of(heaps[0]))
        fronts = {}
        for tries, heap in heaps.items():
            if (front := _front_of(heap)) is not None:
                fronts[tries] = front
        if len(fronts) == 1:
            return next(iter(fronts.values()))
        fresh = fronts.get(0)
        if most_tries == math.inf:
            most = fronts[max(fronts)]
            return most if fresh is None or most.number < fresh.number else fresh
        tried = [tries for tries in fronts if 0 < tries <= most_tries]
        return fronts[max(tried) if tried else min(fronts)]

    def _take_off(self, priority_class: int) -> None:
        self._waiting[priority_class] -= 1
        self.waiting -= 1


def _front_of(heap: _Heap) -> Waiter | None:
    while heap and heap[0][2].gone:
        heapq.heappop(heap)
    return heap[0][2] if heap else None
