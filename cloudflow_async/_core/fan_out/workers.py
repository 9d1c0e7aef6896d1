"""Worker pool of a fan-out: it assigns lists to workers and puts their pages into a queue.

Theory.  There are as many workers as requests may be on their way.  Each reads the pages of one
list and puts them into one short queue; each list's share of the window is asked for anew
whenever pages are planned, so that all have the same as long as there are many, and the last one
has all.  A slow consumer fills the queue and stops the reading: then the queue has as many pages
as there are workers, and the workers together have as many again, in hand and ahead.
"""

from __future__ import annotations

import asyncio
import copy
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, Generic, TypeVar

import attrs

from cloudflow_async._core.errors import CloudFlowError
from cloudflow_async._core.paging.page import Batch, ListReport

from .segments import Segment

T = TypeVar("T")


@attrs.frozen
class WorkerResult(Generic[T]):
    """A page of a part, its end (neither page nor error), or its failure."""

    id: str
    part: Segment[T] | None = None
    """None: the failure came before there were parts."""

    batch: Batch[T] | None = None
    error: CloudFlowError | None = None
    report: ListReport = attrs.field(factory=ListReport)
    """That of the part, as it was then."""


class WorkerPool(Generic[T]):
    """Reads the lists of all ids, and puts what comes into `arrivals`.

    Args:
        ids: Whose lists.
        plan: Returns the parts in which the list of an id is read.
        size: How many workers.
    """

    def __init__(
        self,
        ids: Iterator[str],
        plan: Callable[[str], Awaitable[Sequence[Segment[T]]]],
        size: int,
    ) -> None:
        self.arrivals: asyncio.Queue[WorkerResult[T] | Exception | None] = asyncio.Queue(
            maxsize=size
        )
        self._ids = ids
        self._plan = plan
        self._size = size
        self._ready: deque[Segment[T]] = deque()
        self._reading: dict[Segment[T], None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._working = 0
        self._staffing = 0

    def start(self) -> None:
        """Let all begin; None arrives when all is read."""
        self._staff(self._size)

    def add(self, parts: Iterable[Segment[T]]) -> None:
        """Let more parts be read."""
        self._ready.extend(parts)
        self._staff(len(self._ready))

    def end(self) -> None:
        """Cancel what is on its way; whoever waits for an arrival gets None."""
        for task in self._tasks:
            task.cancel()
        while not self.arrivals.empty():
            self.arrivals.get_nowait()
        self.arrivals.put_nowait(None)

    async def ended(self) -> None:
        """Wait until all workers have ended."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _staff(self, jobs: int) -> None:
        # Tasks may be eager: they begin at once, need more hands themselves, and may be done.
        self._staffing += 1
        for _ in range(jobs):
            if self._working < self._size:
                self._working += 1
                self._spawn(self._work())
        self._staffing -= 1
        if self._is_idle:
            self._spawn(self.arrivals.put(None))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def _is_idle(self) -> bool:
        return self._working == 0 and self._staffing == 0

    async def _work(self) -> None:
        try:
            while (job := self._next()) is not None:
                await (self._read(job) if isinstance(job, Segment) else self._begin(job))
        except Exception as error:  # noqa: BLE001 - the caller's iterator may raise anything
            await self.arrivals.put(error)
        self._working -= 1
        if self._is_idle:
            await self.arrivals.put(None)

    def _next(self) -> Segment[T] | str | None:
        return self._ready.popleft() if self._ready else next(self._ids, None)

    async def _begin(self, id: str) -> None:
        try:
            self.add(await self._plan(id))
        except CloudFlowError as error:
            await self.arrivals.put(WorkerResult(id, error=error))

    async def _read(self, part: Segment[T]) -> None:
        self._reading[part] = None
        part.ahead = partial(self._ahead, part)
        error: CloudFlowError | None = None
        try:
            async with aclosing(part.read()) as batches:
                async for batch in batches:
                    await self._put(part, batch=batch)
        except CloudFlowError as failure:
            error = failure
        finally:
            del self._reading[part]
            report = part.report
            await part.aclose()
        await self.arrivals.put(WorkerResult(part.id, part, error=error, report=report))

    async def _put(self, part: Segment[T], batch: Batch[T]) -> None:
        report = copy.copy(part.report)
        await self.arrivals.put(WorkerResult(part.id, part, batch=batch, report=report))

    def _ahead(self, part: Segment[T]) -> int:
        """Return how many pages of a list may be on their way beside the one waited for."""
        share, rest = divmod(self._size, len(self._reading))
        return share - 1 + ([*self._reading].index(part) < rest)
