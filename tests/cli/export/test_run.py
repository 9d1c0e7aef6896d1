"""An export as a process: streams, signals, a terminal, and the rate limit."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

from cloudflow_async.cli.export.counts import Tally
from cloudflow_async.cli.export.display.progress import QuietLines
from cloudflow_async.cli.export.inputs import ExportOptions
from cloudflow_async.cli.export.output.destination import open_destination
from cloudflow_async.cli.export.run import export_rows
from cloudflow_async.emulator import Emulator, Fault
from tests.cli.conftest import EXECUTIONS, Start, eventually

_FOREVER = Fault(route=EXECUTIONS, times=None, delay=600)


def _check_lines(text: str) -> int:
    """Fail unless these are whole rows, each once; return how many."""
    rows = [json.loads(line) for line in text.splitlines()]
    assert text.endswith("\n") or not text
    assert len({row["id"] for row in rows}) == len(rows)
    return len(rows)


def test_rows_on_standard_output_are_alone_there(start: Start) -> None:
    """Everything else goes to standard error, so that the rows can be piped."""
    out, err = start("export", "--emulator", "--out", "-").communicate(timeout=20)

    assert f"Exported {_check_lines(out):,} rows from 40 pipelines" in err
    assert "to standard output.\n" in err


def test_a_reader_that_has_enough_is_no_failure(start: Start) -> None:
    """With ``| head`` nothing is said, and the exit status is that of a broken pipe."""
    process = start("export", "--emulator", "--out", "-")
    assert process.stdout is not None
    assert process.stderr is not None
    first = process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read()

    assert json.loads(first)["id"].startswith("exec_")
    assert 141 == process.wait(timeout=20)
    assert ["Exporting"] == [line.split()[0] for line in err.splitlines()]


@pytest.mark.parametrize(
    ("answered", "number", "status"),
    [(0, signal.SIGINT, 130), (3, signal.SIGTERM, 143), (9, signal.SIGINT, 130)],
)
def test_a_signal_keeps_what_was_written(
    emulator: Emulator,
    start: Start,
    tmp_path: Path,
    answered: int,
    number: signal.Signals,
    status: int,
) -> None:
    """Whole lines, one line that tells how much, no traceback, no noise, and no long wait."""
    ids = emulator.seed_history(8)
    emulator.inject(Fault(route=EXECUTIONS, times=None, nth=answered + 1, delay=600))
    process = start("export", *ids, "--concurrency", "2")
    eventually(lambda: len(emulator.requests) > answered)
    eventually((tmp_path / "executions.jsonl").exists)
    process.send_signal(number)
    out, err = process.communicate(timeout=5)
    lines = err.splitlines()

    assert (status, "") == (process.returncode, out)
    assert 2 == len(lines)
    assert lines[1].startswith("Stopped ")
    if answered:
        count = _check_lines((tmp_path / "executions.jsonl").read_text())
        assert count > 0
        assert f": {count:,} rows in executions.jsonl, " in lines[1]
        assert lines[1].endswith("; the same command with --resume goes on.")
    else:
        assert not (tmp_path / "executions.jsonl").exists()


def test_a_second_signal_ends_what_hangs(start: Start) -> None:
    """A reader that has stopped reading cannot keep the command from ending."""
    process = start("export", "--emulator", "--out", "-")
    assert process.stdout is not None
    waiting = bytearray(4)

    def is_full() -> bool:
        assert process.stdout is not None
        fcntl.ioctl(process.stdout, termios.FIONREAD, waiting)
        (count,) = struct.unpack("i", waiting)
        return bool(count >= 65536)

    def has_ended() -> bool:
        process.send_signal(signal.SIGINT)
        return process.poll() is not None

    eventually(is_full)
    eventually(has_ended)

    assert 130 == process.returncode


def _read_until(screen: int, wanted: bytes) -> bytes:
    seen = b""
    while wanted not in seen:
        seen += os.read(screen, 65536)
    return seen


def _read_all(screen: int) -> bytes:
    seen = b""
    try:
        while chunk := os.read(screen, 65536):
            seen += chunk
    except OSError:
        # How Linux says that nobody holds the other end any more.
        return seen
    return seen


def test_a_terminal_shows_a_bar_and_is_left_in_order(emulator: Emulator, start: Start) -> None:
    """Pipelines, rows and requests left are seen while it runs; after Ctrl-C the cursor is back."""
    ids = emulator.seed_history(4)
    emulator.inject(Fault(route=EXECUTIONS, times=None, nth=3, delay=600))
    screen, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    process = start(
        "export", *ids, "--concurrency", "2", stderr=terminal, stdout=subprocess.DEVNULL
    )
    os.close(terminal)
    seen = _read_until(screen, b" requests left this minute, ")
    process.send_signal(signal.SIGINT)
    rest = _read_all(screen)
    os.close(screen)

    assert 130 == process.wait(timeout=5)
    assert "━".encode() in seen
    assert b" of 4 pipelines, " in seen
    assert b"\x1b[?25h" in rest
    assert b"\x1b[2KStopped after " in rest


@pytest.mark.virtual_time
async def test_waits_for_the_rate_limit_are_told(
    virtual_clock: Callable[[], float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An export beyond the burst takes as long as the limit asks, earns no 429, and says so."""
    loop = asyncio.get_running_loop()
    async with Emulator(clock=virtual_clock) as emulator:
        ids = [emulator.add_pipeline() for _ in range(250)]
        for pipeline_id in ids:
            emulator.add_executions(pipeline_id, 1)
        monkeypatch.setenv("CLOUDFLOW_API_KEY", emulator.api_key)
        options = ExportOptions(pipeline_ids=ids, base_url=emulator.base_url)
        tally = Tally(clock=loop.time)
        destination = await asyncio.to_thread(open_destination, "rows.jsonl", options)
        await export_rows(options, destination, QuietLines(), tally)
        await asyncio.to_thread(destination.output.__exit__, None, None, None)

    # 150 leave at once, the other 100 in a minute; one look in four meets a request on its way.
    assert (250, 250, 0) == (tally.rows, tally.requests, tally.throttled)
    assert 40 < tally.waited <= tally.elapsed < 63
