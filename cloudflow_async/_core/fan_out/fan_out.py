"""Read many lists at once and hand out their rows as they arrive, with a report for each.

Theory.  The `WorkerPool` reads ahead; the consumer takes what arrives (pages, ends, failures) from
its queue, one after another.  The `FanOutProgress` counts a page when the consumer gets to it, a
row when it is handed out: what a checkpoint says follows from that alone, however far ahead the
reading is.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Sequence
from datetime import datetime
from types import TracebackType
from typing import Generic, Literal, TypeAlias, TypeVar

from cloudflow_async._core.errors import (
    AuthenticationError,
    ClientClosedError,
    CloudFlowError,
    CredentialError,
    ForkedClientError,
    InvalidStateError,
    WrongLoopError,
)
from cloudflow_async._core.public import public
from cloudflow_async._core.support.event_loop import running_loop
from cloudflow_async._core.support.validation import (
    check_callable,
    check_choice,
    check_int,
    to_list,
)

from .checkpoint import Checkpoint
from .preview import KEPT, Size, look, survey
from .progress import FanOutProgress
from .report import FanOutReport, Progress
from .segments import Segment, SegmentSource
from .workers import WorkerPool, WorkerResult

T = TypeVar("T")

OnError: TypeAlias = Literal["raise", "collect"]
"""What the failure of one list does: ends the iteration, or is kept in its report."""

_ENDS_ALL = (
    AuthenticationError,
    CredentialError,
    ClientClosedError,
    ForkedClientError,
    WrongLoopError,
)


@public("cloudflow_async")
class FanOut(Generic[T]):
    """Rows of many lists as they arrive: ``async with`` it, then ``async for`` over it.

    Nothing is sent before the first row is asked for.  Leaving the ``async with`` cancels what is
    on its way.  The order of rows within one list is kept; lists are interleaved.  Several tasks
    may iterate: each row goes to one of them.
    """

    def __init__(
        self,
        source: SegmentSource[T],
        ids: Iterable[str],
        *,
        concurrency: int = 16,
        on_error: OnError = "raise",
        on_progress: Progress | None = None,
        checkpoint: Checkpoint | str | os.PathLike[str] | None = None,
    ) -> None:
        if not isinstance(ids, Iterator):  # one that is read as it goes may have no end
            ids = to_list("pipeline_ids", ids, '["pipe_4x9k2m"]')
        check_int("concurrency", concurrency, 1)
        check_choice("on_error", on_error, ("raise", "collect"))
        if on_progress is not None:
            check_callable("on_progress", on_progress, "a callable of a report", arguments=1)
        if checkpoint is not None and not isinstance(checkpoint, Checkpoint):
            checkpoint = Checkpoint(checkpoint)
        known = dict.fromkeys(ids) if isinstance(ids, Collection) else None
        self._source = source
        self._ids: Iterable[str] = ids if known is None else known
        self._concurrency = concurrency
        self._on_error = on_error
        self._on_progress = on_progress
        self._checkpoint = checkpoint
        self._journal = FanOutProgress(source, known, checkpoint)
        self._pool = WorkerPool(self._new_ids(), self._plan, concurrency)
        self._looked_at: dict[str, Sequence[Segment[T]]] = {}
        self._sizes: dict[str, Size] = {}
        self._turn = asyncio.Lock()
        self._rows: Iterator[tuple[int, T]] = iter(())
        self._entered = False
        self._started = False
        self._ended = False
        self._read_all = False

    @property
    def report(self) -> FanOutReport:
        """How it goes; complete once the iteration has ended."""
        return self._journal.report

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The file that says how far it has come; None: there is none."""
        return self._checkpoint

    @property
    def end_date(self) -> datetime | None:
        """Up to when rows are asked for; None: there is no end, or it is not entered yet."""
        return self._source.end_date

    async def __aenter__(self) -> FanOut[T]:
        running_loop()
        if self._entered:
            raise InvalidStateError("A fan-out runs once; make another one.")
        self._entered = True
        await self._journal.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Cancel what is on its way, wait until it has ended, and end the iteration; idempotent.

        Raises:
            CheckpointError: The checkpoint cannot be written.
        """
        self._end()
        looked_at = [part for parts in self._looked_at.values() for part in parts]
        self._looked_at.clear()
        try:
            await self._pool.ended()
            for part in looked_at:
                await part.aclose()
        finally:
            await self._journal.close(read_all=self._read_all)

    def __aiter__(self) -> AsyncIterator[T]:
        if not self._entered:
            raise InvalidStateError("Use 'async with' on a fan-out before iterating over it.")
        return self

    async def __anext__(self) -> T:
        for number, row in self._rows:
            self._journal.hand_out(number)
            return row
        async with self._turn:
            self._journal.asked = True
            number, row = await self._first_of_next_page()
        self._journal.hand_out(number)
        self._journal.asked = False
        return row

    async def size(self, sample: int | None = None) -> Size:
        """Look at the first pages, and return how much is left to be read.

        The first pages of up to 1,000 lists are kept, and not fetched again by the iteration.

        Args:
            sample: At how many lists to look, from which to guess the others; None: at all.

        Raises:
            InvalidStateError: The iteration has begun.
        """
        if self._started or self._ended:
            raise InvalidStateError("A fan-out is looked at before its first row.")
        await self._journal.open()
        ids = self._ids = dict.fromkeys(self._ids)
        left = [name for name in ids if not self._journal.standing(name).report.done]
        return await survey(left, self._size, sample=sample, concurrency=self._concurrency)

    async def _size(self, id: str) -> Size:
        if id not in self._sizes:
            self._sizes[id] = await self._look(id)
        return self._sizes[id]

    async def _look(self, id: str) -> Size:
        standing = self._journal.standing(id)
        try:
            plan = await self._source.plan(id, standing.memo)
            parts = standing.plan(plan)
            size = await look(self._source, id, plan, parts, rows_before=standing.report.rows)
        except CloudFlowError as error:
            if self._ends_all(error):
                raise
            return Size(requests=1, rows=0)
        if len(self._looked_at) < KEPT:
            self._looked_at[id] = parts
            return size
        for part in parts:
            await part.aclose()
        return size.with_first_pages(parts)

    def _new_ids(self) -> Iterator[str]:
        for name in self._ids:
            if self._journal.begin(name):
                yield name

    async def _plan(self, id: str) -> Sequence[Segment[T]]:
        parts = self._looked_at.pop(id, None)
        if parts is not None:
            return parts
        standing = self._journal.standing(id)
        return standing.plan(await self._source.plan(id, standing.memo))

    async def _first_of_next_page(self) -> tuple[int, T]:
        # Another task may have got it while this one waited for its turn.
        while (found := next(self._rows, None)) is None:
            if self._ended:
                raise StopAsyncIteration
            self._journal.end_page()
            await self._journal.save_if_due()
            if not self._started:
                self._started = True
                self._pool.start()
            self._take(await self._pool.arrivals.get())
        return found

    def _take(self, arrival: WorkerResult[T] | Exception | None) -> None:
        if isinstance(arrival, WorkerResult):
            self._note(arrival)
        elif arrival is not None:
            self._end()
            raise arrival
        elif not self._ended and (parts := self._journal.settle()):
            self._pool.add(parts)
        else:
            self._read_all = not self._ended
            self._end()

    def _note(self, arrival: WorkerResult[T]) -> None:
        part, error = arrival.part, arrival.error
        standing = self._journal.standing(arrival.id)
        if part is not None:
            standing.count(part, arrival.report)
        if error is not None:
            standing.fail(error, part)
        else:
            assert part is not None  # only a failure comes without one
            if arrival.batch is None:
                standing.end(part)
            else:
                self._rows = self._journal.begin_page(part, arrival.batch)
        if self._on_progress is not None:
            self._on_progress(self.report)
        if error is not None and self._ends_all(error):
            self._end()
            raise error

    def _ends_all(self, error: CloudFlowError) -> bool:
        # What one list meets with these, all others would meet.
        return self._on_error == "raise" or isinstance(error, _ENDS_ALL)

    def _end(self) -> None:
        self._ended = True
        self._rows = iter(())
        self._pool.end()
