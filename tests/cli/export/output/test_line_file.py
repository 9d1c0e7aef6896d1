"""A file, or a stream, that holds whole lines."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from typing import Any

import pytest

from cloudflow_async.cli.export.output.line_file import LineFile, cannot_write
from cloudflow_async.cli.shared.console import CommandError


class Disk(io.FileIO):
    """A file on a disk that can be full."""

    full = False

    def write(self, data: Any) -> int:
        """Write a byte and fail when it is full."""
        if not self.full:
            return super().write(data)
        super().write(data[:1])
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_short_write_is_continued() -> None:
    """The system may take a part of a block; the rest follows."""
    taken = bytearray()

    class Short(io.RawIOBase):
        def write(self, data: Any) -> int:
            taken.extend(data[:3])
            return min(3, len(data))

    with LineFile(Short(), name="short", keeps=False) as lines:
        lines.write(b"0123456789\n")

    assert b"0123456789\n" == taken
    assert 11 == lines.size


def test_a_full_non_blocking_pipe_is_told() -> None:
    """Where nothing can be written now, the export ends with a reason instead of losing rows."""

    class Full(io.RawIOBase):
        def write(self, data: Any) -> None:
            return None

    with pytest.raises(CommandError, match="cannot write pipe: it is non-blocking and full"):
        LineFile(Full(), name="pipe", keeps=False).write(b"a\n")


def test_a_full_disk_leaves_whole_lines(tmp_path: Path) -> None:
    """What a failed write left of a line is cut off, and the reason told with exit status 1."""
    disk = Disk(tmp_path / "rows", "x")
    with LineFile(disk, name="rows") as lines:
        lines.write(b"first\n")
        disk.full = True
        with pytest.raises(CommandError, match="cannot write rows: No space left") as caught:
            lines.write(b"second\n")

    assert 1 == caught.value.status
    assert b"first\n" == (tmp_path / "rows").read_bytes()
    assert 6 == lines.size


def test_a_reader_that_has_gone_is_no_failure() -> None:
    """A broken pipe keeps its own type: ``head`` has what it wanted."""
    reader, writer = os.pipe()
    os.close(reader)

    with (
        LineFile(io.FileIO(writer, "w"), name="pipe", keeps=False) as lines,
        pytest.raises(BrokenPipeError),
    ):
        lines.write(b"a\n")


def test_a_cut_keeps_the_beginning(tmp_path: Path) -> None:
    """What is written after it follows there."""
    with LineFile(io.FileIO(tmp_path / "rows", "a"), name="rows") as lines:
        lines.write(b"one\ntwo\n")
        lines.cut(4)
        lines.write(b"three\n")
        lines.sync()

    assert b"one\nthree\n" == (tmp_path / "rows").read_bytes()
    assert 10 == lines.size


def test_a_device_has_nothing_to_cut() -> None:
    """Only the count changes."""
    with LineFile(io.FileIO("/dev/null", "a"), name="null", keeps=False) as lines:
        lines.write(b"one\n")
        lines.cut(0)

    assert 0 == lines.size


def test_a_reason_without_words_is_told_too() -> None:
    """Python's own errors have no number and no words of the system."""
    assert "cannot write a: it is full." == str(cannot_write("a", OSError("it is full")))
    assert 2 == cannot_write("a", OSError("it is full")).status
