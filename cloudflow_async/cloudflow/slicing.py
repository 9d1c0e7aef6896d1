"""Where a history is cut into slices of time: decisions, no I/O."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Final, TypeAlias

from cloudflow_async._core.errors import InvalidArgumentError

Slices: TypeAlias = "timedelta | str"
"""Length of a slice, such as ``"1d"``, ``"6h"``, ``"30m"``, ``"2w"``; or ``"auto"``."""

Bounds: TypeAlias = "Sequence[datetime | None]"
"""Where slices begin, and where the last one ends; None at either end: it is open there."""

AUTO: Final = timedelta(0)
"""Length that stands for one that follows from the size of each history."""

MOST_SLICES: Final = 1000
"""Slices of one history."""

_AUTO_PAGES: Final = 20
"""Pages of a slice, roughly, and of a history that is not cut at all."""

_LENGTH: Final = re.compile(r"([1-9]\d{0,5})([mhdw])", re.ASCII)
_UNITS: Final = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_SHORTEST: Final = timedelta(minutes=1)


def read_slices(value: Slices) -> timedelta:
    """Return the length of a slice, or `AUTO`.

    Raises:
        InvalidArgumentError: It is none, or shorter than a minute.
    """
    if value == "auto":
        return AUTO
    if isinstance(value, timedelta) and value >= _SHORTEST:
        return value
    found = _LENGTH.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise InvalidArgumentError(
            "slices must be 'auto', a timedelta of at least a minute, or such as '30m', '6h', "
            "'1d' or '2w'."
        )
    return int(found[1]) * _UNITS[found[2]]


def are_few(pages: int) -> bool:
    """Return whether ``"auto"`` leaves a history of so many pages in one piece."""
    return pages <= _AUTO_PAGES


def cut(
    start: datetime | None,
    end: datetime | None,
    *,
    oldest: datetime,
    newest: datetime,
    length: timedelta,
    pages: int,
) -> Bounds:
    """Return the bounds of the slices of a history.

    Args:
        start: Where it begins; None: the first slice is open there.
        end: Where it ends; None: the last slice is open there.
        oldest: The instant from which on there are rows, as far as is known.
        newest: The instant up to which there are.
        length: Of a slice, or `AUTO`.
        pages: Of the whole history.
    """
    span = newest - oldest
    if length == AUTO:
        count = min(ceil(pages / _AUTO_PAGES), MOST_SLICES)
        length = max(span / count, _SHORTEST)
    count = max(1, min(ceil(span / length), MOST_SLICES))
    # Whole seconds, as the document writes instants.
    inner = [(newest - length * left).replace(microsecond=0) for left in range(count - 1, 0, -1)]
    return [start, *inner, end]


def check_count(start: datetime, end: datetime, length: timedelta) -> None:
    """Refuse slices that are too many.

    Raises:
        InvalidArgumentError: They are more than 1,000.
    """
    count = (end - start) / length
    if count > MOST_SLICES:
        raise InvalidArgumentError(
            f"A history is cut into at most {MOST_SLICES:,} slices; these would be {count:,.0f}. "
            "Choose longer ones."
        )
