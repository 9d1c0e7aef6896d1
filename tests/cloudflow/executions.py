"""A history of executions without a server: it is read page by page, and remembers each reading."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs

from cloudflow_async._core.paging.pages import Page, Pages

BEGIN = datetime(2026, 1, 24, 10, tzinfo=UTC)
"""When the execution ``exec_0`` started; each one after it starts a minute later."""


@attrs.define
class Row:
    """An execution."""

    id: str
    started_at: datetime
    status: str = "completed"


def history(count: int, **options: Any) -> History:
    """Return so many ended executions, ``exec_0`` being the oldest."""
    rows = [Row(f"exec_{n}", BEGIN + timedelta(minutes=n)) for n in range(count)]
    return History(rows, **options)


@attrs.define(slots=False)
class History:
    """The executions of one pipeline on a server."""

    rows: list[Row]
    """The oldest first."""

    newest_first: bool = True
    totals: bool = True
    filters: bool = True
    """Whether the server heeds `start_date` and `end_date`; else nothing is between them."""

    delay: float = 0.0
    """Seconds that an answer is on its way."""

    errors: list[Exception] = attrs.field(factory=list)
    """What the next requests fail with."""

    before: Callable[[str], object] = attrs.field(default=lambda request: None)
    """Called with each request before it is answered."""

    asked: list[str] = attrs.field(factory=list)
    """The requests: ``rows 100`` for a page of the whole list and its offset, ``around 7``,
    ``around 2-7`` or ``running 2-7`` for lists between the starts of these executions."""

    asked_at: list[float] = attrs.field(factory=list)

    def row(self, number: int) -> Row:
        """Return one execution."""
        return next(row for row in self.rows if row.id == f"exec_{number}")

    def run(self, *numbers: int) -> None:
        """Let executions run."""
        for number in numbers:
            self.row(number).status = "running"

    def end(self, *numbers: int, status: str = "completed") -> None:
        """Let executions end."""
        for number in numbers:
            self.row(number).status = status

    def open(
        self,
        *,
        status: str | None = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        start: int = 0,
        max_items: int | None = None,
    ) -> Pages[Row]:
        """Return the list, as `Pipelines.executions` does."""

        async def fetch(offset: int, limit: int) -> Page[Row]:
            request = _describe(status, start_date, end_date, offset)
            self.asked.append(request)
            self.asked_at.append(asyncio.get_running_loop().time())
            self.before(request)
            page = self._page(self._chosen(status, start_date, end_date), offset, limit)
            await asyncio.sleep(self.delay)
            if self.errors:
                raise self.errors.pop(0)
            return page

        return Pages(fetch, start=start, max_items=max_items, prefetch=0, on_drift="ignore")

    def _chosen(
        self, status: str | None, start_date: datetime | None, end_date: datetime | None
    ) -> list[Row]:
        if start_date and end_date and not self.filters:
            return []
        rows = self.rows[::-1] if self.newest_first else self.rows
        return [
            row
            for row in rows
            if status in {None, row.status}
            and (start_date is None or start_date <= row.started_at)
            and (end_date is None or row.started_at <= end_date)
        ]

    def _page(self, rows: list[Row], offset: int, limit: int) -> Page[Row]:
        items = tuple(attrs.evolve(row) for row in rows[offset : offset + limit])
        return Page(
            items=items,
            offset=offset,
            total=len(rows) if self.totals else None,
            has_more=offset + len(items) < len(rows),
        )


def _describe(
    status: str | None, start_date: datetime | None, end_date: datetime | None, offset: int
) -> str:
    if start_date is None or end_date is None:
        return f"rows {offset}"
    first, last = (
        round((moment - BEGIN) / timedelta(minutes=1)) for moment in (start_date, end_date)
    )
    span = str(first) if first == last else f"{first}-{last}"
    return f"{status or 'around'} {span}" + (f" from {offset}" if offset else "")
