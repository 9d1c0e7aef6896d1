"""An execution as a line."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import attrs
import pytest

from cloudflow_async import techflow
from cloudflow_async._core.codec.decode import decode
from cloudflow_async.cli.export.output.rows import SHAPES
from cloudflow_async.cloudflow.pipelines import Execution

_SHAPE = SHAPES["cloudflow"]
_COLUMNS = _SHAPE.fields
_TECHFLOW = SHAPES["techflow"]
_json_line = _SHAPE.writer("jsonl")
_csv_line = _SHAPE.writer("csv")
_DOCUMENTS = Path(__file__).parents[3] / "documents" / "cloudflow"


@pytest.fixture
def row() -> dict[str, Any]:
    """Return the row that the API document shows."""
    page = json.loads((_DOCUMENTS / "list_executions.200.json").read_text())
    row: dict[str, Any] = page["data"][0]
    return row


@pytest.fixture
def execution(row: dict[str, Any]) -> Execution:
    """Return the execution that the API document shows."""
    return decode(Execution, row)


def _read_csv(*lines: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(b"".join(lines).decode(), newline="")))


def test_a_json_line_is_the_apis_own_json(row: dict[str, Any], execution: Execution) -> None:
    """What came goes out, in one line."""
    line = _json_line(execution)

    assert row == json.loads(line)
    assert line.endswith(b"\n")
    assert 1 == line.count(b"\n")


def test_a_json_line_keeps_unknown_fields(row: dict[str, Any]) -> None:
    """A field that the document does not show is exported too."""
    row["region"] = "eu\nwest"
    line = _json_line(decode(Execution, row))

    assert row == json.loads(line)
    assert 1 == line.count(b"\n")


def test_columns_are_the_documented_fields_in_order(row: dict[str, Any]) -> None:
    """The order is the document's own."""
    assert tuple(row) == _COLUMNS
    assert [list(row)] == _read_csv(_SHAPE.header("csv"))
    assert b"" == _SHAPE.header("jsonl") == _SHAPE.header("parquet")


def test_a_csv_line_has_a_cell_for_each_column(row: dict[str, Any], execution: Execution) -> None:
    """Values are written as in the API's JSON."""
    assert [[str(value) for value in row.values()]] == _read_csv(_csv_line(execution))


def test_no_value_is_an_empty_cell(execution: Execution) -> None:
    """A running execution has neither end nor duration."""
    running = attrs.evolve(execution, status="running", completed_at=None, duration_ms=None)
    (cells,) = _read_csv(_csv_line(running))

    assert "" == cells[_COLUMNS.index("completed_at")] == cells[_COLUMNS.index("duration_ms")]


def test_csv_quotes_what_would_break_it_and_leaves_out_unknown_fields(
    execution: Execution,
) -> None:
    """A comma, a quote or a line break in a value stays in its cell."""
    odd = attrs.evolve(execution, status='half,"done"\n', extra={"region": "eu"})
    (cells,) = _read_csv(_csv_line(odd))

    assert 'half,"done"\n' == cells[_COLUMNS.index("status")]
    assert len(_COLUMNS) == len(cells)


def test_parquet_begins_as_json_lines(execution: Execution) -> None:
    """It is made of them at the end."""
    assert _json_line(execution) == _SHAPE.writer("parquet")(execution)


def test_csv_of_techflow_keeps_what_is_undocumented() -> None:
    """In a last column, as JSON; its document shows no execution, so that is most of it."""
    odd: dict[str, Any] = {"id": "exec_1", "status": "done", "started": 1.5, "log": ["ü\n"]}
    lines = [
        _TECHFLOW.header("csv"),
        _TECHFLOW.writer("csv")(decode(techflow.Execution, odd)),
        _TECHFLOW.writer("csv")(techflow.Execution(workflow_id="wf_1")),
    ]

    assert [
        ["id", "workflow_id", "status", "extra"],
        ["exec_1", "", "done", '{"started":1.5,"log":["ü\\n"]}'],
        ["", "wf_1", "", ""],
    ] == _read_csv(*lines)


def test_a_json_line_of_techflow_is_the_apis_own_json() -> None:
    """Whatever the row is made of."""
    row: dict[str, Any] = {"id": "exec_1", "workflow_id": "wf_1", "status": None, "took": {"ms": 5}}
    line = _TECHFLOW.writer("jsonl")(decode(techflow.Execution, row))

    assert {"id": "exec_1", "workflow_id": "wf_1", "took": {"ms": 5}} == json.loads(line)


def test_what_the_apis_tell_of_executions() -> None:
    """TechFlow documents neither pipelines nor times."""
    assert (True, True) == (_SHAPE.by_pipeline, _SHAPE.has_times)
    assert (False, False) == (_TECHFLOW.by_pipeline, _TECHFLOW.has_times)
