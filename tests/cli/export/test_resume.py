"""How far an export has come, kept beside its output."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cloudflow_async import CloudFlow
from cloudflow_async._core.fan_out.checkpoint import Checkpoint
from cloudflow_async.cli import main
from cloudflow_async.emulator import Emulator, Fault
from tests.cli.conftest import EXECUTIONS, Start, eventually


@pytest.fixture
def pipeline(emulator: Emulator) -> str:
    """Return a pipeline of three pages."""
    pipeline = emulator.add_pipeline()
    emulator.add_executions(pipeline, 250)
    return pipeline


def _interrupt(emulator: Emulator, *arguments: str) -> None:
    """Do an export that is refused after its first page."""
    seen = len([each for each in emulator.requests if each.path.endswith("/executions")])
    emulator.inject(Fault(route=EXECUTIONS, nth=seen + 2, times=None, status=401))
    assert 1 == main(["export", "--concurrency", "1", *arguments])
    emulator.clear_faults()


def _ids(path: str = "rows.jsonl") -> list[str]:
    return [json.loads(line)["id"] for line in Path(path).read_text().splitlines()]


def _said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


def test_an_interrupted_export_goes_on(
    emulator: Emulator, pipeline: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Only what is missing is read; the rows are left, and what says that they are complete."""
    _interrupt(emulator, pipeline, "--out", "rows.jsonl")
    assert _said(capsys).endswith(
        "; 100 rows are in rows.jsonl, and the same command with --resume goes on.\n"
    )
    assert {"rows.jsonl", "rows.jsonl.checkpoint"} == set(os.listdir(tmp_path))
    before = len(emulator.requests)
    assert 0 == main(["export", pipeline, "--out", "rows.jsonl", "--resume"])
    said = _said(capsys)

    assert len(emulator.requests) - before <= 3
    assert 250 == len(set(_ids())) == len(_ids())
    assert {"rows.jsonl", "rows.jsonl.complete"} == set(os.listdir(tmp_path))
    assert said.startswith("Going on with rows.jsonl after 100 rows.\nExporting 1 pipeline from ")
    assert "\n  rows        250 (250 completed)\n  resumed     after 100 rows\n" in said


def test_without_a_name_the_unfinished_one_is_found(emulator: Emulator, pipeline: str) -> None:
    """The same command with one word more is enough."""
    Path("executions.jsonl").write_text("of last week\n")
    _interrupt(emulator, pipeline)
    assert 100 == len(_ids("executions-2.jsonl"))
    assert 0 == main(["export", pipeline, "--resume"])

    assert 250 == len(set(_ids("executions-2.jsonl")))


