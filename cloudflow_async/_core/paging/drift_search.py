"""Decide where to look for rows of a list that have moved."""

from __future__ import annotations

from typing import Any

import attrs

from .page import LARGEST_PAGE, Page

MARGIN = 20
"""Rows by which a guess stays behind the place guessed, lest rows deleted there mislead it."""

_NEAR = 50
"""Rows that a page which begins before them still shows."""


@attrs.define
class DriftSearch:
    """Where known rows are looked for."""

    guess: int
    total: int | None
    is_second: bool = False
    """Whether all was looked through before."""

    misses: int = 0
    seen: tuple[int, int] | None = None
    """The part of the list in which there is none, as long as none was found."""

    step: int = LARGEST_PAGE - 1
    has_end: bool = False
    """Whether that part reaches the end."""

    low: int | None = None
    """Where one was found; those handed out last follow."""

    high: int | None = None
    """Where there is none, after `low`."""

    def missed(self, page: Page[Any]) -> None:
        """No row of this page is known."""
        begin, end = page.offset, page.offset + len(page.items)
        if self.low is not None and begin > self.low:
            self.high = begin
            return
        if self.low is not None or self.seen is None:
            self.low = self.high = None
            self.seen, self.misses = (begin, end), 0
        self.seen = min(begin, self.seen[0]), max(end, self.seen[1])
        self.step = max(len(page.items) - 1, 1)
        self.has_end = self.has_end or not page.has_more
        self.misses += 1

    def found(self, place: int, rank: int) -> None:
        """A known row stands here; so many were handed out after it."""
        self.low, self.seen = place, None
        self.guess = place if rank < _NEAR else place + rank - MARGIN
        if self.high is not None and self.high <= place:
            self.high = None

    def offset(self) -> int | None:
        """Return where to look next; None when all was looked through."""
        if self.low is not None and self.high is not None:
            near = self.high - self.low < LARGEST_PAGE
            return self.low if near else (self.low + self.high) // 2
        if self.seen is not None:
            return self._beside(*self.seen)
        last = self.guess if self.total is None else self.total - LARGEST_PAGE
        return max(min(self.guess, last), self.low or 0)

    def _beside(self, begin: int, end: int) -> int | None:
        """Return where to look next around a part without known rows: before it and after it."""
        if begin == 0 and self.has_end:
            return None
        if self.has_end or (begin > 0 and self.misses % 2 == 1):
            return max(begin - self.step, 0)
        return max(end - 1, 0)


def change(before: int | None, now: int | None) -> int:
    """Return by how many rows a list has grown; 0 when it does not say."""
    return 0 if before is None or now is None else now - before
