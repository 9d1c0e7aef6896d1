"""What a fan-out reads of each id: opened once, looked at once, closed."""

from __future__ import annotations

import attrs
import pytest

from cloudflow_async._core.errors import ServerError
from cloudflow_async._core.fan_out.segments import Segment, SegmentSource, Start
from cloudflow_async._core.paging.page import ListReport, Page
from cloudflow_async._core.paging.pages import Pages


@attrs.frozen
class Row:
    """A row."""

    id: str


@attrs.define(slots=False)
class Numbers:
    """A list of 25 rows, in pages of ten."""

    asked: list[int] = attrs.field(factory=list)
    errors: list[Exception] = attrs.field(factory=list)
    most: int | None = None

    def open(self, start: Start) -> Pages[Row]:
        """Return it."""

        async def fetch(offset: int, limit: int) -> Page[Row]:
            self.asked.append(offset)
            if self.errors:
                raise self.errors.pop()
            rows = tuple(Row(f"{number}") for number in range(offset, min(25, offset + limit)))
            return Page(items=rows, offset=offset, total=25, has_more=offset + len(rows) < 25)

        return Pages(fetch, page_size=10, start=start, max_items=self.most)


async def ids(part: Segment[Row]) -> list[str]:
    """Return the ids of all rows."""
    return [row.id async for batch in part.read() for row in batch.page]


async def test_what_was_looked_at_is_not_fetched_again() -> None:
    """However often."""
    numbers = Numbers()
    part = Segment("a", numbers.open)
    first = await part.look()

    assert first is not None
    assert first is await part.look()
    assert [0] == numbers.asked
    assert [f"{number}" for number in range(25)] == await ids(part)
    assert 3 == len(numbers.asked)


async def test_a_look_that_failed_may_be_repeated() -> None:
    """It is no end of the list."""
    numbers = Numbers(errors=[ServerError("broken", status=500)])
    part = Segment("a", numbers.open)
    with pytest.raises(ServerError):
        await part.look()

    assert 25 == len(await ids(part))


async def test_an_empty_part_has_no_pages() -> None:
    """And no report but an empty one before it is opened and after it is closed."""
    part = Segment("a", Numbers(most=0).open)

    assert ListReport() == part.report
    assert [] == await ids(part)
    await part.aclose()
    await part.aclose()
    assert ListReport() == part.report


async def test_a_source_reads_each_id_in_one_part() -> None:
    """From the place given; it has no end, and holds nothing back."""
    numbers = Numbers()
    source = SegmentSource(lambda name, start: numbers.open(start), {"colour": "red"})
    [part] = (await source.plan("a", None)).parts
    part.start = 20

    assert [f"{number}" for number in range(20, 25)] == await ids(part)
    assert ({"colour": "red"}, None) == (source.begin({}), source.end_date)
    assert (False, None, []) == (source.holds, source.hold(Row("1")), source.held("a", {}))
