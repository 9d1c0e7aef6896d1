"""What reading will cost: requests, rows and seconds, before more than first pages is sent."""

from __future__ import annotations

from typing import Any

import pytest

from cloudflow_async._core.errors import (
    AuthenticationError,
    InvalidArgumentError,
    InvalidStateError,
    NotFoundError,
)
from cloudflow_async._core.fan_out.estimate import Estimate, estimate
from cloudflow_async._core.fan_out.fan_out import FanOut
from cloudflow_async._core.fan_out.segments import SegmentSource
from cloudflow_async._core.paging.page import Page
from cloudflow_async._core.paging.pages import Pages
from tests.core.fan_out.test_fan_out import Lists, Row, read

pytestmark = pytest.mark.virtual_time


async def cost(listing: Any, sample: int | None = None) -> tuple[int, int, float, int]:
    """Return requests, rows, seconds and lists, at half a second a request."""
    found = await estimate(listing, lambda requests: requests / 2, sample)
    return found.requests, found.rows, found.seconds, found.lists


async def test_a_fan_out_does_not_fetch_its_first_pages_again() -> None:
    """Asked before or in its `async with`, and asked twice."""
    lists = Lists({"a": 25, "b": 0, "c": 10, "d": 101})
    fan_out = lists.fan_out()

    assert (12, 136, 6.0, 4) == await cost(fan_out)
    async with fan_out:
        assert (12, 136, 6.0, 4) == await cost(fan_out)
        rows = [row.id async for row in fan_out]

    assert sorted(row for name in "abcd" for row in lists.rows_of(name)) == sorted(rows)
    assert 16 == len(lists.asked) == len(set(lists.asked))


async def test_a_sample_is_kept_too() -> None:
    """The rest is guessed, and read whole nevertheless."""
    lists = Lists({f"{number}": 30 for number in range(10)})
    fan_out = lists.fan_out()

    assert (26, 300, 13.0, 10) == await cost(fan_out, 4)
    assert 300 == len(await read(fan_out))
    assert 30 == len(lists.asked)


async def test_no_more_than_a_thousand_first_pages_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Those of the lists after them are fetched again."""
    monkeypatch.setattr("cloudflow_async._core.fan_out.fan_out.KEPT", 2)
    lists = Lists({"a": 25, "b": 25, "c": 25})
    fan_out = lists.fan_out(concurrency=1)

    assert (2 + 2 + 3, 75, 3.5, 3) == await cost(fan_out)
    assert 75 == len(await read(fan_out))
    assert 10 == len(lists.asked)


async def test_an_iterator_of_ids_is_read_to_its_end() -> None:
    """How many there are is known then, and each is read once."""
    lists = Lists({"a": 25, "b": 5})
    fan_out = lists.fan_out(iter(["a", "b", "a"]))

    assert (2, 30, 1.0, 2) == await cost(fan_out)
    assert 30 == len(await read(fan_out))


async def test_a_fan_out_that_was_only_looked_at_may_be_closed() -> None:
    """It leaves nothing, and gives nothing more."""
    lists = Lists({"a": 25})
    fan_out = lists.fan_out()
    await cost(fan_out)
    await fan_out.aclose()

    with pytest.raises(InvalidStateError, match="before its first row"):
        await cost(fan_out)


async def test_it_is_looked_at_before_its_first_row() -> None:
    """Later its report tells."""
    lists = Lists({"a": 25})
    async with lists.fan_out() as fan_out:
        await anext(aiter(fan_out))
        with pytest.raises(InvalidStateError, match="before its first row"):
            await cost(fan_out)


async def test_a_list_that_fails_counts_as_one_request() -> None:
    """If errors are collected: it fails again when it is read."""
    lists = Lists({"a": 25, "b": 5}, {"b": NotFoundError("gone", status=404)})
    fan_out = lists.fan_out(on_error="collect")

    assert (3, 25, 1.5, 2) == await cost(fan_out)
    assert 25 == len(await read(fan_out))
    assert ["b"] == list(fan_out.report.failures)


@pytest.mark.parametrize(
    ("error", "on_error"),
    [
        (NotFoundError("gone", status=404), "raise"),
        (AuthenticationError("no", status=401), "collect"),
    ],
)
async def test_a_failure_that_would_end_all_comes_out(error: Any, on_error: str) -> None:
    """Before anything else is sent."""
    lists = Lists({"a": 5}, {"a": error})
    with pytest.raises(type(error)):
        await cost(lists.fan_out(on_error=on_error))


def pages(total: int, **options: Any) -> Pages[Row]:
    """Return a list of so many rows."""

    async def fetch(offset: int, limit: int) -> Page[Row]:
        stop = min(total, offset + limit)
        rows = tuple(Row(f"{number}") for number in range(offset, stop))
        return Page(items=rows, offset=offset, total=total, has_more=stop < total)

    return Pages(fetch, **options)


@pytest.mark.parametrize(
    ("listing", "expected"),
    [
        (pages(250), (3, 250, 1.5, 1)),
        (pages(250, start=120), (2, 130, 1.0, 1)),
        (pages(250, max_items=120), (2, 120, 1.0, 1)),
        (pages(250, max_items=100), (1, 100, 0.5, 1)),
        (pages(0), (1, 0, 0.5, 1)),
    ],
    ids=["all", "start", "two", "one", "empty"],
)
async def test_a_single_list_is_fetched_anew(
    listing: Pages[Row], expected: tuple[int, int, float, int]
) -> None:
    """So its first page counts, too."""
    assert expected == await cost(listing)


async def test_a_single_list_has_no_sample() -> None:
    """It is refused rather than ignored."""
    with pytest.raises(InvalidArgumentError, match="sample"):
        await cost(pages(5), 1)


async def test_nothing_left_takes_no_time() -> None:
    """The forecast of the line is not asked for."""
    fan_out = FanOut(SegmentSource(lambda name, start: pages(5)), [])

    assert (0, 0, 0.0, 0) == await cost(fan_out)


@pytest.mark.parametrize(
    ("requests", "seconds", "text"),
    [
        (1912, 1140.0, "1,912 requests, 19 minutes"),
        (1, 0.7, "1 request, 1 second"),
        (2, 0.0, "2 requests, 0 seconds"),
        (150, 119.0, "150 requests, 119 seconds"),
        (90_000, 54_000.0, "90,000 requests, 15 hours"),
    ],
)
def test_an_estimate_reads_well(requests: int, seconds: float, text: str) -> None:
    """As people say it."""
    assert text == str(Estimate(requests=requests, rows=0, seconds=seconds, lists=1))
