"""The histories of many pipelines: where they end, how they are cut, what still runs.

Theory.  A history that is asked for up to an instant is closed: what begins later cannot shift
its pages, so that instant is settled once, when the run begins, and stands in its checkpoint.  A
slice asks for a second more than it has on either side, and drops what is not its own: no row is
lost or comes twice, whether the server takes its bounds as in or out, or rounds to seconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, Protocol, TypeVar

from cloudflow_async._core.codec.timestamps import format_instant, parse_instant
from cloudflow_async._core.errors import CheckpointError
from cloudflow_async._core.fan_out.checkpoint import Filters
from cloudflow_async._core.fan_out.segments import Plan, Segment, SegmentSource, Start
from cloudflow_async._core.messages import UNSET, Json, Unset
from cloudflow_async._core.paging.page import Page
from cloudflow_async._core.paging.pages import Pages, rows_after

from .slicing import AUTO, Bounds, Slices, are_few, check_count, cut, read_slices

_MARGIN: Final = timedelta(seconds=1)
_NEIGHBOURS: Final = timedelta(minutes=1)
"""Rows that are read again and began so close together are asked for together."""

_RUNNING: Final = "running"
_UNCUT: Final = "uncut"


class Started(Protocol):
    """What is needed of an execution."""

    @property
    def id(self) -> str:
        """Which."""
        ...

    @property
    def status(self) -> str:
        """``running`` as long as it runs."""
        ...

    @property
    def started_at(self) -> datetime:
        """When it started."""
        ...


E = TypeVar("E", bound=Started)


class OpenWindow(Protocol[E]):
    """Returns the list of those executions of a pipeline that started in a window."""

    def __call__(
        self, id: str, start_date: datetime | None, end_date: datetime | None, start: Start
    ) -> Pages[E]:
        """Return the list from a `start` on; nothing is sent yet."""
        ...


class Histories(SegmentSource[E]):
    """Knows the history of each pipeline.

    Args:
        open_window: Opens a list.
        now: Returns what the server's clock shows, in Unix seconds.
        filters: What is asked for beside the rest, as it stands in a checkpoint.
        page_size: New rows that a request brings.
        start_date: Only those started then or later.
        end_date: Only those started then or earlier; `UNSET`: the start of the run; None: no end.
        slices: Length of the slices into which each history is cut; None: it is not.
        reread_running: Whether executions that run are read again at the end.

    Raises:
        InvalidArgumentError: An argument is out of range, or a datetime has no zone.
    """

    def __init__(
        self,
        open_window: OpenWindow[E],
        *,
        now: Callable[[], float],
        filters: Filters,
        page_size: int,
        start_date: datetime | None,
        end_date: datetime | Unset | None,
        slices: Slices | None,
        reread_running: bool,
    ) -> None:
        self.holds = reread_running
        self._open_window = open_window
        self._now = now
        self._page_size = page_size
        self._start = start_date
        self._end = end_date
        self._pinned = end_date is UNSET
        self._length = None if slices is None else read_slices(slices)
        self._filters = {
            **filters,
            "start_date": _text(start_date),
            "slices": None if self._length is None else str(self._length),
            "reread_running": reread_running,
        }
        if not isinstance(end_date, Unset):
            self._check_slices(end_date)

    @property
    def end_date(self) -> datetime | None:
        """Up to when executions are asked for; None: there is no end, or it is not settled yet."""
        return None if isinstance(self._end, Unset) else self._end

    def begin(self, before: Filters) -> Filters:
        """Settle the end of all histories: for a run that goes on, that of the run before."""
        if self._end is UNSET:
            self._end = self._end_before(before) or self._start_of_run()
            self._check_slices(self._end)
        return {**self._filters, "end_date": _text(self.end_date), "end_is_pinned": self._pinned}

    async def plan(self, id: str, memo: Json) -> Plan[E]:
        """Return the slices of a pipeline's history, or the whole of it."""
        if self._length is None or memo == _UNCUT:
            return Plan([self.whole(id)], memo=memo)
        if memo is not None:
            return self._sliced(id, _read_bounds(memo))
        if self._length != AUTO and self._start is not None:
            newest = self._newest()
            bounds = cut(
                self._start,
                self.end_date,
                oldest=self._start,
                newest=newest,
                length=self._length,
                pages=0,
            )
            return self._sliced(id, bounds)
        return await self._plan_by_first_page(id)

    def whole(self, id: str) -> Segment[E]:
        """Return the history of a pipeline in one part."""
        return Segment(id, partial(self._open_window, id, self._start, self.end_date))

    def hold(self, row: E) -> str | None:
        """Return when an execution started if it still runs."""
        return format_instant(row.started_at) if row.status == _RUNNING else None

    def held(self, id: str, rows: Mapping[str, str]) -> Sequence[Segment[E]]:
        """Return narrow windows around the executions that ran."""
        instants = sorted({_instant(text) for text in rows.values()})
        return [
            Segment(
                id,
                partial(self._open_window, id, _earlier(first), _later(last)),
                name=f"held {number}",
                counts=False,
            )
            for number, (first, last) in enumerate(_clusters(instants))
        ]

    async def _plan_by_first_page(self, id: str) -> Plan[E]:
        whole = self.whole(id)
        batch = await whole.look()
        page = Page(items=()) if batch is None else batch.page
        total, pages = len(page) + rows_after(page), 1 + whole.requests_after(page)
        if pages == 1 or not page.items or (self._length == AUTO and are_few(pages)):
            return Plan([whole], total=total, memo=_UNCUT)
        await whole.aclose()
        bounds = await self._bounds(id, page, total, pages)
        return self._sliced(id, bounds, total=total)

    async def _bounds(self, id: str, page: Page[E], total: int, pages: int) -> Bounds:
        assert self._length is not None
        # The document names no order; but if there is one, the oldest is at one of the ends.
        last = await self._open_window(id, self._start, self.end_date, total - 1)
        oldest = min(row.started_at for row in (*page, *last))
        return cut(
            self._start,
            self.end_date,
            oldest=self._start or oldest,
            newest=self._newest(),
            length=self._length,
            pages=pages,
        )

    def _sliced(self, id: str, bounds: Bounds, *, total: int | None = None) -> Plan[E]:
        parts = [self._slice(id, bounds, number) for number in range(len(bounds) - 1)]
        memo: list[Json] = [_text(bound) for bound in bounds]
        return Plan(parts, total=total, page_size=self._page_size, memo=memo)

    def _slice(self, id: str, bounds: Bounds, number: int) -> Segment[E]:
        begin, end = bounds[number], bounds[number + 1]
        is_last = number == len(bounds) - 2

        def belongs(row: E) -> bool:
            if begin is not None and row.started_at < begin:
                return False
            return end is None or row.started_at < end or (is_last and row.started_at == end)

        open_list = partial(
            self._open_window,
            id,
            None if begin is None else _earlier(begin),
            None if end is None else _later(end),
        )
        return Segment(id, open_list, name=f"slice {number}", belongs=belongs)

    def _newest(self) -> datetime:
        return self.end_date or self._start_of_run()

    def _start_of_run(self) -> datetime:
        # The clock of a header has whole seconds: what began in this one is in.
        return datetime.fromtimestamp(math.floor(self._now()) + 1, UTC)

    def _end_before(self, before: Filters) -> datetime | None:
        if not before.get("end_is_pinned"):
            return None
        return _instant(before.get("end_date"))

    def _check_slices(self, end: datetime | None) -> None:
        if self._length and self._start is not None:
            check_count(self._start, end or self._start_of_run(), self._length)


def _clusters(instants: Sequence[datetime]) -> Sequence[tuple[datetime, datetime]]:
    """Return the first and last of those that lie close together."""
    found: list[tuple[datetime, datetime]] = []
    for instant in instants:
        if found and instant - found[-1][1] <= _NEIGHBOURS:
            found[-1] = (found[-1][0], instant)
        else:
            found.append((instant, instant))
    return found


def _earlier(instant: datetime) -> datetime:
    return max(instant, _FIRST) - _MARGIN


def _later(instant: datetime) -> datetime:
    return min(instant, _LAST) + _MARGIN


_FIRST: Final = datetime.min.replace(tzinfo=UTC) + _MARGIN
_LAST: Final = datetime.max.replace(tzinfo=UTC) - _MARGIN


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else format_instant(instant)


def _read_bounds(memo: Json) -> Bounds:
    if not isinstance(memo, list) or len(memo) < 2:
        raise CheckpointError("The checkpoint is damaged: it does not say where slices begin.")
    return [None if text is None else _instant(text) for text in memo]


def _instant(text: Json) -> datetime:
    try:
        return parse_instant(str(text))
    except (ValueError, OverflowError):
        pass
    raise CheckpointError("The checkpoint is damaged: an instant in it is none.")
