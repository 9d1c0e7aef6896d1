"""How much there is to be read, by first pages."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final, TypeVar

import attrs

from cloudflow_async._core.paging.pages import rows_after
from cloudflow_async._core.support.validation import check_int

from .segments import Plan, Segment, SegmentSource

T = TypeVar("T")

KEPT: Final = 1000
"""Lists of which the pages that were looked at are kept."""


@attrs.frozen(kw_only=True)
class Size:
    """How much is left of one list, or of many."""

    requests: int
    rows: int
    lists: int = 1

    def with_first_pages(self, parts: Sequence[object]) -> Size:
        """Return the size when these pages have to be fetched again."""
        return attrs.evolve(self, requests=self.requests + len(parts))


async def look(
    source: SegmentSource[T],
    id: str,
    plan: Plan[T],
    left: Sequence[Segment[T]],
    *,
    rows_before: int,
) -> Size:
    """Return how much is left of the list of an id.

    Args:
        source: What is read.
        id: Which list.
        plan: Its parts.
        left: Those among them that are left.
        rows_before: Rows that were handed out already.
    """
    if len(plan.parts) == 1:
        found = [(part, batch.page) for part in left if (batch := await part.look()) is not None]
        return Size(
            requests=sum(part.requests_after(page) for part, page in found),
            rows=sum(len(page) + rows_after(page) for _, page in found),
        )
    if plan.total is None:
        plan = await _measured(source, id, plan)
    rows = max(0, (plan.total or 0) - rows_before)
    # Each part ends with a page that is not full.
    return Size(requests=-(-rows // plan.page_size) + len(left), rows=rows)


async def _measured(source: SegmentSource[T], id: str, plan: Plan[T]) -> Plan[T]:
    whole = source.whole(id)
    batch = await whole.look()
    await whole.aclose()
    total = 0 if batch is None else len(batch.page) + rows_after(batch.page)
    return attrs.evolve(plan, total=total)


async def survey(
    ids: Sequence[str],
    look: Callable[[str], Awaitable[Size]],
    *,
    sample: int | None,
    concurrency: int,
) -> Size:
    """Return how much is left of many lists, looking at all or at some of them.

    Raises:
        InvalidArgumentError: `sample` is no int from 1 on.
    """
    chosen = ids if sample is None else _spread(ids, sample)
    sizes = await _each(chosen, look, concurrency)
    requests, rows = sum(size.requests for size in sizes), sum(size.rows for size in sizes)
    others = len(ids) - len(chosen)
    if others:
        # Of these, the first page is still to come too.
        requests += round(others * (requests / len(chosen) + 1))
        rows += round(others * rows / len(chosen))
    return Size(requests=requests, rows=rows, lists=len(ids))


def _spread(ids: Sequence[str], sample: int) -> Sequence[str]:
    check_int("sample", sample, 1)
    return (
        [ids[number * len(ids) // sample] for number in range(sample)] if sample < len(ids) else ids
    )


async def _each(
    ids: Collection[str], look: Callable[[str], Awaitable[Size]], concurrency: int
) -> list[Size]:
    """Look at lists, so many at a time; the first failure ends all."""
    left, sizes = iter(ids), list[Size]()

    async def work() -> None:
        for name in left:
            sizes.append(await look(name))

    workers = [asyncio.create_task(work()) for _ in range(min(concurrency, len(ids)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return sizes
