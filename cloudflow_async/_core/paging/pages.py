"""A list that is read page by page: awaited, iterated over by row or by page, or collected."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator, Iterator
from typing import Any, Final, Generic, TypeVar, cast, get_args
from weakref import WeakSet

import attrs

from cloudflow_async._core.errors import CloudFlowError, DriftError, PaginationError
from cloudflow_async._core.public import public
from cloudflow_async._core.support.validation import check_choice, check_int

from .drift import PageRequest, check
from .page import LARGEST_PAGE, Batch, Bookmark, ListReport, OnDrift, Page
from .reader import MOST_PASSES, Extent, Fetch, Reader, Window

T = TypeVar("T")

_NONE: Final = object()

_COLLECT_WINDOW = 100
"""Pages in flight: as many as the client has connections for."""


@attrs.define
class _Progress:
    """How far one iteration has come."""

    start: Bookmark
    report: ListReport = attrs.field(factory=ListReport)
    batch: Batch[Any] | None = None
    """The page handed out last."""

    count: int = 0
    """Rows of it that were."""

    @property
    def resume_at(self) -> int:
        return self.start.offset if self.batch is None else self.batch.resume_at(self.count)

    @property
    def bookmark(self) -> Bookmark:
        return self.start if self.batch is None else self.batch.bookmark(self.count)

    def begin(self, batch: Batch[Any], count: int = 0) -> None:
        """Hand out a page, and so many of its rows at once."""
        self.batch, self.count = batch, count
        self.report.pages += 1
        self.report.rows += count


_WAYS: Final = get_args(OnDrift)


@public("cloudflow_async")
class Pages(Generic[T]):
    """A list that is read over the network; made by the `list` methods, nothing is sent yet.

    - ``async for row in pages`` gives the rows of all pages,
    - ``await pages`` gives the first page,
    - ``async for page in pages.pages()`` goes page by page,
    - ``await pages.collect()`` gives all rows as a list, pages fetched concurrently.

    Each of them starts anew at `start`.  Leaving a loop by `break` or an exception stops what is
    on its way.  Errors carry, as `resume_at`, the `start` with which to go on; `bookmark` is one
    that finds its place in a list that has changed.  Several tasks may share one iterator: each
    row goes to one of them.

    Pages shift when rows are inserted or deleted while they are read (API document: Pagination
    knows offsets only).  What is done then is `on_drift`:

    - ``"dedupe"``: each row that was there all the time is handed out exactly once, one that came
      or went meanwhile at most once.  Doubled rows are dropped by their `id`; where rows may have
      been missed, pages are read again (`report.reread`).
    - ``"restart"``: the list is begun anew until a reading sees no change, five times at most.
      `collect` returns that reading; an iteration hands out only what it has not handed out
      before, and remembers all ids for it.
    - ``"raise"``: any sign of a change is a `DriftError`.
    - ``"ignore"``: pages are taken as they come; after a change rows may be missing, or come twice,
      and `report.complete` is False if `total` has changed.

    A change shows in `total`, and in a row by which each page overlaps the one before, so that as
    many rows inserted as deleted are seen too.  Below the largest `page_size` the overlap costs
    nothing, since a page may have a row more.  With 100, a page after the first brings 99 new rows:
    N rows cost 1 + (N - 100) / 99 requests, rounded up, one in a hundred more than ``"ignore"``.

    Executions up to an `end_date` in the past, whatever their status or those that run, are a
    closed list: rows only leave it.  That shows in `total`, so that N rows cost N / 100 requests.

    Rows without an `id` have their total alone: after a change `report.complete` is False.
    """

    def __init__(
        self,
        fetch: Fetch[T],
        *,
        page_size: int = LARGEST_PAGE,
        max_items: int | None = None,
        start: int | Bookmark = 0,
        prefetch: int = 1,
        on_drift: OnDrift = "dedupe",
        is_closed: bool = False,
    ) -> None:
        if not isinstance(start, Bookmark):
            check_int("start", start, 0)
            start = Bookmark(offset=start)
        check_int("page_size", page_size, 1, LARGEST_PAGE)
        check_int("prefetch", prefetch, 0)
        if max_items is not None:
            check_int("max_items", max_items, 0)
        check_choice("on_drift", on_drift, _WAYS)
        self._fetch = fetch
        self._extent = Extent(
            start=start,
            page_size=page_size,
            max_items=max_items,
            on_drift=on_drift,
            is_closed=is_closed,
        )
        self._prefetch = prefetch
        self._readers: WeakSet[Reader[T]] = WeakSet()
        self._running: set[asyncio.Task[Page[T]]] = set()
        self._progress = _Progress(start)

    def __repr__(self) -> str:
        start = self._extent.start.offset
        return f"<Pages from {start}, total {self.total}, resume at {self.resume_at}>"

    @property
    def report(self) -> ListReport:
        """How the iteration begun last goes, or went."""
        return self._progress.report

    @property
    def bound(self) -> int | None:
        """The offset at which `max_items` ends it; None: it goes on to the end of the list."""
        most = self._extent.max_items
        return None if most is None else self._extent.start.offset + most

    def requests_after(self, first: Page[T]) -> int:
        """Return how many requests follow a first page, as far as it tells.

        One if it does not say how many rows follow.
        """
        if not first.has_more or first.next_offset == self.bound:
            return 0
        extent = self._extent
        size = first.received
        has_room = extent.page_size < LARGEST_PAGE and size == extent.page_size
        overlaps = not extent.is_closed and extent.on_drift != "ignore" and not has_room
        return -(-rows_after(first, self.bound) // max(1, size - overlaps)) or 1

    @property
    def total(self) -> int | None:
        """Rows of the whole list, by the last page of the iteration begun last; None before it."""
        return self._progress.report.total

    @property
    def resume_at(self) -> int:
        """The `start` with which the iteration begun last would go on."""
        return self._progress.resume_at

    @property
    def bookmark(self) -> Bookmark:
        """The `start` with which that iteration would go on after the row handed out last.

        It finds the place although the list has changed, as long as one of the last hundred rows
        is left in it; otherwise the reading that begins there ends with a `DriftError`.  With
        ``on_drift="restart"``, rows may come twice after it, once the list was begun anew.
        """
        return self._progress.bookmark

    @property
    def duplicates(self) -> int:
        """Rows that this iteration dropped because the page before had them too.

        They were pushed there by rows inserted meanwhile.
        """
        return self._progress.report.duplicates

    def __await__(self) -> Generator[Any, None, Page[T]]:
        return self._first().__await__()

    def __aiter__(self) -> AsyncIterator[T]:
        return _Items(*self._read(self._ahead))

    def pages(self) -> AsyncIterator[Page[T]]:
        """Return an iterator over the pages, for `async for`."""
        return _PageIterator(*self._read(self._ahead))

    def batches(self, window: Window) -> AsyncIterator[Batch[T]]:
        """Return an iterator over the pages and the places in them.

        `window` takes the part of `prefetch`, and is asked whenever pages are planned.
        """
        return _Batches(*self._read(window))

    async def collect(self) -> list[T]:
        """Return all rows in order; after the first page up to 100 are fetched concurrently.

        It is all or nothing: after an error or a cancellation, going on means to begin again.

        Raises:
            DriftError: With ``on_drift="raise"``, the list has changed; with ``"restart"``, it
                changes all the time.
        """
        extent = self._extent
        passes = 1
        if extent.on_drift == "restart":
            extent, passes = attrs.evolve(extent, on_drift="raise"), MOST_PASSES
        progress = self._progress = _Progress(extent.start)
        while True:
            try:
                return await self._collect(extent, progress)
            except CloudFlowError as error:
                error.resume_at = extent.start.offset
                passes -= 1
                if passes == 0 or not isinstance(error, DriftError):
                    raise
            progress.report = ListReport(reread=progress.report.reread + progress.report.pages)

    async def aclose(self) -> None:
        """End all iterations of this list, and wait until what was on its way has ended.

        Idempotent.
        """
        for reader in list(self._readers):
            reader.close()
        await _ended(self._running)

    async def _collect(self, extent: Extent, progress: _Progress) -> list[T]:
        window = max(self._prefetch, _COLLECT_WINDOW)
        reader = self._open(extent, progress, lambda: window, keeps_all=True)
        rows: list[T] = []
        last: Batch[T] | None = None
        try:
            while (batch := await reader.read()) is not None:
                rows.extend(batch.page.items)
                progress.report.pages += 1
                progress.report.rows = len(rows)
                last = batch
        finally:
            reader.close()
            await _ended(reader.running)
        if last is not None:
            progress.batch, progress.count = last, len(last.page)
        return rows

    async def _first(self) -> Page[T]:
        start, most = self._extent.start, self._extent.max_items
        if start.last_ids:
            batch = await anext(_Batches(*self._read(lambda: 0)), None)
            return Page(items=(), offset=start.offset) if batch is None else batch.page
        progress = self._progress = _Progress(start)
        limit = self._extent.page_size if most is None else min(self._extent.page_size, most)
        if limit == 0:
            return Page(items=(), offset=start.offset)
        page = await self._fetch_first(PageRequest(start.offset, limit, start.offset + limit))
        if most is not None and len(page) > most:
            page = attrs.evolve(page, items=page.items[:most], received=most)
        ends = range(page.offset + 1, page.next_offset + 1)
        progress.begin(Batch(page=page, ends=ends), len(page))
        report = progress.report
        report.first_total = report.total = page.total
        report.done = not page.has_more
        return page

    async def _fetch_first(self, ask: PageRequest) -> Page[T]:
        try:
            page = await self._fetch(ask.offset, ask.limit)
        except CloudFlowError as error:
            error.resume_at = ask.offset
            raise
        try:
            check(ask, page)
        except PaginationError as error:
            error.attempts, error.resume_at = page.attempts, ask.offset
            raise
        return page

    def _ahead(self) -> int:
        return self._prefetch

    def _read(self, window: Window) -> tuple[Reader[T], _Progress]:
        progress = self._progress = _Progress(self._extent.start)
        return self._open(self._extent, progress, window), progress

    def _open(
        self, extent: Extent, progress: _Progress, window: Window, *, keeps_all: bool = False
    ) -> Reader[T]:
        reader = Reader(
            self._fetch,
            extent,
            window=window,
            all_running=self._running,
            report=progress.report,
            keeps_all=keeps_all,
        )
        self._readers.add(reader)
        return reader


class _Batches(Generic[T]):
    """Gives pages, and the places in them, to `async for`."""

    def __init__(self, reader: Reader[T], progress: _Progress) -> None:
        self._reader = reader
        self._progress = progress

    def __aiter__(self) -> AsyncIterator[Batch[T]]:
        return self

    async def __anext__(self) -> Batch[T]:
        async with self._reader.turn:
            batch = await self._reader.read()
        if batch is None:
            raise StopAsyncIteration
        self._progress.begin(batch, len(batch.page))
        return batch


class _PageIterator(Generic[T]):
    """Gives pages to `async for`."""

    def __init__(self, reader: Reader[T], progress: _Progress) -> None:
        self._batches = _Batches(reader, progress)

    def __aiter__(self) -> AsyncIterator[Page[T]]:
        return self

    async def __anext__(self) -> Page[T]:
        return (await anext(self._batches)).page


class _Items(Generic[T]):
    """Gives the rows of all pages to `async for`."""

    def __init__(self, reader: Reader[T], progress: _Progress) -> None:
        self._reader = reader
        self._progress = progress
        self._rows: Iterator[T] = iter(())

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        row = next(self._rows, _NONE)
        if row is _NONE:
            async with self._reader.turn:
                row = await self._first_of_next_page()
        self._progress.count += 1
        self._progress.report.rows += 1
        return cast("T", row)

    async def _first_of_next_page(self) -> T:
        # Another task may have fetched it while this one waited for its turn.
        while True:
            for row in self._rows:
                return row
            batch = await self._reader.read()
            if batch is None:
                raise StopAsyncIteration
            self._progress.begin(batch)
            self._rows = iter(batch.page.items)


def rows_after(page: Page[T], bound: int | None = None) -> int:
    """Return how many rows follow a page, as far as it tells.

    Args:
        page: Which.
        bound: Offset at which the reading ends; None: it goes on to the end of the list.
    """
    if page.total is None:
        return 0
    end = page.total if bound is None else min(page.total, bound)
    return max(0, end - page.next_offset)


async def _ended(tasks: set[asyncio.Task[Any]]) -> None:
    if tasks:
        await asyncio.wait(list(tasks))
