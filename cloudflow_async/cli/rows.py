"""An execution as a line of JSON Lines or CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

import attrs

from cloudflow_async._core.encoding import dumps, encode
from cloudflow_async.cloudflow.pipelines import Execution

from .inputs import Format

COLUMNS: Final = tuple(field.name for field in attrs.fields(Execution) if field.name != "extra")
"""Columns of CSV: the documented fields, in the document's order."""

WriteRow: TypeAlias = Callable[[Execution], bytes]
"""Returns an execution as one line, its end included."""


def json_line(execution: Execution) -> bytes:
    """Return the API's own JSON of an execution; fields without a value are left out."""
    return dumps(execution) + b"\n"


def csv_line(execution: Execution) -> bytes:
    """Return the documented fields of an execution; an empty cell stands for no value."""
    row = encode(execution)
    assert isinstance(row, dict)
    return _csv_line([row.get(column) for column in COLUMNS])


def _csv_line(cells: Iterable[object]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue().encode("utf-8", "backslashreplace")


WRITERS: Final[dict[Format, WriteRow]] = {"jsonl": json_line, "csv": csv_line}
"""What writes a row, by format."""

HEADERS: Final[dict[Format, bytes]] = {"jsonl": b"", "csv": _csv_line(COLUMNS)}
"""What comes before the first row, by format."""
