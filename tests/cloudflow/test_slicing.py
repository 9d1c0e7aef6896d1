"""Where histories are cut: the slices meet, cover all, and are as many as asked for."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cloudflow_async._core.errors import InvalidArgumentError
from cloudflow_async.cloudflow.slicing import AUTO, are_few, check_count, cut, read_slices

START = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2026, 1, 11, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("30m", timedelta(minutes=30)),
        ("6h", timedelta(hours=6)),
        ("1d", DAY),
        ("2w", timedelta(weeks=2)),
        ("auto", AUTO),
        (timedelta(minutes=1), timedelta(minutes=1)),
    ],
)
def test_a_length_is_read(text: Any, length: timedelta) -> None:
    """A number and a unit, a timedelta, or "auto"."""
    assert length == read_slices(text)


@pytest.mark.parametrize(
    "value",
    [
        *("", "1", "d", "0d", "01d", "1.5d", "-1d", "1y", "1D", " 1d", "1000000m", "\u0661d"),
        *(7, None, timedelta(seconds=59), timedelta(0), -DAY),
    ],
)
def test_what_is_no_length_is_refused(value: Any) -> None:
    """With what would be one."""
    with pytest.raises(InvalidArgumentError, match="'1d'"):
        read_slices(value)


def bounds(length: timedelta, **changes: Any) -> list[datetime | None]:
    """Return the bounds of ten days."""
    options: dict[str, Any] = {"oldest": START, "newest": END, "pages": 0, **changes}
    return list(cut(options.pop("start", START), options.pop("end", END), length=length, **options))


@pytest.mark.parametrize(
    ("length", "count"),
    [(DAY, 10), (3 * DAY, 4), (10 * DAY, 1), (30 * DAY, 1), (timedelta(hours=1), 240)],
)
def test_slices_are_of_the_length_asked_for(length: timedelta, count: int) -> None:
    """Counted from the end; the first one has what is left."""
    found = bounds(length)
    widths = {later - earlier for earlier, later in itertools.pairwise(found[1:])}  # type: ignore[operator]

    assert (START, END, count) == (found[0], found[-1], len(found) - 1)
    assert widths <= {length}


def test_open_ends_stay_open() -> None:
    """The first slice has all that is older, the last all that is newer."""
    found = bounds(5 * DAY, start=None, end=None)

    assert [None, datetime(2026, 1, 6, tzinfo=UTC), None] == found


@pytest.mark.parametrize(("pages", "count"), [(21, 2), (40, 2), (41, 3), (200, 10), (10**6, 1000)])
def test_auto_makes_one_for_about_twenty_pages(pages: int, count: int) -> None:
    """And a thousand at most."""
    assert count == len(bounds(AUTO, pages=pages)) - 1


def test_auto_leaves_short_histories_whole() -> None:
    """Up to twenty pages."""
    assert [True, True, False] == [are_few(pages) for pages in (1, 20, 21)]


def test_auto_makes_none_shorter_than_a_minute() -> None:
    """However many rows there are in it."""
    assert 3 == len(bounds(AUTO, oldest=END - timedelta(minutes=3), pages=1000)) - 1


def test_a_history_without_length_has_one_slice() -> None:
    """Also when its end lies before its beginning: the server has to say what it thinks of it."""
    assert [START, END] == bounds(DAY, oldest=END, newest=END)
    assert [END, START] == bounds(DAY, start=END, end=START, oldest=END, newest=START)


def test_cuts_are_at_whole_seconds() -> None:
    """As the document writes instants, whatever the end that was given."""
    found = bounds(AUTO, newest=END.replace(microsecond=123456), pages=1000)

    assert {0} == {bound.microsecond for bound in found[1:-1] if bound is not None}


def test_slices_have_a_thousand_parts_at_most() -> None:
    """More are refused where both ends are known, else the first one gets the rest."""
    check_count(START, START + 1000 * DAY, DAY)
    with pytest.raises(InvalidArgumentError, match=r"would be 14,400\."):
        check_count(START, END, timedelta(minutes=1))

    assert 1000 == len(bounds(timedelta(minutes=1))) - 1
