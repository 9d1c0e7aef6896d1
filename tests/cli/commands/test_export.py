"""What ``cloudflow export`` takes, and what it refuses before anything is sent."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cloudflow_async.cli import main
from cloudflow_async.emulator import Emulator, Fault
from tests.cli.conftest import EXECUTIONS


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text().splitlines(keepends=True):
        assert line.endswith("\n")
        yield json.loads(line)


def _history(emulator: Emulator) -> list[str]:
    """Return the ids of all executions that the emulator knows."""
    pipelines = emulator._state.pipelines.values()
    return [execution.id for pipeline in pipelines for execution in pipeline.executions]


def test_the_emulators_history_in_one_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """40 pipelines are exported without key, network or further argument, and summed up."""
    assert 0 == main(["export", "--emulator"])
    out, err = capsys.readouterr()
    rows = list(_rows(tmp_path / "executions.jsonl"))

    assert "" == out
    assert len({row["id"] for row in rows}) == len(rows) > 1000
    assert 40 == len({row["pipeline_id"] for row in rows})
    assert {"completed", "failed", "running"} == {row["status"] for row in rows}
    assert f"Exported {len(rows):,} rows from 40 pipelines" in err
    assert "  file        executions.jsonl (" in err
    assert "\x1b" not in err


def test_each_execution_is_written_once(
    emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file holds what the server holds, pages and pipelines interleaved as they came."""
    ids = emulator.seed_history(5)
    assert 0 == main(["export", *ids, ids[0], "--out", "rows.jsonl", "--concurrency", "3"])
    rows = list(_rows(tmp_path / "rows.jsonl"))

    assert sorted(_history(emulator)) == sorted(row["id"] for row in rows)
    assert set(ids) == {row["pipeline_id"] for row in rows}
    err = capsys.readouterr().err
    assert f"Exporting 5 pipelines from {emulator.base_url} to rows.jsonl." in err
    assert f"requests    {len(emulator.requests)}, 0 of them retries" in err


def test_csv_reads_back(emulator: Emulator, tmp_path: Path) -> None:
    """A header, and a line for each execution with the same values as in JSON."""
    ids = emulator.seed_history(2)
    assert 0 == main(["export", *ids, "--out", "rows.csv"])
    assert 0 == main(["export", *ids, "--out", "rows.jsonl"])
    with (tmp_path / "rows.csv").open(newline="") as file:
        cells = sorted(csv.DictReader(file), key=lambda row: row["id"])
    rows = sorted(_rows(tmp_path / "rows.jsonl"), key=lambda row: str(row["id"]))

    assert [{name: str(row.get(name, "")) for name in cells[0]} for row in rows] == cells


def test_ids_come_from_a_file_too(emulator: Emulator, tmp_path: Path) -> None:
    """They are added to those among the arguments."""
    ids = emulator.seed_history(3)
    (tmp_path / "ids.txt").write_text("\n".join(ids[1:]))
    assert 0 == main(["export", ids[0], "--ids-from", "ids.txt"])

    assert set(ids) == {row["pipeline_id"] for row in _rows(tmp_path / "executions.jsonl")}


def test_filters_reach_the_server(emulator: Emulator) -> None:
    """Dates are sent as instants in UTC."""
    pipeline_id = emulator.add_pipeline()
    main(
        [
            *("export", pipeline_id, "--status", "failed", "--start-date", "2026-01-20"),
            *("--end-date", "2026-01-21T01:00:00+01:00"),
        ]
    )
    (request,) = emulator.requests

    assert {
        "status": "failed",
        "start_date": "2026-01-20T00:00:00Z",
        "end_date": "2026-01-21T00:00:00Z",
        "limit": "100",
        "offset": "0",
    } == dict(request.query)


def test_a_span_of_time_is_a_start_date(emulator: Emulator) -> None:
    """Counted from now; the end is now, too."""
    main(["export", emulator.add_pipeline(), "--since", "36h"])
    (request,) = emulator.requests
    start, end = (
        datetime.fromisoformat(request.query[f"{name}_date"]) for name in ("start", "end")
    )

    assert abs(end - start - timedelta(hours=36)) <= timedelta(seconds=3)


def test_executions_that_run_are_read_again(emulator: Emulator, tmp_path: Path) -> None:
    """At the end, when they may have a result; each is written once."""
    pipeline = emulator.add_pipeline()
    emulator.add_executions(pipeline, 3, status="running")
    emulator.add_executions(pipeline, 3)
    assert 0 == main(["export", pipeline, "--reread-running"])
    rows = list(_rows(tmp_path / "executions.jsonl"))

    assert len(emulator.requests) > 1
    assert ["completed"] * 3 + ["running"] * 3 == [row["status"] for row in rows]
    assert 6 == len({row["id"] for row in rows})


