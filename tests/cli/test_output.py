"""Where the rows go."""

from __future__ import annotations

import asyncio
import io
import os
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from cloudflow_async.cli.console import CommandError
from cloudflow_async.cli.output import Output, open_output


def _open(out: str | None = "rows.jsonl", **options: Any) -> Output:
    return open_output(out, "jsonl", **{"header": b"", "overwrite": False, **options})


async def _fill(output: Output, lines: Iterable[bytes]) -> None:
    for line in lines:
        await output.write(line)
    await output.finish()


def test_lines_are_written_in_order(tmp_path: Path) -> None:
    """What is handed over arrives whole, after the header, and is counted."""
    lines = [b"%d\n" % number for number in range(10_000)]
    with _open(header=b"head\n") as output:
        asyncio.run(_fill(output, lines))

    assert b"head\n" + b"".join(lines) == (tmp_path / "rows.jsonl").read_bytes()
    assert (tmp_path / "rows.jsonl").stat().st_size == output.size


def test_writing_never_blocks_the_loop() -> None:
    """Each block is written by another thread."""
    writers: set[int] = set()

    class Watched(io.RawIOBase):
        def write(self, data: Any) -> int:
            writers.add(threading.get_ident())
            return len(data)

    with Output(Watched(), header=b"", name="watched") as output:
        asyncio.run(_fill(output, [b"a\n", b"b\n"]))

    assert threading.get_ident() not in writers
    assert writers


def test_a_slow_destination_stops_the_export() -> None:
    """While a megabyte waits, no further line is taken, so that memory does not grow."""
    gate = threading.Event()

    class Slow(io.RawIOBase):
        def write(self, data: Any) -> int:
            gate.wait()
            return len(data)

    async def fill(output: Output) -> None:
        line = b"x" * 600_000
        await output.write(line)
        await asyncio.sleep(0)
        await output.write(line)
        blocked = asyncio.create_task(output.write(line))
        done, _ = await asyncio.wait({blocked}, timeout=0.05)
        assert set() == done
        gate.set()
        await blocked
        await output.finish()

    with Output(Slow(), header=b"", name="slow") as output:
        asyncio.run(fill(output))

    assert 1_800_000 == output.size


def test_a_short_write_is_continued() -> None:
    """The system may take a part of a block; the rest follows."""
    taken = bytearray()

    class Short(io.RawIOBase):
        def write(self, data: Any) -> int:
            taken.extend(data[:3])
            return min(3, len(data))

    with Output(Short(), header=b"", name="short") as output:
        asyncio.run(_fill(output, [b"0123456789\n"]))

    assert b"0123456789\n" == taken


def test_a_full_non_blocking_pipe_is_told() -> None:
    """Where nothing can be written now, the export ends with a reason instead of losing rows."""

    class Full(io.RawIOBase):
        def write(self, data: Any) -> None:
            return None

    with (
        Output(Full(), header=b"", name="pipe") as output,
        pytest.raises(CommandError, match="cannot write pipe: it is non-blocking and full"),
    ):
        asyncio.run(_fill(output, [b"a\n"]))


def test_a_full_disk_leaves_whole_lines(tmp_path: Path) -> None:
    """What a failed write left of a line is cut off, and the reason told."""

    class Disk(io.FileIO):
        full = False

        def write(self, data: Any) -> int:
            if not self.full:
                return super().write(data)
            super().write(data[:1])
            raise OSError(28, "No space left on device")

    disk = Disk("rows.jsonl", "x")
    output = Output(disk, header=b"", name="rows.jsonl", path=Path("rows.jsonl"), created=True)

    async def fill() -> None:
        await output.write(b"first\n")
        await output.flush()
        disk.full = True
        await output.write(b"second\n")
        await output.flush()

    with output, pytest.raises(CommandError, match=r"rows.jsonl: No space left on device"):
        asyncio.run(fill())

    assert b"first\n" == (tmp_path / "rows.jsonl").read_bytes()


def test_a_failed_write_is_told_by_the_next_one() -> None:
    """An export does not go on for minutes after its disk is full."""

    class Broken(io.RawIOBase):
        def write(self, data: Any) -> int:
            raise OSError(5, "Input/output error")

    async def fill(output: Output) -> None:
        await output.write(b"a\n")
        while True:
            await output.write(b"b\n")
            await asyncio.sleep(0)

    with (
        Output(Broken(), header=b"", name="disk") as output,
        pytest.raises(CommandError, match="cannot write disk: Input/output error"),
    ):
        asyncio.run(fill(output))


