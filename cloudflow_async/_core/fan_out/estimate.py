"""What reading a list, or many, will cost: told by first pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import attrs

from cloudflow_async._core.errors import InvalidArgumentError
from cloudflow_async._core.paging.pages import Pages, rows_after
from cloudflow_async._core.public import public

from .fan_out import FanOut
from .preview import Size

T = TypeVar("T")


@public("cloudflow_async")
@attrs.frozen(kw_only=True)
class Estimate:
    """What it will cost to read a list, or many; as a str: ``1,912 requests, 19 minutes``."""

    requests: int
    """Requests still to be sent, if nothing has to be sent again."""

    rows: int
    """Rows that will come; 0 where the API does not say."""

    seconds: float
    """How long the rate limit makes them take, behind the calls that already wait."""

    lists: int
    """Lists that are left to be read."""

    def __str__(self) -> str:
        noun = "request" if self.requests == 1 else "requests"
        return f"{self.requests:,} {noun}, {_duration(self.seconds)}"


async def estimate(
    listing: Pages[T] | FanOut[T], forecast: Callable[[int], float], sample: int | None
) -> Estimate:
    """Return what reading `listing` will cost; see `Client.estimate`."""
    if isinstance(listing, FanOut):
        size = await listing.size(sample)
    elif not isinstance(listing, Pages):
        raise InvalidArgumentError(
            "listing must be what a list method, executions() or fan_out() returned, not "
            f"{type(listing).__name__}."
        )
    elif sample is None:
        size = await _size_of(listing)
    else:
        raise InvalidArgumentError("sample is for a fan-out: a single list is looked at as it is.")
    return Estimate(
        requests=size.requests,
        rows=size.rows,
        seconds=forecast(size.requests) if size.requests else 0.0,
        lists=size.lists,
    )


async def _size_of(pages: Pages[T]) -> Size:
    page, bound = await pages, pages.bound
    return Size(requests=1 + pages.requests_after(page), rows=len(page) + rows_after(page, bound))


def _duration(seconds: float) -> str:
    for noun, unit in (("hour", 3600), ("minute", 60)):
        if seconds >= 2 * unit:
            return f"{round(seconds / unit)} {noun}s"
    whole = round(seconds)
    return f"{whole} second" if whole == 1 else f"{whole} seconds"
