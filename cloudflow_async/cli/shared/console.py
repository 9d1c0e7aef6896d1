"""Messages of commands, on standard error: standard output may carry rows."""

from __future__ import annotations

import os
import sys
from typing import Final

FAILED: Final = 1
"""Exit status: something failed."""

MISUSED: Final = 2
"""Exit status: called wrongly, or without a credential."""

INTERRUPTED: Final = 130
"""Exit status: stopped by Ctrl-C, which is 128 and the number of SIGINT."""

NOBODY_READS: Final = 141
"""Exit status: the reader of the output has gone, which is 128 and the number of SIGPIPE."""


class CommandError(Exception):
    """A command cannot go on; its message is the one line that the person gets to read."""

    def __init__(self, message: str, *, status: int = MISUSED) -> None:
        super().__init__(message)
        self.status = status


def say(text: str) -> None:
    """Write lines to standard error, if there is one."""
    # Without the check print() would fall back to standard output, into the rows.
    if sys.stderr is not None:
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - the message of a command


def plural(count: int, noun: str) -> str:
    """Return a count with its noun, such as ``1 row`` or ``1,234 rows``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def duration(seconds: float) -> str:
    """Return seconds as a person says them: ``2.3 s``, ``47 s``, ``3 min 05 s``, ``2 h 07 min``."""
    if round(seconds, 1) < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def span(seconds: int) -> str:
    """Return a stretch of time in its largest unit: ``15 minutes``, ``1 day``, ``2 weeks``."""
    for noun, size in (("week", 604_800), ("day", 86_400), ("hour", 3600)):
        if seconds >= size:
            return plural(seconds // size, noun)
    return plural(seconds // 60, "minute")


def can_draw() -> bool:
    """Return whether standard error is a terminal that can do more than print lines."""
    terminal = sys.stderr is not None and sys.stderr.isatty()
    return terminal and os.environ.get("TERM") != "dumb"
