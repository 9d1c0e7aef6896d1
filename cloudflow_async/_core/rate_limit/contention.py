"""Back off when other processes share the API key, inferred from 429 responses.

Theory.  Processes that share a key receive the same waits at the same time.  If each waits exactly
as long as it was told, they collide again and again; the server has freed one request meanwhile,
and the same process may lose it each time.  Therefore, for two periods after a refusal, a client
adds a random delay to each wait that it was told, at most doubled with each further refusal.

If answers tell what remains and few requests are accepted between two refusals, the budget is
nearly used up.  Clients then also keep a *gap* between requests.  It grows with each such refusal,
and shrinks faster the longer no refusal follows.  If many requests are accepted, as in a window
that has just begun, there is no gap.  If answers do not tell what remains, `pacing` learns the
interval instead.

Has no effect until the first 429.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from .limits import EPSILON

_FEW = 5
"""Requests accepted since the last refusal; so few are a trickle."""

_LEAST = 1 / 64
"""Share of the period: most that one waits longer after the first refusal, and the first gap."""

_FADING = 1 / 16
"""Share of the first gap below which there is none."""

_MEMORY = 2.0
"""Periods for which a refusal is remembered."""

_GROWTH = 2.0
"""Factor for the gap after a refusal."""

_RECOVERY = 0.003
"""Share by which the gap shrinks, times the requests accepted since the last refusal."""

_LONGEST = 1 / 2
"""Share of the period that a gap lasts at most."""

_LATEST = 1 / 4
"""Share of the period that one waits longer at most."""

_LATEST_TOLD = 1 / 2
"""The same where answers tell what remains."""


class Contention:
    """What refusals tell about others.  Pure arithmetic, but for chance.

    Args:
        per: Seconds of the period in which the server counts.
        chance: Returns 0 to 1.
    """

    __slots__ = ("_chance", "_least", "_next_at", "_per", "_until", "accepted", "gap", "told")

    def __init__(self, per: float, chance: Callable[[], float] = random.random) -> None:
        self.gap = 0.0
        """Seconds between two requests; 0: none."""
        self.accepted = 0
        """Requests since the last refusal."""
        self.told = False
        """Whether answers tell what remains."""
        self._per = per
        self._chance = chance
        self._least = per * _LEAST
        self._until = -math.inf
        self._next_at = -math.inf

    def suspected(self, now: float) -> bool:
        """Return whether a refusal is recent enough to count with others."""
        return now < self._until

    def learn(self) -> None:
        """Take note that answers tell what remains."""
        self.told = True

    def accept(self) -> None:
        """Count a request that was accepted after the last pause."""
        self.accepted += 1
        if self.gap:
            self.gap *= max(0.5, 1 - _RECOVERY * self.accepted)
            if self.gap < self._least * _FADING:
                self.gap = 0.0

    def refuse(self, now: float, *, guessed: bool) -> None:
        """Count a refusal that is news.

        Args:
            now: The monotonic clock.
            guessed: Whether the pause before it may have been too short, since nobody told.
        """
        if self.told and self.accepted < _FEW and (self.accepted or not guessed):
            self.gap = min(max(self.gap * _GROWTH, self._least), self._per * _LONGEST)
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
        return self._chance() * min(most, self._per * (_LATEST_TOLD if self.told else _LATEST))

    def send(self, now: float) -> None:
        """Count a request that leaves now."""
        if self.gap:
            self._next_at = now + self.gap * (0.5 + self._chance())

    def wait(self, now: float) -> float:
        """Return the seconds that the gap still lasts."""
        return self._next_at - now if now < self._next_at - EPSILON else 0.0
