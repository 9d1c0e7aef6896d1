"""The state of one id: what its parts add up to, and what a checkpoint says of it."""

from __future__ import annotations

from cloudflow_async._core.errors import ServerError
from cloudflow_async._core.fan_out.list_state import ListState
from cloudflow_async._core.fan_out.segments import Plan, Segment, Start
from cloudflow_async._core.paging.page import Bookmark, ListReport
from cloudflow_async._core.paging.pages import Pages


def no_list(start: Start) -> Pages[int]:
    """Stand for a list that nobody opens."""
    raise AssertionError(start)


def parts(*names: str) -> list[Segment[int]]:
    """Return parts of these names."""
    return [Segment("a", no_list, name=name) for name in names]


def test_reports_of_parts_add_up() -> None:
    """Each counts with what has changed since it was counted last."""
    standing = ListState[int]()
    one, two = parts("1", "2")
    standing.plan(Plan([one, two]))
    standing.count(one, ListReport(total=10, first_total=10))
    standing.count(two, ListReport(total=5, first_total=5, duplicates=1))
    standing.count(one, ListReport(total=11, first_total=10, duplicates=2, reread=1))
    standing.drop()

    assert ListReport(first_total=15, total=15, duplicates=3, reread=1) == standing.report


def test_without_totals_there_is_none() -> None:
    """Whatever is dropped."""
    standing = ListState[int]()
    [one] = parts("1")
    standing.count(one, ListReport(uncertain=True))
    standing.drop()

    assert ListReport(uncertain=True) == standing.report


def test_it_is_done_when_all_its_parts_are() -> None:
    """Not when one has failed."""
    standing, failed = ListState[int](), ListState[int]()
    one, two = parts("1", "2")
    done = []
    for each in (standing, failed):
        each.plan(Plan([one, two]))
        each.end(one)
        done.append(each.report.done)
    standing.end(two)
    failed.fail(ServerError("broken", status=500), two)

    assert [False, False] == done
    assert (True, False) == (standing.report.done, failed.report.done)


def test_what_a_checkpoint_says_is_understood() -> None:
    """Parts that were read to their end are not read again, others from their bookmarks on."""
    bookmark = Bookmark(offset=7, last_ids=("a", "b"), total=9)
    standing = ListState[int](memo=["x"], places={"1": None, "2": bookmark}, held={"c": "then"})
    standing.report.rows = 12
    found = ListState[int].from_json(standing.to_json())
    [two, three] = found.plan(Plan(parts("1", "2", "3"), memo=found.memo))

    assert ("2", bookmark, 9) == (two.name, two.start, two.seen.total)
    assert ("3", 0, None) == (three.name, three.start, three.seen.total)
    assert (12, ["x"], {"c": "then"}) == (found.report.rows, found.memo, found.held)


def test_of_what_is_done_only_the_figures_are_kept() -> None:
    """A checkpoint of many ids stays short."""
    standing = ListState[int](memo=["x"], places={"1": None})
    standing.report.rows, standing.report.done = 12, True

    assert {"report": {"rows": 12, "done": True}} == standing.to_json()
