"""Interleave runs, and show medians with minimum and maximum, as ratios to one row."""

from __future__ import annotations

import contextlib
import gc
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

import attrs

T = TypeVar("T")

_NAME_WIDTH = 38
_RATIO_WIDTH = 6
_FIGURE_WIDTH = 8


@attrs.define
class Cost:
    """What something took."""

    cpu: float = 0.0
    """CPU seconds of this process, all its threads."""

    time: float = 0.0
    """Seconds on the clock."""

    def over(self, calls: int) -> Cost:
        """Return what one of so many calls took."""
        return Cost(self.cpu / calls, self.time / calls)


@contextlib.contextmanager
def metered() -> Iterator[Cost]:
    """Yield the cost of the block; it is filled in at the end."""
    cost = Cost()
    # What the peers before have left is neither collected nor looked at on this one's account.
    gc.collect()
    gc.freeze()
    cpu, begun = time.process_time(), time.perf_counter()
    try:
        yield cost
    finally:
        cost.time = time.perf_counter() - begun
        cost.cpu = time.process_time() - cpu
        gc.unfreeze()


def say(text: str) -> None:
    """Tell whoever waits what is going on; tables go to the standard output."""
    print(text, file=sys.stderr, flush=True)


def interleave(runs: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Return what each run gave, in turns, so that a busy machine is busy for all of them."""
    results: dict[str, list[T]] = {name: [] for name in runs}
    begun = time.perf_counter()
    for done in range(rounds):
        for name, run in runs.items():
            results[name].append(run())
        if done == 0 and (left := (time.perf_counter() - begun) * (rounds - 1)) > 5:
            say(f"    first of {rounds} rounds done; the others take about {left:.0f} s")
    return results


@attrs.frozen
class Column:
    """One measured quantity, by row."""

    title: str
    """What it is, such as ``CPU a call``."""

    unit: str
    """The unit of the values."""

    values: Mapping[str, Sequence[float]]
    """What each round gave, by the name of the row."""

    ratios: bool = True
    """Whether the rows are compared."""

    def median(self, row: str) -> float:
        """Return the median of a row."""
        return statistics.median(self.values[row])

    @property
    def head(self) -> str:
        """What stands above the figures."""
        return f"{self.title}, {self.unit}"

    def fit(self, text: str) -> str:
        """Return a text as wide as this column."""
        figures = 3 * _FIGURE_WIDTH + _RATIO_WIDTH * self.ratios
        return text.rjust(max(figures, len(self.head) + 2))

    def heads(self) -> str:
        """Return the heads of the figures."""
        figures = "".join(f"{head:>{_FIGURE_WIDTH}}" for head in ("median", "min", "max"))
        return self.fit(figures + (f"{'ratio':>{_RATIO_WIDTH}}" if self.ratios else ""))

    def figures(self, row: str, floor: str) -> str:
        """Return the figures of a row."""
        values = self.values[row]
        shown = (self.median(row), min(values), max(values))
        text = "".join(f"{_rounded(value):>{_FIGURE_WIDTH}}" for value in shown)
        if self.ratios:
            ratio = self.ratio(row, floor)
            text += f"{ratio:{_RATIO_WIDTH}.{2 if ratio < 100 else 0}f}"
        return self.fit(text)

    def ratio(self, row: str, floor: str) -> float:
        """Return the median of a row over that of the floor."""
        return self.median(row) / self.median(floor)


@attrs.frozen
class Table:
    """Measured quantities of several rows."""

    title: str
    columns: Sequence[Column]
    notes: Sequence[str] = ()
    """What is said below, such as which peers are absent and why."""

    floor: str = attrs.field(
        default=attrs.Factory(lambda table: table.rows[0], takes_self=True), kw_only=True
    )
    """The row to which the ratios are; the first unless told otherwise."""

    @property
    def rows(self) -> list[str]:
        """The names of the rows."""
        return list(self.columns[0].values)

    def __str__(self) -> str:
        quantities = "".join(column.fit(column.head) for column in self.columns)
        heads = "".join(column.heads() for column in self.columns)
        lines = [self.title, " " * (_NAME_WIDTH + 2) + quantities, " " * (_NAME_WIDTH + 2) + heads]
        for row in self.rows:
            figures = "".join(column.figures(row, self.floor) for column in self.columns)
            lines.append(f"  {row:{_NAME_WIDTH}}{figures}")
        if any(column.ratios for column in self.columns):
            lines.append(f"  ratio: the row's median over that of {self.floor!r}")
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])

    def to_dict(self) -> dict[str, object]:
        """Return what can be written as JSON: every value of every round."""
        columns = [
            {"title": column.title, "unit": column.unit, "values": column.values}
            for column in self.columns
        ]
        return {
            "title": self.title,
            "columns": columns,
            "ratios_to": self.floor,
            "notes": list(self.notes),
        }


@attrs.frozen
class Tables:
    """Several tables of one measurement."""

    tables: Sequence[Table]

    def __iter__(self) -> Iterator[Table]:
        return iter(self.tables)

    def __str__(self) -> str:
        return "\n\n".join(map(str, self.tables))


def cost_columns(results: Mapping[str, Sequence[Cost]], *, what: str, unit: str) -> list[Column]:
    """Return the CPU and the time of each row.

    Args:
        results: By row.
        what: Of what, such as ``a call``.
        unit: ``us``, ``ms`` or ``s``.
    """
    scale = {"us": 1e6, "ms": 1e3, "s": 1.0}[unit]
    cpu = {name: [cost.cpu * scale for cost in costs] for name, costs in results.items()}
    elapsed = {name: [cost.time * scale for cost in costs] for name, costs in results.items()}
    return [Column(f"CPU {what}", unit, cpu), Column(f"time {what}", unit, elapsed)]


def table(
    title: str,
    results: Mapping[str, Sequence[float]],
    *,
    unit: str,
    scale: float,
    what: str = "time",
) -> Table:
    """Return a table of one quantity, given before it is scaled to the unit."""
    values = {name: [value * scale for value in row] for name, row in results.items()}
    return Table(title, [Column(what, unit, values)])


def _rounded(value: float) -> str:
    """Return a figure with three digits or more, which fits into its place."""
    return f"{value:.{0 if value >= 10_000 else 1 if value >= 100 else 2 if value >= 1 else 3}f}"
