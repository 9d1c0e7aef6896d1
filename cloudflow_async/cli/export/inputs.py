"""Read and check the inputs of ``cloudflow export`` before the first request."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

import attrs

from cloudflow_async.cli.shared.console import CommandError

STANDARD_STREAM: Final = "-"
"""What stands for standard input or output where a file is asked for."""

Format = Literal["jsonl", "csv", "parquet"]
"""How rows are written."""

Api = Literal["cloudflow", "techflow"]
"""Whose history is exported."""

_BY_ENDING: Final[dict[str, Format]] = {"csv": "csv", "parquet": "parquet"}
_SPAN: Final = re.compile(r"([1-9][0-9]{0,8})([mhdw])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@attrs.frozen(kw_only=True)
class ExportOptions:
    """What is to be exported, and where from."""

    api: Api = "cloudflow"
    """Whose history; most of what follows is for CloudFlow's alone."""

    pipeline_ids: Sequence[str] = ()
    """Empty with `emulator_seed`: all of the emulator's."""

    status: str | None = None
    """Only executions with this status; None: all."""

    start_date: datetime | None = None
    """Only executions that started then or later; None: all."""

    since: str | None = None
    """What the person said from which `start_date` follows, such as ``7d``; None: nothing."""

    end_date: datetime | None = None
    """Only executions that started then or earlier; None: than the beginning of the export."""

    reread_running: bool = False
    """Whether those that still run are read again at the end."""

    format: Format = "jsonl"
    """How rows are written."""

    overwrite: bool = False
    """Whether what exists may be replaced."""

    resume: bool = False
    """Whether an unfinished export is gone on with."""

    concurrency: int = 16
    """Pipelines read at the same time."""

    emulator_seed: int | None = None
    """Seed of the emulator that is started for this export; None: the API is asked."""

    profile: str | None = None
    """Whose credential to use; None: what a bare ``CloudFlow()`` finds."""

    base_url: str | None = None
    """None: the profile's, the environment's, or the documented one."""

    chart: bool = False
    """Whether a chart follows the summary where there is no terminal, too."""

    plot: str | None = None
    """Image to draw; None: none."""

    @property
    def can_resume(self) -> bool:
        """Whether it can be gone on with: what comes in one piece, or is made up, begins anew."""
        return self.api == "cloudflow" and self.emulator_seed is None


def read_instant(text: str) -> datetime:
    """Return a date, or a date and time, as an instant; without a zone it is meant in UTC.

    Raises:
        ValueError: It is neither.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is no ISO 8601 date: write 2026-01-20 or 2026-01-20T09:30:00Z."
        ) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def read_since(text: str) -> datetime:
    """Return the instant that lies ``30m``, ``12h``, ``7d`` or ``2w`` in the past.

    Raises:
        ValueError: It is no span of time, or longer than there are years.
    """
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no span of time: write 30m, 12h, 7d or 2w.")
    try:
        return datetime.now(UTC) - timedelta(**{_UNITS[found[2]]: int(found[1])})
    except OverflowError:
        raise ValueError(f"{text!r} is longer than there are years.") from None


def read_ids(source: str) -> list[str]:
    """Return the ids in a file, or on standard input: one a line; ``#`` begins a comment.

    Raises:
        CommandError: It cannot be read, or is not UTF-8 text.
    """
    try:
        text = _read(source).decode("utf-8-sig")
    except OSError as error:
        raise CommandError(f"cannot read ids from {source}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"cannot read ids from {source}: it is not UTF-8 text.") from error
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [line for line in lines if line]


def choose_format(given: Format | None, out: str | None) -> Format:
    """Return the format that was given, or the one that the file's name tells."""
    if given is not None:
        return given
    ending = "" if out is None else out.lower().rpartition(".")[2]
    return _BY_ENDING.get(ending, "jsonl")


def _read(source: str) -> bytes:
    if source != STANDARD_STREAM:
        return Path(source).read_bytes()
    # Null where a process was started with its standard input closed.
    return b"" if sys.stdin is None else sys.stdin.buffer.read()
