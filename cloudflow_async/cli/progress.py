"""What a person sees while an export runs: a bar on a terminal, quiet lines elsewhere."""

from __future__ import annotations

import os
import sys
from types import TracebackType
from typing import Final, Protocol, Self

from .console import duration, plural, say
from .tally import Tally

_EVERY: Final = 10.0
"""Seconds between two quiet lines."""


class Display(Protocol):
    """Shows how an export goes; ``with`` it, since a terminal has to be put back in order."""

    def __enter__(self) -> Self:
        """Begin."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the terminal as it was."""
        ...

    def show(self, tally: Tally) -> None:
        """Show how it stands; called several times a second."""
        ...


class QuietLines:
    """A line every ten seconds, without anything that only a terminal understands."""

    def __init__(self) -> None:
        self._next_at = _EVERY

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    def show(self, tally: Tally) -> None:
        """Say how it stands, if it is time again."""
        if tally.elapsed >= self._next_at:
            self._next_at += _EVERY
            say(", ".join(facts(tally)))


def choose_display(*, rows_on_terminal: bool) -> Display:
    """Return a bar where standard error is a terminal that can show one, else quiet lines.

    Args:
        rows_on_terminal: Whether rows go to a terminal, where a bar would come between them.
    """
    if rows_on_terminal or not can_draw():
        return QuietLines()
    from .bar import Bar  # noqa: PLC0415 - rich is only needed on a terminal

    return Bar()


def can_draw() -> bool:
    """Return whether standard error is a terminal that can do more than print lines."""
    terminal = sys.stderr is not None and sys.stderr.isatty()
    return terminal and os.environ.get("TERM") != "dumb"


def facts(tally: Tally) -> list[str]:
    """Return what there is to say about how it stands."""
    pipelines = f"{tally.ended:,} of {plural(tally.report.planned or 0, 'pipeline')}"
    said = [*([] if tally.one_list else [pipelines]), plural(tally.rows, "row")]
    if tally.waiting:
        said.append("waiting for the rate limit")
    elif tally.left_this_minute is not None:
        said.append(f"{plural(tally.left_this_minute, 'request')} left this minute")
    left = tally.seconds_left()
    if left is not None:
        said.append(f"{duration(left)} to go")
    return said
