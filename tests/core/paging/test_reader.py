"""The reader: pages in flight, in order, also when some of them do not fit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from cloudflow_async._core.errors import DriftError, ServerError
from cloudflow_async._core.paging.page import Bookmark, ListReport, Page
from cloudflow_async._core.paging.reader import Extent, Reader

pytestmark = pytest.mark.virtual_time


@attrs.frozen
class Row:
    """A row with an identity."""

    id: Any


@attrs.define(slots=False)
class Server:
    """A list on a server that takes its time; what `at` has for a request is done before it."""

    rows: list[Any]
    at: dict[int, Callable[[list[Any]], object]] = attrs.field(factory=dict)
    delay: float = 1.0
    asked: list[int] = attrs.field(factory=list)
    under_way: int = 0
    most_under_way: int = 0

    async def fetch(self, offset: int, limit: int) -> Page[Row]:
        """Answer with the list as it is when the answer is made."""
        self.asked.append(offset)
        number = len(self.asked)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            # Answers come in the order of their pages.
            await asyncio.sleep(self.delay + offset / 1e6)
        finally:
            self.under_way -= 1
        if number in self.at:
            self.at.pop(number)(self.rows)
        rows, total = self.rows[offset : offset + limit], len(self.rows)
        return Page(
            items=tuple(map(self.row, rows)),
            offset=offset,
            total=total,
            has_more=offset + len(rows) < total,
        )

    def row(self, key: Any) -> Any:
        """Return a row as the API shows it."""
        return Row(key)

    def reader(self, window: Callable[[], int] = lambda: 0, **options: Any) -> Reader[Row]:
        """Return a reader of the list."""
        extent: dict[str, Any] = {
            "start": Bookmark(offset=0),
            "page_size": 10,
            "max_items": None,
            "on_drift": "dedupe",
        }
        return Reader(
            self.fetch,
            Extent(**{**extent, **options}),
            window=window,
            all_running=set(),
            report=ListReport(),
        )


def a_server(count: int, **options: Any) -> Server:
    """Return a list of so many rows."""
    return Server(list(range(count)), **options)


async def read(reader: Reader[Row]) -> list[Any]:
    """Return the ids of all rows."""
    found: list[Any] = []
    while (batch := await reader.read()) is not None:
        found += [row.id for row in batch.page]
    return found


def delete(count: int) -> Callable[[list[Any]], object]:
    """Return what deletes so many rows at the head."""
    return lambda rows: rows.__delitem__(slice(count))


def insert(count: int) -> Callable[[list[Any]], object]:
    """Return what inserts so many rows at the head."""
    return lambda rows: rows.__setitem__(slice(0), [f"new {n}" for n in range(count)])


async def test_pages_in_flight_survive_a_deletion() -> None:
    """One page more is asked for: what is on its way still fits behind it."""
    server = a_server(200, at={8: delete(3)})
    reader = server.reader(lambda: 19)
    rows = await read(reader)

    assert list(range(200)) == rows
    assert 20 + 1 == len(server.asked)
    assert (1, True) == (reader.report.reread, reader.report.complete)


async def test_pages_in_flight_survive_an_insertion() -> None:
    """What came again is dropped, and no page is asked for twice."""
    server = a_server(200, at={8: insert(3)})
    reader = server.reader(lambda: 19)
    rows = await read(reader)

    assert list(range(200)) == rows
    assert 20 + 1 == len(server.asked)
    assert (0, 3) == (reader.report.reread, reader.report.duplicates)


@pytest.mark.parametrize("count", [40, 95])
async def test_pages_overtaken_are_dropped(count: int) -> None:
    """After a page that reaches further than planned, those behind it are not waited for."""
    server = a_server(300, at={5: delete(count)})
    reader = server.reader(lambda: 5)

    rows = await read(reader)

    assert set(server.rows) <= set(rows)
    assert sorted(set(rows)) == rows
    assert len(server.asked) <= 30


async def test_the_window_is_asked_whenever_pages_are_planned() -> None:
    """It may open and close in the middle."""
    server = a_server(200)
    size = [2]
    reader = server.reader(lambda: size[0])
    await reader.read()
    await asyncio.sleep(5)
    narrow = len(server.asked)
    size[0] = 8
    await reader.read()
    await asyncio.sleep(5)
    wide = len(server.asked)
    size[0] = 0
    for _ in range(4):
        await reader.read()
    await asyncio.sleep(5)

    assert (1 + 2, 2 + 8) == (narrow, wide)
    assert 2 + 8 == len(server.asked)
    reader.close()


async def test_nothing_is_asked_for_ahead_of_a_bookmark() -> None:
    """Its place has to be found first."""
    server = a_server(200)
    start = Bookmark(offset=50, last_ids=(48, 49), total=200)  # type: ignore[arg-type]
    reader = server.reader(lambda: 3, start=start)
    reading = asyncio.create_task(reader.read())
    await asyncio.sleep(0.5)
    asked = len(server.asked)
    batch = await reading

    assert 1 == asked
    assert batch is not None
    assert (50, [50, 51]) == (batch.page.offset, [row.id for row in batch.page[:2]])
    reader.close()


async def test_a_cancelled_search_begins_again() -> None:
    """Nothing is lost by it."""
    server = a_server(100, at={2: delete(3)})
    reader = server.reader()
    first = await reader.read()
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                await reader.read()
    rest = await read(reader)

    assert first is not None
    assert list(range(10, 100)) == rest


async def test_a_failed_search_begins_again() -> None:
    """The error tells where the rows handed out end."""
    server = a_server(100, at={2: delete(3)})
    reader = server.reader()
    await reader.read()

    def fail(_: object) -> None:
        raise ServerError("broken")

    server.at[3] = fail
    with pytest.raises(ServerError) as caught:
        await reader.read()

    assert 10 == caught.value.resume_at
    assert list(range(10, 100)) == await read(reader)


async def test_closing_ends_a_wait_for_a_page() -> None:
    """Whoever waits gets the end of the list."""
    server = a_server(100)
    reader = server.reader(lambda: 2)
    await reader.read()
    waiting = asyncio.create_task(reader.read())
    await asyncio.sleep(0.5)
    reader.close()

    assert await waiting is None
    assert not reader.report.done


async def test_a_list_that_changes_is_begun_anew() -> None:
    """Rows are handed out once, and all those of the last reading are among them."""
    server = a_server(50, at={3: delete(2), 7: insert(1)})
    reader = server.reader(on_drift="restart")
    rows = await read(reader)

    assert [*range(50), "new 0"] == sorted(rows, key=lambda row: (isinstance(row, str), row))
    assert (2 + 3, True) == (reader.report.reread, reader.report.complete)


async def test_beginning_anew_keeps_the_bound() -> None:
    """`max_items` counts the rows of all readings."""
    server = a_server(50, at={2: delete(2)})
    rows = await read(server.reader(on_drift="restart", max_items=15))

    assert list(range(15)) == rows


async def test_beginning_anew_ends() -> None:
    """After five readings that saw a change, the change is an error."""
    server = a_server(50)
    server.at = {number: insert(1) for number in range(1, 100)}
    reader = server.reader(on_drift="restart")
    with pytest.raises(DriftError, match="The list changed while it was read"):
        await read(reader)

    assert 10 == len(server.asked)


async def test_rows_without_ids_are_not_begun_anew() -> None:
    """There would be no telling which were handed out."""
    server = a_server(50, at={2: delete(2)})
    server.row = lambda key: key  # type: ignore[method-assign]
    reader = server.reader(on_drift="restart")
    with pytest.raises(DriftError):
        await read_all(reader)

    assert 2 == len(server.asked)


async def read_all(reader: Reader[Any]) -> None:
    """Read to the end."""
    while await reader.read() is not None:
        pass


async def test_a_change_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """With what was seen, and without ids."""
    server = a_server(100, at={2: delete(3), 5: delete(3)})
    with caplog.at_level(logging.INFO, "cloudflow_async"):
        await read(server.reader())

    assert [("cloudflow_async", logging.INFO)] == [
        (record.name, record.levelno) for record in caplog.records
    ]
    assert (
        "A list changed while it was read: at offset 9, it has 97 rows, and had 100, the last "
        "row before is not where it was."
    ) == caplog.messages[0]


async def test_rows_that_may_be_missing_are_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """Without ids a change cannot be followed."""
    server = a_server(100, at={2: delete(3), 5: delete(3)})
    server.row = lambda key: key  # type: ignore[method-assign]
    reader = server.reader()
    await read_all(reader)

    assert [logging.WARNING] == [record.levelno for record in caplog.records]
    assert "it has 97 rows, and had 100" in caplog.text
    assert not reader.report.complete
