"""``cloudflow export --techflow``, from the one list that TechFlow has to a file."""

from __future__ import annotations

import csv
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from cloudflow_async._core.http.transport import LARGEST_BODY
from cloudflow_async.cli import main
from cloudflow_async.cli.export import source as opening
from cloudflow_async.emulator import Emulator, Fault
from cloudflow_async.emulator.techflow.seeding import TechFlowSeeding
from tests.cli.conftest import EXECUTIONS, Start, eventually

_EXECUTIONS = "/techflow/v2/executions"


@pytest.fixture
def techflow(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> TechFlowSeeding:
    """Return the TechFlow half of an emulator, to which the environment points."""
    monkeypatch.setenv("TECHFLOW_API_KEY", emulator.techflow.api_key)
    monkeypatch.setenv("TECHFLOW_BASE_URL", emulator.techflow.base_url)
    return emulator.techflow


@pytest.fixture
def history(techflow: TechFlowSeeding) -> list[dict[str, Any]]:
    """Return the executions of two workflows; CloudFlow's pages would hold fewer."""
    ids = [techflow.add_workflow(name="Report"), techflow.add_workflow(name="Clean up")]
    for number in range(250):
        status = "completed" if number % 25 else "failed"
        techflow.add_execution(ids[number % 2], status=status, started_at=1.7e9 + number)
    return techflow.executions


def _rows(path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


@pytest.mark.parametrize("bare", [False, True], ids=["in an envelope", "bare"])
def test_all_executions_come_in_one_request(
    emulator: Emulator,
    techflow: TechFlowSeeding,
    history: list[dict[str, Any]],
    capsys: pytest.CaptureFixture[str],
    *,
    bare: bool,
) -> None:
    """As they are, each once, in their order; CloudFlow's key stays at home."""
    techflow.bare_executions = bare
    assert 0 == main(["export", "--techflow", "--out", "rows.jsonl"])
    out, err = capsys.readouterr()
    (request,) = emulator.requests

    assert history == _rows("rows.jsonl")
    assert (_EXECUTIONS, {}) == (request.path, dict(request.query))
    assert emulator.api_key not in str(request.headers)
    assert "" == out
    assert err.startswith(
        f"Exporting the executions of all workflows from {techflow.base_url} to rows.jsonl.\n"
        "Exported 250 rows in "
    )
    assert "\n  rows        250 (240 completed, 10 failed)\n  requests    1, 0 of them" in err
    assert err.endswith("\n  complete    yes\n")
    assert "pipeline" not in err
    assert ["rows.jsonl"] == os.listdir()


def test_csv_reads_back(history: list[dict[str, Any]]) -> None:
    """What has no column of its own is in the last one, as JSON."""
    assert 0 == main(["export", "--techflow", "--out", "rows.csv"])
    with Path("rows.csv").open(newline="") as file:
        cells = list(csv.DictReader(file))

    assert history == [json.loads(cell.pop("extra")) | cell for cell in cells]


def test_parquet_reads_back(history: list[dict[str, Any]]) -> None:
    """In the same columns, and nothing is left beside it."""
    parquet = pytest.importorskip("pyarrow.parquet")
    assert 0 == main(["export", "--techflow", "--out", "rows.parquet"])
    rows = parquet.read_table("rows.parquet").to_pylist()

    assert history == [json.loads(row.pop("extra")) | row for row in rows]
    assert ["rows.parquet"] == os.listdir()


def test_the_emulators_history_in_one_command(capsys: pytest.CaptureFixture[str]) -> None:
    """It needs neither key nor network, and follows from the seed."""
    for name, seed in (("1.jsonl", "1"), ("1b.jsonl", "1"), ("2.jsonl", "2")):
        arguments = ["export", "--techflow", "--emulator", "--seed", seed, "--out", name]
        assert 0 == main(arguments)
    statuses = {name: [row["status"] for row in _rows(name)] for name in os.listdir()}

    assert 350 == len(statuses["1.jsonl"])
    assert statuses["1.jsonl"] == statuses["1b.jsonl"] != statuses["2.jsonl"]
    assert "Exported 350 rows in " in capsys.readouterr().err


def test_rows_on_standard_output_are_alone_there(
    history: list[dict[str, Any]], start: Start
) -> None:
    """As a process, so that they can be piped."""
    out, err = start("export", "--techflow", "--out", "-").communicate(timeout=20)

    assert history == [json.loads(line) for line in out.splitlines()]
    assert "  file        standard output (" in err


def test_no_rows_are_no_failure(
    techflow: TechFlowSeeding, capsys: pytest.CaptureFixture[str]
) -> None:
    """An account in which nothing ever ran gives an empty file."""
    assert 0 == main(["export", "--techflow"])
    assert b"" == Path("executions.jsonl").read_bytes()
    assert "Exported 0 rows in " in capsys.readouterr().err


def test_rows_need_no_id_and_no_status(
    emulator: Emulator, techflow: TechFlowSeeding, capsys: pytest.CaptureFixture[str]
) -> None:
    """The document shows no row, so each is taken as it comes."""
    rows: list[dict[str, Any]] = [{"run": 1}, {"run": 1}, {"status": "done"}]
    emulator.inject(Fault(route=_EXECUTIONS, status=200, body=json.dumps({"executions": rows})))
    assert 0 == main(["export", "--techflow"])

    assert rows == _rows("executions.jsonl")
    assert "\n  rows        3 (2 without status, 1 done)\n" in capsys.readouterr().err


def test_an_answer_that_fails_once_is_asked_for_again(
    emulator: Emulator, history: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    """The list is read without any harm."""
    emulator.inject(Fault(route=_EXECUTIONS, nth=1, status=503, headers={"Retry-After": "0"}))
    assert 0 == main(["export", "--techflow"])

    assert history == _rows("executions.jsonl")
    assert "\n  requests    2, 1 of them retries\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (
            Fault(status=401, times=None),
            "error: the server refused the credential (401); it is that of TECHFLOW_API_KEY.\n",
        ),
        (Fault(status=404, body="", times=None), "error: the server answered 404.\n"),
        (
            Fault(status=200, body='{"runs": []}', times=None),
            "error: The answer has no list named 'executions'.\n",
        ),
    ],
    ids=["a refused key", "a wrong address", "another answer"],
)
def test_a_list_that_does_not_come_is_one_line(
    emulator: Emulator,
    techflow: TechFlowSeeding,
    capsys: pytest.CaptureFixture[str],
    fault: Fault,
    told: str,
) -> None:
    """With exit status 1, and no file is left."""
    emulator.inject(fault)
    assert 1 == main(["export", "--techflow"])
    _, last = capsys.readouterr().err.splitlines(keepends=True)

    assert told == last
    assert [] == os.listdir()


