"""Exports that are killed at any moment, and gone on with."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest

from cloudflow_async.cli.shared.extras import load
from cloudflow_async.emulator import Emulator, EmulatorLimits

_KILLS = 13
"""For each kind of output, of which there are four."""

_MOST_IN_ONE = 6
"""Kills before an export may come to its end."""

_SIZES = (73, 41, 5, 0)
"""Executions of each pipeline."""


class Forks:
    """Starts the command in forks of one process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def start(self, arguments: Sequence[str]) -> int:
        """Start the command and return the id of its process."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(arguments).encode() + b"\n")
        return await self.read()

    async def read(self) -> int:
        """Return the next number: the status, when the command has ended."""
        assert self._process.stdout is not None
        return int(await self._process.stdout.readline())


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """Return an emulator that limits nothing."""
    limits = EmulatorLimits(requests=100_000, burst=100_000)
    async with Emulator(rate_limits=limits) as emulator:
        yield emulator


@pytest.fixture
async def forks(emulator: Emulator, tmp_path: Path) -> AsyncIterator[Forks]:
    """Return what starts the command, in a folder of its own."""
    with (tmp_path / "said").open("wb") as said:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.journeys.forking"),
            cwd=Path(__file__).parents[2],
            env={**os.environ, "CLOUDFLOW_API_KEY": emulator.api_key},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=said,
        )
    yield Forks(process)
    process.kill()
    await process.wait()


def _ids(path: Path) -> list[str]:
    """Return the ids of the executions in a file; fail unless it is whole."""
    if path.suffix == ".parquet":
        table = load("pyarrow.parquet", extra="", wanted="").read_table(path)
        return [str(each) for each in table["id"].to_pylist()]
    text = path.read_text()
    assert not text or text.endswith("\n")
    if path.suffix == ".csv":
        return [row["id"] for row in csv.DictReader(text.splitlines())]
    return [json.loads(line)["id"] for line in text.splitlines()]


def _written(target: Path) -> Iterator[str]:
    """Return the ids in all files of an export."""
    files = sorted(target.glob("pipe_*.jsonl")) if target.is_dir() else [target]
    assert len(files) == (len(_SIZES) if target.is_dir() else 1)
    for file in files:
        yield from _ids(file)


class Killer:
    """Does exports that are killed at random moments until they succeed."""

    def __init__(self, emulator: Emulator, forks: Forks, chance: random.Random) -> None:
        self.emulator = emulator
        self.forks = forks
        self.chance = chance
        self.kills = 0

    async def export(self, arguments: Sequence[str]) -> None:
        """Repeat a command until it has succeeded."""
        for _ in range(_MOST_IN_ONE):
            status = await self._attempt(arguments)
            if status != -signal.SIGKILL:
                assert 0 == status
                return
            self.kills += 1
        await self.forks.start(arguments)

        assert 0 == await self.forks.read()

    async def _attempt(self, arguments: Sequence[str]) -> int:
        """Run a command until it ends or is killed, and return its status."""
        wanted = len(self.emulator.requests) + self.chance.randint(0, 8)
        child = await self.forks.start(arguments)
        ended = asyncio.create_task(self.forks.read())
        while len(self.emulator.requests) < wanted and not ended.done():
            await asyncio.wait({ended}, timeout=0.001)
        await asyncio.wait({ended}, timeout=self.chance.uniform(0, 0.04))
        if not ended.done():
            os.kill(child, signal.SIGKILL)
        return await ended


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv", "rows.parquet", "all"])
async def test_every_row_is_there_once(
    emulator: Emulator, forks: Forks, tmp_path: Path, name: str
) -> None:
    """Whenever it is killed: the same command, repeated until it succeeds, loses and doubles none.

    Nothing but the rows, and what says that they are complete, is left in the end.
    """
    if name == "rows.parquet":
        pytest.importorskip("pyarrow")
    ids, rows = _history(emulator)
    killer = Killer(emulator, forks, random.Random(name))
    exports = 0
    while killer.kills < _KILLS:
        exports += 1
        folder = tmp_path / str(exports)
        folder.mkdir()
        target = folder / name
        out = str(target) if target.suffix else f"{target}/"
        arguments = [*ids, "--base-url", emulator.base_url, "--out", out, "--resume"]
        await killer.export(["export", *arguments])

        assert rows == sorted(_written(target))
        assert _left(target) == {path.name for path in _files(folder)}


def _left(target: Path) -> set[str]:
    if target.is_dir():
        return {*(path.name for path in target.glob("pipe_*.jsonl")), "export.complete"}
    return {target.name, f"{target.name}.complete"}


_KILLED_AT = """
import os, signal, sys
from cloudflow_async.cli import main
from cloudflow_async.cli.export import record, resume, run
from cloudflow_async.cli.export.output import output

owner, _, name = sys.argv[1].rpartition(".")
owner = getattr({"Record": record, "Checkpoint": resume, "Output": output}[owner], owner)
done = getattr(owner, name)

def kill(*arguments):
    os.kill(os.getpid(), signal.SIGKILL)

def then_kill(*arguments):
    done(*arguments)
    kill()

async def then_kill_later(*arguments):
    await done(*arguments)
    kill()

setattr(owner, name, then_kill if owner is record.Record else then_kill_later)
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.parametrize("at", ["Record.write", "Checkpoint.finish", "Output.forget"])
@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv", "rows.parquet", "all", "all.parquet"])
async def test_one_killed_when_all_is_written_is_complete(
    emulator: Emulator, tmp_path: Path, name: str, at: str
) -> None:
    """At each step of cleaning up; the same command says so, exits with 0, and changes no row."""
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    ids, rows = _history(emulator)
    target = tmp_path / name.removesuffix(".parquet") if name == "all.parquet" else tmp_path / name
    out = str(target) if target.suffix else f"{target}/"
    form = target.suffix[1:] or name.partition(".")[2] or "jsonl"
    export = ["export", *ids, "--base-url", emulator.base_url, "--out", out, "--format", form]

    async def run(*program: str) -> tuple[int | None, bytes]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *program, *export, "--resume"),
            cwd=Path(__file__).parents[2],
            env={**os.environ, "CLOUDFLOW_API_KEY": emulator.api_key},
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await process.communicate()
        return process.returncode, said

    assert -signal.SIGKILL == (await run("-c", _KILLED_AT, at))[0]
    files = sorted(target.glob("pipe_*")) if target.is_dir() else [target]
    before = {file: file.read_bytes() for file in files if not file.name.endswith(".spool")}
    status, said = await run("-m", "cloudflow_async")

    assert (0, f"The export in {target} is complete: nothing was left to be read.\n") == (
        status,
        said.decode(),
    )
    assert before == {file: file.read_bytes() for file in before}
    assert rows == sorted(row for file in before for row in _ids(file))
    assert {".complete"} == {path.suffix for path in _files(tmp_path) if path not in before}


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _history(emulator: Emulator) -> tuple[list[str], list[str]]:
    """Make up pipelines; return their ids, and those of their executions."""
    ids = [emulator.add_pipeline() for _ in _SIZES]
    pairs = zip(ids, _SIZES, strict=True)
    rows = [row for pipeline, size in pairs for row in emulator.add_executions(pipeline, size)]
    return ids, sorted(rows)
