"""The progress bar on a terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from cloudflow_async.cli.export.counts import Tally
from cloudflow_async.cli.export.display.bar import Bar

_HIDE, _SHOW = "\x1b[?25l", "\x1b[?25h"


def _draw(screen: io.StringIO) -> str:
    with Bar(Console(file=screen, force_terminal=True, width=80)) as bar:
        bar.show(Tally(left_this_minute=99))
        return screen.getvalue()


def test_it_shows_a_bar_and_the_facts_below() -> None:
    """Each on a line of its own."""
    screen = _draw(io.StringIO())
    bar, text = screen.removeprefix(_HIDE).splitlines()[-2:]

    assert "━" * 79 in bar
    assert "0 of 0 pipelines, 0 rows, 99 requests left this minute" in text


def test_it_leaves_the_terminal_as_it_was() -> None:
    """The cursor is back, and the lines of the bar are gone."""
    screen = io.StringIO()
    shown = _draw(screen)
    after = screen.getvalue().removeprefix(shown)

    assert _HIDE in shown
    assert _SHOW in after
    assert "\x1b[2K" in after


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    """The convention of no-color.org holds."""
    monkeypatch.setenv("NO_COLOR", "1")
    screen = _draw(io.StringIO())

    assert "\x1b[36m" not in screen
    assert "\x1b[38;" not in screen
