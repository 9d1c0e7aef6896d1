"""Where known rows are looked for: the likely place, around it, and between what is known."""

from __future__ import annotations

from typing import Any

import pytest

from cloudflow_async._core.paging.drift_search import DriftSearch, change
from cloudflow_async._core.paging.page import Page


def strangers(offset: int, count: int = 100, **options: Any) -> Page[int]:
    """Return a page without a known row."""
    return Page(items=tuple(range(count)), offset=offset, has_more=True, **options)


def test_it_looks_at_the_guess_first() -> None:
    """Inside the list: a page at its end shows as much as one that ends behind it."""
    assert 300 == DriftSearch(300, total=500).offset()
    assert 400 == DriftSearch(499, total=500).offset()
    assert 0 == DriftSearch(-30, total=500).offset()
    assert 0 == DriftSearch(60, total=50).offset()
    assert 300 == DriftSearch(300, total=None).offset()


def test_it_looks_around_what_was_looked_through() -> None:
    """Before it and after it in turn; each page overlaps what was seen by a row."""
    search = DriftSearch(300, total=1000)
    asked = []
    for _ in range(5):
        offset = search.offset()
        assert offset is not None
        asked.append(offset)
        search.missed(strangers(offset))

    assert [300, 201, 399, 102, 498] == asked


def test_it_ends_when_all_was_looked_through() -> None:
    """At the beginning it goes on after, at the end it goes on before."""
    search = DriftSearch(50, total=250)
    asked = []
    while (offset := search.offset()) is not None:
        asked.append(offset)
        rest = min(250 - offset, 100)
        search.missed(Page(items=tuple(range(rest)), offset=offset, has_more=offset + rest < 250))

    assert [50, 0, 149, 248] == asked


def test_small_pages_make_small_steps() -> None:
    """A server that gives ten rows leaves no hole between two looks."""
    search = DriftSearch(300, total=1000)
    search.missed(strangers(300, count=10))

    assert 291 == search.offset()


def test_a_near_row_is_looked_at_again() -> None:
    """A page that begins with it shows what follows."""
    search = DriftSearch(0, total=1000)
    search.found(400, rank=10)

    assert 400 == search.offset()


def test_a_far_row_tells_where_the_last_one_is() -> None:
    """As many rows after it as were handed out, but for a margin."""
    search = DriftSearch(0, total=1000)
    search.found(400, rank=300)

    assert 680 == search.offset()


def test_between_a_known_row_and_strangers_it_halves() -> None:
    """Until a page at the known row shows all that is between."""
    search = DriftSearch(0, total=2000)
    search.found(400, rank=800)
    asked = []
    for _ in range(4):
        offset = search.offset()
        assert offset is not None
        asked.append(offset)
        search.missed(strangers(offset))

    assert [1180, 790, 595, 497] == asked
    search.missed(strangers(497))
    assert 400 == search.offset()


def test_a_row_found_further_on_opens_the_end_again() -> None:
    """What was strange before it is not the bound any more."""
    search = DriftSearch(0, total=2000)
    search.found(400, rank=500)
    search.missed(strangers(880))
    search.found(900, rank=0)

    assert (900, None) == (search.offset(), search.high)


def test_a_known_row_that_is_gone_starts_it_anew() -> None:
    """When its place shows strangers, the list has changed once more."""
    search = DriftSearch(0, total=2000)
    search.found(400, rank=0)
    search.missed(strangers(400))

    assert 301 == search.offset()
    assert search.low is None


@pytest.mark.parametrize(
    ("before", "now", "grown"), [(5, 8, 3), (8, 5, -3), (None, 5, 0), (5, None, 0)]
)
def test_a_change_needs_two_totals(before: int | None, now: int | None, grown: int) -> None:
    """Where the API does not tell, none is seen."""
    assert grown == change(before, now)
