"""Read many lists at once and hand out their rows as they arrive, with a report for each.

Theory.  A fixed number of workers take ids from one iterator; each reads the pages of its list and
puts them into one short queue, so that a slow consumer stops the reading and memory does not grow
with the history.  A page is counted when the consumer gets to it, a row when it is handed out.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping
from contextlib import aclosing
from types import TracebackType
from typing import Generic, Literal, TypeAlias, TypeVar

import attrs

from .errors import (
    AuthenticationError,
    ClientClosedError,
    CloudFlowError,
    CredentialError,
    InvalidArgumentError,
    WrongLoopError,
)
from .paging import Page, Pages, check_int

T = TypeVar("T")

OnError: TypeAlias = Literal["raise", "collect"]
"""What the failure of one list does: ends the iteration, or is kept in its report."""

_ENDS_ALL = (AuthenticationError, CredentialError, ClientClosedError, WrongLoopError)


@attrs.define(kw_only=True)
class ListReport:
    """How the reading of one list went."""

    rows: int = 0
    """Rows handed out."""

    pages: int = 0
    """Pages begun to be handed out."""

    duplicates: int = 0
    """Rows dropped because the page before had them too."""

    total: int | None = None
    """Rows of the whole list, by its last page."""

    failure: CloudFlowError | None = None
    """What ended it early; its `resume_at` is the `start` with which to go on."""

    done: bool = False
    """Whether it was read to its end."""


@attrs.define(kw_only=True)
class FanOutReport:
    """How a fan-out went, or goes."""

    lists: dict[str, ListReport] = attrs.field(factory=dict)
    """Reports by id, in the order in which the reading began."""

    planned: int | None = None
    """How many lists there are; None when the ids come from an iterator without a length."""

    @property
    def rows(self) -> int:
        """Rows handed out."""
        return sum(report.rows for report in self.lists.values())

    @property
    def pages(self) -> int:
        """Pages begun to be handed out."""
        return sum(report.pages for report in self.lists.values())

    @property
    def duplicates(self) -> int:
        """Rows dropped as duplicates."""
        return sum(report.duplicates for report in self.lists.values())

    @property
    def done(self) -> int:
        """Lists read to their end."""
        return sum(report.done for report in self.lists.values())

    @property
    def failures(self) -> Mapping[str, CloudFlowError]:
        """What ended lists early, by id."""
        return {
            name: report.failure
            for name, report in self.lists.items()
            if report.failure is not None
        }


Progress: TypeAlias = Callable[[FanOutReport], None]
"""Called when a page, an end or a failure has come; it must not block."""


@attrs.frozen
class _Arrival(Generic[T]):
    """A page of a list, its end (neither page nor error), or its failure."""

    name: str
    page: Page[T] | None = None
    error: CloudFlowError | None = None
    duplicates: int = 0


class FanOut(Generic[T]):
    """Rows of many lists as they arrive: ``async with`` it, then ``async for`` over it.

    Leaving the ``async with`` cancels what is on its way.  The order of rows within one list is
    kept; lists are interleaved.  Several tasks may iterate: each row goes to one of them.
    """

    def __init__(
        self,
        open_list: Callable[[str], Pages[T]],
        ids: Iterable[str],
        *,
        concurrency: int = 16,
        on_error: OnError = "raise",
        on_progress: Progress | None = None,
    ) -> None:
        if isinstance(ids, str | bytes):
            raise InvalidArgumentError(f"Give a list of ids; {ids!r} is a single one.")
        check_int("concurrency", concurrency, 1)
        if on_error not in {"raise", "collect"}:
            raise InvalidArgumentError("on_error must be 'raise' or 'collect'.")
        self._open_list = open_list
        known = dict.fromkeys(ids) if isinstance(ids, Collection) else None
        self._ids: Iterator[str] = iter(ids if known is None else known)
        self._concurrency = concurrency
        self._on_error = on_error
        self._on_progress = on_progress
        self._report = FanOutReport(planned=None if known is None else len(known))
        self._arrivals: asyncio.Queue[_Arrival[T] | None] = asyncio.Queue(maxsize=concurrency)
        self._workers: list[asyncio.Task[None]] = []
        self._working = concurrency
        self._turn = asyncio.Lock()
        self._rows: Iterator[T] = iter(())
        self._source = ListReport()
        self._entered = False
        self._ended = False
        self._crash: Exception | None = None

    @property
    def report(self) -> FanOutReport:
        """How it goes; complete once the iteration has ended."""
        return self._report

    async def __aenter__(self) -> FanOut[T]:
        if self._entered:
            raise InvalidArgumentError("A fan-out runs once; make another one.")
        self._entered = True
        for _ in range(self._concurrency):
            self._workers.append(asyncio.create_task(self._work()))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Cancel what is on its way, wait until it has ended, and end the iteration; idempotent."""
        self._end()
        if self._workers:
            await asyncio.wait(self._workers)
        self._workers.clear()

    def __aiter__(self) -> AsyncIterator[T]:
        if not self._entered:
            raise InvalidArgumentError("Use 'async with' on a fan-out before iterating over it.")
        return self

    async def __anext__(self) -> T:
        for row in self._rows:
            self._source.rows += 1
            return row
        async with self._turn:
            row = await self._first_of_next_page()
        self._source.rows += 1
        return row

    async def _first_of_next_page(self) -> T:
        # Another task may have got it while this one waited for its turn.
        while True:
            for row in self._rows:
                return row
            if self._ended:
                raise StopAsyncIteration
            arrival = await self._arrivals.get()
            if arrival is not None:
                self._take(arrival)
            else:
                self._end()
                if self._crash is not None:
                    raise self._crash

    def _take(self, arrival: _Arrival[T]) -> None:
        report = self._source = self._report.lists[arrival.name]
        if arrival.page is not None:
            self._rows = iter(arrival.page.items)
            report.pages += 1
            report.total = arrival.page.total
        else:
            report.failure = arrival.error
            report.done = arrival.error is None
        report.duplicates = arrival.duplicates
        if self._on_progress is not None:
            self._on_progress(self._report)
        if arrival.error is not None and self._ends_all(arrival.error):
            self._end()
            raise arrival.error

    def _ends_all(self, error: CloudFlowError) -> bool:
        # What one list meets with these, all others would meet.
        return self._on_error == "raise" or isinstance(error, _ENDS_ALL)

    def _end(self) -> None:
        self._ended = True
        self._rows = iter(())
        for worker in self._workers:
            worker.cancel()
        # Whoever waits for an arrival wakes up.
        while not self._arrivals.empty():
            self._arrivals.get_nowait()
        self._arrivals.put_nowait(None)

    async def _work(self) -> None:
        try:
            for name in self._ids:
                if name not in self._report.lists:
                    self._report.lists[name] = ListReport()
                    await self._read_list(name)
        except Exception as error:  # noqa: BLE001 - the caller's iterator may raise anything
            self._crash = error
            self._working = 1
        self._working -= 1
        if self._working == 0:
            await self._arrivals.put(None)

    async def _read_list(self, name: str) -> None:
        pages: Pages[T] | None = None
        try:
            pages = self._open_list(name)
            async with aclosing(pages):
                async for page in pages.pages():
                    await self._arrivals.put(_Arrival(name, page=page, duplicates=pages.duplicates))
            end = _Arrival[T](name, duplicates=pages.duplicates)
        except CloudFlowError as error:
            end = _Arrival(name, error=error, duplicates=pages.duplicates if pages else 0)
        await self._arrivals.put(end)
