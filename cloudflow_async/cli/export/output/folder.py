"""A folder with a file for each pipeline."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from cloudflow_async._core.support.files.atomic import sync_folder
from cloudflow_async.cli.shared.console import FAILED, CommandError

from .file_names import file_names
from .line_file import LineFile, cannot_write
from .sinks import Line, Steps, not_as_it_was

_APPENDED: Final = "ab"
_EMPTIED: Final = "wb"
_MADE: Final = "xb"


class FolderStore:
    """Files that are opened only while something is appended: there may be thousands.

    As with a single file, what existed is emptied by the first write only, and a folder that was
    made for nothing is removed.

    Args:
        path: The folder, which is there.
        suffix: Of the files, such as ``.jsonl``.
        spool: What follows that in the name while the file is not what is wanted in the end.
        header: What comes before the first row of each.
        overwrite: Whether files that exist may be emptied.
        created: Whether the folder was made for this export.
    """

    is_folder: bool = True

    def __init__(
        self,
        path: Path,
        *,
        suffix: str,
        spool: str = "",
        header: bytes,
        overwrite: bool,
        created: bool = False,
    ) -> None:
        self._path = path
        self._suffix = suffix
        self._spool = spool
        self._header = header
        self._overwrite = overwrite
        self._created = created
        self._names: dict[str, str] = {}
        self._unforeseen: set[str] = set()
        self._sizes: dict[str, int] = {}
        self._changed: set[str] = set()

    @property
    def name(self) -> str:
        """How the person calls it, with a separator at its end."""
        return os.path.join(self._path, "")

    @property
    def rows_are_in(self) -> str:
        """What the person finds the rows in."""
        return f"{self.name}*{self._suffix}{self._spool}"

    @property
    def sizes(self) -> Mapping[str, int]:
        """Bytes written, by file."""
        return dict(self._sizes)

    def prepare(self, ids: Sequence[str], *, again: bool) -> None:
        """Give each pipeline its file.

        Raises:
            CommandError: One exists and may not be overwritten.
        """
        wanted = {each: name + self._suffix for each, name in file_names(ids).items()}
        self._names = {each: name + self._spool for each, name in wanted.items()}
        self._overwrite = self._overwrite or again
        if self._overwrite:
            return
        for name in sorted(self._present(wanted.values())):
            raise CommandError(
                f"{self._path / name} exists: choose another --out, or say --overwrite."
            )

    def restore(self, sizes: Mapping[str, int]) -> None:
        """Cut the files to their sizes; one that has none is removed.

        Raises:
            CommandError: One is shorter, or gone.
        """
        present = self._present({*self._names.values(), *sizes})
        if missing := sizes.keys() - present:
            raise not_as_it_was(self._path / min(missing))
        for name in present:
            self._restore(self._path / name, sizes.get(name))
        self._sizes = dict(sizes)
        self._created = False

    def write(self, lines: Sequence[Line]) -> None:
        """Append lines to the files of their pipelines."""
        blocks: dict[str, list[bytes]] = {}
        for pipeline_id, line in lines:
            blocks.setdefault(self._name(pipeline_id), []).append(line)
        for name, block in blocks.items():
            self._append(name, b"".join(block))

    def sync(self) -> None:
        """Bring what was appended since the last time to the disk."""
        for name in self._changed:
            with self._open(name, _APPENDED) as file:
                file.sync()
        if self._changed:
            sync_folder(self._path)
        self._changed.clear()

    def finish(self, done: Sequence[str]) -> Steps:
        """Leave a file for each pipeline that has no rows, with a header at least."""
        for name in map(self._name, done):
            if name not in self._sizes:
                self._append(name, b"")
        yield

    def forget(self) -> None:
        """Do nothing: there is nothing beside the files."""

    def close(self) -> None:
        """Remove the folder if nothing was written."""
        if self._created and not self._sizes:
            with contextlib.suppress(OSError):
                self._path.rmdir()

    def _name(self, pipeline_id: str) -> str:
        name = self._names.get(pipeline_id)
        if name is None:
            # A server may call a pipeline otherwise than it was asked for.
            (plain,) = file_names([pipeline_id]).values()
            name = self._names[pipeline_id] = f"{plain}{self._suffix}{self._spool}"
            self._unforeseen.add(name)
        return name

    def _present(self, names: Iterable[str]) -> set[str]:
        return set(names) & set(os.listdir(self._path))

    def _restore(self, path: Path, size: int | None) -> None:
        if size is None:
            path.unlink()
        elif path.stat().st_size < size:
            raise not_as_it_was(path)
        else:
            os.truncate(path, size)

    def _append(self, name: str, block: bytes) -> None:
        size = self._sizes.get(name)
        with self._open(name, self._mode(name)) as file:
            file.write(self._header + block if size is None else block)
            self._sizes[name] = file.size
        self._changed.add(name)

    def _mode(self, name: str) -> str:
        if name in self._sizes:
            return _APPENDED
        return _MADE if name in self._unforeseen and not self._overwrite else _EMPTIED

    def _open(self, name: str, mode: str) -> LineFile:
        path = self._path / name
        try:
            file = io.FileIO(path, mode)
        except OSError as error:
            raise cannot_write(path, error, status=FAILED) from error
        return LineFile(file, name=os.fspath(path), size=self._sizes.get(name, 0))


def open_folder(
    path: Path, *, suffix: str, spool: str = "", header: bytes, overwrite: bool
) -> FolderStore:
    """Open a folder for rows; makes it where its parent exists.

    Args: as `FolderStore`.

    Raises:
        OSError: It cannot be made.
    """
    created = not path.is_dir()
    if created:
        path.mkdir()
    return FolderStore(
        path, suffix=suffix, spool=spool, header=header, overwrite=overwrite, created=created
    )