def test_a_server_that_cannot_be_reached_is_one_line(
    techflow: TechFlowSeeding, capsys: pytest.CaptureFixture[str]
) -> None:
    """The option for its address wins over the environment."""
    assert 1 == main(["export", "--techflow", "--base-url", "http://127.0.0.1:9/v2"])
    first, last = capsys.readouterr().err.splitlines()

    assert "from http://127.0.0.1:9/v2 to executions.jsonl." in first
    assert last.startswith("error: no answer from the server: cannot connect ")
    assert [] == os.listdir()


def test_no_credential_for_techflow(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """CloudFlow's does not stand in for it; exit status 2, before anything is sent."""
    monkeypatch.delenv("TECHFLOW_API_KEY", raising=False)
    assert 2 == main(["export", "--techflow"])
    (line,) = capsys.readouterr().err.splitlines()

    assert line.endswith("TECHFLOW_API_KEY is not set. To try it without one, use --emulator.")
    assert ([], []) == (emulator.requests, os.listdir())


def test_a_signal_before_the_list_came_leaves_nothing(
    emulator: Emulator, techflow: TechFlowSeeding, start: Start
) -> None:
    """One line, and nothing to go on with."""
    emulator.inject(Fault(route=_EXECUTIONS, times=None, delay=600))
    process = start("export", "--techflow")
    eventually(lambda: emulator.requests)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=5)

    assert 130 == process.returncode
    assert err.endswith("\nStopped before the first row; nothing was written.\n")
    assert [] == os.listdir()


def test_what_another_export_left_is_replaced_with_its_checkpoint(
    emulator: Emulator, history: list[dict[str, Any]]
) -> None:
    """Only when it is said: later, --resume could not go on with rows of another API."""
    pipeline = emulator.add_pipeline()
    emulator.add_executions(pipeline, 150)
    emulator.inject(Fault(route=EXECUTIONS, nth=2, status=401, times=None))
    assert 1 == main(["export", pipeline, "--out", "rows.jsonl"])
    assert 2 == main(["export", "--techflow", "--out", "rows.jsonl"])
    assert 100 == len(_rows("rows.jsonl"))
    assert ["rows.jsonl", "rows.jsonl.checkpoint"] == sorted(os.listdir())
    assert 0 == main(["export", "--techflow", "--out", "rows.jsonl", "--overwrite"])

    assert history == _rows("rows.jsonl")
    assert ["rows.jsonl"] == os.listdir()


def test_a_long_list_is_read(
    techflow: TechFlowSeeding, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Up to a bound of its own, which is higher than what a client takes for an answer."""
    assert opening._LARGEST_LIST > LARGEST_BODY
    for _ in range(10):
        techflow.add_execution("wf_1")
    monkeypatch.setattr(opening, "_LARGEST_LIST", 1000)
    assert 1 == main(["export", "--techflow"])
    assert "1000" in capsys.readouterr().err
    monkeypatch.setattr(opening, "_LARGEST_LIST", 10_000)

    assert 0 == main(["export", "--techflow"])
