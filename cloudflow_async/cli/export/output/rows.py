"""An execution as a line of JSON Lines or CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

import attrs

from cloudflow_async import techflow
from cloudflow_async._core.codec.encode import dumps, encode
from cloudflow_async.cli.export.inputs import Api, Format
from cloudflow_async.cloudflow.pipelines import Execution

WriteRow: TypeAlias = Callable[[Any], bytes]
"""Returns an execution as one line, its end included."""

_EXTRA: Final = "extra"


@attrs.frozen(kw_only=True)
class Shape:
    """How the executions of an API are laid out in rows."""

    model: type[Any]
    """Their class."""

    keeps_extra: bool
    """Whether CSV has a last column for undocumented fields, as JSON; otherwise it drops them."""

    @property
    def fields(self) -> tuple[str, ...]:
        """The documented fields, in the document's order."""
        return tuple(each.name for each in attrs.fields(self.model) if each.name != _EXTRA)

    @property
    def by_pipeline(self) -> bool:
        """Whether there is a list for each pipeline; otherwise one that comes whole."""
        return "pipeline_id" in self.fields

    @property
    def has_times(self) -> bool:
        """Whether it is known when each execution started."""
        return "started_at" in self.fields

    def header(self, form: Format) -> bytes:
        """Return what comes before the first row."""
        if form != "csv":
            return b""
        return _csv_line((*self.fields, _EXTRA) if self.keeps_extra else self.fields)

    def writer(self, form: Format) -> WriteRow:
        """Return what writes a row; Parquet is made of JSON Lines at the end."""
        if form != "csv":
            return json_line
        fields, keeps_extra = self.fields, self.keeps_extra

        def csv_line(execution: Any) -> bytes:
            row = encode(execution)
            assert isinstance(row, dict)
            cells: list[object] = [row.get(name) for name in fields]
            if keeps_extra:
                cells.append(extra_json(execution))
            return _csv_line(cells)

        return csv_line


SHAPES: Final[dict[Api, Shape]] = {
    "cloudflow": Shape(model=Execution, keeps_extra=False),
    # The document shows no execution: what is undocumented there is most of it.
    "techflow": Shape(model=techflow.Execution, keeps_extra=True),
}
"""The rows of each API."""


def json_line(execution: object) -> bytes:
    """Return the API's own JSON of an execution; fields without a value are left out."""
    return dumps(execution) + b"\n"


def extra_json(execution: Any) -> str | None:
    """Return the undocumented fields of an execution as JSON; None: there are none."""
    return dumps(execution.extra).decode() if execution.extra else None


def _csv_line(cells: Iterable[object]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue().encode("utf-8", "backslashreplace")
