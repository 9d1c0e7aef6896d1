"""Finding rows by id: where is looked, in which order, and what it costs in requests."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cloudflow_async._core.errors import PaginationError, TransportError
from cloudflow_async.cloudflow.searching import Search
from tests.cloudflow.executions import BEGIN, History, Row, history


class Seen(list[str]):
    """Rows that were found, by id and status; a search of a history."""

    def __init__(self, rows: History) -> None:
        self.search: Search[Row] = Search(rows.open, self._found)

    def _found(self, row: Row) -> None:
        self.append(f"{row.id} {row.status}")


async def walk_to_its_end(search: Search[Row]) -> None:
    """Walk as long as there is something to walk for."""
    while search.is_walking:
        await search.walk()


@pytest.mark.parametrize("newest_first", [True, False])
async def test_a_new_row_is_found_at_an_end(newest_first: bool) -> None:
    """The document names no order: of 1,000 rows two pages are read at most, and no more."""
    rows = history(1000, newest_first=newest_first)
    seen = Seen(rows)
    await seen.search.look(["exec_999"])

    assert ["exec_999 completed"] == seen
    assert (["rows 0"] if newest_first else ["rows 0", "rows 900"]) == rows.asked
    assert not seen.search.is_walking


async def test_a_short_list_is_one_request() -> None:
    """What is not on a page without others after it is nowhere."""
    rows = history(100)
    seen = Seen(rows)
    for _ in range(3):
        await seen.search.look(["exec_none"])

    assert ["rows 0"] * 3 == rows.asked
    assert not seen.search.is_walking


async def test_a_row_that_was_seen_is_found_by_its_start() -> None:
    """From then on it costs one request of one row, a second on both sides of its start."""
    rows = history(1000)
    rows.run(990)
    seen = Seen(rows)
    await seen.search.look(["exec_990"])
    rows.end(990)
    await seen.search.look(["exec_990"])

    assert ["exec_990 running", "exec_990 completed"] == seen
    assert ["rows 0", "around 990"] == rows.asked


async def test_the_two_ends_may_meet() -> None:
    """Of 150 rows the second page is asked for, and no row twice."""
    rows = history(150, newest_first=False)
    seen = Seen(rows)
    await seen.search.look(["exec_149"])

    assert ["rows 0", "rows 100"] == rows.asked


async def test_nothing_lies_between_two_ends_that_meet() -> None:
    """Then the whole list was read, and a walk would have nothing to read."""
    rows = history(150)
    seen = Seen(rows)
    for _ in range(5):
        await seen.search.look(["exec_none"])
        await walk_to_its_end(seen.search)

    assert ["rows 0", "rows 100"] * 5 == rows.asked


async def test_a_list_is_not_read_further_than_needed() -> None:
    """Of 250 that started together, the first page has the one."""
    rows = history(250)
    for row in rows.rows:
        row.started_at = BEGIN
    rows.run(249)
    seen = Seen(rows)
    for _ in range(2):
        await seen.search.look(["exec_249"])

    assert ["rows 0", "around 0"] == rows.asked


async def test_rows_of_one_start_are_one_request() -> None:
    """A list of their moment has them all."""
    rows = history(10)
    rows.rows[8].started_at = rows.rows[9].started_at
    rows.run(8, 9)
    seen = Seen(rows)
    await seen.search.look(["exec_8", "exec_9"])
    rows.asked.clear()
    await seen.search.look(["exec_8", "exec_9"])

    assert ["around 9"] == rows.asked
    assert 4 == len(seen)


async def test_many_that_run_are_one_request() -> None:
    """The list of those that run tells of all of them that they do."""
    rows = history(1000)
    some = range(905, 995, 10)
    rows.run(*some)
    seen = Seen(rows)
    await seen.search.look([f"exec_{n}" for n in some])
    rows.asked.clear()
    await seen.search.look([f"exec_{n}" for n in some])

    assert ["running 905-985"] == rows.asked
    assert 18 == len(seen)


async def test_one_of_many_that_ended_is_one_request_more() -> None:
    """What the list of those that run lacks is looked for by its own start."""
    rows = history(1000)
    rows.run(910, 950, 990)
    seen = Seen(rows)
    ids = ["exec_910", "exec_950", "exec_990"]
    await seen.search.look(ids)
    rows.end(950, status="failed")
    rows.asked.clear()
    await seen.search.look(ids)

    assert ["running 910-990", "around 950"] == rows.asked
    assert {"exec_910 running", "exec_950 failed", "exec_990 running"} == set(seen[-3:])


async def test_many_that_ended_together_share_requests() -> None:
    """Fifty neighbours are one page, not fifty requests."""
    rows = history(1000)
    some = range(940, 990)
    rows.run(*some)
    seen = Seen(rows)
    await seen.search.look([f"exec_{n}" for n in some])
    rows.end(*some)
    rows.asked.clear()
    await seen.search.look([f"exec_{n}" for n in some])

    assert ["running 940-989", "around 940-989"] == rows.asked


async def test_a_wide_span_is_not_read_for_a_few() -> None:
    """Between two ended rows lie 800 others: no more pages of these are read than there are two."""
    rows = history(1000)
    rows.run(50, 950)
    seen = Seen(rows)
    await seen.search.look(["exec_50", "exec_950"])
    rows.end(50, 950)
    rows.asked.clear()
    await seen.search.look(["exec_50", "exec_950"])

    assert ["running 50-950", "around 50-950", "around 50-950 from 100", "around 50"] == rows.asked


async def test_a_server_that_reads_dates_otherwise() -> None:
    """What the list of its moment lacks is looked for at the ends, and by date never again."""
    rows = history(300, filters=False)
    rows.run(299)
    seen = Seen(rows)
    for _ in range(3):
        await seen.search.look(["exec_299"])

    assert ["rows 0", "around 299", "rows 0", "rows 0"] == rows.asked
    assert ["exec_299 running"] * 3 == seen


@pytest.mark.parametrize("year", [1, 9999])
async def test_a_start_at_the_end_of_time(year: int) -> None:
    """A margin around it would be no datetime; it is looked for otherwise."""
    rows = history(3)
    rows.rows[0].started_at = datetime(year, 1, 1, tzinfo=UTC)
    seen = Seen(rows)
    for _ in range(2):
        await seen.search.look(["exec_0"])

    assert ["rows 0", "rows 0"] == rows.asked
    assert 2 == len(seen)


async def test_the_whole_list_is_read_at_the_second_miss() -> None:
    """A page at a time, and not beyond the row; the ends are not read again."""
    rows = history(1000)
    seen = Seen(rows)
    await seen.search.look(["exec_600"])

    assert not seen.search.is_walking

    await seen.search.look(["exec_600"])
    rows.asked.clear()
    await walk_to_its_end(seen.search)

    assert ["exec_600 completed"] == seen
    assert ["rows 100", "rows 200", "rows 300"] == rows.asked


async def test_a_row_that_is_nowhere_costs_the_whole_list_rarely() -> None:
    """After a walk of eight pages come as many looks at the ends, and one, before the next walk."""
    rows = history(1000)
    seen = Seen(rows)
    walks = []
    for look in range(30):
        await seen.search.look(["exec_none"])
        if seen.search.is_walking:
            walks.append(look)
            rows.asked.clear()
            await walk_to_its_end(seen.search)

            assert [f"rows {n}00" for n in range(1, 9)] == rows.asked

    assert [1, 10, 19, 28] == walks
    assert [] == seen


async def test_a_row_found_by_a_walk_alone_costs_the_whole_list_rarely() -> None:
    """When neither its start nor the ends lead to it, walks are as rare as for one that is lost."""
    rows = history(1000, filters=False)
    rows.run(500)
    seen = Seen(rows)
    walks = []
    for look in range(20):
        await seen.search.look(["exec_500"])
        if seen.search.is_walking:
            walks.append(look)
            await walk_to_its_end(seen.search)

    assert [1, 6, 11, 16] == walks
    assert ["exec_500 running"] * 4 == seen


async def test_a_walk_ends_when_the_row_turns_up_at_an_end() -> None:
    """An execution that began meanwhile saves the rest of the pages."""
    rows = history(1000)
    seen = Seen(rows)
    for _ in range(2):
        await seen.search.look(["exec_new"])
    await seen.search.walk()
    rows.rows.append(Row("exec_new", BEGIN, "running"))
    rows.rows[-1].started_at = rows.rows[-2].started_at
    await seen.search.look(["exec_new"])

    assert ["exec_new running"] == seen
    assert not seen.search.is_walking
    assert "rows 200" not in rows.asked


async def test_a_walk_is_for_those_who_were_there() -> None:
    """Who comes meanwhile gets a walk of its own afterwards."""
    rows = history(400)
    seen = Seen(rows)
    for _ in range(2):
        await seen.search.look(["exec_none"])
    await seen.search.walk()
    for _ in range(2):
        await seen.search.look(["exec_250"])
    await walk_to_its_end(seen.search)
    rows.asked.clear()
    await seen.search.look(["exec_250"])
    await walk_to_its_end(seen.search)

    assert ["exec_250 completed"] == seen
    assert ["rows 0", "rows 300", "rows 100"] == rows.asked


async def test_without_totals_the_walk_goes_to_the_end() -> None:
    """A server that does not count its rows has one end."""
    rows = history(250, totals=False, newest_first=False)
    seen = Seen(rows)
    for _ in range(2):
        await seen.search.look(["exec_249"])
    await walk_to_its_end(seen.search)

    assert ["exec_249 completed"] == seen
    assert ["rows 0", "rows 0", "rows 100", "rows 200"] == rows.asked


async def test_a_walk_goes_on_after_an_error() -> None:
    """A connection that broke costs one page, not those before it."""
    rows = history(1000)
    seen = Seen(rows)
    for _ in range(2):
        await seen.search.look(["exec_700"])
    rows.asked.clear()
    await seen.search.walk()
    rows.errors.append(TransportError("broken"))
    with pytest.raises(TransportError):
        await seen.search.walk()
    await walk_to_its_end(seen.search)

    assert ["exec_700 completed"] == seen
    assert ["rows 100", "rows 200", "rows 200"] == rows.asked


async def test_a_walk_ends_with_pages_that_contradict_each_other() -> None:
    """Asking for the same page again would end the same way."""
    rows = history(1000)
    seen = Seen(rows)
    for _ in range(2):
        await seen.search.look(["exec_700"])
    rows.errors.append(PaginationError("contradiction"))
    with pytest.raises(PaginationError):
        await seen.search.walk()

    assert not seen.search.is_walking
    await seen.search.walk()
    assert [] == seen


async def test_what_is_forgotten_is_not_looked_for() -> None:
    """Neither further in a look, nor in a walk."""
    rows = history(1000)
    seen = Seen(rows)
    for _ in range(2):
        await seen.search.look(["exec_600", "exec_none"])
    seen.search.forget("exec_none")

    assert seen.search.is_walking

    seen.search.forget("exec_600")

    assert not seen.search.is_walking

    rows.asked.clear()
    rows.before = lambda request: seen.search.forget("exec_500")
    await seen.search.look(["exec_500"])

    assert ["rows 0"] == rows.asked
    assert [] == seen
