"""Files and streams behind an output.  Everything here blocks."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

from cloudflow_async._core.support.files.atomic import sync_folder
from cloudflow_async.cli.shared.console import CommandError

from .line_file import LineFile

Line: TypeAlias = tuple[str, bytes]
"""The id of a pipeline, and one of its rows with its end of line."""

Steps: TypeAlias = Generator[None, None, None]
"""Work in bounded pieces; closing it drops the rest."""


class Store(Protocol):
    """Keeps lines; one thread at a time calls it."""

    is_folder: bool
    """Whether each pipeline has a file of its own."""

    @property
    def name(self) -> str:
        """How the person calls it."""
        ...

    @property
    def rows_are_in(self) -> str:
        """What the person finds the rows in when it ends now."""
        ...

    @property
    def sizes(self) -> Mapping[str, int]:
        """Bytes written, by file, all of them in whole lines; empty before the first write."""
        ...

    def prepare(self, ids: Sequence[str], *, again: bool) -> None:
        """Get to know which pipelines there are; `again` expects files of an earlier run.

        Raises:
            CommandError: A file is there that must not be touched.
        """
        ...

    def restore(self, sizes: Mapping[str, int]) -> None:
        """Cut everything to these sizes of an earlier run, to go on from there.

        Raises:
            CommandError: That is not what is there.
        """
        ...

    def write(self, lines: Sequence[Line]) -> None:
        """Append lines.

        Raises:
            CommandError: They could not be written.
            BrokenPipeError: Nobody reads any more.
        """
        ...

    def sync(self) -> None:
        """Bring everything to the disk."""
        ...

    def finish(self, done: Sequence[str]) -> Steps:
        """Do what is left, a bounded piece a step; `done` are the pipelines read to their end.

        Raises:
            CommandError: It could not be written.
            BrokenPipeError: Nobody reads any more.
        """
        ...

    def forget(self) -> None:
        """Remove what only serves to go on after an interruption."""
        ...

    def close(self) -> None:
        """Close files, and remove what was made for nothing."""
        ...


class FileStore:
    """One file, or a stream, for all pipelines.

    A file that existed is emptied by the first write only, and one that was made for nothing is
    removed, so that an export that never begins changes nothing.

    Args:
        file: Opened for appending.
        header: What comes before the first row.
        name: How the person calls it.
        path: Where it is; None: a stream.
        created: Whether it was made for this export.
    """

    is_folder: bool = False

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
        self._lines = LineFile(file, name=name, keeps=path is not None)
        self._header = header
        self._name = name
        self._key = path.name if path is not None else name
        self._path = path
        self._created = created
        self._is_listed = not created
        self._begun = False

    @property
    def name(self) -> str:
        """How the person calls it."""
        return self._name

    @property
    def rows_are_in(self) -> str:
        """The file."""
        return self._name

    @property
    def sizes(self) -> Mapping[str, int]:
        """Bytes written, by the name within its folder."""
        return {self._key: self._lines.size} if self._begun else {}

    def prepare(self, ids: Sequence[str], *, again: bool) -> None:
        """Do nothing: all pipelines share the file, which is open."""

    def restore(self, sizes: Mapping[str, int]) -> None:
        """Cut the file to its size.

        Raises:
            CommandError: It is shorter than that, or has another name.
        """
        size = sizes.get(self._key, 0)
        if set(sizes) - {self._key} or self._file.seek(0, io.SEEK_END) < size:
            raise not_as_it_was(self._name)
        self._lines.cut(size)
        self._begun = bool(sizes)
        self._created = False

    def write(self, lines: Sequence[Line]) -> None:
        """Append lines, after the header if they are the first."""
        block = b"".join([line for _, line in lines])
        if not self._begun:
            self._begun = True
            with contextlib.suppress(OSError):
                self._lines.cut(0)
            block = self._header + block
        self._lines.write(block)

    def sync(self) -> None:
        """Bring it to the disk."""
        self._lines.sync()
        if not self._is_listed and self._path is not None:
            sync_folder(self._path.parent)
            self._is_listed = True

    def finish(self, done: Sequence[str]) -> Steps:  # noqa: ARG002 - all share the file
        """Leave the header at least, or an empty file."""
        if not self._begun:
            self.write(())
        yield

    def forget(self) -> None:
        """Do nothing: there is nothing beside the file."""

    def close(self) -> None:
        """Close it, and remove it if nothing was written."""
        self._file.close()
        if self._created and not self._begun and self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()


def open_file(path: Path, *, header: bytes, exclusive: bool) -> FileStore:
    """Open a file for rows.

    Args:
        path: Which.
        header: What comes before the first row.
        exclusive: Whether there must not be one yet.

    Raises:
        OSError: It cannot be opened, or exists.
    """
    created = exclusive or not path.exists()
    # "a" neither empties a file that is there nor needs one.
    file = io.FileIO(os.fspath(path), "x" if exclusive else "a")
    return FileStore(file, header=header, name=os.fspath(path), path=path, created=created)


def open_stream(header: bytes) -> FileStore:
    """Return standard output.

    Raises:
        CommandError: There is none.
    """
    if sys.stdout is None:
        raise CommandError("cannot write to standard output: it is closed.")
    file = io.FileIO(sys.stdout.fileno(), "w", closefd=False)
    return FileStore(file, header=header, name="standard output")


def not_as_it_was(name: object) -> CommandError:
    """Return what the person is told about a file that somebody has changed or removed."""
    return CommandError(
        f"{name} is not as the unfinished export left it, so that it cannot go on; --overwrite "
        "begins anew."
    )
