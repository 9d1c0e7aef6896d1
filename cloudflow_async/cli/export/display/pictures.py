"""Choose the charts of an export, and check before the first request that they can be drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from cloudflow_async.cli.export.inputs import ExportOptions
from cloudflow_async.cli.export.output.rows import SHAPES
from cloudflow_async.cli.export.timeline import Picture
from cloudflow_async.cli.shared.console import can_draw


def choose_pictures(options: ExportOptions, *, rows_on_terminal: bool) -> Sequence[Picture]:
    """Return what is to be called with the timeline when the export has ended.

    Args:
        options: Say which ones the person asked for.
        rows_on_terminal: Whether rows go to a terminal, where a chart would come after them.

    Raises:
        CommandError: An image could not be written, or what draws it is not installed.
    """
    return [*_pictures(options, rows_on_terminal=rows_on_terminal)]


def _pictures(options: ExportOptions, *, rows_on_terminal: bool) -> Iterator[Picture]:
    draws = SHAPES[options.api].has_times and can_draw() and not rows_on_terminal
    if options.chart or draws:
        from .chart import show_chart  # noqa: PLC0415 - rich is only needed on a terminal

        yield show_chart
    if options.plot is not None:
        from .plot import Plot  # noqa: PLC0415 - seldom asked for

        replace = options.overwrite or options.resume
        yield Plot(Path(options.plot), overwrite=replace).draw
