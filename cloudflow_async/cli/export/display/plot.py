"""Durations and failures over time as an image."""

from __future__ import annotations

import io
import math
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cloudflow_async.cli.export.output.line_file import cannot_write
from cloudflow_async.cli.export.timeline import Timeline
from cloudflow_async.cli.shared.console import FAILED, CommandError, say, span
from cloudflow_async.cli.shared.extras import load

_MOST_COLUMNS: Final = 120
_SUFFIXES: Final = (".png", ".svg", ".pdf")
_ALL, _FAILED, _MEDIAN, _P95 = "#9db9d6", "#b2182b", "#1f4e8c", "#c46a00"
"""Differ in lightness too; hatches, dashes and marks tell the same without any colour."""

_UNITS: Final = ((86_400, "days"), (3600, "hours"), (60, "minutes"), (1, "seconds"))


class Plot:
    """An image that is drawn when an export has ended.

    Args:
        path: Of the image; its suffix decides the kind.
        overwrite: Whether it may replace one that is there.

    Raises:
        CommandError: The library is not installed, or the image could not be written.
    """

    def __init__(self, path: Path, *, overwrite: bool) -> None:
        if path.suffix.lower() not in _SUFFIXES:
            raise CommandError(f"--plot {path}: its name has to end in {', '.join(_SUFFIXES)}.")
        if not path.parent.is_dir():
            raise CommandError(f"cannot write {path}: there is no such folder.")
        if path.exists() and not overwrite:
            raise CommandError(f"{path} exists: choose another --plot, or say --overwrite.")
        self._path = path
        self._figure = load("matplotlib.figure", extra="plot", wanted="--plot")
        self._dates = load("matplotlib.dates", extra="plot", wanted="--plot")

    def draw(self, timeline: Timeline) -> None:
        """Write the image; says so when there is nothing that it could show.

        Raises:
            CommandError: It cannot be written.
        """
        if not len(timeline):
            say(f"No execution to plot: {self._path} is not written.")
            return
        image = io.BytesIO()
        kind = self._path.suffix.lower().removeprefix(".")
        self._drawn(timeline.fitted(_MOST_COLUMNS)).savefig(image, format=kind)
        unfinished = self._path.with_name(f"{self._path.name}.part")
        try:
            unfinished.write_bytes(image.getvalue())
            os.replace(unfinished, self._path)
        except OSError as error:
            raise cannot_write(self._path, error, status=FAILED) from error

    def _drawn(self, timeline: Timeline) -> Any:
        figure = self._figure.Figure(figsize=(10, 6), dpi=144, layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        _draw_counts(above, timeline)
        _draw_durations(below, timeline)
        locator = self._dates.AutoDateLocator(tz=UTC, minticks=3, maxticks=9)
        below.xaxis.set_major_locator(locator)
        below.xaxis.set_major_formatter(self._dates.ConciseDateFormatter(locator, tz=UTC))
        below.set_xlabel(f"time of start (UTC), {span(timeline.width)} a column")
        for axes in (above, below):
            axes.spines[["top", "right"]].set_visible(False)
            axes.grid(axis="y", color="#dddddd", linewidth=0.8)
            axes.set_axisbelow(True)
        return figure


def _draw_counts(axes: Any, timeline: Timeline) -> None:
    days = timeline.width / 86_400
    begins = [_moment(at) for at, _ in timeline]
    failed = [column.failed for _, column in timeline]
    others = [column.rows - column.failed for _, column in timeline]
    total = sum(failed) + sum(others)
    bar = {"width": days, "align": "edge", "linewidth": 0}
    axes.bar(begins, failed, color=_FAILED, hatch="////", label=f"failed ({sum(failed):,})", **bar)
    axes.bar(begins, others, bottom=failed, color=_ALL, label=f"others ({sum(others):,})", **bar)
    axes.set_ylabel("executions")
    axes.set_title(f"{total:,} executions, and how long they took", loc="left")
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False)


def _draw_durations(axes: Any, timeline: Timeline) -> None:
    middle = timeline.width / 2
    moments = [_moment(at + middle) for at, _ in timeline]
    known = [column.duration(0.95) or 0.0 for _, column in timeline]
    size, unit = next((one for one in _UNITS if max(known) >= 2 * one[0]), _UNITS[-1])
    for share, look in (
        (0.95, {"label": "95 percent", "color": _P95, "linestyle": "--", "marker": "^"}),
        (0.5, {"label": "median", "color": _MEDIAN, "linestyle": "-", "marker": "o"}),
    ):
        found = [column.duration(share) for _, column in timeline]
        heights = [math.nan if one is None else one / size for one in found]
        axes.plot(moments, heights, markersize=3, linewidth=1.4, **look)
    axes.set_ylim(bottom=0)
    axes.set_ylabel(f"duration ({unit})")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False)


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
