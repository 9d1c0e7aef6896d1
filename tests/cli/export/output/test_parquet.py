"""Parquet, made of JSON Lines at the end."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cloudflow_async.cli.export.output import parquet
from cloudflow_async.cli.export.output.folder import open_folder
from cloudflow_async.cli.export.output.parquet import ParquetStore, Turning
from cloudflow_async.cli.export.output.rows import SHAPES
from cloudflow_async.cli.export.output.sinks import open_file
from cloudflow_async.cli.shared.console import CommandError

pytest.importorskip("pyarrow")

_ROW: dict[str, Any] = {
    "id": "exec_1",
    "pipeline_id": "pipe_1",
    "status": "completed",
    "started_at": "2026-01-20T10:00:00Z",
    "completed_at": "2026-01-20T10:02:00.5Z",
    "duration_ms": 120_500,
    "records_processed": 15_420,
    "records_failed": 3,
    "error_rate": 0.02,
}


def _line(**fields: Any) -> bytes:
    return json.dumps({**_ROW, **fields}).encode() + b"\n"


def _read(path: Path) -> list[dict[str, Any]]:
    table = parquet.load("pyarrow.parquet", extra="", wanted="").read_table(path)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _turn(tmp_path: Path, *lines: bytes) -> Path:
    source, target = tmp_path / "rows.spool", tmp_path / "rows.parquet"
    source.write_bytes(b"".join(lines))
    list(Turning(SHAPES["cloudflow"]).turn(source, target))
    return target


def test_values_have_types(tmp_path: Path) -> None:
    """Instants in UTC, whole numbers, percentages; undocumented fields are a column of JSON."""
    running = {"completed_at": None, "duration_ms": None, "region": {"name": "eu"}}
    path = _turn(tmp_path, _line(), _line(id="exec_2", status="paused", **running))
    first, second = _read(path)
    schema = parquet.load("pyarrow.parquet", extra="", wanted="").read_schema(path)

    assert {
        **_ROW,
        "started_at": datetime(2026, 1, 20, 10, tzinfo=UTC),
        "completed_at": datetime(2026, 1, 20, 10, 2, 0, 500_000, tzinfo=UTC),
        "extra": None,
    } == first
    assert ("paused", None, None) == (
        second["status"],
        second["completed_at"],
        second["duration_ms"],
    )
    assert {"region": {"name": "eu"}} == json.loads(second["extra"])
    assert {
        "id": "string",
        "pipeline_id": "string",
        "status": "string",
        "started_at": "timestamp[us, tz=UTC]",
        "completed_at": "timestamp[us, tz=UTC]",
        "duration_ms": "int64",
        "records_processed": "int64",
        "records_failed": "int64",
        "error_rate": "double",
        "extra": "string",
    } == {field.name: str(field.type) for field in schema}


def test_rows_come_in_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are, only one group at a time is in memory."""
    monkeypatch.setattr(parquet, "_GROUP", 10)
    path = _turn(tmp_path, *(_line(id=f"exec_{number}") for number in range(25)))
    file = parquet.load("pyarrow.parquet", extra="", wanted="").ParquetFile(path)

    with file:
        assert [10, 10, 5] == [
            file.metadata.row_group(number).num_rows
            for number in range(file.metadata.num_row_groups)
        ]
    assert [f"exec_{number}" for number in range(25)] == [row["id"] for row in _read(path)]


def test_no_rows_make_an_empty_table(tmp_path: Path) -> None:
    """It has the columns."""
    assert [] == _read(_turn(tmp_path))


def test_half_a_surrogate_pair_is_escaped(tmp_path: Path) -> None:
    """JSON can hold one, for which Parquet's UTF-8 has no bytes."""
    (row,) = _read(_turn(tmp_path, _line(status="\ud800")))

    assert "\\ud800" == row["status"]


def test_a_number_that_is_too_large_is_told(tmp_path: Path) -> None:
    """The rows stay where they are, and no file takes the place of the wanted one."""
    with pytest.raises(CommandError, match=r"cannot write .*rows.parquet: .*") as caught:
        _turn(tmp_path, _line(duration_ms=2**63))

    assert 1 == caught.value.status
    assert ["rows.spool"] == os.listdir(tmp_path)


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    """In the system's words."""
    (tmp_path / "rows.parquet").mkdir()

    with pytest.raises(CommandError, match=r"cannot write .*rows.parquet: Is a directory"):
        _turn(tmp_path, _line())