@pytest.mark.parametrize("format", ["jsonl", "csv", "parquet"])
def test_a_folder_has_a_file_for_each_pipeline(
    emulator: Emulator, tmp_path: Path, format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also for one without executions, but not for one that failed."""
    if format == "parquet":
        pytest.importorskip("pyarrow")
    ids = [*emulator.seed_history(3), emulator.add_pipeline("pipe_idle")]
    assert 1 == main(["export", *ids, "pipe_gone", "--out", "all/", "--format", format])
    folder = tmp_path / "all"
    files = {path.name for path in folder.glob(f"*.{format}")}

    assert {f"{pipeline}.{format}" for pipeline in ids} == files
    assert "  folder      all/ (4 files, " in capsys.readouterr().err
    assert (folder / "export.checkpoint").exists()
    if format == "jsonl":
        assert b"" == (folder / "pipe_idle.jsonl").read_bytes()
        assert {ids[0]} == {row["pipeline_id"] for row in _rows(folder / f"{ids[0]}.jsonl")}


def test_parquet_is_one_file(emulator: Emulator, tmp_path: Path) -> None:
    """With the rows of all pipelines, and nothing beside it."""
    parquet = pytest.importorskip("pyarrow.parquet")
    ids = emulator.seed_history(3)
    assert 0 == main(["export", *ids, "--out", "rows.parquet"])
    rows = parquet.read_table(tmp_path / "rows.parquet").to_pylist()

    assert sorted(_history(emulator)) == sorted(row["id"] for row in rows)
    assert ["rows.parquet"] == [path.name for path in tmp_path.iterdir()]


def test_a_chart_and_an_image_end_it(
    emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The chart follows the summary; both show what was exported."""
    pytest.importorskip("matplotlib")
    ids = emulator.seed_history(2)
    assert 0 == main(["export", *ids, "--chart", "--plot", "out.png"])
    err = capsys.readouterr().err

    assert "\n  complete    yes\nExecutions by time of start (UTC), " in err
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")


def test_the_emulators_seed_decides(tmp_path: Path) -> None:
    """Another seed, another history; ids among the arguments narrow it."""
    assert 0 == main(["export", "--emulator", "--out", "all.jsonl", "--seed", "5"])
    one = next(_rows(tmp_path / "all.jsonl"))["pipeline_id"]
    assert 0 == main(["export", one, "--emulator", "--out", "one.jsonl", "--seed", "5"])

    assert {one} == {row["pipeline_id"] for row in _rows(tmp_path / "one.jsonl")}
    assert 1 == main(["export", one, "--emulator", "--out", "other.jsonl", "--seed", "6"])


def test_no_rows_are_no_failure(
    emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A pipeline that never ran gives an empty file."""
    assert 0 == main(["export", emulator.add_pipeline()])
    assert b"" == (tmp_path / "executions.jsonl").read_bytes()
    assert "Exported 0 rows from 1 pipeline" in capsys.readouterr().err


def test_failed_pipelines_leave_the_others_whole(
    emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each failure is named with its reason, and the exit status is 1."""
    ids = emulator.seed_history(3)
    assert 1 == main(["export", *ids, "pipe_gone"])
    rows = list(_rows(tmp_path / "executions.jsonl"))
    err = capsys.readouterr().err

    assert sorted(_history(emulator)) == sorted(row["id"] for row in rows)
    assert "from 3 of 4 pipelines" in err
    assert "1 pipeline failed:\n  pipe_gone  404 resource_not_found: " in err


def test_a_refused_key_is_one_line(
    emulator: Emulator,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The key itself is not shown, no further pipeline is tried, and no file is left."""
    monkeypatch.setenv("CLOUDFLOW_API_KEY", "cf_live_canary")
    assert 1 == main(["export", "--concurrency", "1", *emulator.seed_history(5)])
    last = capsys.readouterr().err.splitlines()[-1]

    assert last.startswith("error: the server refused the credential (401 authentication_failed: ")
    assert last.endswith("; `cloudflow whoami` tells which it is.")
    assert "canary" not in last
    # The second was on its way when the first was refused.
    assert len(emulator.requests) <= 2
    assert [] == list(tmp_path.iterdir())


def test_a_key_that_is_withdrawn_midway_keeps_what_came(
    emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rows stay in the file, and their number is told."""
    ids = emulator.seed_history(6)
    emulator.inject(Fault(route=EXECUTIONS, nth=4, times=None, status=401))
    assert 1 == main(["export", *ids, "--concurrency", "1"])
    count = len(list(_rows(tmp_path / "executions.jsonl")))

    assert count > 0
    assert capsys.readouterr().err.endswith(
        f"; {count:,} rows are in executions.jsonl, and the same command with --resume goes on.\n"
    )


def test_a_server_that_cannot_be_reached_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Hundreds of pipelines do not fail one by one."""
    monkeypatch.setenv("CLOUDFLOW_API_KEY", "cf_live_1")
    ids = [f"pipe_{number}" for number in range(500)]
    assert 1 == main(["export", *ids, "--base-url", "http://127.0.0.1:9/v2"])
    out, err = capsys.readouterr()

    assert "" == out
    assert re.fullmatch(
        r"Exporting .* from http://127.0.0.1:9/v2 .*\n"
        r"error: no answer from the server: cannot connect .*\.\n",
        err,
    )
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "no pipeline ids: name some, or use --ids-from FILE; --emulator needs none."),
        (["pipe_1"], "no credential: set CLOUDFLOW_API_KEY, or run `cloudflow login`. Tried CLOUD"),
        (["pipe_1", "--profile", "work"], "There is no profile 'work': the file "),
        (["pipe_1", "--profile", "a/b"], "The name of a profile has 1 to 64 letters"),
        (["--ids-from", "nope"], "cannot read ids from nope: No such file or directory."),
        (["--emulator", "--out", "taken"], "taken exists: choose another --out, or say --ov"),
        (["--emulator", "--out", "no/where"], "cannot write no/where: No such file or directory."),
        (["--emulator", "--base-url", "https://a/v2"], "--emulator excludes --base-url and"),
        (["--emulator", "--profile", "work"], "--emulator excludes --base-url and --profile."),
        (["pipe_1", "--seed", "1"], "--seed belongs to --emulator."),
        (["--emulator", "--resume"], "--resume excludes --emulator, whose history differs"),
        (["pipe_1", "--out", "-", "--resume"], "--resume needs a file or a folder; standard out"),
        (["pipe_1", "--out", "-", "--format", "parquet"], "Parquet needs a file or a folder; sta"),
        (["pipe_1", "--since", "7d", "--start-date", "2026-01-01"], "--since excludes --start-da"),
        (["pipe_1", "--since", "7d", "--end-date", "2026-01-01"], "--since is later than --end-d"),
        (
            ["pipe_1", "--since", "soon"],
            "Invalid value for --since: 'soon' is no span of time: wri",
        ),
        (["--techflow", "pipe_1"], "--techflow excludes pipeline ids: TechFlow's API has one list"),
        (["--techflow", "--ids-from", "f"], "--techflow excludes --ids-from: TechFlow's API has "),
        (
            ["--techflow", "--status", "failed", "--since", "7d", "--end-date", "2026-01-01"],
            "--techflow excludes --status, --since, --end-date: TechFlow's API has one list of ",
        ),
        (["--techflow", "--start-date", "2026-01-01"], "--techflow excludes --start-date: TechFlo"),
        (["--techflow", "--reread-running"], "--techflow excludes --reread-running: TechFlow's A"),
        (["--techflow", "--concurrency", "16"], "--techflow excludes --concurrency: TechFlow's A"),
        (["--techflow", "--resume"], "--techflow excludes --resume: TechFlow's API has one list "),
        (["--techflow", "--profile", "work"], "--techflow excludes --profile: TechFlow's API has"),
        (["--techflow", "--chart"], "--techflow excludes --chart: TechFlow's API has one list of"),
        (["--techflow", "--plot", "out.png"], "--techflow excludes --plot: TechFlow's API has on"),
        (["--techflow", "--seed", "1"], "--seed belongs to --emulator."),
        (["--techflow", "--emulator", "--base-url", "https://a/v2"], "--emulator excludes --bas"),
        (["--techflow", "--out", "all/"], "all is a folder, but TechFlow's history is one list: "),
        (["pipe_1", "--reread-running", "--status", "running"], "--reread-running waits for oth"),
        (["pipe_1", "--plot", "out.gif"], "--plot out.gif: its name has to end in .png, .svg, .p"),
        (
            ["--emulator", "--start-date", "2026-01-02", "--end-date", "2026-01-01"],
            "--start-date is later than --end-date.",
        ),
    ],
)
def test_a_mistake_is_told_before_anything_happens(
    arguments: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, exit status 2, and no file is made or changed."""
    (tmp_path / "taken").write_text("old")
    assert 2 == main(["export", *arguments])
    out, err = capsys.readouterr()

    assert "" == out
    assert err.startswith(f"error: {told}")
    assert 1 == err.count("\n")
    assert ["old"] == [path.read_text() for path in tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("CLOUDFLOW_BASE_URL", "http://example.com/v2", "The base URL must be https"),
        ("CLOUDFLOW_API_KEY", "cf_live_1\n", "An API key has a character that a header cannot"),
    ],
)
def test_a_setting_that_cannot_be_used_is_one_line(
    variable: str,
    value: str,
    told: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is a mistake of the caller: exit status 2."""
    monkeypatch.setenv("CLOUDFLOW_API_KEY", "cf_live_1")
    monkeypatch.setenv(variable, value)
    assert 2 == main(["export", "pipe_1"])
    err = capsys.readouterr().err

    assert err.startswith("error: ")
    assert told in err
    assert 1 == err.count("\n")


def test_overwrite_replaces_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only when it is said, and then all of it."""
    (tmp_path / "rows.jsonl").write_text("old\n")
    assert 0 == main(["export", "--emulator", "--out", "rows.jsonl", "--overwrite"])

    assert "old\n" not in (tmp_path / "rows.jsonl").read_text()
    assert len(list(_rows(tmp_path / "rows.jsonl"))) > 1000


def test_a_full_disk_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """With the system's reason, and exit status 1."""
    assert 1 == main(["export", "--emulator", "--out", "/dev/full"])
    err = capsys.readouterr().err

    assert err.endswith("\nerror: cannot write /dev/full: No space left on device.\n")
