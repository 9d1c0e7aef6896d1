"""Progress of a running export: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

from types import TracebackType
from typing import Final, Protocol, Self

from cloudflow_async.cli.export.counts import Tally
from cloudflow_async.cli.shared.console import can_draw, say

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
            say(", ".join(tally.facts()))


def choose_display(*, rows_on_terminal: bool) -> Display:
    """Return a bar where standard error is a terminal that can show one, else quiet lines.

    Args:
        rows_on_terminal: Whether rows go to a terminal, where a bar would come between them.
    """
    if rows_on_terminal or not can_draw():
        return QuietLines()
    from .bar import Bar  # noqa: PLC0415 - rich is only needed on a terminal

    return Bar()
