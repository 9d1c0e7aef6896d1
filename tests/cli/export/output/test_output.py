"""Where the rows go, while they come."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from cloudflow_async.cli.export.output.folder import open_folder
from cloudflow_async.cli.export.output.output import Output
from cloudflow_async.cli.export.output.sinks import FileStore, Steps, open_file
from cloudflow_async.cli.shared.console import CommandError


def _open(header: bytes = b"") -> Output:
    return Output(open_file(Path("rows.jsonl"), header=header, exclusive=False))


def _to(file: io.RawIOBase) -> Output:
    return Output(FileStore(file, header=b"", name="it"))


async def _fill(output: Output, lines: Iterable[bytes]) -> None:
    for line in lines:
        await output.write(line)
    await output.finish([])


def test_lines_are_written_in_order(tmp_path: Path) -> None:
    """What is handed over arrives whole, after the header, and is counted."""
    lines = [b"%d\n" % number for number in range(10_000)]
    with _open(header=b"head\n") as output:
        asyncio.run(_fill(output, lines))

    assert b"head\n" + b"".join(lines) == (tmp_path / "rows.jsonl").read_bytes()
    assert (tmp_path / "rows.jsonl").stat().st_size == output.size
    assert "rows.jsonl" == output.name == output.rows_are_in
    assert not output.is_folder


def test_lines_of_pipelines_go_to_their_files(tmp_path: Path) -> None:
    """Where each has one; the size is that of all."""

    async def fill(output: Output) -> None:
        await output.prepare(["pipe_1", "pipe_2"], again=False)
        await output.write(b"one\n", "pipe_1")
        await output.write(b"two\n", "pipe_2")
        await output.sync()
        await output.finish(["pipe_1", "pipe_2"])
        await output.forget()

    folder = open_folder(tmp_path / "out", suffix=".jsonl", header=b"", overwrite=False)
    with Output(folder) as output:
        asyncio.run(fill(output))

    assert b"two\n" == (tmp_path / "out" / "pipe_2.jsonl").read_bytes()
    assert {"pipe_1.jsonl": 4, "pipe_2.jsonl": 4} == output.sizes
    assert 8 == output.size
    assert output.is_folder


def test_writing_never_blocks_the_loop() -> None:
    """Each block is written by another thread."""
    writers: set[int] = set()

    class Watched(io.RawIOBase):
        def write(self, data: Any) -> int:
            writers.add(threading.get_ident())
            return len(data)

    with _to(Watched()) as output:
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
        await output.finish([])

    with _to(Slow()) as output:
        asyncio.run(fill(output))

    assert 1_800_000 == output.size


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
        _to(Broken()) as output,
        pytest.raises(CommandError, match="cannot write it: Input/output error"),
    ):
        asyncio.run(fill(output))


def test_it_goes_on_where_it_was(tmp_path: Path) -> None:
    """What lies beyond the sizes of before is gone."""
    (tmp_path / "rows.jsonl").write_bytes(b"one\nhalf")

    async def fill(output: Output) -> None:
        await output.restore({"rows.jsonl": 4})
        await _fill(output, [b"two\n"])

    with _open() as output:
        asyncio.run(fill(output))

    assert b"one\ntwo\n" == (tmp_path / "rows.jsonl").read_bytes()


def test_a_long_finish_can_be_cancelled() -> None:
    """The step that is under way ends, no other begins, and the rest is cleaned up."""
    begun = threading.Event()
    steps: list[str] = []

    class Endless(FileStore):
        def finish(self, done: Sequence[str]) -> Steps:
            try:
                while True:
                    begun.set()
                    steps.append("step")
                    yield
            finally:
                steps.append("end")

    async def fill(output: Output) -> None:
        finishing = asyncio.create_task(output.finish([]))
        await asyncio.to_thread(begun.wait)
        finishing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await finishing

    with Output(Endless(io.BytesIO(), header=b"", name="it")) as output:  # type: ignore[arg-type]
        asyncio.run(fill(output))

    assert "end" == steps.pop()
    assert {"step"} == set(steps)
