"""Pages, bookmarks and the account of a list: plain values."""

from __future__ import annotations

import json
import pickle
from typing import Any

import attrs
import pytest

from cloudflow_async._core.errors import InvalidArgumentError, ServerError
from cloudflow_async._core.paging.page import MOST_IDS, Batch, Bookmark, ListReport, Page, keys_of


@attrs.frozen
class Row:
    """A row with an identity."""

    id: str


def rows(*keys: str) -> tuple[Row, ...]:
    """Return rows with these ids."""
    return tuple(map(Row, keys))


def test_a_page_knows_where_the_next_begins() -> None:
    """It goes by the rows received, not by those that are left of them."""
    page = Page(items=rows("a"), offset=100, received=3)

    assert 103 == page.next_offset
    assert 3 == Page(items=rows("a", "b"), offset=1).next_offset


def test_a_bookmark_survives_json() -> None:
    """Nothing is lost on the way to a file and back."""
    for bookmark in (
        Bookmark(offset=0),
        Bookmark(offset=7, last_ids=("a", "b"), total=9),
        Bookmark(offset=100, last_ids=tuple(f"r{n}" for n in range(MOST_IDS)), total=None),
    ):
        assert bookmark == Bookmark.from_dict(json.loads(json.dumps(bookmark.to_dict())))
        assert bookmark == pickle.loads(pickle.dumps(bookmark))  # noqa: S301 - our own


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"offset": 1},
        {"offset": 1, "last_ids": [], "total": None, "more": 1},
        {"offset": -1, "last_ids": [], "total": None},
        {"offset": True, "last_ids": [], "total": None},
        {"offset": "1", "last_ids": [], "total": None},
        {"offset": 1, "last_ids": "ab", "total": None},
        {"offset": 1, "last_ids": ["a", 1], "total": None},
        {"offset": 1, "last_ids": ["a"] * 101, "total": None},
        {"offset": 1, "last_ids": [], "total": -1},
        {"offset": 1, "last_ids": [], "total": 1.5},
    ],
    ids=repr,
)
def test_a_bookmark_is_read_strictly(value: Any) -> None:
    """What `to_dict` cannot have made is refused."""
    with pytest.raises(InvalidArgumentError):
        Bookmark.from_dict(value)


@pytest.mark.parametrize(
    ("report", "complete"),
    [
        (ListReport(), False),
        (ListReport(done=True), True),
        (ListReport(done=True, uncertain=True), False),
        (ListReport(failure=ServerError("broken")), False),
        (ListReport(done=True, duplicates=3, reread=4), True),
    ],
)
def test_a_list_is_complete_when_nothing_may_be_missing(
    report: ListReport, *, complete: bool
) -> None:
    """Read to the end, without a failure, and without rows that may have been missed."""
    assert complete == report.complete


def test_a_batch_has_a_place_after_each_row() -> None:
    """The last ids go back into the page before."""
    page = Page(items=rows("c", "d"), offset=10, total=20, received=4)
    batch = Batch(page=page, ends=[11, 13], before=["a", "b"])

    assert Bookmark(offset=10, last_ids=("a", "b"), total=20) == batch.bookmark(0)
    assert Bookmark(offset=11, last_ids=("a", "b", "c"), total=20) == batch.bookmark(1)
    assert Bookmark(offset=14, last_ids=("a", "b", "c", "d"), total=20) == batch.bookmark(2)


def test_a_bookmark_has_a_hundred_ids_at_most() -> None:
    """The newest are kept."""
    page = Page(items=rows(*(f"r{n}" for n in range(60))))
    batch = Batch(page=page, ends=range(1, 61), before=[f"b{n}" for n in range(100)])
    ids = batch.bookmark(50).last_ids

    assert (100, "b50", "r49") == (len(ids), ids[0], ids[-1])


def test_rows_that_came_late_do_not_move_a_bookmark() -> None:
    """What follows them was handed out; it goes on after that."""
    page = Page(items=rows("x", "y", "d"), offset=10, total=20, received=5)
    batch = Batch(page=page, ends=[11, 13, 15], before=["b", "x", "c", "y"], late=2)

    assert [14, 14, 14, 15] == [batch.bookmark(count).offset for count in range(4)]
    assert ("b", "x", "c", "y") == batch.bookmark(1).last_ids == batch.bookmark(2).last_ids
    assert ("b", "x", "c", "y", "d") == batch.bookmark(3).last_ids
    assert 15 == batch.only([0, 1]).bookmark(1).offset


def test_some_rows_of_a_batch_keep_their_places() -> None:
    """What is left of it still counts what was received."""
    page = Page(items=rows("a", "b", "c"), offset=5)
    some = Batch(page=page, ends=[6, 7, 8]).only([0, 2])

    assert rows("a", "c") == some.page.items
    assert (6, 8, 8) == (some.resume_at(1), some.resume_at(2), some.page.next_offset)


def test_rows_without_ids_have_no_keys() -> None:
    """Neither those that lack the attribute, nor those where it is None."""
    assert ["a", "b"] == keys_of(rows("a", "b"))
    assert [] == keys_of(())
    assert keys_of(["text"]) is None
    assert keys_of([Row("a"), Row(None)]) is None  # type: ignore[arg-type]
    assert () == Batch(page=Page(items=("x",)), ends=[1]).bookmark(1).last_ids
