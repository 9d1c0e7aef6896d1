"""The meaning of ``--out``: a file, a folder with a file for each pipeline, or standard output."""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import attrs

from cloudflow_async.cli.export.inputs import STANDARD_STREAM, ExportOptions, Format
from cloudflow_async.cli.export.record import Record
from cloudflow_async.cli.shared.console import CommandError

from .folder import open_folder
from .line_file import cannot_write
from .output import Output
from .parquet import SPOOL, ParquetStore, Turning
from .rows import SHAPES, Shape
from .sinks import Store, open_file, open_stream

_CHECKPOINT: Final = ".checkpoint"
_RECORD: Final = ".complete"
_LOCK: Final = ".lock"
_IN_FOLDER: Final = "export"


@attrs.frozen(kw_only=True)
class Destination:
    """Where an export goes, opened."""

    output: Output
    """Takes the rows."""

    checkpoint: Path | None = None
    """File that says how far it has come; None: nothing is kept that could be gone on with."""

    unfinished: bool = False
    """Whether there is such a file, of an export that has not come to its end."""

    record: Record | None = None
    """What says that the export is complete; None: nothing is kept that could."""

    finished: bool = False
    """Whether the record is there, and the export is asked for again by ``--resume``."""


def open_destination(out: str | None, options: ExportOptions) -> Destination:
    """Open where the rows go.

    Args:
        out: A file; a folder, which is there or whose name ends in a separator; or ``-`` for
            standard output.  None: ``executions.jsonl`` (or another suffix) here, or
            ``executions-2...`` and so on where that exists.
        options: Say how rows are written, whether what exists may be replaced, and whether an
            unfinished export is gone on with.

    Raises:
        CommandError: It cannot be written, exists, or is a folder for what is one list.
    """
    asked = _Asked(
        form=options.format,
        shape=SHAPES[options.api],
        overwrite=options.overwrite,
        resume=options.resume,
    )
    try:
        return asked.unnamed() if out is None else asked.named(out)
    except FileExistsError as error:
        raise CommandError(f"{out} exists: choose another --out, or say --overwrite.") from error
    except OSError as error:
        raise cannot_write(error.filename, error) from error


@attrs.frozen(kw_only=True)
class _Asked:
    form: Format
    shape: Shape
    overwrite: bool
    resume: bool

    @property
    def header(self) -> bytes:
        return self.shape.header(self.form)

    def named(self, out: str) -> Destination:
        if out == STANDARD_STREAM:
            return self._passing("standard output", lambda: open_stream(self.header))
        path = Path(out)
        if _is_folder(out):
            return self._folder(path)
        return self._device(path) if _is_device(path) else self._file(path)

    def unnamed(self) -> Destination:
        if self.overwrite:
            return self._file(next(self._names()))
        if self.resume and (begun := self._begun()):
            return self._file(begun)
        for path in self._names():
            if not _checkpoint_of(path).exists():
                try:
                    return self._file(path)
                except FileExistsError:
                    continue
        raise AssertionError

    def _names(self) -> Iterator[Path]:
        yield Path(f"executions.{self.form}")
        yield from (Path(f"executions-{number}.{self.form}") for number in itertools.count(2))

    def _begun(self) -> Path | None:
        """Return the first of the names with an unfinished export, or else with a complete one.

        Names are looked at up to one that is unused.
        """
        names = list(itertools.takewhile(_is_used, self._names()))
        for suffix in (_CHECKPOINT, _RECORD):
            for path in names:
                if _with_suffix(path, suffix).exists():
                    return path
        return None

    def _file(self, path: Path) -> Destination:
        checkpoint = _checkpoint_of(path)
        spools = [_with_suffix(path, SPOOL)]
        record = Record(
            _with_suffix(path, _RECORD),
            path,
            suffix=f".{self.form}",
            left=[checkpoint, _with_suffix(checkpoint, _LOCK), *spools],
        )
        unfinished = self._look_for(checkpoint, path)
        if self._is_finished(record):
            return _finished(record)
        # What was killed before its first row left an empty file.
        again = unfinished or self.overwrite or (self.resume and _is_empty(path))
        return Destination(
            output=Output(self._open_file(path, exclusive=not again)),
            checkpoint=checkpoint,
            unfinished=unfinished,
            record=record,
        )

    def _open_file(self, path: Path, *, exclusive: bool) -> Store:
        if self.form != "parquet":
            return open_file(path, header=self.header, exclusive=exclusive)
        turn = Turning(self.shape).turn
        if exclusive and path.exists():
            raise FileExistsError
        spool = open_file(_with_suffix(path, SPOOL), header=b"", exclusive=False)
        return ParquetStore(spool, path.parent, turn)

    def _folder(self, path: Path) -> Destination:
        if not self.shape.by_pipeline:
            raise CommandError(
                f"{path} is a folder, but TechFlow's history is one list: name a file."
            )
        checkpoint = path / (_IN_FOLDER + _CHECKPOINT)
        spools = sorted(path.glob(f"*{SPOOL}"))
        record = Record(
            path / (_IN_FOLDER + _RECORD),
            path,
            suffix=f".{self.form}",
            left=[checkpoint, _with_suffix(checkpoint, _LOCK), *spools],
        )
        unfinished = self._look_for(checkpoint, path)
        if self._is_finished(record):
            return _finished(record)
        turn = Turning(self.shape).turn if self.form == "parquet" else None
        folder = open_folder(
            path,
            suffix=f".{self.form}",
            spool="" if turn is None else SPOOL,
            header=self.header,
            overwrite=self.overwrite,
        )
        return Destination(
            output=Output(folder if turn is None else ParquetStore(folder, path, turn)),
            checkpoint=checkpoint,
            unfinished=unfinished,
            record=record,
        )

    def _device(self, path: Path) -> Destination:
        return self._passing(
            str(path), lambda: open_file(path, header=self.header, exclusive=False)
        )

    def _passing(self, name: str, open_store: Callable[[], Store]) -> Destination:
        """Open what hands rows on and keeps none."""
        if self.resume:
            raise CommandError(f"--resume needs a file or a folder; {name} keeps nothing.")
        if self.form == "parquet":
            raise CommandError(f"Parquet needs a file or a folder; {name} is neither.")
        return Destination(output=Output(open_store()))

    def _is_finished(self, record: Record) -> bool:
        return self.resume and record.path.exists() and record.output.exists()

    def _look_for(self, checkpoint: Path, path: Path) -> bool:
        if not checkpoint.exists():
            return False
        if not (self.resume or self.overwrite):
            raise CommandError(
                f"{path} is an unfinished export: --resume goes on with it, --overwrite begins "
                "anew."
            )
        return True


def _finished(record: Record) -> Destination:
    """Return a destination to which nothing will be written."""
    nothing = open_file(Path(os.devnull), header=b"", exclusive=False)
    return Destination(output=Output(nothing), record=record, finished=True)


def _is_used(path: Path) -> bool:
    return path.exists() or _checkpoint_of(path).exists()


def _is_folder(out: str) -> bool:
    return out.endswith(tuple(filter(None, (os.sep, os.altsep)))) or Path(out).is_dir()


def _is_device(path: Path) -> bool:
    """Tell whether something is there that keeps nothing, such as ``/dev/null``."""
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


def _is_empty(path: Path) -> bool:
    try:
        return path.stat().st_size == 0
    except OSError:
        return False


def _checkpoint_of(path: Path) -> Path:
    return _with_suffix(path, _CHECKPOINT)


def _with_suffix(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
