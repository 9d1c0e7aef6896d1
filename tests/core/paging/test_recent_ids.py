"""Which rows are known: bounded, and in the order of the list."""

from __future__ import annotations

import pytest

from cloudflow_async._core.paging.recent_ids import RecentIds


def test_it_counts_what_came_after() -> None:
    """Over the pages that were added."""
    known = RecentIds(["a", "b"], least=None)
    known.add(["c", "d", "e"])

    assert [4, 2, 0] == [known.after(key) for key in "ace"]
    assert ["b", "c", "d", "e"] == known.last(4)
    assert list("abcde") == known.last(100)


def test_what_is_not_known_has_no_place() -> None:
    """It is an error to ask."""
    with pytest.raises(LookupError):
        RecentIds(["a"], least=None).after("b")


def test_the_oldest_are_forgotten() -> None:
    """Page by page, as long as enough remain."""
    known = RecentIds([], least=10)
    for page in range(10):
        known.add([f"{page}-{row}" for row in range(4)])

    assert {f"{page}-{row}" for page in (7, 8, 9) for row in range(4)} == known.ids
    assert known.has_forgotten


def test_all_are_kept_when_wanted() -> None:
    """Without a bound nothing is forgotten."""
    known = RecentIds([], least=None)
    known.add([str(row) for row in range(5000)])
    known.add(["last"])

    assert (5001, False) == (len(known.ids), known.has_forgotten)


def test_rows_that_came_late_get_their_place() -> None:
    """Before the known row that they stand before; the others at the end."""
    known = RecentIds(list("abcd"), least=None)
    known.merge(["a", "x", "y", "b", "d", "z"])

    assert list("axybcdz") == known.last(100)
    assert known.ids == set("axybcdz")


def test_rows_passed_over_are_known_at_first() -> None:
    """They may still follow; then they come after what was handed out meanwhile."""
    known = RecentIds(list("abcd"), least=None)
    known.pass_over(known.after("b"))
    known.add(["x", "y"])

    assert set("abcdxy") == known.ids
    assert 0 == known.after("y")
    assert [1, 0, 5] == [known.after(key) for key in "cda"]


def test_a_bookmark_gets_half_of_those_passed_over() -> None:
    """They do not push out those that were handed out."""
    known = RecentIds(list("abcdef"), least=None)
    known.pass_over(3)
    known.add(["x"])

    assert ["x", "f"] == known.last(2)
    assert ["a", "b", "c", "x", "d", "e", "f"] == known.last(20)


def test_rows_passed_over_are_remembered_beside_the_others() -> None:
    """However many come before they do; as many as of the others, those passed over last first."""
    known = RecentIds(list("abcdef"), least=3)
    known.pass_over(2)
    before = known.has_forgotten
    known.add(list("vwx"))
    known.add(list("yz"))
    known.pass_over(2)

    assert (False, set("vwxyze")) == (before, known.ids)
    assert known.has_forgotten
    assert 0 == known.after("e")


def test_a_row_that_came_late_before_one_passed_over_is_known() -> None:
    """A page of an older moment may show both."""
    known = RecentIds(list("abc"), least=None)
    known.pass_over(1)
    known.add(["x"])
    known.merge(["n", "c", "x", "y"])

    assert set("abcnxy") == known.ids
    assert "y" == known.last(100)[-2]
