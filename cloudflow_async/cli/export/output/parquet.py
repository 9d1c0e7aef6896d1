"""Parquet, to which nothing can be appended: rows are JSON Lines first, and turned at the end.

What is killed meanwhile leaves the JSON Lines, from which it can be done again.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import attrs

from cloudflow_async._core.codec.decode import decode_list
from cloudflow_async._core.codec.json import loads
from cloudflow_async._core.support.files.atomic import sync_folder
from cloudflow_async.cli.shared.console import FAILED, CommandError
from cloudflow_async.cli.shared.extras import load

from .line_file import cannot_write
from .rows import Shape, extra_json
from .sinks import Line, Steps, Store

SPOOL: Final = ".spool"
"""What follows the name of a Parquet file in the name of its JSON Lines."""

_GROUP: Final = 10_000
"""Rows in a row group, and in memory."""

Turn: TypeAlias = Callable[[Path, Path], Steps]
"""Makes one file of another, a bounded piece a step."""

_TEXTS: Final = ("id", "pipeline_id", "workflow_id", "status")


class ParquetStore:
    """Keeps rows in another store, as JSON Lines, and makes Parquet of each of its files.

    Args:
        spool: Where the rows are until the end; the names of its files end in `SPOOL`.
        folder: Where its files are.
        turn: What makes Parquet of a file.
    """

    def __init__(self, spool: Store, folder: Path, turn: Turn) -> None:
        self.is_folder: bool = spool.is_folder
        self._spool = spool
        self._folder = folder
        self._turn = turn
        self._turned: dict[str, int] = {}

    @property
    def name(self) -> str:
        """What it is called in the end."""
        return self._spool.name.removesuffix(SPOOL)

    @property
    def rows_are_in(self) -> str:
        """What is there before the end."""
        return self.name if self._turned else self._spool.rows_are_in

    @property
    def sizes(self) -> Mapping[str, int]:
        """Bytes written, by file: of the Parquet files once they are there."""
        return self._turned or self._spool.sizes

    def prepare(self, ids: Sequence[str], *, again: bool) -> None:
        """Have the other store get to know the pipelines."""
        self._spool.prepare(ids, again=again)

    def restore(self, sizes: Mapping[str, int]) -> None:
        """Cut the JSON Lines to their sizes."""
        self._spool.restore(sizes)

    def write(self, lines: Sequence[Line]) -> None:
        """Append rows to the JSON Lines."""
        self._spool.write(lines)

    def sync(self) -> None:
        """Bring the JSON Lines to the disk."""
        self._spool.sync()

    def finish(self, done: Sequence[str]) -> Steps:
        """Turn all files, a row group a step."""
        yield from self._spool.finish(done)
        turned: dict[str, int] = {}
        for name in self._spool.sizes:
            target = self._folder / name.removesuffix(SPOOL)
            yield from self._turn(self._folder / name, target)
            turned[target.name] = target.stat().st_size
        self._turned = turned

    def forget(self) -> None:
        """Remove the JSON Lines if Parquet was made of them."""
        if self._turned:
            for name in self._spool.sizes:
                (self._folder / name).unlink(missing_ok=True)

    def close(self) -> None:
        """Close the other store."""
        self._spool.close()


class Turning:
    """Makes Parquet of JSON Lines; `extra` becomes a column of JSON.

    Raises:
        CommandError: The library is not installed.
    """

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._arrow = load("pyarrow", extra="parquet", wanted="Parquet")
        self._parquet = load("pyarrow.parquet", extra="parquet", wanted="Parquet")
        self._schema = _schema(self._arrow, shape)

    def turn(self, source: Path, target: Path) -> Steps:
        """Make one file of another, a row group a step; it takes its name when it is whole.

        Raises:
            CommandError: It cannot be written, or a value has no place in the schema.
        """
        unfinished = target.with_name(f"{target.name}.part")
        try:
            yield from self._write(source, unfinished)
            os.replace(unfinished, target)
            sync_folder(target.parent)
        except OSError as error:
            raise cannot_write(target, error, status=FAILED) from error
        except (self._arrow.ArrowInvalid, OverflowError) as error:
            raise CommandError(f"cannot write {target}: {error}.", status=FAILED) from error
        finally:
            unfinished.unlink(missing_ok=True)

    def _write(self, source: Path, target: Path) -> Steps:
        with (
            source.open("rb") as lines,
            target.open("wb") as file,
        ):
            with self._parquet.ParquetWriter(file, self._schema, compression="zstd") as writer:
                while group := list(itertools.islice(lines, _GROUP)):
                    writer.write_batch(self._batch(group), row_group_size=_GROUP)
                    yield
            file.flush()
            os.fsync(file.fileno())

    def _batch(self, lines: Sequence[bytes]) -> Any:
        rows = decode_list(self._shape.model, loads(b"[%b]" % b",".join(lines)))
        columns = {name: [getattr(row, name) for row in rows] for name in self._shape.fields}
        for name in columns.keys() & _TEXTS:
            columns[name] = [None if text is None else _utf8(text) for text in columns[name]]
        columns["extra"] = [extra_json(row) for row in rows]
        return self._arrow.RecordBatch.from_pydict(columns, schema=self._schema)


def _schema(arrow: Any, shape: Shape) -> Any:
    instant = arrow.timestamp("us", tz="UTC")
    kinds = {
        **dict.fromkeys(_TEXTS, arrow.string()),
        "started_at": instant,
        "completed_at": instant,
        "duration_ms": arrow.int64(),
        "records_processed": arrow.int64(),
        "records_failed": arrow.int64(),
        "error_rate": arrow.float64(),
        "extra": arrow.string(),
    }
    return arrow.schema(
        [
            arrow.field(each.name, kinds[each.name], nullable=each.default is not attrs.NOTHING)
            for each in attrs.fields(shape.model)
        ]
    )


def _utf8(text: str) -> str:
    # JSON can hold half of a surrogate pair, for which UTF-8 has no bytes.
    return text.encode("utf-8", "backslashreplace").decode()
