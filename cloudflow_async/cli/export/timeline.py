"""Durations and failures over time, in a memory that does not grow with the history.

Theory.  Executions are counted in columns of equal width by the time at which they started.  When
their range has too many columns, each few become one: the widths are multiples of each other.
Durations are counted in classes, each a tenth wider than the one before, so that columns can be
added up and any percentile is known to about 5 percent.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias, cast

import attrs

from cloudflow_async._core.messages import Json
from cloudflow_async.cloudflow.pipelines import Execution, ExecutionStatus

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_WEEK: Final = 7 * _DAY

_WIDTHS: Final = (
    *(_MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR, _DAY),
    *(_WEEK * 2**power for power in range(20)),
)
"""Seconds; each is a multiple of the one before, and the last spans all years there are."""

_MOST_COLUMNS: Final = 256
_MONDAY: Final = 4 * _DAY
"""Unix time began on a Thursday; columns of weeks begin on Mondays."""

Stored: TypeAlias = list[tuple[int, int, int, list[tuple[int, int]]]]
"""Columns as JSON: number, rows, failed, and the classes of durations with their counts."""

_GROWTH: Final = math.log(1.1)
_NOTHING: Final = -1
"""The class of durations below a millisecond."""

_LONGEST: Final = 2**64
"""Milliseconds; longer durations, which no run can have, are in the class of this one."""


@attrs.define(kw_only=True)
class Column:
    """Executions that started within a stretch of time."""

    rows: int = 0
    """How many."""

    failed: int = 0
    """How many of them failed."""

    classes: Counter[int] = attrs.field(factory=Counter)
    """How many had a duration of which class; running ones have none."""

    def add(self, other: Column) -> None:
        """Take in what another column counted."""
        self.rows += other.rows
        self.failed += other.failed
        self.classes.update(other.classes)

    def duration(self, share: float) -> float | None:
        """Return the duration in seconds that a share of the executions did not exceed.

        Args:
            share: 0.5 is the median, 0.95 the 95th percentile.

        Returns:
            None when none of them has ended.
        """
        wanted = share * self.classes.total()
        for each in sorted(self.classes):
            wanted -= self.classes[each]
            if wanted <= 0:
                return _seconds(each)
        return None


class Timeline:
    """Counts executions by the time at which they started.

    Args:
        width: Seconds in a column, which grow as needed.
    """

    def __init__(self, width: int = _WIDTHS[0]) -> None:
        self._width = width
        self._columns: dict[int, Column] = {}
        self._numbers = range(0)

    @property
    def width(self) -> int:
        """Seconds in a column."""
        return self._width

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[tuple[int, Column]]:
        """Go through the columns, each with the Unix time at which it begins.

        Empty ones between others are there too.
        """
        for number in self._numbers:
            yield number * self._width + _MONDAY, self._columns.get(number, Column())

    def add(self, execution: Execution) -> None:
        """Count an execution."""
        column = self._at((math.floor(execution.started_at.timestamp()) - _MONDAY) // self._width)
        column.rows += 1
        column.failed += execution.status == ExecutionStatus.FAILED
        if execution.duration_ms is not None:
            column.classes[_class(execution.duration_ms)] += 1
        if len(self) > _MOST_COLUMNS:
            self._fit(_MOST_COLUMNS)

    def fitted(self, most: int) -> Timeline:
        """Return the same in at most so many columns, which are wider then."""
        copy = Timeline(self._width)
        for number, column in self._columns.items():
            copy._at(number).add(column)
        copy._fit(most)
        return copy

    def to_json(self) -> Json:
        """Return what was counted, for `from_json`."""
        columns = [
            [number, column.rows, column.failed, [list(pair) for pair in column.classes.items()]]
            for number, column in self._columns.items()
        ]
        return cast("Json", {"width": self._width, "columns": columns})

    @classmethod
    def from_json(cls, stored: Json) -> Timeline:
        """Return what `to_json` was asked of.

        Raises:
            KeyError, TypeError, ValueError: It is something else.
        """
        found = cast("dict[str, Json]", stored)
        timeline = cls(_WIDTHS[_WIDTHS.index(cast("int", found["width"]))])
        for number, rows, failed, classes in cast("Stored", found["columns"]):
            column = Column(rows=rows, failed=failed, classes=Counter(dict(classes)))
            timeline._at(number).add(column)
        return timeline

    def _at(self, number: int) -> Column:
        column = self._columns.get(number)
        if column is None:
            column = self._columns[number] = Column()
            numbers = self._numbers or range(number, number + 1)
            self._numbers = range(min(numbers[0], number), max(numbers[-1], number) + 1)
        return column

    def _fit(self, most: int) -> None:
        while len(self) > most and self._width < _WIDTHS[-1]:
            wider = _WIDTHS[_WIDTHS.index(self._width) + 1]
            factor, columns = wider // self._width, self._columns
            self._width, self._columns, self._numbers = wider, {}, range(0)
            for number, column in columns.items():
                self._at(number // factor).add(column)


def _class(milliseconds: int) -> int:
    if milliseconds < 1:
        return _NOTHING
    return math.floor(math.log(min(milliseconds, _LONGEST)) / _GROWTH)


def _seconds(number: int) -> float:
    """Return the middle of a class, which spans a tenth."""
    return 0.0 if number == _NOTHING else math.exp((number + 0.5) * _GROWTH) / 1000


Picture: TypeAlias = Callable[[Timeline], None]
"""Shows durations and failures over time."""
