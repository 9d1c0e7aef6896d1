"""Fetch the pages of one list, the next ones on their way while the reader is busy with this one.

Theory.  Pages are planned from what the one before says: `total`, and how many rows a page really
has, since a server may give fewer than it was asked for.  The pages of a window are in flight,
and are taken in order.  A page that cannot be joined to those before is kept aside, with all that
are on their way, until a page between has been found (`drift` decides).  The reader is an object
with tasks, not an async generator: when a loop is left by `break`, it dies at once and takes its
tasks with it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeAlias, TypeVar

import attrs

from cloudflow_async._core.errors import CloudFlowError, DriftError, PaginationError
from cloudflow_async._core.support.log import log_of

from .drift import DriftTracker, PageRequest
from .page import Batch, Bookmark, ListReport, OnDrift, Page, keys_of

T = TypeVar("T")

_LOG = log_of()

MOST_PASSES = 5
"""Readings of a list that is begun anew whenever it changes."""

Fetch: TypeAlias = Callable[[int, int], Coroutine[Any, Any, Page[T]]]
"""Fetches one page: from offset and limit."""

Window: TypeAlias = Callable[[], int]
"""Tells how many pages to keep on their way ahead."""


@attrs.frozen(kw_only=True)
class Extent:
    """The part of a list to read, and how."""

    start: Bookmark
    page_size: int
    max_items: int | None
    on_drift: OnDrift
    is_closed: bool = False


class Reader(Generic[T]):
    """Reads the pages of one list once, in order."""

    def __init__(
        self,
        fetch: Fetch[T],
        extent: Extent,
        *,
        window: Window,
        all_running: set[asyncio.Task[Page[T]]],
        report: ListReport,
        keeps_all: bool = False,
    ) -> None:
        self.running: set[asyncio.Task[Page[T]]] = set()
        self.turn = asyncio.Lock()
        self.report = report
        self._fetch = fetch
        self._extent = extent
        self._window = window
        self._all_running = all_running
        self._keeps_all = keeps_all
        self._ahead: deque[tuple[PageRequest, asyncio.Task[Page[T]]]] = deque()
        self._held: tuple[PageRequest, Page[T]] | None = None
        self._trail = self._new_trail()
        self._begun = self._closed = False
        self._told = logging.NOTSET
        self._seen: set[Any] | None = set() if extent.on_drift == "restart" else None
        self._passes = 1
        self._taken = 0
        self._attempts = 0

    def __del__(self) -> None:
        self._cancel()

    @property
    def offset(self) -> int:
        """Where the page after the one read last begins."""
        return self._trail.offset

    async def read(self) -> Batch[T] | None:
        """Return the next page; None after the last.

        After a cancellation or an error it may be called again and asks for the same page.
        """
        try:
            while not (self._closed or self._trail.ended):
                batch = await self._step()
                if batch is not None and (batch.page.items or not self._begun):
                    self._begun = True
                    return batch
        except BaseException as error:
            self._cancel()
            self._trail.calm()
            if isinstance(error, CloudFlowError):
                error.resume_at = self.offset
            if isinstance(error, PaginationError):
                error.attempts = self._attempts
            raise
        self.report.done = self._trail.ended
        return None

    def close(self) -> None:
        """Cancel what is on its way; there are no more pages."""
        self._closed = True
        self._cancel()

    def _new_trail(self) -> DriftTracker[T]:
        extent = self._extent
        return DriftTracker(
            extent.start,
            page_size=extent.page_size,
            is_closed=extent.is_closed,
            has_ids=extent.on_drift != "ignore",
            most=extent.max_items,
            keeps_all=self._keeps_all,
            is_strict=extent.on_drift in {"restart", "raise"},
            report=self.report,
        )

    async def _step(self) -> Batch[T] | None:
        """Fetch a page, and return the rows of it that are new; None when that is not known yet."""
        found = await self._next()
        if found is None:
            return None
        ask, page, again = found
        self._attempts = page.attempts
        try:
            batch = self._trail.take(ask, page, again=again)
        except DriftError as error:
            self._restart(error)
            return None
        self._tell()
        if batch is None:
            if not (again or ask.is_guess or self._held):
                self._held = ask, page
            return None
        self._taken += 1
        self._go_on()
        return batch if self._seen is None else self._unseen(batch, self._seen)

    async def _next(self) -> tuple[PageRequest, Page[T], bool] | None:
        """Return a page, with what was asked for and whether it was held; None when closed."""
        if (guess := self._trail.guess()) is not None:
            self.report.reread += 1
            return guess, await self._fetch(guess.offset, guess.limit), False
        if self._held is not None and self._held[0].offset <= self.offset:
            (ask, page), self._held = self._held, None
            return ask, page, True
        if window := self._window():
            self._plan(1 + window)
        if self._held is None and self._ahead and self._ahead[0][0].offset <= self.offset:
            return await self._first_ahead()
        ask = self._trail.next(self.offset)
        return ask, await self._fetch(ask.offset, ask.limit), False

    async def _first_ahead(self) -> tuple[PageRequest, Page[T], bool] | None:
        ask, task = self._ahead[0]
        await asyncio.wait([task])
        if self._closed:
            return None
        self._ahead.popleft()
        return ask, task.result(), False

    def _go_on(self) -> None:
        """After a page, drop those that it has overtaken, and fill the window."""
        if self._trail.ended or self._closed:
            self._cancel()
            return
        if self._held is not None and self._held[0].end <= self.offset:
            self._held = None
        while self._ahead and self._ahead[0][0].end <= self.offset:
            _drop(self._ahead.popleft()[1])
        self._plan(self._window())

    def _plan(self, window: int) -> None:
        """Put so many pages on their way."""
        end = self._trail.end
        if end is None:
            return
        last = self._ahead[-1][0] if self._ahead else self._held[0] if self._held else None
        planned = self.offset if last is None else max(self.offset, last.end)
        while len(self._ahead) < window and planned < end:
            ask = self._trail.next(planned)
            self._ahead.append((ask, self._start(ask)))
            planned = ask.end

    def _start(self, ask: PageRequest) -> asyncio.Task[Page[T]]:
        task = asyncio.create_task(self._fetch(ask.offset, ask.limit))
        task.add_done_callback(_retrieve)
        # The callbacks must not know this reader: it has to die when its loop is left.
        for running in (self.running, self._all_running):
            running.add(task)
            task.add_done_callback(running.discard)
        return task

    def _restart(self, error: DriftError) -> None:
        """Begin anew where that is wanted; raise the error where it is not, or is of no use."""
        if self._seen is None or self._passes == MOST_PASSES or None in self._seen:
            raise error
        self._passes += 1
        self.report.reread += self._taken
        self._taken = 0
        self._cancel()
        self._trail = self._new_trail()

    def _unseen(self, batch: Batch[T], seen: set[Any]) -> Batch[T]:
        """Return the rows of a page that were not handed out before the list was begun anew."""
        keys = keys_of(batch.page.items)
        if keys is None:
            # Without ids there is no telling: it cannot be begun anew.
            seen.add(None)
            return batch
        most = self._extent.max_items
        room = len(keys) if most is None else most - len(seen)
        new = [place for place, key in enumerate(keys) if key not in seen][:room]
        seen.update(keys[place] for place in new)
        return batch if len(new) == len(keys) else batch.only(new)

    def _tell(self) -> None:
        """Log once that the list changed, and once that rows may be missing for it."""
        seen = self._trail.drift
        if self.report.uncertain and self._told < logging.WARNING:
            self._told = logging.WARNING
            _LOG.warning("Rows of a list may be missing: %s.", seen or "it ends before its total")
        elif seen is not None and self._told < logging.INFO:
            self._told = logging.INFO
            _LOG.info("A list changed while it was read: %s.", seen)

    def _cancel(self) -> None:
        self._held = None
        while self._ahead:
            _drop(self._ahead.popleft()[1])


def _drop(task: asyncio.Task[Any]) -> None:
    if not task.get_loop().is_closed():
        task.cancel()


def _retrieve(task: asyncio.Task[Any]) -> None:
    # A page that nobody came for must not be reported as an error that nobody saw.
    if not task.cancelled():
        task.exception()
