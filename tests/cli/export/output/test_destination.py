"""What ``--out`` means."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from cloudflow_async.cli.export.inputs import ExportOptions
from cloudflow_async.cli.export.output.destination import Destination, open_destination
from cloudflow_async.cli.shared.console import CommandError


def _open(out: str | None, **options: Any) -> Destination:
    return open_destination(out, ExportOptions(**options))


def _fill(destination: Destination) -> str:
    """Write nothing but what a whole export leaves in any case, and return its name."""

    async def finish() -> None:
        await destination.output.prepare(["pipe_1"], again=destination.unfinished)
        await destination.output.finish(["pipe_1"])
        await destination.output.forget()

    with destination.output as output:
        asyncio.run(finish())
        return output.name


def test_a_file_has_its_checkpoint_beside_it(tmp_path: Path) -> None:
    """Its name tells whose it is."""
    destination = _open("rows.csv", format="csv")
    assert Path("rows.csv.checkpoint") == destination.checkpoint
    assert not destination.unfinished
    assert "rows.csv" == _fill(destination)

    assert (tmp_path / "rows.csv").read_text().startswith("id,pipeline_id,")


@pytest.mark.parametrize(("out", "is_there"), [("all", True), ("all/", False), ("all/", True)])
def test_a_folder_is_there_or_ends_in_a_separator(tmp_path: Path, out: str, is_there: bool) -> None:
    """Its checkpoint is in it."""
    if is_there:
        (tmp_path / "all").mkdir()
    destination = _open(out)

    assert Path("all/export.checkpoint") == destination.checkpoint
    assert "all/" == _fill(destination)
    assert ["pipe_1.jsonl"] == os.listdir(tmp_path / "all")


@pytest.mark.parametrize("out", ["rows.parquet", "all/"])
def test_parquet_goes_by_way_of_json_lines(tmp_path: Path, out: str) -> None:
    """In the end only Parquet is there."""
    pytest.importorskip("pyarrow")

    assert out == _fill(_open(out, format="parquet"))
    assert ["rows.parquet" if "." in out else "pipe_1.parquet"] == [
        path.name for path in tmp_path.rglob("*.*")
    ]


def test_parquet_replaces_no_file_by_mistake(tmp_path: Path) -> None:
    """Neither the wanted one, nor does it leave one of its own."""
    pytest.importorskip("pyarrow")
    (tmp_path / "rows.parquet").write_text("old")

    with pytest.raises(CommandError, match=r"rows.parquet exists: choose another --out, or say"):
        _open("rows.parquet", format="parquet")
    assert ["rows.parquet"] == os.listdir(tmp_path)


@pytest.mark.parametrize("out", ["rows.parquet", "all/"])
def test_parquet_needs_an_extra(tmp_path: Path, out: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is told before anything is made."""
    for name in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, name, None)

    with pytest.raises(CommandError, match="Parquet needs an extra: pip install"):
        _open(out, format="parquet")
    assert [] == os.listdir(tmp_path)


def test_a_file_that_exists_is_kept(tmp_path: Path) -> None:
    """It is refused, by its name and with both ways out."""
    (tmp_path / "rows.jsonl").write_text("old\n")

    with pytest.raises(CommandError, match=r"rows.jsonl exists: choose another --out, or say --ov"):
        _open("rows.jsonl")
    with pytest.raises(CommandError, match=r"rows.jsonl exists"):
        _open("rows.jsonl", resume=True)
    assert "old\n" == (tmp_path / "rows.jsonl").read_text()


def test_overwriting_is_allowed_by_a_word(tmp_path: Path) -> None:
    """Then the old rows are gone."""
    (tmp_path / "rows.jsonl").write_text("old\n")
    _fill(_open("rows.jsonl", overwrite=True))

    assert "" == (tmp_path / "rows.jsonl").read_text()


def test_without_a_name_an_unused_one_is_taken(tmp_path: Path) -> None:
    """The same command can be run again without losing the first result."""
    (tmp_path / "executions-2.jsonl.checkpoint").touch()
    used = [_fill(_open(None)) for _ in range(3)]

    assert ["executions.jsonl", "executions-3.jsonl", "executions-4.jsonl"] == used


