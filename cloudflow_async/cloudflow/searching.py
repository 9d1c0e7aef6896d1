"""Find rows by their ids in a list that can be filtered by time, but not asked for one row.

Theory.  A row that was seen once is found again by its `started_at`: the list of that moment is
short.  One that was never seen has begun just now, most likely, and is then at an end of the list;
the API document names no order, so both ends are read.  Only what is missing there again is worth
the whole list.  That is read a page at a time, so that more urgent looks can come in between.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import MAXYEAR, MINYEAR, datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar

import attrs

from cloudflow_async._core.errors import PaginationError
from cloudflow_async._core.paging.page import LARGEST_PAGE, Page
from cloudflow_async._core.paging.pages import Pages

_MARGIN = timedelta(seconds=1)
"""The API shows whole seconds, and does not say whether its bounds are inclusive."""

_MISSES = 2
"""Looks at both ends before the first walk: what was started just now may not be listed yet."""


class Row(Protocol):
    """A row of such a list."""

    @property
    def id(self) -> str:
        """Tells it apart."""
        ...

    @property
    def started_at(self) -> datetime:
        """What the list can be filtered by."""
        ...

    @property
    def status(self) -> str:
        """``running`` until it ends."""
        ...


T = TypeVar("T", bound=Row)


@attrs.define
class _Trace:
    """What is known of where a row is."""

    started_at: datetime | None = None
    """None: it was not seen yet, or is not found so."""

    elusive: bool = False
    """Whether the list of the moment at which it started lacks it."""

    misses: int = 0
    """Looks at both ends that did not find it."""

    walk_at: int = _MISSES
    """How many of them it takes until the whole list is read."""


@attrs.define(eq=False)
class _Walk(Generic[T]):
    """The whole list, on its way to be read."""

    pages: AsyncIterator[Page[T]]
    missing: dict[str, _Trace]
    read: int = 0


class Search(Generic[T]):
    """Looks for rows, and calls `found` with each of them whenever it sees one.

    Args:
        open_list: Returns the list; takes `status`, `start_date`, `end_date`, `start` and
            `max_items`, as `Pipelines.executions` does.
        found: May call `forget`.
    """

    def __init__(self, open_list: Callable[..., Pages[T]], found: Callable[[T], None]) -> None:
        self._open_list = open_list
        self._found = found
        self._traces: dict[str, _Trace] = {}
        self._missing: dict[str, _Trace] = {}
        self._walk: _Walk[T] | None = None

    @property
    def is_walking(self) -> bool:
        """Whether `walk` has something to do."""
        return self._walk is not None

    async def look(self, ids: Collection[str]) -> None:
        """Look for these rows where they are most likely.

        Raises:
            CloudFlowError: As a request ended; rows found before it count.
        """
        self._missing = {key: self._traces.setdefault(key, _Trace()) for key in ids}
        await self._look_by_start()
        if self._missing:
            await self._look_at_ends()

    async def walk(self) -> None:
        """Read one more page for the rows that neither end of the list has.

        Raises:
            CloudFlowError: As the request ended; calling it again asks for the same page.
        """
        walk = self._walk
        if walk is None:
            return
        try:
            page = await anext(walk.pages, None)
        except PaginationError:
            self._end(walk)
            raise
        if page is None:
            self._end(walk)
        else:
            walk.read += 1
            self._note(page)

    def forget(self, key: str) -> None:
        """Look for a row no longer."""
        self._traces.pop(key, None)
        self._strike_off(key)

    async def _look_by_start(self) -> None:
        starts = self._starts()
        if len(starts) > 1:
            # Of many that run, one short list tells which have ended meanwhile.
            await self._read(self._placed(), status="running", **_around(starts))
        if len(starts := self._starts()) > 1:
            # Of many that are left, those that lie close together: no more pages than starts.
            most = LARGEST_PAGE * len(starts)
            await self._read(self._placed(), max_items=most, **_around(starts))
        while starts := self._starts():
            keys = self._placed(starts[0])
            await self._read(keys, **_around(starts[:1]))
            self._mark_elusive(keys)

    def _starts(self) -> Sequence[datetime]:
        """Return when those started that are missing yet and were seen before."""
        starts = {trace.started_at for trace in self._missing.values()}
        return sorted(start for start in starts if start is not None)

    def _placed(self, start: datetime | None = None) -> AbstractSet[str]:
        """Return those that are missing yet and started then; with None, at any known time."""
        return {
            key
            for key, trace in self._missing.items()
            if trace.started_at is not None and start in {None, trace.started_at}
        }

    def _mark_elusive(self, keys: AbstractSet[str]) -> None:
        # A server that reads the dates otherwise; it is not asked so for these rows again.
        for key in self._missing.keys() & keys:
            self._missing[key].elusive = True
            self._missing[key].started_at = None

    async def _look_at_ends(self) -> None:
        first = await self._open_list()
        self._note(first)
        if not (self._missing and first.has_more):
            return
        begin, end = first.next_offset, None
        if first.total is not None:
            end = max(begin, first.total - first.received)
            await self._read(self._missing.keys(), start=end)
        for trace in self._missing.values():
            trace.misses += 1
        self._plan_walk(begin, end)

    def _plan_walk(self, begin: int, end: int | None) -> None:
        """Begin to read the whole list but for its ends, if it is time for some."""
        late = {key: one for key, one in self._missing.items() if one.misses >= one.walk_at}
        if late and self._walk is None:
            most = None if end is None else end - begin
            self._walk = _Walk(self._open_list(start=begin, max_items=most).pages(), late)

    def _end(self, walk: _Walk[T]) -> None:
        self._walk = None
        for trace in walk.missing.values():
            _postpone_walk(trace, walk)

    async def _read(self, keys: AbstractSet[str], **filters: Any) -> None:
        """Read a list until none of `keys` is missing."""
        async for page in self._open_list(**filters).pages():
            self._note(page)
            if self._missing.keys().isdisjoint(keys):
                return

    def _note(self, rows: Iterable[T]) -> None:
        for row in rows:
            trace = self._traces.get(row.id)
            if trace is None:
                continue
            if not trace.elusive and MINYEAR < row.started_at.year < MAXYEAR:
                trace.started_at = row.started_at
            if self._walk is not None and row.id in self._walk.missing:
                _postpone_walk(trace, self._walk)
            self._strike_off(row.id)
            self._found(row)

    def _strike_off(self, key: str) -> None:
        self._missing.pop(key, None)
        if self._walk is not None:
            self._walk.missing.pop(key, None)
            if not self._walk.missing:
                self._walk = None


def _postpone_walk(trace: _Trace, walk: _Walk[Any]) -> None:
    # In the long run, walks shall cost no more than the looks at both ends between them.
    trace.walk_at = trace.misses + walk.read + 1


def _around(starts: Sequence[datetime]) -> dict[str, datetime]:
    return {"start_date": starts[0] - _MARGIN, "end_date": starts[-1] + _MARGIN}
