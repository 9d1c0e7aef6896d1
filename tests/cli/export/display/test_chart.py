"""Durations and failures over time on a terminal."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

import pytest
from rich.console import Console

from cloudflow_async.cli.export.display.chart import chart, show_chart
from cloudflow_async.cli.export.timeline import Timeline
from tests.cli.export.test_timeline import run

_DAY = 86_400


def _timeline(days: int = 8) -> Timeline:
    timeline = Timeline()
    for day in range(days):
        for number in range(day + 1):
            timeline.add(
                run(
                    day * _DAY + number,
                    duration_ms=None if day == 3 else 60_000 * (day + 1),
                    status="failed" if day == 5 and number < 2 else "completed",
                )
            )
    return timeline


def _lines(timeline: Timeline, width: int = 46) -> Sequence[str]:
    return [line.plain for line in chart(timeline, width=width)]


def test_a_line_for_each_figure() -> None:
    """With its name before it, its highest value after it, and the dates below."""
    assert [
        "Executions by time of start (UTC), 1 day a column:",
        "  executions  ▁▂▃▄▅▆▇▇  up to 8",
        "  failed           ▇    up to 2",
        "  median      ▁▂▃ ▅▆▆▇  up to ~8 min 11 s",
        "  95 percent  ▁▂▃ ▅▆▆▇  up to ~8 min 11 s",
        "              2026-01-19",
    ] == _lines(_timeline(), width=42)


def test_columns_are_as_wide_as_there_is_room() -> None:
    """And dates stand at both ends where they fit."""
    timeline = Timeline()
    for hour in range(80):
        timeline.add(run(hour * 3600))

    assert f"  executions  {'▇' * 26}▅  up to 3" == _lines(timeline, width=66)[1]
    wide = _lines(timeline, width=34 + 160)
    assert wide[0].endswith(", 1 hour a column:")
    assert f"  executions  {'▇' * 160}  up to 1" == wide[1]
    assert f"              2026-01-19{'2026-01-22':>150}" == wide[-1]


def test_a_short_time_is_told_by_the_minute() -> None:
    """Dates alone would not tell it."""
    timeline = Timeline()
    for minute in range(30):
        timeline.add(run(minute * 60))
    lines = _lines(timeline, width=80)

    assert lines[0].endswith(", 1 minute a column:")
    assert "              01-19 00:00        01-19 00:30" == lines[-1]


@pytest.mark.parametrize("width", [10, 40, 60, 80, 120, 300])
def test_it_fits_the_terminal(width: int) -> None:
    """Bars and what is written beside them, down to a terminal that is hardly one."""
    timeline = Timeline()
    for hour in range(500):
        timeline.add(run(hour * 3600, duration_ms=3_599_000))

    for line in _lines(timeline, width)[1:]:
        assert len(line) <= max(width, 14 + 8 + 20)


def test_nothing_failed_is_an_empty_line() -> None:
    """It is there, so that nobody has to guess."""
    timeline = Timeline()
    for minute in range(8):
        timeline.add(run(minute * 60, duration_ms=None))
    lines = _lines(timeline, width=42)

    assert "  failed                up to 0" == lines[2]
    assert "  median                up to ~0.0 s" == lines[3]


def _shown(timeline: Timeline, **options: object) -> str:
    screen = io.StringIO()
    show_chart(timeline, Console(file=screen, width=80, **options))  # type: ignore[arg-type]
    return screen.getvalue()


def test_failures_are_red_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless the person wants no colour; a line of their own tells them in any case."""
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b[31m" in _shown(_timeline(), force_terminal=True)
    monkeypatch.setenv("NO_COLOR", "1")

    assert "\x1b[31m" not in _shown(_timeline(), force_terminal=True)
    assert "\x1b" not in _shown(_timeline())


def test_a_terminal_without_blocks_gets_other_characters() -> None:
    """The encoding of the stream decides."""
    screen = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    show_chart(_timeline(), Console(file=screen, width=42))
    screen.seek(0)
    lines = screen.read().splitlines()

    assert "  executions  .:-=+*##  up to 8" == lines[1]


def test_a_single_column_is_no_chart(capsys: pytest.CaptureFixture[str]) -> None:
    """The summary has said it all."""
    show_chart(_timeline(1))
    show_chart(Timeline())

    assert "" == capsys.readouterr().err


def test_it_goes_to_standard_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If there is one."""
    show_chart(_timeline())
    assert "  executions  " in capsys.readouterr().err
    monkeypatch.setattr(sys, "stderr", None)

    show_chart(_timeline())
