"""What a person sees while an export runs."""

from __future__ import annotations

import io
import sys

import pytest

from cloudflow_async._core.fan_out.report import FanOutReport
from cloudflow_async._core.paging.page import ListReport
from cloudflow_async.cli.export.counts import Tally
from cloudflow_async.cli.export.display.bar import Bar
from cloudflow_async.cli.export.display.progress import QuietLines, choose_display
from tests.cli.export.test_counts import Clock


class Terminal(io.StringIO):
    """Standard error that is a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


def _tally(clock: Clock) -> Tally:
    report = FanOutReport(lists={"pipe_1": ListReport(total=200, pages=1)}, planned=1)
    return Tally(report=report, left_this_minute=99, clock=clock)


def test_the_facts() -> None:
    """Pipelines, rows, requests left this minute and time left are told in one line."""
    clock = Clock()
    tally = _tally(clock)
    tally.statuses["completed"] = 1234
    clock.now += 2

    assert [
        "0 of 1 pipeline",
        "1,234 rows",
        "99 requests left this minute",
        "2.0 s to go",
    ] == tally.facts()


def test_a_wait_is_told() -> None:
    """While the rate limit holds everything up, that is what there is to say."""
    tally = Tally(left_this_minute=0, waiting=True)

    assert ["0 of 0 pipelines", "0 rows", "waiting for the rate limit"] == tally.facts()


def test_nothing_is_made_up() -> None:
    """Before the first answer neither budget nor time is known."""
    assert ["0 of 0 pipelines", "0 rows"] == Tally().facts()


def test_one_list_is_not_counted() -> None:
    """There are no pipelines that would tell how far it is."""
    assert ["0 rows"] == Tally(one_list=True).facts()


def test_quiet_lines_come_every_ten_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    """Log files stay short, and hold nothing that only a terminal understands."""
    clock = Clock()
    tally = _tally(clock)
    with QuietLines() as display:
        for _ in range(101):
            display.show(tally)
            clock.now += 0.25
    lines = capsys.readouterr().err.splitlines()

    assert 2 == len(lines)
    assert "0 of 1 pipeline, 0 rows, 99 requests left this minute, 10 s to go" == lines[0]


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless rows go to the same terminal."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")

    assert isinstance(choose_display(rows_on_terminal=False), Bar)
    assert isinstance(choose_display(rows_on_terminal=True), QuietLines)


def test_a_terminal_that_can_only_print_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """An editor's shell says so by its name."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "dumb")

    assert isinstance(choose_display(rows_on_terminal=False), QuietLines)


@pytest.mark.parametrize("stderr", [io.StringIO(), None])
def test_anything_else_gets_lines(
    stderr: io.StringIO | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file, a pipe, or nothing at all."""
    monkeypatch.setattr(sys, "stderr", stderr)

    assert isinstance(choose_display(rows_on_terminal=False), QuietLines)
