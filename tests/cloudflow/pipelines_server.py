"""Histories of pipelines without sockets: filtered and paged as a server may do it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import attrs

from cloudflow_async._core.errors import CloudFlowError
from cloudflow_async._core.fan_out.fan_out import FanOut
from cloudflow_async._core.fan_out.segments import Start
from cloudflow_async._core.paging.page import Page
from cloudflow_async._core.paging.pages import Pages
from cloudflow_async.cloudflow.histories import Histories

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
NOON = datetime(2026, 1, 11, 12, tzinfo=UTC)
"""What the server's clock shows."""

Order = Literal["newest first", "oldest first", "shuffled"]


@attrs.define
class Row:
    """An execution."""

    id: str
    started_at: datetime
    status: str = "completed"


@attrs.frozen
class Asked:
    """A request for a page."""

    id: str
    start_date: datetime | None
    end_date: datetime | None
    offset: int
    limit: int


@attrs.define(slots=False)
class PipelinesServer:
    """Executions by pipeline."""

    rows: dict[str, list[Row]]
    """The oldest first."""

    includes_start: bool = True
    includes_end: bool = True
    order: Order = "newest first"
    page_size: int = 10
    errors: dict[str, CloudFlowError] = attrs.field(factory=dict)
    """What each request for a pipeline fails with."""

    before: Callable[[Asked], object] = lambda asked: None
    """Called with each request before it is answered."""

    asked: list[Asked] = attrs.field(factory=list)

    def open_window(
        self, id: str, start_date: datetime | None, end_date: datetime | None, start: Start
    ) -> Pages[Row]:
        """Return a list, as the client opens it."""

        async def fetch(offset: int, limit: int) -> Page[Row]:
            asked = Asked(id, start_date, end_date, offset, limit)
            self.asked.append(asked)
            await asyncio.sleep(0.01)
            self.before(asked)
            if id in self.errors:
                raise self.errors[id]
            found = self._select(asked)
            items = tuple(attrs.evolve(row) for row in found[offset : offset + limit])
            return Page(
                items=items,
                offset=offset,
                limit=limit,
                total=len(found),
                has_more=offset + len(items) < len(found),
            )

        return Pages(fetch, page_size=self.page_size, start=start)

    def histories(self, **options: Any) -> Histories[Row]:
        """Return what a fan-out reads."""
        given: dict[str, Any] = {
            "start_date": None,
            "end_date": None,
            "slices": None,
            "reread_running": False,
            **options,
        }
        return Histories(
            self.open_window,
            now=NOON.timestamp,
            filters={"status": None},
            page_size=self.page_size,
            **given,
        )

    def fan_out(
        self,
        *,
        ids: Iterable[str] | None = None,
        concurrency: int = 4,
        on_error: Any = "raise",
        checkpoint: Any = None,
        **asked: Any,
    ) -> FanOut[Row]:
        """Return a fan-out over these pipelines, or all."""
        return FanOut(
            self.histories(**asked),
            list(self.rows) if ids is None else ids,
            concurrency=concurrency,
            on_error=on_error,
            checkpoint=checkpoint,
        )

    def ids(self) -> list[str]:
        """Return the ids of all rows, sorted."""
        return sorted(row.id for rows in self.rows.values() for row in rows)

    def _select(self, asked: Asked) -> list[Row]:
        found = [row for row in self.rows[asked.id] if self._is_in(row, asked)]
        if self.order == "newest first":
            return found[::-1]
        if self.order == "shuffled":
            return sorted(found, key=lambda row: row.id[::-1])
        return found

    def _is_in(self, row: Row, asked: Asked) -> bool:
        start, end = asked.start_date, asked.end_date
        after = start is None or row.started_at > start
        before = end is None or row.started_at < end
        return (after or (self.includes_start and row.started_at == start)) and (
            before or (self.includes_end and row.started_at == end)
        )


def server(sizes: dict[str, int], *, seed: int = 0, **options: Any) -> PipelinesServer:
    """Return pipelines with so many executions each, within ten days, at whole seconds."""
    chance = random.Random(seed)
    rows = {
        name: [
            Row(f"{name}-{number}", BEGIN + timedelta(seconds=second))
            for number, second in enumerate(sorted(chance.choices(range(864_000), k=size)))
        ]
        for name, size in sizes.items()
    }
    return PipelinesServer(rows, **options)


async def read(fan_out: FanOut[Row]) -> list[str]:
    """Return the ids of all rows, as they came."""
    async with fan_out:
        return [row.id async for row in fan_out]
