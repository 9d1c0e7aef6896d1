"""Where the rows go: a file or standard output, whole lines only."""

from __future__ import annotations

import asyncio
import contextlib
import io
import itertools
import os
import stat
import sys
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from .console import FAILED, CommandError
from .inputs import STANDARD_STREAM, Format

_MOST_WAITING: Final = 1024 * 1024
"""Bytes that may wait for a slow disk or reader before the export waits too."""


class Output:
    """A destination that is opened before anything is sent, so that a bad one costs nothing.

    Writing happens in a thread, one block of whole lines after another: while a block is being
    written, the lines of the next one gather.  ``with`` closes it.  A file that existed is emptied
    by the first write only, and one that was made for nothing is removed, so that an export that
    never begins changes nothing.
    """

    def __init__(
        self,
        file: io.RawIOBase,
        *,
        header: bytes,
        name: str,
        path: Path | None = None,
        created: bool = False,
    ) -> None:
        self._file = file
        self._header = header
        self._path = path
        self._created = created
        self._begun = False
        self._lines: list[bytes] = []
        self._waiting = 0
        self._writing: asyncio.Task[None] | None = None
        self._name = name
        self._bytes = 0

    @property
    def name(self) -> str:
        """How the person calls it."""
        return self._name

    @property
    def size(self) -> int:
        """Bytes written, all of them in whole lines."""
        return self._bytes

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()
        if self._created and not self._begun and self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()

    async def write(self, line: bytes) -> None:
        """Have a line written soon; waits while the destination is far behind.

        Raises:
            CommandError: An earlier line could not be written.
            BrokenPipeError: Nobody reads any more.
        """
        self._lines.append(line)
        self._waiting += len(line)
        if self._writing is None or self._writing.done():
            self._check()
            self._writing = asyncio.create_task(self._write_lines())
        if self._waiting > _MOST_WAITING:
            await asyncio.wait({self._writing})
            self._check()

    async def flush(self) -> None:
        """Wait until all lines are written.

        Raises:
            CommandError: They could not be written.
            BrokenPipeError: Nobody reads any more.
        """
        if self._writing is not None:
            await asyncio.wait({self._writing})
            self._check()

    async def finish(self) -> None:
        """Write what is left; a file without rows has its header at least, or is empty.

        Raises:
            CommandError: It could not be written.
            BrokenPipeError: Nobody reads any more.
        """
        await self.flush()
        if not self._begun:
            await asyncio.to_thread(self._write_block, b"")

    def _check(self) -> None:
        if self._writing is not None and self._writing.done():
            self._writing.result()

    async def _write_lines(self) -> None:
        while self._lines:
            block = b"".join(self._lines)
            self._lines.clear()
            self._waiting = 0
            await asyncio.to_thread(self._write_block, block)

    def _write_block(self, block: bytes) -> None:
        if not self._begun:
            self._begun = True
            self._cut(0)
            block = self._header + block
        try:
            _write_all(self._file, block)
        except BrokenPipeError:
            raise
        except OSError as error:
            self._cut(self._bytes)
            raise CommandError(
                f"cannot write {self._name}: {_reason(error)}.", status=FAILED
            ) from error
        self._bytes += len(block)

    def _cut(self, size: int) -> None:
        # Devices and pipes cannot be cut, and have no earlier content either.
        if self._path is not None and self._file.seekable():
            with contextlib.suppress(OSError):
                self._file.truncate(size)


def open_output(out: str | None, form: Format, *, header: bytes, overwrite: bool) -> Output:
    """Open where the rows go.

    Args:
        out: A file, or ``-`` for standard output.  None: ``executions.jsonl`` or
            ``executions.csv`` here, or ``executions-2...`` and so on where that exists.
        form: How rows are written; only the name of the file follows from it.
        header: What comes before the first row.
        overwrite: Whether a file that exists may be emptied.

    Raises:
        CommandError: It cannot be written, or exists.
    """
    if out == STANDARD_STREAM:
        return _open_stream(header)
    try:
        if out is None:
            return _open_unused(f"executions.{form}", header, overwrite=overwrite)
        path = Path(out)
        return _open_file(path, header, exclusive=not overwrite and not _is_special(path))
    except FileExistsError as error:
        raise CommandError(f"{out} exists: choose another --out, or say --overwrite.") from error
    except OSError as error:
        raise CommandError(f"cannot write {error.filename}: {_reason(error)}.") from error


def _reason(error: OSError) -> str:
    """Return the system's own words for what went wrong."""
    return error.strerror or str(error)


def _open_stream(header: bytes) -> Output:
    if sys.stdout is None:
        raise CommandError("cannot write to standard output: it is closed.")
    file = io.FileIO(sys.stdout.fileno(), "w", closefd=False)
    return Output(file, header=header, name="standard output")


def _open_unused(name: str, header: bytes, *, overwrite: bool) -> Output:
    path = Path(name)
    for number in itertools.count(2):
        with contextlib.suppress(FileExistsError):
            return _open_file(path, header, exclusive=not overwrite)
        path = Path(name).with_stem(f"executions-{number}")
    raise AssertionError


def _open_file(path: Path, header: bytes, *, exclusive: bool) -> Output:
    created = exclusive or not path.exists()
    # "a" neither empties a file that is there nor needs one.
    file = io.FileIO(os.fspath(path), "x" if exclusive else "a")
    return Output(file, header=header, name=os.fspath(path), path=path, created=created)


def _is_special(path: Path) -> bool:
    """Tell whether something is there that keeps nothing, such as ``/dev/null``."""
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


def _write_all(file: io.RawIOBase, block: bytes) -> None:
    rest = memoryview(block)
    while rest:
        written = file.write(rest)
        if written is None:
            raise BlockingIOError("it is non-blocking and full")
        rest = rest[written:]