def test_overwriting_without_a_name_takes_the_first(tmp_path: Path) -> None:
    """Then no number is needed."""
    (tmp_path / "executions.csv").write_text("old\n")

    assert "executions.csv" == _fill(_open(None, format="csv", overwrite=True))


def test_going_on_without_a_name_takes_the_first_that_is_unfinished(tmp_path: Path) -> None:
    """Where there is none, it is as without going on."""
    assert "executions.jsonl" == _fill(_open(None, resume=True))
    (tmp_path / "executions.jsonl").write_text("old\n")
    (tmp_path / "executions-2.jsonl").touch()
    (tmp_path / "executions-2.jsonl.checkpoint").touch()
    with _open(None, resume=True).output as output:
        assert "executions-2.jsonl" == output.name
    (tmp_path / "executions-2.jsonl.checkpoint").unlink()

    assert "executions-2.jsonl" == _fill(_open(None, resume=True))
    (tmp_path / "executions-2.jsonl").write_text("old\n")
    assert "executions-3.jsonl" == _fill(_open(None, resume=True))


@pytest.mark.parametrize("out", ["rows.jsonl", "all/"])
def test_an_unfinished_export_is_told(tmp_path: Path, out: str) -> None:
    """With both ways out, which then work."""
    (tmp_path / "all").mkdir()
    (tmp_path / "rows.jsonl.checkpoint").touch()
    (tmp_path / "all" / "export.checkpoint").touch()

    with pytest.raises(
        CommandError,
        match=r"(rows.jsonl|all) is an unfinished export: --resume goes on with it, --overwrite be",
    ):
        _open(out)
    for option in ("resume", "overwrite"):
        with (destination := _open(out, **{option: True})).output:
            assert destination.unfinished


def test_what_was_killed_before_its_first_row_begins_again(tmp_path: Path) -> None:
    """It left an empty file and no checkpoint; with --resume that is no obstacle."""
    (tmp_path / "rows.jsonl").touch()

    with (destination := _open("rows.jsonl", resume=True)).output:
        assert not destination.unfinished
    with pytest.raises(CommandError, match="exists"):
        _open("rows.jsonl")


@pytest.mark.parametrize("out", ["-", "/dev/null"])
def test_what_keeps_nothing_has_no_checkpoint(out: str) -> None:
    """It can neither be gone on with nor become Parquet."""
    destination = _open(out)
    assert destination.checkpoint is None
    _fill(destination)

    with pytest.raises(CommandError, match=r"--resume needs a file or a folder; .* keeps nothing"):
        _open(out, resume=True)
    with pytest.raises(CommandError, match=r"Parquet needs a file or a folder; .* is neither"):
        _open(out, format="parquet")
    assert Path("/dev/null").is_char_device()


def test_what_cannot_be_written_is_told_before_anything_is_sent() -> None:
    """The message names the file and the system's reason."""
    with pytest.raises(CommandError, match=r"cannot write nowhere/rows: No such file or directory"):
        _open("nowhere/rows")
    with pytest.raises(CommandError, match=r"cannot write no/where: No such file or directory"):
        _open("no/where/")


@pytest.mark.parametrize("out", ["all", "all/", "new/"])
def test_one_list_needs_a_file(tmp_path: Path, out: str) -> None:
    """A folder would have a file for each pipeline, and there are none."""
    (tmp_path / "all").mkdir()

    with pytest.raises(
        CommandError, match=r"^(all|new) is a folder, but TechFlow's history is one"
    ):
        _open(out, api="techflow")
    assert ["all"] == os.listdir(tmp_path)


def test_one_list_has_columns_of_its_own(tmp_path: Path) -> None:
    """Also where there are no rows."""
    _fill(_open("rows.csv", format="csv", api="techflow"))

    assert "id,workflow_id,status,extra\n" == (tmp_path / "rows.csv").read_text()
