"""A file, or a stream, that holds whole lines."""

from __future__ import annotations

import contextlib
import io
import os
from types import TracebackType
from typing import Self

from cloudflow_async.cli.shared.console import FAILED, CommandError


class LineFile:
    """Takes blocks of whole lines; what a failed write left of a line is cut off again.

    Args:
        file: Opened for writing; `with` closes it.
        name: How the person calls it.
        size: Bytes that it holds, all of them in whole lines.
        keeps: Whether it is a file, which keeps what is written and can be cut.
    """

    def __init__(self, file: io.RawIOBase, *, name: str, size: int = 0, keeps: bool = True) -> None:
        self._file = file
        self._name = name
        self._keeps = keeps and file.seekable()
        self.size: int = size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def write(self, block: bytes) -> None:
        """Write a block.

        Raises:
            CommandError: It could not be written.
            BrokenPipeError: Nobody reads any more.
        """
        try:
            _write_all(self._file, block)
        except BrokenPipeError:
            raise
        except OSError as error:
            with contextlib.suppress(OSError):
                self.cut(self.size)
            raise cannot_write(self._name, error, status=FAILED) from error
        self.size += len(block)

    def cut(self, size: int) -> None:
        """Keep that many bytes; a stream and a device have nothing that could be cut."""
        if self._keeps:
            self._file.truncate(size)
        self.size = size

    def sync(self) -> None:
        """Bring it to the disk."""
        os.fsync(self._file.fileno())


def cannot_write(name: object, error: OSError, *, status: int | None = None) -> CommandError:
    """Return what the person is told, in the system's own words."""
    text = f"cannot write {name}: {error.strerror or error}."
    return CommandError(text) if status is None else CommandError(text, status=status)


def _write_all(file: io.RawIOBase, block: bytes) -> None:
    rest = memoryview(block)
    while rest:
        written = file.write(rest)
        if written is None:
            raise BlockingIOError("it is non-blocking and full")
        rest = rest[written:]