@pytest.mark.parametrize("out", ["rows.csv", "all/"])
def test_an_unfinished_export_is_not_lost_by_mistake(
    emulator: Emulator, pipeline: str, out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same command alone names both ways out; --overwrite begins anew."""
    _interrupt(emulator, pipeline, "--out", out)
    _said(capsys)
    assert 2 == main(["export", pipeline, "--out", out])
    assert _said(capsys).endswith(
        " is an unfinished export: --resume goes on with it, --overwrite begins anew.\n"
    )
    assert 0 == main(["export", pipeline, "--out", out, "--overwrite"])
    said = _said(capsys)

    assert "resumed" not in said
    assert "Exported 250 rows" in said
    assert [] == [*Path().rglob("*checkpoint*")]


def test_an_emulators_export_ends_an_unfinished_one(
    emulator: Emulator,
    pipeline: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What it overwrites cannot be gone on with, and it has no checkpoint of its own."""
    _interrupt(emulator, pipeline, "--out", "rows.jsonl")
    for name in ("CLOUDFLOW_API_KEY", "CLOUDFLOW_BASE_URL"):
        monkeypatch.delenv(name)
    assert 0 == main(["export", "--emulator", "--out", "rows.jsonl", "--overwrite"])
    _said(capsys)

    assert not Path("rows.jsonl.checkpoint").exists()
    assert 1000 < len(_ids())


def test_what_never_began_begins(
    emulator: Emulator, pipeline: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """So that a supervisor can repeat one command; a finished one is not touched."""
    arguments = ["export", pipeline, "--out", "rows.jsonl", "--resume"]
    assert 0 == main(arguments)
    assert _said(capsys).startswith("There is nothing to resume: this export begins.\nExporting ")
    written, asked = Path("rows.jsonl").stat(), len(emulator.requests)
    assert 0 == main(arguments)

    assert _complete("rows.jsonl") == _said(capsys)
    assert written == Path("rows.jsonl").stat()
    assert asked == len(emulator.requests)
    assert 250 == len(_ids())


def _complete(name: str) -> str:
    return f"The export in {name} is complete: nothing was left to be read.\n"


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
@pytest.mark.parametrize("out", ["rows.{}", "all/", None])
def test_a_complete_export_is_complete_the_next_time(
    emulator: Emulator,
    pipeline: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    form: str,
    out: str | None,
) -> None:
    """In each format, to a file, a folder, and without a name; no byte of it changes."""
    if form == "parquet":
        pytest.importorskip("pyarrow")
    where = [] if out is None else ["--out", out.format(form)]
    arguments = ["export", pipeline, "--format", form, *where, "--resume"]
    assert 0 == main(arguments)
    files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    capsys.readouterr()

    assert 0 == main(arguments)
    name = {None: f"executions.{form}", "all/": "all"}.get(out, f"rows.{form}")
    assert _complete(name) == _said(capsys)
    assert files == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_a_complete_export_of_something_else_is_refused(
    emulator: Emulator, pipeline: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Other options, an output that was changed, a record of another kind; all is left as it is."""
    arguments = ["export", pipeline, "--out", "rows.jsonl", "--resume"]
    assert 0 == main(arguments)
    capsys.readouterr()
    rows, record = Path("rows.jsonl"), Path("rows.jsonl.complete")

    assert 2 == main([*arguments, "--status", "failed"])
    assert (
        "error: the complete export in rows.jsonl was made with other options: --status was not "
        "given, now it is failed. Choose another --out, or pass --overwrite.\n"
    ) == _said(capsys)

    whole = rows.read_bytes()
    rows.write_bytes(whole + whole[:10])
    assert 2 == main(arguments)
    assert _said(capsys).startswith("error: rows.jsonl was changed after its export was complete;")

    rows.write_bytes(whole)
    for text in ("{}", "nothing", '{"format": "cloudflow_async complete export", "version": 2}'):
        record.write_text(text)
        assert 2 == main(arguments)
        assert "error: rows.jsonl.complete is not of an export; --overwrite begins anew.\n" == (
            _said(capsys)
        )

    assert 0 == main(["export", pipeline, "--out", "rows.jsonl", "--overwrite"])
    assert not record.exists()
    assert 250 == len(_ids())


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (["--status", "completed"], [], "--status was completed, now it is not given"),
        ([], ["--reread-running"], "--reread-running was not given, now it is given"),
        (["--since", "7d"], ["--since", "2w"], "--since was 7d, now it is 2w"),
        (
            ["--start-date", "2020-01-01"],
            ["--start-date", "2021-01-01"],
            "--start-date was 2020-01-01T00:00:00Z, now it is 2021-01-01T00:00:00Z",
        ),
        (
            ["--end-date", "2100-01-01"],
            ["--end-date", "2101-01-01"],
            "--end-date was 2100-01-01T00:00:00Z, now it is 2101-01-01T00:00:00Z",
        ),
        ([], ["--format", "csv"], "--format was jsonl, now it is csv"),
        ([], ["pipe_other"], "other pipelines (1 then, 2 now)"),
    ],
)
def test_another_export_is_refused(
    emulator: Emulator,
    pipeline: str,
    capsys: pytest.CaptureFixture[str],
    before: list[str],
    after: list[str],
    told: str,
) -> None:
    """With what differs; the unfinished one can still be gone on with."""
    _interrupt(emulator, pipeline, "--out", "rows.jsonl", *before)
    _said(capsys)
    assert 2 == main(["export", pipeline, "--out", "rows.jsonl", "--resume", *after])
    assert (
        f"error: the unfinished export in rows.jsonl was begun with other options: {told}. Repeat "
        "those options, or pass --overwrite.\n"
    ) == _said(capsys)
    assert 0 == main(["export", pipeline, "--out", "rows.jsonl", "--resume", *before])

    assert 250 == len(set(_ids())) == len(_ids())


def test_another_server_is_another_export(
    serve: Any, pipeline: str, emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows of two would be mixed."""
    _interrupt(emulator, pipeline, "--out", "rows.jsonl")
    other = serve()
    assert 2 == main(["export", pipeline, "--out", "rows.jsonl", "--resume"])

    assert f"--base-url was {emulator.base_url}, now it is {other.base_url}." in _said(capsys)


def test_a_span_of_time_begins_where_it_began(emulator: Emulator, pipeline: str) -> None:
    """However much later the export goes on."""
    _interrupt(emulator, pipeline, "--out", "rows.jsonl", "--since", "9w")
    assert 0 == main(["export", pipeline, "--out", "rows.jsonl", "--since", "9w", "--resume"])
    asked = {(each.query["start_date"], each.query["end_date"]) for each in emulator.requests}

    assert 1 == len(asked)
    ((start_date, _),) = asked
    assert 62 <= (datetime.now(UTC) - datetime.fromisoformat(start_date)).days <= 63


@pytest.mark.parametrize("note", [None, {"sizes": {}}, [], {"start_date": 5}])
def test_a_checkpoint_of_something_else_is_refused(
    emulator: Emulator, pipeline: str, note: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """A program may have one of its own beside the file."""

    async def interrupt() -> None:
        async with (
            CloudFlow() as cf,
            Checkpoint("rows.jsonl.checkpoint", every=None) as checkpoint,
            cf.pipelines.fan_out([pipeline], checkpoint=checkpoint),
        ):
            await checkpoint.save(note)

    asyncio.run(interrupt())
    assert 2 == main(["export", pipeline, "--out", "rows.jsonl", "--resume"])

    assert (
        "error: rows.jsonl.checkpoint is not of an export; --overwrite begins anew.\n"
    ) == _said(capsys)
    assert 0 == main(["export", pipeline, "--out", "rows.jsonl", "--overwrite"])


def test_two_exports_into_one_file_are_told(
    emulator: Emulator, pipeline: str, start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second one ends before it changes anything."""
    emulator.inject(Fault(route=EXECUTIONS, nth=2, times=None, delay=600))
    first = start("export", pipeline, "--out", "rows.jsonl")
    eventually(lambda: Path("rows.jsonl.checkpoint").exists() and len(emulator.requests) > 1)
    eventually(lambda: Path("rows.jsonl").stat().st_size > 0)
    for option in ("--resume", "--overwrite"):
        assert 1 == main(["export", pipeline, "--out", "rows.jsonl", option])
        assert "is in use by another run" in _said(capsys)
    assert 100 == len(_ids())
    first.send_signal(signal.SIGINT)
    _, said = first.communicate(timeout=5)

    assert 130 == first.returncode
    assert said.endswith(
        ": 100 rows in rows.jsonl, 0 of 1 pipeline complete; the same command with --resume goes "
        "on.\n"
    )


def test_an_output_that_was_changed_is_refused(
    emulator: Emulator, pipeline: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its rows would not be all."""
    _interrupt(emulator, pipeline, "--out", "rows.jsonl")
    _said(capsys)
    Path("rows.jsonl").write_text("")
    assert 2 == main(["export", pipeline, "--out", "rows.jsonl", "--resume"])

    assert _said(capsys).endswith(
        "error: rows.jsonl is not as the unfinished export left it, so that it cannot go on; "
        "--overwrite begins anew.\n"
    )


def test_failed_pipelines_are_tried_again(
    emulator: Emulator, pipeline: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The others are not read again; without a failure the checkpoint goes."""
    arguments = ["export", pipeline, "pipe_late", "--out", "rows.jsonl", "--resume"]
    assert 1 == main(arguments)
    assert "\nThe same command with --resume tries again what failed.\n" in _said(capsys)
    emulator.add_executions(emulator.add_pipeline("pipe_late"), 3)
    before = len(emulator.requests)
    assert 0 == main(arguments)

    assert 1 == len(emulator.requests) - before
    assert 253 == len(set(_ids())) == len(_ids())
    assert not Path("rows.jsonl.checkpoint").exists()


def test_an_export_that_wrote_nothing_leaves_nothing(
    emulator: Emulator, pipeline: str, tmp_path: Path
) -> None:
    """Neither output nor checkpoint, so that the same command works once the mistake is mended."""
    emulator.inject(Fault(route=EXECUTIONS, times=None, status=401))
    assert 1 == main(["export", pipeline, "--out", "rows.jsonl"])
    assert 1 == main(["export", pipeline, "--out", "all/"])

    assert [] == os.listdir(tmp_path)