def test_what_is_broken_off_leaves_the_json_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is there under the wanted name stays as it was."""
    monkeypatch.setattr(parquet, "_GROUP", 1)
    source, target = tmp_path / "rows.spool", tmp_path / "rows.parquet"
    source.write_bytes(_line() * 3)
    target.write_text("old")
    steps = Turning(SHAPES["cloudflow"]).turn(source, target)
    next(steps)
    assert (tmp_path / "rows.parquet.part").exists()
    steps.close()

    assert {"rows.spool", "rows.parquet"} == set(os.listdir(tmp_path))
    assert "old" == target.read_text()


def test_one_file_is_turned_in_the_end(tmp_path: Path) -> None:
    """Until then the rows are beside it, and they go when nobody needs them any more."""
    spool = open_file(tmp_path / "rows.parquet.spool", header=b"", exclusive=False)
    store = ParquetStore(spool, tmp_path, Turning(SHAPES["cloudflow"]).turn)
    store.prepare(["pipe_1"], again=False)
    store.write([("pipe_1", _line())])
    store.sync()
    assert f"{tmp_path}/rows.parquet" == store.name
    assert f"{tmp_path}/rows.parquet.spool" == store.rows_are_in
    assert {"rows.parquet.spool": len(_line())} == store.sizes
    store.forget()
    assert ["rows.parquet.spool"] == os.listdir(tmp_path)
    list(store.finish(["pipe_1"]))
    assert store.name == store.rows_are_in
    assert {"rows.parquet": (tmp_path / "rows.parquet").stat().st_size} == store.sizes
    assert {"rows.parquet.spool", "rows.parquet"} == set(os.listdir(tmp_path))
    store.forget()
    store.close()

    assert ["rows.parquet"] == os.listdir(tmp_path)
    assert ["exec_1"] == [row["id"] for row in _read(tmp_path / "rows.parquet")]


def test_each_file_of_a_folder_is_turned(tmp_path: Path) -> None:
    """After an interruption, too."""
    (tmp_path / "pipe_1.parquet.spool").write_bytes(_line() + b"half")
    folder = open_folder(
        tmp_path, suffix=".parquet", spool=parquet.SPOOL, header=b"", overwrite=False
    )
    store = ParquetStore(folder, tmp_path, Turning(SHAPES["cloudflow"]).turn)
    store.prepare(["pipe_1", "pipe_2"], again=True)
    store.restore({"pipe_1.parquet.spool": len(_line())})
    store.write([("pipe_2", _line(id="exec_2", pipeline_id="pipe_2"))])
    assert f"{tmp_path}/*.parquet.spool" == store.rows_are_in
    list(store.finish(["pipe_1", "pipe_2"]))
    store.forget()

    assert store.is_folder
    assert {"pipe_1.parquet", "pipe_2.parquet"} == set(os.listdir(tmp_path)) == set(store.sizes)
    assert ["exec_2"] == [row["id"] for row in _read(tmp_path / "pipe_2.parquet")]


def test_a_folder_keeps_parquet_that_is_there(tmp_path: Path) -> None:
    """What would be replaced in the end is refused at the beginning."""
    (tmp_path / "pipe_1.parquet").touch()
    folder = open_folder(
        tmp_path, suffix=".parquet", spool=parquet.SPOOL, header=b"", overwrite=False
    )

    with pytest.raises(CommandError, match=r"pipe_1.parquet exists: choose another --out"):
        ParquetStore(folder, tmp_path, Turning(SHAPES["cloudflow"]).turn).prepare(
            ["pipe_1"], again=False
        )


def test_any_value_of_techflows_may_be_missing(tmp_path: Path) -> None:
    """Its document shows no execution; what it does not name is in the column of JSON."""
    source, target = tmp_path / "rows.spool", tmp_path / "rows.parquet"
    source.write_bytes(
        b'{"id":"exec_1","took":{"ms":5}}\n{"workflow_id":"wf_1","status":"\\ud800"}\n'
    )
    list(Turning(SHAPES["techflow"]).turn(source, target))

    assert [
        {"id": "exec_1", "workflow_id": None, "status": None, "extra": '{"took":{"ms":5}}'},
        {"id": None, "workflow_id": "wf_1", "status": "\\ud800", "extra": None},
    ] == _read(target)
