"""Durations and failures over time on a terminal: a line of small bars for each."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, TypeAlias

import attrs
from rich.console import Console
from rich.text import Text

from cloudflow_async.cli.export.timeline import Column, Timeline
from cloudflow_async.cli.shared.console import duration, span

_BLOCKS: Final = " ▁▂▃▄▅▆▇"
"""Without the whole block, which would grow together with that of the line below."""

_ASCII: Final = " .:-=+*#"
_LABELS: Final = 14
"""Characters before the bars, as in the summary above."""

_NOTES: Final = 20
"""Characters after them."""

_DAY: Final = 86_400

Heights: TypeAlias = "list[float | None]"
"""What the bars stand for; None leaves a gap."""


@attrs.frozen
class _Line:
    label: str
    heights: Heights
    highest: str
    """What a whole bar stands for."""
    style: str = ""


def show_chart(timeline: Timeline, console: Console | None = None) -> None:
    """Draw it on standard error, if there is more than a column to draw."""
    if sys.stderr is None or len(timeline) < 2:
        return
    console = console or Console(stderr=True, highlight=False)
    levels = _BLOCKS if _can_show(console, _BLOCKS) else _ASCII
    for line in chart(timeline, width=console.width, levels=levels):
        console.print(line, no_wrap=True, overflow="crop")


def chart(timeline: Timeline, *, width: int, levels: str = _BLOCKS) -> Iterator[Text]:
    """Return the lines of a chart that is as wide as a terminal."""
    room = max(8, width - _LABELS - _NOTES)
    fitted = timeline.fitted(room)
    each = room // len(fitted)
    yield Text(f"Executions by time of start (UTC), {span(fitted.width)} a column:")
    for line in _lines([column for _, column in fitted]):
        top = _top(line.heights)
        bars = "".join(_bar(height, top, levels) * each for height in line.heights)
        label = f"  {line.label:<{_LABELS - 2}}"
        yield Text.assemble(label, (bars, line.style), f"  up to {line.highest}")
    yield Text(" " * _LABELS + _axis(fitted, each * len(fitted)))


def _lines(columns: Sequence[Column]) -> Iterator[_Line]:
    rows: Heights = [column.rows for column in columns]
    failed: Heights = [column.failed for column in columns]
    yield _Line("executions", rows, f"{_top(rows):,.0f}")
    yield _Line("failed", failed, f"{_top(failed):,.0f}", "red")
    for label, share in (("median", 0.5), ("95 percent", 0.95)):
        durations = [column.duration(share) for column in columns]
        yield _Line(label, durations, f"~{duration(_top(durations))}")


def _top(heights: Heights) -> float:
    return max((height for height in heights if height is not None), default=0.0)


def _bar(height: float | None, top: float, levels: str) -> str:
    """Return one bar; the smallest that is not nothing is seen."""
    return levels[math.ceil(height / top * (len(levels) - 1))] if height else levels[0]


def _axis(timeline: Timeline, width: int) -> str:
    begins = [at for at, _ in timeline]
    first, last = begins[0], begins[-1] + timeline.width
    write: Callable[[int], str] = _date if last - first >= 3 * _DAY else _moment
    left, right = write(first), write(last)
    if width < len(left) + len(right) + 2:
        return left
    return f"{left}{right:>{width - len(left)}}"


def _date(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"


def _moment(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%m-%d %H:%M}"


def _can_show(console: Console, text: str) -> bool:
    try:
        text.encode(console.encoding)
    except UnicodeEncodeError:
        return False
    return True
