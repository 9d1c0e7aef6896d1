"""Ids of the rows yielded last."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import chain, pairwise
from typing import Any


class RecentIds:
    """The ids of the rows handed out last, in the order of the list.

    Where rows were expected and others came, those expected are deleted, or they still follow.
    They are remembered as passed over, behind the others, as many again.

    Args:
        ids: Those to begin with.
        least: How many are remembered at least; None: all.
    """

    def __init__(self, ids: Iterable[Any], *, least: int | None) -> None:
        self.ids: set[Any] = set()
        self.has_forgotten = False
        self._least = least
        self._parts: deque[list[Any]] = deque()
        self._passed: list[Any] = []
        self.add(list(ids))

    def last(self, count: int) -> list[Any]:
        """Return the newest ids, the newest last; up to half of them those passed over."""
        passed = self._passed[-(count // 2) :]
        wanted = count - len(passed)
        found: list[Any] = []
        for part in reversed(self._parts):
            found = part[len(found) - wanted :] + found
            if len(found) == wanted:
                break
        return found + passed

    def after(self, key: Any) -> int:
        """Return how many come after this one."""
        if key in self._passed:
            self._parts.append(self._passed)
            self._passed = []
        after = 0
        for part in reversed(self._parts):
            if key in part:
                place: int = part.index(key)
                return after + len(part) - 1 - place
            after += len(part)
        raise LookupError

    def pass_over(self, count: int) -> None:
        """What comes next in the list comes before so many of the newest rows."""
        if count:
            order = list(chain.from_iterable(self._parts))
            self._parts = deque([order[:-count]])
            passed = order[-count:] + self._passed
            self._passed = passed[: self._least]
            self._drop(passed[len(self._passed) :])

    def add(self, keys: list[Any]) -> None:
        """Remember the rows that follow."""
        if keys:
            self._parts.append(keys)
            self.ids.update(keys)
            if self._least is not None:
                self._forget(self._least)

    def merge(self, keys: list[Any]) -> None:
        """Remember rows of which some are known: the others have their place before these."""
        order = list(chain.from_iterable(self._parts))
        placed = set(order)
        for key, following in reversed(list(pairwise(keys))):
            if key not in self.ids and following in placed:
                order.insert(order.index(following), key)
                placed.add(key)
        self.ids |= placed
        self._parts = deque([order])
        self.add([key for key in keys if key not in self.ids])

    def _forget(self, least: int) -> None:
        while len(self.ids) - len(self._passed) - len(self._parts[0]) >= least:
            self._drop(self._parts.popleft())

    def _drop(self, keys: list[Any]) -> None:
        if keys:
            self.ids.difference_update(keys)
            self.has_forgotten = True
