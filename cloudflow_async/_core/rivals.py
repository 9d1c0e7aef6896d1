"""Others who use the same key, as refusals betray them, and how room is made for them.

Theory.  Processes that share a key and nothing else are told the same things at the same time: by
waiting exactly as long as they are told they meet again and again, and as the server has freed one
request meanwhile, always the same one may find it gone.  Therefore, for two periods after a
refusal, a client that was told to wait waits a little longer, by chance; twice as long at most
with each refusal that follows another.

Where few requests are accepted between two refusals, the budget is trickling, and clients also
keep a *gap* between requests: it grows with each such refusal, and shrinks the faster the longer
none follows, so that a rest which others left is found soon.  Where many are accepted (a window
that has just begun), there is no gap.  Where answers tell what remains, nobody needs to find it
out, and clients keep well apart; where none do, gaps that are too long would waste what others
leave when they are done.

A client that nobody refuses never meets any of this.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import NamedTuple

from .limits import DUST

_FEW = 5
"""Requests accepted since the last refusal; so few are a trickle."""

_LEAST = 1 / 64
"""Share of the period: most that one waits longer after the first refusal, and the first gap."""

_FADING = 1 / 16
"""Share of the first gap below which there is none."""

_MEMORY = 2.0
"""Periods for which a refusal is remembered."""


class _Manner(NamedTuple):
    """How far clients keep apart."""

    growth: float
    """How many times longer a gap is after a refusal."""

    recovery: float
    """Share by which a gap shrinks, times the requests accepted since the last refusal."""

    longest: float
    """Share of the period that a gap lasts at most."""

    latest: float
    """Share of the period that one waits longer at most."""


_TOLD = _Manner(growth=2.0, recovery=0.003, longest=1 / 2, latest=1 / 2)
_UNTOLD = _Manner(growth=1.5, recovery=0.01, longest=1 / 8, latest=1 / 4)


class Rivals:
    """What refusals tell about others.  Pure arithmetic, but for chance.

    Args:
        per: Seconds of the period in which the server counts.
        chance: Returns 0 to 1.
    """

    __slots__ = ("_chance", "_least", "_manner", "_next_at", "_per", "_until", "accepted", "gap")

    def __init__(self, per: float, chance: Callable[[], float] = random.random) -> None:
        self.gap = 0.0
        """Seconds between two requests; 0: none."""
        self.accepted = 0
        """Requests since the last refusal."""
        self._per = per
        self._manner = _UNTOLD
        self._chance = chance
        self._least = per * _LEAST
        self._until = -math.inf
        self._next_at = -math.inf

    def suspected(self, now: float) -> bool:
        """Return whether a refusal is recent enough to count with others."""
        return now < self._until

    def learn(self) -> None:
        """Take note that answers tell what remains."""
        self._manner = _TOLD

    def accept(self) -> None:
        """Count a request that was accepted after the last pause."""
        self.accepted += 1
        if self.gap:
            self.gap *= max(0.5, 1 - self._manner.recovery * self.accepted)
            if self.gap < self._least * _FADING:
                self.gap = 0.0

    def refuse(self, now: float, *, guessed: bool) -> None:
        """Count a refusal that is news.

        Args:
            now: The monotonic clock.
            guessed: Whether the pause before it may have been too short, since nobody told.
        """
        if self.accepted < _FEW and (self.accepted or not guessed):
            longest = self._per * self._manner.longest
            self.gap = min(max(self.gap * self._manner.growth, self._least), longest)
        self._until = now + _MEMORY * self._per
        self.accepted = 0

    def delay(self, now: float, refusals: int = 0) -> float:
        """Return the seconds by which one waits longer than told.

        Args:
            now: The monotonic clock.
            refusals: How many followed each other.
        """
        if now >= self._until:
            return 0.0
        most = max(self._least, self.gap) * 2.0 ** min(refusals, 10)
        return self._chance() * min(most, self._per * self._manner.latest)

    def send(self, now: float) -> None:
        """Count a request that leaves now."""
        if self.gap:
            self._next_at = now + self.gap * (0.5 + self._chance())

    def wait(self, now: float) -> float:
        """Return the seconds that the gap still lasts."""
        return self._next_at - now if now < self._next_at - DUST else 0.0
