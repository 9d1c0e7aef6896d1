"""What a fan-out reads: for each id one list, or several that are parts of one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Generic, TypeAlias, TypeVar

import attrs

from cloudflow_async._core.errors import DriftError
from cloudflow_async._core.messages import Json
from cloudflow_async._core.paging.page import (
    LARGEST_PAGE,
    MOST_IDS,
    Batch,
    Bookmark,
    ListReport,
    Page,
)
from cloudflow_async._core.paging.pages import Pages

from .checkpoint import Filters

T = TypeVar("T")

Start: TypeAlias = "int | Bookmark"

WHOLE = ""
"""Name of the only part of an id."""


def _nothing_ahead() -> int:
    return 0


class Segment(Generic[T]):
    """A list that is read for an id: the only one, or one of several.

    Args:
        id: Whose rows.
        open_list: Returns the list from a `start` on.
        name: Which of several; the same in a run that goes on after this one.
        belongs: Whether a row is this part's; the others are left to its neighbours.
        counts: Whether its rows are not counted in another part too.
    """

    def __init__(
        self,
        id: str,
        open_list: Callable[[Start], Pages[T]],
        *,
        name: str = WHOLE,
        belongs: Callable[[T], bool] | None = None,
        counts: bool = True,
    ) -> None:
        self.id = id
        self.name = name
        self.belongs = belongs
        self.counts = counts
        self.start: Start = 0
        self.seen: ListReport = ListReport()
        self.ahead: Callable[[], int] = _nothing_ahead
        self._open_list = open_list
        self._pages: Pages[T] | None = None
        self._batches: AsyncIterator[Batch[T]] | None = None
        self._looked_at: Batch[T] | None = None

    @property
    def report(self) -> ListReport:
        """How its list goes."""
        return ListReport() if self._pages is None else self._pages.report

    async def look(self) -> Batch[T] | None:
        """Fetch the first page, and keep it for `read`; None when there is none."""
        if self._batches is None:
            try:
                await self._open(self.start)
            except DriftError:
                if not isinstance(self.start, Bookmark) or len(self.start.last_ids) >= MOST_IDS:
                    raise
                # These are all the rows that it handed out, and they are gone: the rest is new.
                await self._open(attrs.evolve(self.start, offset=0))
        return self._looked_at

    def requests_after(self, first: Page[T]) -> int:
        """Return how many requests follow its first page."""
        return 0 if self._pages is None else self._pages.requests_after(first)

    async def read(self) -> AsyncGenerator[Batch[T], None]:
        """Give the pages, with as many on their way ahead as `ahead` says."""
        first = await self.look()
        if first is None:
            return
        self._looked_at = None
        yield first
        assert self._batches is not None
        async for batch in self._batches:
            yield batch

    async def aclose(self) -> None:
        """Forget what was fetched, end what is on its way, and wait for that; idempotent."""
        pages, self._pages, self._batches, self._looked_at = self._pages, None, None, None
        if pages is not None:
            await pages.aclose()

    async def _open(self, start: Start) -> None:
        self._pages = self._open_list(start)
        batches = self._pages.batches(self._window)
        self._looked_at = await anext(batches, None)
        self._batches = batches

    def _window(self) -> int:
        return self.ahead()


@attrs.frozen
class Plan(Generic[T]):
    """The parts in which the list of an id is read."""

    parts: Sequence[Segment[T]]

    total: int | None = None
    """Rows of the whole list; None while nobody asked."""

    page_size: int = LARGEST_PAGE

    memo: Json = None
    """What a run that goes on after this one needs to make the same parts; None: nothing."""


class SegmentSource(Generic[T]):
    """Knows the list of each id; this one reads it in one part.

    Args:
        open_list: Returns the list of an id from a `start` on.
        filters: What is asked for, as it stands in a checkpoint.
    """

    def __init__(
        self, open_list: Callable[[str, Start], Pages[T]], filters: Filters | None = None
    ) -> None:
        self._open_list = open_list
        self._filters: Filters = filters or {}

    holds = False
    """Whether `hold` is to be asked."""

    @property
    def end_date(self) -> datetime | None:
        """Up to when rows are asked for; None: there is no end, or it is not settled yet."""
        return None

    def begin(self, before: Filters) -> Filters:  # noqa: ARG002 - for others of its kind
        """Settle what is asked for, and return it.

        Args:
            before: What the run asked for that this one goes on with; empty: there is none.
        """
        return self._filters

    async def plan(self, id: str, memo: Json) -> Plan[T]:  # noqa: ARG002 - the same
        """Return in which parts the list of an id is read.

        Args:
            id: Which.
            memo: That of the plan of the run before; None: there was none.
        """
        return Plan([self.whole(id)])

    def whole(self, id: str) -> Segment[T]:
        """Return the list of an id in one part."""
        return Segment(id, lambda start: self._open_list(id, start))

    def hold(self, row: T) -> str | None:  # noqa: ARG002 - the same
        """Return what it takes to find a row again at the end; None: it is handed out at once."""
        return None

    def held(self, id: str, rows: Mapping[str, str]) -> Sequence[Segment[T]]:  # noqa: ARG002 - the same
        """Return the parts that read held rows again, which are given as `hold` told, by id."""
        return []
