"""How much there is to be read, told by first pages."""

from __future__ import annotations

import pytest

from cloudflow_async._core.errors import InvalidArgumentError
from cloudflow_async._core.fan_out.preview import Size, survey


async def look(name: str) -> Size:
    """Return the size of a list, which is in its name."""
    if name == "broken":
        raise ZeroDivisionError
    return Size(requests=int(name), rows=100 * int(name))


@pytest.mark.parametrize("concurrency", [1, 3, 16])
async def test_sizes_add_up(concurrency: int) -> None:
    """Of all lists, or of none."""
    found = await survey(["1", "2", "3"], look, sample=None, concurrency=concurrency)

    assert Size(requests=6, rows=600, lists=3) == found
    assert Size(requests=0, rows=0, lists=0) == await survey(
        [], look, sample=5, concurrency=concurrency
    )


async def test_a_sample_stands_for_the_others() -> None:
    """It is spread evenly; those not looked at have their first page still to come."""
    names = [*"0123456789"]
    found = await survey(names, look, sample=5, concurrency=2)

    # 0, 2, 4, 6 and 8 were looked at: 4 requests each.
    assert Size(requests=20 + 5 * (4 + 1), rows=4000, lists=10) == found
    assert Size(requests=45, rows=4500, lists=10) == await survey(
        names, look, sample=10, concurrency=2
    )


@pytest.mark.parametrize("sample", [0, True, "5"])
async def test_a_sample_that_is_none_is_refused(sample: int) -> None:
    """By name."""
    with pytest.raises(InvalidArgumentError, match="sample"):
        await survey(["1"], look, sample=sample, concurrency=1)


async def test_the_first_failure_ends_all() -> None:
    """And leaves no task."""
    with pytest.raises(ZeroDivisionError):
        await survey(["1", "broken", "2"], look, sample=None, concurrency=2)
