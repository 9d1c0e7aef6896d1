"""Interleave runs, and show medians with minimum and maximum, as ratios to the first."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping


def interleave(runs: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Return what each run gave, in turns, so that a busy machine is busy for all of them."""
    results: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            results[name].append(run())
    return results


def table(title: str, results: Mapping[str, list[float]], *, unit: str, scale: float) -> str:
    """Return a table: median, minimum, maximum, and the ratio of medians to the first row's."""
    floor = statistics.median(next(iter(results.values())))
    lines = [title, f"  {'':44}{'median':>9}{'min':>9}{'max':>9}  {unit:<12}ratio"]
    for name, values in results.items():
        median = statistics.median(values)
        figures = "".join(f"{value * scale:9.1f}" for value in (median, min(values), max(values)))
        lines.append(f"  {name:44}{figures}  {'':12}{median / floor:5.2f}")
    return "\n".join(lines)
