"""Does the server's budget come back steadily, or all at once?  Its answers betray it.

Theory.  The API document can be read as a bucket that refills, or as windows that end.  While
requests remain, a reset is the time at which the budget is whole again.  In a bucket that is as
far away as what is missing takes to come back, so *remaining plus what comes back until the reset*
is the bucket's size, the same in each answer.  In a window it changes with each request.
"""

from __future__ import annotations

from math import inf

_ROUNDING = 2.5
"""Seconds by which resets differ although they mean the same: whole seconds, and the way."""


class LimitKind:
    """Compares the sizes that a bucket would have by each answer.  Pure arithmetic."""

    __slots__ = ("_remaining", "_size", "refills")

    def __init__(self) -> None:
        self.refills: bool | None = None
        """Whether it is a bucket; None: not known yet."""
        self._remaining = 0
        self._size = inf

    def observe(self, remaining: int, reset_in: float, interval: float) -> None:
        """Take in an answer.

        Args:
            remaining: Requests left; more than none.
            reset_in: Seconds until the budget is whole again.
            interval: Seconds in which a bucket would gain one request.
        """
        size, slack = remaining + reset_in / interval, 1 + _ROUNDING / interval
        if abs(size - self._size) > slack:
            self.refills = None if self._size == inf else False
            self._remaining, self._size = remaining, size
        elif abs(remaining - self._remaining) > 2 * slack:
            self.refills = True

    def is_like(self, size: int, interval: float) -> bool:
        """Return whether all that is known agrees with a bucket of this size."""
        if self.refills is None:
            return abs(self._size - size) <= 1 + _ROUNDING / interval
        return self.refills
