"""What a person hands over, read and checked."""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from cloudflow_async.cli.export.inputs import (
    ExportOptions,
    choose_format,
    read_ids,
    read_instant,
    read_since,
)
from cloudflow_async.cli.shared.console import CommandError


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-01-20", datetime(2026, 1, 20, tzinfo=UTC)),
        ("2026-01-20T09:30:00", datetime(2026, 1, 20, 9, 30, tzinfo=UTC)),
        ("2026-01-20T09:30:00Z", datetime(2026, 1, 20, 9, 30, tzinfo=UTC)),
        (
            "2026-01-20T09:30:00+02:00",
            datetime(2026, 1, 20, 9, 30, tzinfo=timezone(timedelta(hours=2))),
        ),
    ],
)
def test_a_date_without_a_zone_is_meant_in_utc(text: str, instant: datetime) -> None:
    """A plain date is its midnight in UTC; a zone that is given counts."""
    assert instant == read_instant(text)


def test_what_is_no_date_is_refused_with_an_example() -> None:
    """The message shows how a date is written."""
    with pytest.raises(ValueError, match=r"'yesterday' is no ISO 8601 date: write 2026-01-20"):
        read_instant("yesterday")


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("30m", timedelta(minutes=30)),
        ("12h", timedelta(hours=12)),
        ("7d", timedelta(days=7)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_a_span_of_time_lies_before_now(text: str, span: timedelta) -> None:
    """Minutes, hours, days or weeks."""
    before = datetime.now(UTC)
    since = read_since(text)

    assert before <= since + span <= datetime.now(UTC)


@pytest.mark.parametrize("text", ["", "7", "d", "0d", "-1d", "7 d", "7y", "1.5h", "٣d", "7d\n"])
def test_what_is_no_span_is_refused_with_examples(text: str) -> None:
    """The message shows how one is written."""
    with pytest.raises(ValueError, match="is no span of time: write 30m, 12h, 7d or 2w"):
        read_since(text)


@pytest.mark.parametrize("text", ["999999999w", "99999999d"])
def test_a_span_ends_after_the_year_1(text: str) -> None:
    """What is longer is a mistake, and no traceback."""
    with pytest.raises(ValueError, match="is longer than there are years"):
        read_since(text)


def test_ids_come_one_a_line(tmp_path: Path) -> None:
    """Blank lines, comments, white space, Windows line ends and a byte order mark are no ids."""
    source = tmp_path / "ids.txt"
    source.write_bytes(b"\xef\xbb\xbfpipe_1\r\n\r\n# old ones\n  pipe_2  # last week\npipe_3")

    assert ["pipe_1", "pipe_2", "pipe_3"] == read_ids(str(source))


def test_ids_come_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """A single hyphen stands for standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"pipe_1\npipe_2\n")))

    assert ["pipe_1", "pipe_2"] == read_ids("-")


def test_a_closed_standard_input_has_no_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process may be started without standard input."""
    monkeypatch.setattr(sys, "stdin", None)

    assert [] == read_ids("-")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The message names the file and what is wrong with it."""
    with pytest.raises(CommandError, match=r"cannot read ids from .*nope: No such file"):
        read_ids(str(tmp_path / "nope"))


def test_ids_have_to_be_text(tmp_path: Path) -> None:
    """A file in another encoding is refused rather than guessed at."""
    source = tmp_path / "ids.txt"
    source.write_text("pipe_1", encoding="utf-16")

    with pytest.raises(CommandError, match="it is not UTF-8 text"):
        read_ids(str(source))


@pytest.mark.parametrize(
    ("given", "out", "chosen"),
    [
        (None, None, "jsonl"),
        (None, "-", "jsonl"),
        (None, "rows.CSV", "csv"),
        (None, "rows.txt", "jsonl"),
        ("jsonl", "rows.csv", "jsonl"),
        ("csv", "-", "csv"),
        (None, "rows.Parquet", "parquet"),
        (None, "parquet/", "jsonl"),
    ],
)
def test_the_files_name_decides_the_format(given: str | None, out: str | None, chosen: str) -> None:
    """An explicit format wins over it."""
    assert chosen == choose_format(given, out)  # type: ignore[arg-type]


def test_what_can_be_gone_on_with() -> None:
    """Neither what is made up anew each time, nor what comes in one piece."""
    assert ExportOptions().can_resume
    assert not ExportOptions(emulator_seed=0).can_resume
    assert not ExportOptions(api="techflow").can_resume
