"""Which rows of a page are new: decided page by page, and over lists that change at random."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import attrs
import pytest

from cloudflow_async._core.errors import DriftError, PaginationError
from cloudflow_async._core.paging.drift import DriftTracker, PageRequest
from cloudflow_async._core.paging.page import Batch, Bookmark, Page
from tests.core.paging import drift_runs


@attrs.frozen
class Row:
    """A row with an identity."""

    id: Any


class Reading:
    """A trail and the list that it goes through; one page at a time, as a reader would."""

    def __init__(self, rows: Sequence[Any], start: Bookmark | int = 0, **options: Any) -> None:
        self.rows = list(rows)
        self.got: list[Any] = []
        self.asks: list[PageRequest] = []
        if isinstance(start, int):
            start = Bookmark(offset=start)
        self.trail: DriftTracker[Row] = DriftTracker(start, **{"page_size": 10, **options})

    def page(self, ask: PageRequest, **changes: Any) -> Page[Row]:
        """Return what the server answers at this moment."""
        rows = self.rows[ask.offset : ask.offset + ask.limit]
        total = len(self.rows)
        page = Page(
            items=tuple(map(Row, rows)),
            offset=ask.offset,
            limit=ask.limit,
            total=total,
            has_more=ask.offset + len(rows) < total,
        )
        return attrs.evolve(page, **changes)

    def step(self, **changes: Any) -> Batch[Row] | None:
        """PageRequest for the page that is needed now, and take it."""
        ask = self.trail.guess() or self.trail.next(self.trail.offset)
        self.asks.append(ask)
        batch = self.trail.take(ask, self.page(ask, **changes))
        self.got += [] if batch is None else [row.id for row in batch.page]
        return batch

    def finish(self) -> list[Any]:
        """Read to the end."""
        while not self.trail.ended:
            self.step()
        return self.got

    @property
    def offsets(self) -> list[int]:
        """What was asked for."""
        return [ask.offset for ask in self.asks]


def the_rows(count: int = 35) -> list[int]:
    """Return the ids of so many rows."""
    return list(range(count))


def test_each_page_overlaps_the_one_before() -> None:
    """With a page size below the largest that costs no request, and is not to be seen."""
    reading = Reading(the_rows())
    first, second = reading.step(), reading.step()

    assert first is not None
    assert second is not None
    assert (10, 10, 10, 20) == (
        second.page.offset,
        second.page.limit,
        second.page.received,
        second.page.next_offset,
    )
    assert the_rows() == reading.finish()
    assert [(0, 10), (9, 11), (19, 11), (29, 11)] == [(a.offset, a.limit) for a in reading.asks]
    assert (None, 0) == (reading.trail.drift, reading.trail.report.duplicates)


@pytest.mark.parametrize(
    ("count", "offsets"),
    [
        (347, [0, 99, 198, 297]),
        (300, [0, 100, 200]),
        (299, [0, 99, 199]),
        (298, [0, 99, 198]),
        (100, [0]),
        (0, [0]),
    ],
)
def test_the_largest_pages_overlap_where_there_is_room(count: int, offsets: list[int]) -> None:
    """In a closed list the room of the last page is spent on the first boundaries, and no more."""
    reading = Reading(the_rows(count), page_size=100, is_closed=True)

    assert the_rows(count) == reading.finish()
    assert offsets == reading.offsets


def test_after_a_change_each_page_overlaps() -> None:
    """Of a closed list too: correctness comes before economy."""
    reading = Reading(the_rows(600), page_size=100, is_closed=True)
    reading.step()
    reading.step()
    del reading.rows[0]
    reading.finish()

    assert the_rows(600) == reading.got
    assert [0, 100, 200] == reading.offsets[:3]
    behind = [ask for ask in reading.asks[3:] if not ask.is_guess]
    assert [99] * (len(behind) - 1) == [
        after.offset - before.offset for before, after in itertools.pairwise(behind)
    ]


@pytest.mark.parametrize("page_size", [1, 2, 10, 50, 99, 100])
@pytest.mark.parametrize("gone", [1, 3, 10, 30])
def test_rows_deleted_before_cost_a_look_back(gone: int, page_size: int) -> None:
    """No row that stays is missed; one page more is asked for, and the pages after fit."""
    reading = Reading(the_rows(250), page_size=page_size)
    while len(reading.got) < 100:
        reading.step()
    asked = len(reading.asks)
    del reading.rows[:gone]
    reading.finish()
    left = -(-(150 - 80) // page_size)

    assert the_rows(250) == reading.got
    assert len(reading.asks) - asked <= left + 3
    assert reading.trail.report.complete is False
    assert reading.trail.report.uncertain is False


@pytest.mark.parametrize("page_size", [1, 10, 99, 100])
@pytest.mark.parametrize("come", [1, 5, 40, 150, 400])
def test_rows_inserted_before_are_no_matter(come: int, page_size: int) -> None:
    """However many: what was read is not handed out again."""
    reading = Reading(the_rows(250), page_size=page_size)
    while len(reading.got) < 100:
        reading.step()
    reading.rows[:0] = [f"new {n}" for n in range(come)]
    reading.finish()

    assert the_rows(250) == [row for row in reading.got if isinstance(row, int)]
    assert len(set(reading.got)) == len(reading.got)


def test_the_last_row_read_may_be_deleted() -> None:
    """Those before it are known too."""
    reading = Reading(the_rows(50))
    reading.step()
    del reading.rows[8:10]

    assert the_rows(50) == reading.finish()
    assert [0, 9, 0] == reading.offsets[:3]


def test_as_many_inserted_as_deleted_show_in_the_overlap() -> None:
    """The total does not change then."""
    reading = Reading(the_rows(50))
    reading.step()
    del reading.rows[:3]
    reading.rows += ["a", "b", "c"]

    assert [*the_rows(50), "a", "b", "c"] == reading.finish()


@pytest.mark.parametrize(
    ("options", "lost"),
    [({}, set()), ({"is_closed": True}, {100, 101, 102}), ({"has_ids": False}, {100, 101, 102})],
    ids=["default", "closed", "ignore"],
)
def test_a_balanced_change_is_seen_by_the_overlap(options: Any, lost: set[int]) -> None:
    """At the largest page size too; without an overlap, the total does not show it."""
    reading = Reading(the_rows(300), page_size=100, **options)
    reading.step()
    del reading.rows[:3]
    reading.rows += ["a", "b", "c"]
    reading.finish()

    assert lost == set(the_rows(300)[3:]) - set(reading.got) - {0, 1, 2}


def test_when_all_that_was_read_is_gone_the_rest_is_at_the_beginning() -> None:
    """A list that was read from its beginning can be looked through from there."""
    reading = Reading(the_rows(500), page_size=100)
    reading.step()
    reading.step()
    del reading.rows[:199]

    assert the_rows(500) == reading.finish()


def test_a_list_read_from_its_beginning_is_found_from_there() -> None:
    """When the likely places have strangers only: many rows came, and as many went elsewhere."""
    reading = Reading(the_rows(4000), page_size=100)
    while len(reading.got) < 800:
        reading.step()
    asked = len(reading.asks)
    reading.rows[:0] = [f"new {n}" for n in range(2000)]
    del reading.rows[-2000:]
    # Had nothing else changed, this could not be seen: the documented exception.
    reading.rows.pop()
    reading.finish()

    assert 0 == reading.offsets[asked + 4]
    assert the_rows(1999) == [row for row in reading.got if isinstance(row, int)]
    assert len(set(reading.got)) == len(reading.got)


@pytest.mark.parametrize(
    "start",
    [300, Bookmark(offset=300, last_ids=("b", "a"), total=500)],
    ids=["offset", "bookmark"],
)
def test_when_all_known_rows_are_gone_the_place_is_lost(start: int | Bookmark) -> None:
    """In a list that was not read from its beginning that is an error, not a guess."""
    reading = Reading(the_rows(500), start)
    if start == 300:
        reading.step()
        del reading.rows[300:310]

    with pytest.raises(DriftError, match="none of the rows read last"):
        reading.finish()


def test_a_list_that_does_not_hold_still_is_given_up() -> None:
    """After twenty pages in a row that tell nothing."""
    reading = Reading(the_rows(5000), 500)
    reading.step()

    def go_on() -> None:
        for turn in itertools.count():
            reading.rows[:0] = [f"new {turn} {n}" for n in range(400)]
            reading.step()

    with pytest.raises(DriftError, match="faster than it can be read"):
        go_on()

    assert list(range(500, 510)) == reading.got
    assert 22 == len(reading.asks)


def test_after_giving_up_it_can_be_tried_again() -> None:
    """Once the list holds still, nothing was lost."""
    reading = Reading(the_rows(2000), 500)
    reading.step()
    read, reading.rows = reading.rows, [f"other {n}" for n in range(1000)]
    with pytest.raises(DriftError):
        reading.finish()
    reading.trail.calm()
    reading.rows = read

    assert list(range(500, 2000)) == reading.finish()


@pytest.mark.parametrize("page_size", [10, 100])
def test_a_bookmark_finds_its_place(page_size: int) -> None:
    """Wherever the rows read last are now."""
    ids = tuple(range(200, 300))
    for come, gone in [(0, 0), (7, 0), (0, 7), (150, 3), (3, 150), (0, 290)]:
        start = Bookmark(offset=300, last_ids=ids, total=1000)  # type: ignore[arg-type]
        reading = Reading(the_rows(1000), start, page_size=page_size)
        del reading.rows[:gone]
        reading.rows[:0] = [f"new {n}" for n in range(come)]

        assert list(range(300, 1000)) == reading.finish()
        assert 299 == reading.offsets[0]


def test_what_changed_before_a_bookmark_is_no_drift_of_this_reading() -> None:
    """Strictness begins with the first page that fits."""
    start = Bookmark(offset=300, last_ids=("299",), total=1000)
    reading = Reading([str(row) for row in range(1000)], start, is_strict=True)
    del reading.rows[:5]
    reading.step()
    reading.step()

    assert reading.got[0] == "300"
    assert reading.trail.drift is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows.insert(0, "a"), "it has 36 rows, and had 35, 1 rows came again"),
        (lambda rows: rows.append("a"), "it has 36 rows, and had 35"),
        (lambda rows: rows.__delitem__(9), "it has 34 rows.* the last row before is not where"),
        (lambda rows: rows.__setitem__(9, "a"), "the last row before is not where it was"),
    ],
    ids=["inserted", "appended", "deleted", "replaced"],
)
def test_a_strict_trail_says_what_it_saw(change: Any, said: str) -> None:
    """And hands out nothing of that page."""
    reading = Reading(the_rows(), is_strict=True)
    reading.step()
    change(reading.rows)
    with pytest.raises(DriftError, match=f"at offset 9, {said}"):
        reading.step()

    assert 10 == reading.trail.offset


def test_the_same_page_again_is_a_contradiction() -> None:
    """After the second time, whatever was asked for."""
    reading = Reading(the_rows(300), page_size=100)
    reading.step()
    same = tuple(map(Row, the_rows(100)))
    reading.step(items=same)
    with pytest.raises(PaginationError, match="rows of the page before"):
        reading.step(items=same)


def test_the_same_rows_again_may_be_a_change() -> None:
    """One inserted, one deleted: a second look finds the rest."""
    reading = Reading(the_rows(), page_size=1)
    reading.step()
    reading.step()
    reading.rows.insert(0, -1)
    reading.rows.pop()

    assert the_rows(34) == reading.finish()


def test_a_server_that_gives_single_rows_is_followed() -> None:
    """Then there is no room for an overlap."""
    reading = Reading(the_rows(7), page_size=1)
    while not reading.trail.ended:
        ask = reading.trail.next(reading.trail.offset)
        batch = reading.trail.take(ask, reading.page(attrs.evolve(ask, limit=1)))
        assert batch is not None
        reading.got += [row.id for row in batch.page]

    assert the_rows(7) == reading.got


def test_a_list_shorter_than_it_says_is_asked_once_more() -> None:
    """What comes then counts; when nothing does, rows may be missing."""
    reading = Reading(the_rows(35))
    reading.step(has_more=False)
    reading.step()

    assert (20, False) == (len(reading.got), reading.trail.ended)
    reading.step(has_more=False, items=(Row(19),))
    assert (20, True, True) == (
        len(reading.got),
        reading.trail.ended,
        reading.trail.report.uncertain,
    )


def test_rows_without_ids_have_their_total_alone() -> None:
    """A change is seen, and nothing can be done about it."""
    trail: DriftTracker[str] = DriftTracker(Bookmark(offset=0), page_size=2)
    for offset, total in [(0, 6), (2, 6), (4, 5)]:
        ask = trail.next(trail.offset)
        page = Page(items=("x",) * 2, offset=offset, total=total, has_more=offset < 4)
        batch = trail.take(ask, page)

        assert (offset, 2) == (ask.offset, ask.limit)
        assert batch is not None
        assert 2 == len(batch.page)
    assert trail.report.uncertain
    assert trail.drift is not None


def test_rows_that_lose_their_ids_are_joined_by_place() -> None:
    """The row of the overlap is dropped all the same."""
    reading = Reading(the_rows())
    reading.step()
    batch = reading.step(items=tuple(Row(None) for _ in range(11)))

    assert batch is not None
    assert 10 == len(batch.page)


def test_unknown_rows_between_known_ones_are_handed_out() -> None:
    """They came meanwhile, or the order of the list is not firm; their places are right."""
    reading = Reading(["a", "b", "c", "d", "x", "c", "y", "d", "z"], page_size=4)
    reading.step()
    batch = reading.step()

    assert batch is not None
    assert ["x", "y"] == [row.id for row in batch.page]
    assert [5, 7] == list(batch.ends)
    assert (8, 8) == (batch.page.next_offset, batch.resume_at(2))
    assert list("abcdxyz") == reading.finish()


def test_doubles_within_a_last_page_bring_nothing() -> None:
    """A page of known rows only ends the list like any other."""
    reading = Reading(["a", "b", "c"], page_size=3)
    reading.step(has_more=True, total=4)
    reading.step(items=(Row("c"), Row("b"), Row("c")), total=5, has_more=False)

    assert (["a", "b", "c"], True) == (reading.got, reading.trail.ended)


def test_a_block_inserted_among_known_rows_hides_nothing() -> None:
    """The known rows behind it are dropped when they come, however late."""
    reading = Reading(the_rows(60))
    for _ in range(4):
        reading.step()
    reading.rows[38:38] = [f"new {n}" for n in range(30)]
    del reading.rows[:3]
    reading.rows[:0] = ["a", "b", "c"]
    reading.finish()

    assert the_rows(60) == [row for row in reading.got if isinstance(row, int)]
    assert len(set(reading.got)) == len(reading.got)


def test_a_bound_counts_rows_handed_out() -> None:
    """Rows that came again do not use it up, and no row past it is asked for."""
    reading = Reading(the_rows(100), most=25)
    reading.step()
    reading.rows[:0] = ["a", "b"]
    reading.finish()

    assert the_rows(25) == reading.got
    assert 27 == reading.trail.offset
    assert max(ask.offset + ask.limit for ask in reading.asks) <= 27


def test_a_page_again_may_be_of_no_use() -> None:
    """Then it does not start another search."""
    reading = Reading(the_rows(50))
    reading.step()
    ask = PageRequest(20, 10, 30)

    assert reading.trail.take(ask, reading.page(ask), again=True) is None
    assert reading.trail.guess() is None


def test_a_known_row_with_pages_of_unknown_ones_is_found_by_halves() -> None:
    """When most of what was read is deleted, in several places."""
    reading = Reading(the_rows(3000), page_size=100)
    while len(reading.got) < 1000:
        reading.step()
    gone = set(range(500, 1000)) | set(range(100, 200))
    reading.rows = [row for row in reading.rows if row not in gone]
    reading.rows[:0] = [f"new {n}" for n in range(300)]
    reading.finish()

    assert the_rows(3000) == [row for row in reading.got if isinstance(row, int)]
    assert len(set(reading.got)) == len(reading.got)


@pytest.mark.parametrize("seeds", [range(n, n + 20) for n in range(0, 200, 20)], ids=str)
async def test_nothing_is_lost_or_doubled(seeds: range) -> None:
    """Rows come and go at random places and moments; each that stays is handed out once."""
    for seed in seeds:
        run = await drift_runs.run(seed)

        assert ([], [], []) == (run.lost, run.doubled, run.faults), run