def test_a_reader_that_has_gone_is_no_failure() -> None:
    """A broken pipe keeps its own type: ``head`` has what it wanted."""
    reader, writer = os.pipe()
    os.close(reader)
    with (
        Output(io.FileIO(writer, "w"), header=b"", name="pipe") as output,
        pytest.raises(BrokenPipeError),
    ):
        asyncio.run(_fill(output, [b"a\n"]))


def test_no_rows_still_make_a_file(tmp_path: Path) -> None:
    """An export of nothing that went well has its header."""
    with _open("rows.csv", header=b"id\n") as output:
        asyncio.run(_fill(output, []))

    assert b"id\n" == (tmp_path / "rows.csv").read_bytes()


def test_an_export_that_never_began_leaves_no_file(tmp_path: Path) -> None:
    """So the same command works once the mistake is mended."""
    with _open():
        assert (tmp_path / "rows.jsonl").exists()

    assert not (tmp_path / "rows.jsonl").exists()


def test_a_file_that_is_gone_by_itself_is_no_failure(tmp_path: Path) -> None:
    """Somebody else may have removed it meanwhile."""
    with _open():
        (tmp_path / "rows.jsonl").unlink()

    assert [] == list(tmp_path.iterdir())


def test_a_file_that_exists_is_kept(tmp_path: Path) -> None:
    """It is refused, by its name and with both ways out."""
    (tmp_path / "rows.jsonl").write_text("old\n")

    with pytest.raises(CommandError, match=r"rows.jsonl exists: choose another --out, or say --ov"):
        _open()
    assert "old\n" == (tmp_path / "rows.jsonl").read_text()


def test_overwriting_begins_with_the_first_row(tmp_path: Path) -> None:
    """An export that fails before it leaves the old file as it was."""
    (tmp_path / "rows.jsonl").write_text("old\n")
    with _open(overwrite=True):
        pass

    assert "old\n" == (tmp_path / "rows.jsonl").read_text()

    with _open(overwrite=True) as output:
        asyncio.run(_fill(output, [b"new\n"]))

    assert "new\n" == (tmp_path / "rows.jsonl").read_text()


def test_without_a_name_an_unused_one_is_taken(tmp_path: Path) -> None:
    """The same command can be run again without losing the first result."""
    used = []
    for _ in range(3):
        with _open(None) as output:
            asyncio.run(_fill(output, [b"a\n"]))
            used.append(output.name)

    assert ["executions.jsonl", "executions-2.jsonl", "executions-3.jsonl"] == used
    assert set(used) == {path.name for path in tmp_path.iterdir()}


def test_overwriting_without_a_name_takes_the_first(tmp_path: Path) -> None:
    """Then no number is needed."""
    (tmp_path / "executions.jsonl").write_text("old\n")
    with _open(None, overwrite=True) as output:
        asyncio.run(_fill(output, [b"new\n"]))

    assert "new\n" == (tmp_path / "executions.jsonl").read_text()


def test_a_device_is_written_without_being_asked_twice() -> None:
    """``/dev/null`` exists, and loses nothing."""
    with _open("/dev/null") as output:
        asyncio.run(_fill(output, [b"a\n"]))

    assert Path("/dev/null").exists()
    assert 2 == output.size


def test_what_cannot_be_written_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    """The message names the file and the system's reason."""
    with pytest.raises(CommandError, match=r"cannot write nowhere/rows: No such file or directory"):
        _open("nowhere/rows")
    with pytest.raises(CommandError, match=rf"cannot write {tmp_path}: Is a directory"):
        _open(str(tmp_path))


def test_standard_output_is_a_stream(capfd: pytest.CaptureFixture[str]) -> None:
    """A hyphen stands for it; it is not closed at the end."""
    with _open("-") as output:
        asyncio.run(_fill(output, [b"a\n"]))

    assert "standard output" == output.name
    assert "a\n" == capfd.readouterr().out
    os.fstat(1)


def test_a_closed_standard_output_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process may be started without standard output."""
    monkeypatch.setattr(sys, "stdout", None)

    with pytest.raises(CommandError, match="cannot write to standard output: it is closed"):
        _open("-")
