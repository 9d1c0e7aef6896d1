"""A picture of the main table: client CPU of a page, as a ratio to the floor."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.measure import Table

_OURS = "#0b6e4f"
_OTHERS = "#9aa5b1"
_INK = "#1f2933"


def draw(tables: Sequence[Table], path: Path, *, footer: str) -> None:
    """Write a PNG with a panel for each table.

    Args:
        tables: Those of the calls; of each, the first column is drawn.
        path: Where to; what is there is replaced.
        footer: What was measured with, and when.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    figure = importlib.import_module("matplotlib.figure").Figure(
        figsize=(5.2 * len(tables) + 2.4, 0.42 * len(tables[0].rows) + 1.9), layout="constrained"
    )
    panels = figure.subplots(1, len(tables), sharey=True, squeeze=False)[0]
    for panel, table in zip(panels, tables, strict=True):
        _bars(panel, table)
    figure.suptitle("Client CPU of a call, over aiohttp that only reads the bytes", color=_INK)
    figure.supxlabel(footer, fontsize=8, color=_INK)
    figure.savefig(path, dpi=150)


def _bars(panel: Any, table: Table) -> None:
    # Drawn upwards, so that the first row is on top.
    rows = table.rows[::-1]
    ratios = [table.columns[0].ratio(row, table.floor) for row in rows]
    colors = [_OURS if row.startswith("CloudFlow") else _OTHERS for row in rows]
    # On a logarithmic axis a length says something only when it begins at the floor.
    bars = panel.barh(rows, [ratio - 1 for ratio in ratios], left=1, color=colors, height=0.7)
    panel.bar_label(bars, [f"{ratio:.1f}" for ratio in ratios], padding=4, color=_INK)
    panel.set_xscale("log")
    panel.set_xlim(1, max(ratios) * 1.6)
    panel.set_xticks([])
    panel.minorticks_off()
    panel.set_title(table.title, fontsize=10, color=_INK)
    panel.set_xlabel("ratio, on a logarithmic scale", fontsize=8, color=_INK)
    panel.tick_params(labelsize=9, labelcolor=_INK)
    panel.spines[["top", "right", "bottom"]].set_visible(False)
