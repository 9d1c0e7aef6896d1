"""Decide which rows of a page are new, in a list that may change while it is read.

Theory.  The promise is about rows that exist from the first request to the last: each of them is
handed out exactly once.  It rests on one invariant: all of them up to the last row handed out, in
the order of the list, were handed out.  A page, which is one moment of the list, keeps it when one
of its rows is known: the rows between that one and the new ones of the page stand in the page as
well.  So the first row of each page overlaps the page before, which costs one request in a hundred
at the largest page size.

In a closed list rows only go, since its filters let nothing in that begins later.  There the total
shows each change: a page that begins where the one before ended, with the same total, joins it, and
a page overlaps only where that costs no request.

A page that cannot be joined so is set aside, and what is known is looked for: where the rows were
pushed to if all changes lie before them, then around that place, at last from the beginning.  Rows
of a page before the first known one were inserted behind the reader, or are too old to be
remembered: they are dropped.  No position is compared with one of another moment but as a guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import attrs

from cloudflow_async._core.errors import DriftError, PaginationError

from .drift_search import MARGIN, DriftSearch, change
from .page import LARGEST_PAGE, MOST_IDS, Batch, Bookmark, ListReport, Page, keys_of
from .recent_ids import RecentIds

T = TypeVar("T")

_REMEMBERED = 1000
"""Rows that are recognized when they come again, of a list that is iterated over."""

_PATIENCE = 20
"""Pages in a row that may bring nothing new while the place is looked for."""

_EXACT_AFTER = 3
"""Guesses before a list that was read from its beginning is looked through from there."""


@attrs.frozen
class PageRequest:
    """A page to ask for."""

    offset: int
    limit: int
    end: int
    """Where the page after it is expected to begin."""

    is_guess: bool = False
    """Whether it looks for rows that moved."""


class DriftTracker(Generic[T]):
    """What was handed out of one list, and how the next page joins it.

    Args:
        start: Where the reading begins.
        page_size: Rows a request.
        is_closed: Whether no row can come into the list.
        has_ids: Whether rows are told apart by their ids, where they have some.
        most: Rows to hand out; None: no bound.
        keeps_all: Whether all ids are remembered.
        is_strict: Whether each sign of a change is a `DriftError`.
        report: Is kept up to date.
    """

    def __init__(
        self,
        start: Bookmark,
        *,
        page_size: int,
        is_closed: bool = False,
        has_ids: bool = True,
        most: int | None = None,
        keeps_all: bool = False,
        is_strict: bool = False,
        report: ListReport | None = None,
    ) -> None:
        self.offset = start.offset
        self.ended = most == 0
        self.drift: str | None = None
        self.report = ListReport() if report is None else report
        self._total = start.total
        self._known = RecentIds(start.last_ids, least=None if keeps_all else _REMEMBERED)
        self._from_beginning = start.offset == 0
        self._located = not start.last_ids
        self._is_closed = is_closed
        self._has_ids = has_ids
        self._is_strict = is_strict
        self._page_size = page_size
        self._left = most
        self._size: int | None = None
        self._search: DriftSearch | None = None
        self._in_vain = 0
        self._known_page: tuple[int, object] | None = None

    @property
    def end(self) -> int | None:
        """Where the reading ends; None while that is not known."""
        if not self._located:
            return None
        last = None if self._left is None else self.offset + self._left
        if self._total is None or last is None:
            return self._total
        return min(self._total, last)

    def next(self, offset: int) -> PageRequest:
        """Return the request for the page whose first new row is expected at `offset`."""
        overlap = 1 if self._overlaps(offset) else 0
        limit = min(self._page_size + overlap, LARGEST_PAGE)
        begin = offset - overlap
        if self._left is not None:
            limit = min(limit, self.offset + self._left - begin)
        return PageRequest(begin, limit, begin + (self._size or limit))

    def guess(self) -> PageRequest | None:
        """Return the request that looks for rows that moved; None when none did.

        Raises:
            DriftError: They cannot be found.
        """
        if self._search is None:
            return None
        self._in_vain += 1
        if self._in_vain > _PATIENCE:
            raise DriftError(
                f"The list changes faster than it can be read: {_PATIENCE} pages around offset "
                f"{self.offset} do not tell what follows the rows read so far."
            )
        offset = self._search.offset()
        if self._is_exact and self._search.seen and self._search.misses >= _EXACT_AFTER:
            offset = 0
        if offset is None and not self._search.is_second:
            # A row may have moved to a part that was looked through already.
            self._search = DriftSearch(self._search.guess, self._total, is_second=True)
            offset = self._search.offset()
        if offset is None:
            raise DriftError(
                "The list does not tell where to go on: none of the rows read last is in it."
            )
        return PageRequest(offset, LARGEST_PAGE, offset + LARGEST_PAGE, is_guess=True)

    def take(self, ask: PageRequest, page: Page[T], *, again: bool = False) -> Batch[T] | None:
        """Return the new rows of a page; None when it does not tell whether any are missed.

        Then `guess` tells which page to ask for, unless it was tried `again`.

        Raises:
            PaginationError: The page contradicts itself, or those before it.
            DriftError: None of the rows read last is left.
        """
        check(ask, page)
        self._learn(ask, page)
        batch = self._take(ask, page, again=again)
        if batch is None and again:
            # The place is known, it is this page that is of no use.
            self._search = None
        return batch

    def calm(self) -> None:
        """Stop looking for rows that moved; the next page shows whether it is needed."""
        self._search = None
        self._in_vain = 0

    @property
    def _is_exact(self) -> bool:
        """Whether each row before the last one handed out is known, or was inserted later."""
        return self._from_beginning and not self._known.has_forgotten

    def _overlaps(self, offset: int) -> bool:
        """Return whether the page that goes on here repeats a row, to show that it does."""
        if not self._known.ids or offset == 0:
            return False
        size = self._size or self._page_size
        if not self._is_closed or self.drift is not None or not self._located:
            return size > 1 or self._size is None
        if self._size is None and size < LARGEST_PAGE:
            return True
        # What the last page has room for costs no request.
        return size > 1 and self.end is not None and (offset - self.end) % size > 0

    def _learn(self, ask: PageRequest, page: Page[T]) -> None:
        """Note how many rows the server gives, if it is not what it is asked for."""
        if ask.is_guess or not page.has_more:
            return
        if len(page.items) != ask.limit:
            self._size = len(page.items)
        elif self._size != ask.limit:
            self._size = None

    def _note(self, page: Page[T], *, doubled: int = 0, moved: bool = False) -> None:
        """Note what shows that the list has changed since the reading began."""
        facts = []
        if change(self._total, page.total):
            facts.append(f"it has {page.total} rows, and had {self._total}")
        if doubled:
            facts.append(f"{doubled} rows came again")
        if moved:
            facts.append("the last row before is not where it was")
        if not facts or not self._located:
            return
        seen = f"at offset {page.offset}, {', '.join(facts)}"
        if self._is_strict:
            raise DriftError(f"The list changed while it was read: {seen}.")
        self.drift = self.drift or seen

    def _take(self, ask: PageRequest, page: Page[T], *, again: bool) -> Batch[T] | None:
        keys = keys_of(page.items) if self._has_ids else None
        if keys is None:
            return self._take_unnamed(page)
        known = self._known.ids.intersection(keys)
        is_new = not ask.is_guess and not again
        overlap = max(self.offset - page.offset, 0)
        doubled = 0
        if is_new and len(known) > overlap:
            doubled = sum(key in known for key in keys) - overlap
        moved = is_new and overlap > 0 and (not keys or keys[0] not in known)
        self._note(page, doubled=doubled, moved=moved)
        if not known:
            return self._take_unknown(ask, page, keys)
        self.report.duplicates += doubled
        return self._take_known(ask, page, keys, known)

    def _take_unnamed(self, page: Page[T]) -> Batch[T]:
        """Without ids, only the total shows that rows have moved; nothing shows where to."""
        self._note(page)
        self.report.uncertain = self.report.uncertain or self.drift is not None
        first = min(max(self.offset - page.offset, 0), len(page.items))
        return self._hand_out(page, [], first)

    def _take_unknown(self, ask: PageRequest, page: Page[T], keys: list[Any]) -> Batch[T] | None:
        if self._joins(ask, page):
            if page.offset == 0:
                self._known.pass_over(len(self._known.ids))
            return self._hand_out(page, keys, 0)
        if self._search is None:
            behind = change(self._total, page.total) - 1 - MARGIN
            self._search = DriftSearch(self.offset + behind, page.total)
        else:
            self._search.missed(page)
        return None

    def _joins(self, ask: PageRequest, page: Page[T]) -> bool:
        """Return whether a page without a known row follows on those before."""
        if page.offset == 0 and self._is_exact:
            return True
        if page.offset != self.offset or ask.is_guess:
            return False
        return not self._known.ids or page.total == self._total

    def _take_known(
        self, ask: PageRequest, page: Page[T], keys: list[Any], known: set[Any]
    ) -> Batch[T] | None:
        last, late = self._split(keys, known)
        rank = self._known.after(keys[last])
        ends_known = page.has_more and last == len(keys) - 1
        # Single rows, a server's largest page, have no room for an overlap.
        if ends_known and (rank or (last and not late)):
            self._go_on_from(ask, page, keys, rank)
            return None
        self._known.pass_over(rank)
        return self._hand_out(page, keys, last + 1, late)

    def _split(self, keys: list[Any], known: set[Any]) -> tuple[int, list[int]]:
        """Return the place of the last known row, and those of the rows before it that are new."""
        if len(known) == 1 and keys[0] in known:
            return 0, []
        places = [place for place, key in enumerate(keys) if key in known]
        begin, last = 0 if self._is_exact else places[0], places[-1]
        if last - begin == len(known) - 1:
            return last, []
        return last, [place for place in range(begin, last) if keys[place] not in known]

    def _go_on_from(self, ask: PageRequest, page: Page[T], keys: list[Any], rank: int) -> None:
        """Look for what follows a known row that is the last of its page."""
        before, self._known_page = self._known_page, (ask.offset, (page.total, keys))
        if before and before[0] != ask.offset and before[1] == self._known_page[1]:
            raise PaginationError(
                f"The page at offset {page.offset} has the rows of the page before."
            )
        if self._search is None:
            self._search = DriftSearch(0, page.total)
        self._search.found(page.offset + len(keys) - 1, rank)

    def _hand_out(
        self, page: Page[T], keys: list[Any], first: int, late: Sequence[int] = ()
    ) -> Batch[T]:
        """Return the rows from one place on, and those before that came late; go on after them."""
        end = len(page.items)
        new = [*late, *range(first, end)] if late else range(first, end)
        if self._left is not None:
            if len(new) > self._left:
                new = new[: self._left]
                end = new[-1] + 1
            self._left -= len(new)
        if late:
            self._known.merge(keys[:first])
        before = self._known.last(MOST_IDS)
        self._known.add(keys[first:end])
        batch = self._batch(page, new, page.offset + end, before, min(len(late), len(new)))
        self._advance(page, page.offset + end, has_new=bool(new))
        return batch

    def _advance(self, page: Page[T], offset: int, *, has_new: bool) -> None:
        self.offset = offset
        self._set_total(page.total)
        self.ended = self._left == 0 or self._is_last(page, has_new=has_new)
        self._located = True
        self._search = None
        if has_new:
            self._in_vain = 0
            self._known_page = None

    def _set_total(self, total: int | None) -> None:
        if self.report.first_total is None:
            self.report.first_total = total
        self.report.total = self._total = total

    def _is_last(self, page: Page[T], *, has_new: bool) -> bool:
        """Return whether the list ends with this page, as it says; its total may object once."""
        is_short = page.total is not None and self.offset < page.total
        if page.has_more or (is_short and has_new):
            return False
        self.report.uncertain = self.report.uncertain or is_short
        return True

    def _batch(
        self, page: Page[T], new: Sequence[int], end: int, before: Sequence[Any], late: int
    ) -> Batch[T]:
        first = page.offset + new[0] if new else end
        begin = self.offset if page.offset <= self.offset <= first else first
        if isinstance(new, range):
            items = page.items[new.start : new.stop]
            ends: Sequence[int] = range(first + 1, first + len(items) + 1)
        else:
            items = tuple(page.items[place] for place in new)
            ends = [page.offset + place + 1 for place in new]
        return Batch(page=_part(page, items, begin, end), ends=ends, before=before, late=late)


def _part(page: Page[T], items: tuple[T, ...], begin: int, end: int) -> Page[T]:
    """Return the page as one of these rows, that stand between two offsets."""
    if len(items) == len(page.items) and begin == page.offset:
        return page
    return Page(
        items=items,
        offset=begin,
        limit=None if page.limit is None else page.limit - (begin - page.offset),
        total=page.total,
        has_more=page.has_more,
        received=end - begin,
        attempts=page.attempts,
    )


def check(ask: PageRequest, page: Page[Any]) -> None:
    """Refuse a page that contradicts itself with a `PaginationError`."""
    if page.offset != ask.offset:
        raise PaginationError(
            f"Asked for rows from offset {ask.offset}, the server answered with those "
            f"from {page.offset}."
        )
    if page.total is not None and page.total < 0:
        raise PaginationError(f"The server says that the list has {page.total} rows.")
    if page.has_more and not page.items:
        raise PaginationError(
            f"The page at offset {ask.offset} is empty, yet the server says that more follow."
        )
