"""Programs that are interrupted, each in a process of its own, and how they end."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import attrs

_NOISE: Final = (
    "Traceback",
    "Unclosed",
    "destroyed",
    "never retrieved",
    "never awaited",
    "Warning",
    "Exception ignored",
)


@attrs.frozen
class Ended:
    """How a program ended."""

    program: str
    status: int
    seconds: float
    """Between the signal and its end."""

    said: str
    """What it wrote to standard error."""

    @property
    def noise(self) -> list[str]:
        """What it should not have said."""
        return [word for word in _NOISE if word in self.said]


@attrs.define
class Running:
    """A program that runs."""

    program: str
    pid: int
    _said: Path
    _end: asyncio.Task[int]

    @property
    def has_ended(self) -> bool:
        """Whether it has ended without anybody's help."""
        return self._end.done()

    async def wait(self, seconds: float) -> None:
        """Return after so many seconds, or when it has ended."""
        await asyncio.wait({self._end}, timeout=seconds)

    async def interrupt(self) -> Ended:
        """Send it what Ctrl-C sends, and return how it ended."""
        begun = asyncio.get_running_loop().time()
        if not self.has_ended:
            os.kill(self.pid, signal.SIGINT)
        status = await self._end
        seconds = asyncio.get_running_loop().time() - begun
        text = await asyncio.to_thread(self._said.read_text) if self._said.exists() else ""
        return Ended(self.program, status, seconds, text)


@attrs.define
class Programs:
    """Starts them one after the other."""

    _process: asyncio.subprocess.Process
    _folder: Path
    _numbers: Iterator[int] = attrs.field(factory=itertools.count)

    async def start(self, program: str, *arguments: str) -> Running:
        """Start one of those in `interrupted_program`."""
        said = self._folder / f"said-{next(self._numbers)}"
        order = {"program": program, "arguments": arguments, "said": str(said)}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        pid = await self._read()
        return Running(program, pid, said, asyncio.create_task(self._read()))

    async def _read(self) -> int:
        assert self._process.stdout is not None
        return int(await self._process.stdout.readline())


@asynccontextmanager
async def open_programs(**environment: str) -> AsyncIterator[Programs]:
    """Open what starts programs, with these variables in their environment."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.lifecycle.interrupted_program"),
        cwd=Path(__file__).parents[2],
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    with tempfile.TemporaryDirectory() as folder:
        try:
            yield Programs(process, Path(folder))
        finally:
            process.kill()
            await process.wait()
