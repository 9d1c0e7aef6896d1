"""Read a list page by page, the next pages on their way while the reader is busy with this one.

Theory.  Offset pages are planned from what the first one says: `total`, and how many rows a page
really has, since a server may give fewer than it was asked for.  `_Reader` keeps a window of
requests in flight, hands their pages out in order, and stops where a page says that it is the
last.  A page that begins elsewhere than planned makes it plan anew.  It is an object with tasks,
not an async generator: when a loop is left by `break`, the object dies at once and takes its tasks
with it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator, Sequence
from typing import Any, Generic, TypeVar, overload
from weakref import WeakSet

import attrs

from .errors import CloudFlowError, InvalidArgumentError, PaginationError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

LARGEST_PAGE = 100
"""Rows (API document: Pagination, "max: 100")."""

_COLLECT_WINDOW = 20


@attrs.frozen(kw_only=True)
class Page(Sequence[T_co], Generic[T_co]):
    """One page of a list; a sequence of its rows (API document: Pagination)."""

    items: tuple[T_co, ...]
    """The rows."""

    offset: int = 0
    """Rows skipped before this page."""

    limit: int | None = None
    """Rows asked for, as the server understood it."""

    total: int | None = None
    """Rows of the whole list at that moment; None where the API does not say."""

    has_more: bool = False
    """Whether rows follow."""

    received: int = attrs.field(
        default=attrs.Factory(lambda page: len(page.items), takes_self=True), repr=False
    )
    """Rows that came, duplicates included; those past `max_items` are not counted."""

    @property
    def next_offset(self) -> int:
        """The `start` at which the next page begins."""
        return self.offset + self.received

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[T_co]:
        return iter(self.items)

    @overload
    def __getitem__(self, index: int) -> T_co: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T_co]: ...
    def __getitem__(self, index: int | slice) -> T_co | Sequence[T_co]:
        return self.items[index]


@attrs.define
class _Progress:
    """How far one iteration has come."""

    resume_at: int
    total: int | None = None
    duplicates: int = 0


Fetch = Callable[[int, int], Coroutine[Any, Any, Page[T]]]
"""Fetches one page: from offset and limit."""


class Pages(Generic[T]):
    """A list that is read over the network; made by the `list` methods, nothing is sent yet.

    - ``async for row in pages`` gives the rows of all pages,
    - ``await pages`` gives the first page,
    - ``async for page in pages.pages()`` goes page by page,
    - ``await pages.collect()`` gives all rows as a list, pages fetched concurrently.

    Each of them starts anew at `start`.  Leaving a loop by `break` or an exception stops what is
    on its way.  Errors carry, as `resume_at`, the `start` with which to go on.  Several tasks may
    share one iterator: each row goes to one of them.
    """

    def __init__(
        self,
        fetch: Fetch[T],
        *,
        page_size: int = LARGEST_PAGE,
        max_items: int | None = None,
        start: int = 0,
        prefetch: int = 1,
    ) -> None:
        check_int("page_size", page_size, 1, LARGEST_PAGE)
        check_int("start", start, 0)
        check_int("prefetch", prefetch, 0)
        if max_items is not None:
            check_int("max_items", max_items, 0)
        self._fetch = fetch
        self._page_size = page_size
        self._max_items = max_items
        self._start = start
        self._prefetch = prefetch
        self._readers: WeakSet[_Reader[T]] = WeakSet()
        self._running: set[asyncio.Task[Page[T]]] = set()
        self._progress = _Progress(start)

    def __repr__(self) -> str:
        return f"<Pages from {self._start}, total {self.total}, resume at {self.resume_at}>"

    @property
    def total(self) -> int | None:
        """Rows of the whole list, by the last page of the iteration begun last; None before it."""
        return self._progress.total

    @property
    def resume_at(self) -> int:
        """The `start` with which the iteration begun last would go on."""
        return self._progress.resume_at

    @property
    def duplicates(self) -> int:
        """Rows that this iteration dropped because the page before had them too.

        They were pushed there by rows inserted meanwhile.
        """
        return self._progress.duplicates

    def __await__(self) -> Generator[Any, None, Page[T]]:
        return self._first().__await__()

    def __aiter__(self) -> AsyncIterator[T]:
        return _Items(self._read(self._prefetch))

    def pages(self) -> AsyncIterator[Page[T]]:
        """Return an iterator over the pages, for `async for`."""
        return _PageIterator(self._read(self._prefetch))

    async def collect(self) -> list[T]:
        """Return all rows in order; after the first page the others are fetched concurrently.

        It is all or nothing: after an error or a cancellation, going on means to begin again.
        """
        reader = self._read(max(self._prefetch, _COLLECT_WINDOW))
        rows: list[T] = []
        try:
            while (page := await reader.read()) is not None:
                rows.extend(page.items)
        except CloudFlowError as error:
            error.resume_at = self._start
            raise
        finally:
            reader.end()
            await _ended(reader.running)
        reader.progress.resume_at = reader.offset
        return rows

    async def aclose(self) -> None:
        """End all iterations of this list, and wait until what was on its way has ended.

        Idempotent.
        """
        for reader in list(self._readers):
            reader.end()
        await _ended(self._running)

    async def _first(self) -> Page[T]:
        reader = self._read(0)
        page = await reader.read()
        reader.progress.resume_at = reader.offset
        return Page(items=(), offset=self._start) if page is None else page

    def _read(self, prefetch: int) -> _Reader[T]:
        last = None if self._max_items is None else self._start + self._max_items
        reader = _Reader(
            self._fetch,
            self._running,
            start=self._start,
            last=last,
            page_size=self._page_size,
            prefetch=prefetch,
        )
        self._readers.add(reader)
        self._progress = reader.progress
        return reader


class _Reader(Generic[T]):
    """Reads the pages of one list once, in order."""

    def __init__(
        self,
        fetch: Fetch[T],
        all_running: set[asyncio.Task[Page[T]]],
        *,
        start: int,
        last: int | None,
        page_size: int,
        prefetch: int,
    ) -> None:
        self._ahead: deque[tuple[int, asyncio.Task[Page[T]]]] = deque()
        self.running: set[asyncio.Task[Page[T]]] = set()
        self.offset = start
        self.ends: Sequence[int] = ()
        self.progress = _Progress(start)
        self.turn = asyncio.Lock()
        self._fetch = fetch
        self._all_running = all_running
        self._last = last
        self._page_size = page_size
        self._prefetch = prefetch
        self._stride = page_size
        self._planned = start
        self._end: int | None = None
        self._done = last == start
        self._ids: frozenset[Any] = frozenset()

    def __del__(self) -> None:
        self._cancel()

    async def read(self) -> Page[T] | None:
        """Return the next page; None after the last.

        `offset` is then where the page after it begins, and `ends` has, for each of its rows,
        the offset after that row.  After a cancellation or an error it may be called again and
        asks for the same page.
        """
        if self._done:
            return None
        try:
            page = await self._next()
            return None if page is None else self._accept(page)
        except BaseException as error:
            self._cancel()
            if isinstance(error, CloudFlowError):
                error.resume_at = self.offset
            raise

    def end(self) -> None:
        """Cancel what is on its way; there are no more pages."""
        self._done = True
        self._cancel()

    async def _next(self) -> Page[T] | None:
        self._plan(1 + self._prefetch)
        if not self._ahead:
            return await self._fetch(self.offset, self._limit(self.offset))
        _, task = self._ahead[0]
        await asyncio.wait([task])
        if self._done:
            return None
        self._ahead.popleft()
        return task.result()

    def _plan(self, window: int) -> None:
        """Put so many pages, from `offset` on, on their way."""
        if self._end is None or self._prefetch == 0:
            return
        if not self._ahead or self._ahead[0][0] != self.offset:
            self._cancel()
        while len(self._ahead) < window and self._planned < self._end:
            self._ahead.append((self._planned, self._start(self._planned)))
            self._planned += self._stride

    def _start(self, offset: int) -> asyncio.Task[Page[T]]:
        task = asyncio.create_task(self._fetch(offset, self._limit(offset)))
        task.add_done_callback(_retrieve)
        # The callbacks must not know this reader: it has to die when its loop is left.
        for running in (self.running, self._all_running):
            running.add(task)
            task.add_done_callback(running.discard)
        return task

    def _limit(self, offset: int) -> int:
        return self._page_size if self._last is None else min(self._page_size, self._last - offset)

    def _accept(self, page: Page[T]) -> Page[T]:
        self._check(page)
        page = self._cut(page)
        self.progress.total = page.total
        self.offset = page.next_offset
        if page.total is not None:
            self._end = page.total if self._last is None else min(page.total, self._last)
        if not page.has_more or self.offset == self._last:
            self._done = True
        if self._done:
            self._cancel()
        else:
            # What the server gives is what counts: it may clamp the limit, and not tell.
            self._stride = page.received
            self._plan(self._prefetch)
        return page

    def _check(self, page: Page[T]) -> None:
        if page.offset != self.offset:
            raise PaginationError(
                f"Asked for rows from offset {self.offset}, the server answered with those "
                f"from {page.offset}."
            )
        if page.total is not None and page.total < 0:
            raise PaginationError(f"The server says that the list has {page.total} rows.")
        if page.has_more and not page.items:
            raise PaginationError(
                f"The page at offset {self.offset} is empty, yet the server says that more follow."
            )

    def _cut(self, page: Page[T]) -> Page[T]:
        """Drop the rows past the last, and those that the page before had too."""
        rows = page.items if self._last is None else page.items[: self._last - self.offset]
        # A single page has no neighbour to be compared with.
        alone = not page.has_more and not self._ids
        ids = [] if alone else [getattr(row, "id", None) for row in rows]
        doubled = self._ids.intersection(ids) - {None}
        if page.has_more and len(doubled) == len(rows):
            raise PaginationError(
                f"The page at offset {self.offset} has the rows of the page before."
            )
        self._ids = frozenset(ids)
        self.progress.duplicates += len(doubled)
        self.ends = range(self.offset + 1, self.offset + len(rows) + 1)
        if not doubled:
            cut = len(rows) < len(page.items)
            return attrs.evolve(page, items=rows, received=len(rows)) if cut else page
        self.ends = [end for end, key in zip(self.ends, ids, strict=True) if key not in doubled]
        kept = tuple(row for row, key in zip(rows, ids, strict=True) if key not in doubled)
        return attrs.evolve(page, items=kept, received=len(rows))

    def _cancel(self) -> None:
        while self._ahead:
            _, task = self._ahead.popleft()
            if not task.get_loop().is_closed():
                task.cancel()
        self._planned = self.offset


class _PageIterator(Generic[T]):
    """Gives pages to `async for`."""

    def __init__(self, reader: _Reader[T]) -> None:
        self._reader = reader

    def __aiter__(self) -> AsyncIterator[Page[T]]:
        return self

    async def __anext__(self) -> Page[T]:
        async with self._reader.turn:
            page = await self._reader.read()
        if page is None:
            raise StopAsyncIteration
        self._reader.progress.resume_at = page.next_offset
        return page


class _Items(Generic[T]):
    """Gives the rows of all pages to `async for`."""

    def __init__(self, reader: _Reader[T]) -> None:
        self._reader = reader
        self._rows: Iterator[tuple[int, T]] = iter(())

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        found = next(self._rows, None)
        if found is None:
            async with self._reader.turn:
                found = await self._first_of_next_page()
        self._reader.progress.resume_at, row = found
        return row

    async def _first_of_next_page(self) -> tuple[int, T]:
        # Another task may have fetched it while this one waited for its turn.
        while (found := next(self._rows, None)) is None:
            page = await self._reader.read()
            if page is None:
                raise StopAsyncIteration
            self._rows = zip(self._reader.ends, page.items, strict=True)
        return found


async def _ended(tasks: set[asyncio.Task[Any]]) -> None:
    if tasks:
        await asyncio.wait(list(tasks))


def _retrieve(task: asyncio.Task[Any]) -> None:
    # A page that nobody came for must not be reported as an error that nobody saw.
    if not task.cancelled():
        task.exception()


def check_int(name: str, value: object, least: int, most: int | None = None) -> None:
    """Refuse a value that is no int, or out of range, with an `InvalidArgumentError`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgumentError(f"{name} must be an int, not {type(value).__name__}.")
    if value < least or (most is not None and value > most):
        bounds = f"at least {least}" if most is None else f"between {least} and {most}"
        raise InvalidArgumentError(f"{name} must be {bounds}, not {value}.")
