"""Which pictures there will be."""

from __future__ import annotations

import sys

import pytest

from cloudflow_async.cli.export.display.chart import show_chart
from cloudflow_async.cli.export.display.pictures import choose_pictures
from cloudflow_async.cli.export.inputs import ExportOptions
from tests.cli.export.display.test_progress import Terminal


def test_a_terminal_gets_a_chart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless rows go to the same terminal, or it can only print."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    assert [show_chart] == choose_pictures(ExportOptions(), rows_on_terminal=False)
    assert [] == choose_pictures(ExportOptions(), rows_on_terminal=True)
    monkeypatch.setenv("TERM", "dumb")

    assert [] == choose_pictures(ExportOptions(), rows_on_terminal=False)


def test_a_chart_can_be_asked_for() -> None:
    """Where there is no terminal, there is none otherwise."""
    assert [] == choose_pictures(ExportOptions(), rows_on_terminal=False)
    assert [show_chart] == choose_pictures(ExportOptions(chart=True), rows_on_terminal=True)


@pytest.mark.parametrize("option", ["overwrite", "resume"])
def test_an_image_may_be_there_already(option: str) -> None:
    """When all is replaced, and when an earlier attempt may have drawn it."""
    pytest.importorskip("matplotlib")
    options = ExportOptions(plot="out.png", **{option: True})  # type: ignore[arg-type]
    (draw,) = choose_pictures(options, rows_on_terminal=False)

    assert callable(draw)


def test_without_times_there_is_no_chart(monkeypatch: pytest.MonkeyPatch) -> None:
    """TechFlow documents none, so that a terminal gets no empty one."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")

    assert [] == choose_pictures(ExportOptions(api="techflow"), rows_on_terminal=False)
