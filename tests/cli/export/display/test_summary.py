"""What an export says when it has ended."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from cloudflow_async._core.errors import NotFoundError
from cloudflow_async._core.fan_out.report import FanOutReport
from cloudflow_async._core.paging.page import ListReport
from cloudflow_async.cli.export.counts import Tally
from cloudflow_async.cli.export.display.summary import stopped, summary
from cloudflow_async.cli.export.output.output import Output
from cloudflow_async.cli.export.output.sinks import Store
from tests.cli.export.test_counts import Clock


def _output(size: int = 0, **facts: object) -> Output:
    known = {"name": "rows.jsonl", "rows_are_in": "rows.jsonl", "is_folder": False}
    sizes = {"rows.jsonl": size}
    return Output(cast("Store", SimpleNamespace(**{**known, "sizes": sizes, **facts})))


def _tally(lists: dict[str, ListReport] | None = None, **facts: object) -> Tally:
    clock = Clock()
    report = FanOutReport(lists=lists or {}, planned=len(lists or {}))
    tally = Tally(report=report, clock=clock, **facts)  # type: ignore[arg-type]
    clock.now += 75
    return tally


def test_a_whole_export() -> None:
    """Rows by status, pipelines, requests, waits and the file are told, aligned."""
    tally = _tally(
        {
            "pipe_1": ListReport(done=True, pages=9, duplicates=2, reread=3),
            "pipe_2": ListReport(done=True, pages=19),
        },
        requests=31,
        retries=1,
        waited=58.2,
    )
    tally.statuses.update(failed=4, completed=1230)

    assert """\
Exported 1,234 rows from 2 pipelines in 1 min 15 s.
  file        rows.jsonl (1.2 MB)
  rows        1,234 (1,230 completed, 4 failed)
  pipelines   2 read, 0 failed
  requests    31, 1 of them retries
  waits       58 s for the rate limit
  pages       28, and 3 read again
  duplicates  2 dropped
  complete    yes""" == summary(tally, _output(1_234_567))


def test_failures_are_told_one_by_one() -> None:
    """Each with its reason, and with what was written before it."""
    failure = NotFoundError("...", status=404, code="resource_not_found", server_message="Gone.")
    lists = {f"pipe_{number}": ListReport(failure=failure) for number in range(12)}
    lists["pipe_0"].rows = 100
    lists["pipe_12"] = ListReport(done=True)
    lines = summary(_tally(lists, throttled=1), _output()).splitlines()

    assert "Exported 0 rows from 1 of 13 pipelines in 1 min 15 s." == lines[0]
    assert "  rows        0" == lines[2]
    assert "  waits       0.0 s for the rate limit, 1 answer with status 429" == lines[5]
    assert [
        "12 pipelines failed:",
        "  pipe_0  404 resource_not_found: Gone (after 100 rows, which are in the file)",
        "  pipe_1  404 resource_not_found: Gone",
    ] == lines[9:12]
    assert "  complete    no: 12 pipelines failed" == lines[8]
    assert ["  pipe_9  404 resource_not_found: Gone", "  and 2 more"] == lines[-2:]


def test_what_failed_can_be_tried_again() -> None:
    """If a checkpoint is kept, which is told last."""
    tally = _tally({"pipe_1": ListReport(failure=NotFoundError("...", status=404))})

    assert summary(tally, _output(), can_resume=True).endswith(
        "\n  pipe_1  404\nThe same command with --resume tries again what failed."
    )


def test_what_may_be_missing_is_told() -> None:
    """A pipeline that is read to its end can lack rows all the same."""
    done, uncertain = ListReport(done=True), ListReport(done=True, uncertain=True)
    tally = _tally({"pipe_1": done, "pipe_2": uncertain})
    assert "\n  complete    no: 1 pipeline changed faster than it could be read" in summary(
        tally, _output()
    )
    tally = _tally({"pipe_1": done, "pipe_2": ListReport()})

    assert "\n  complete    no: not all was read" in summary(tally, _output())


def test_an_export_that_went_on() -> None:
    """The rows of before count too, and it is told how many they are."""
    tally = _tally({"pipe_1": ListReport(done=True)}, resumed=3)
    tally.statuses["completed"] = 7

    assert "\n  rows        7 (7 completed)\n  resumed     after 3 rows\n" in summary(
        tally, _output()
    )


def test_a_folder_tells_its_files() -> None:
    """And the size of all."""
    output = _output(name="out/", is_folder=True, sizes={"a": 500, "b": 1000})

    assert "\n  folder      out/ (2 files, 1.5 kB)\n" in summary(_tally(), output)


def test_names_cannot_touch_the_terminal() -> None:
    """Ids and statuses come from outside; their control characters are shown, not obeyed."""
    lists = {"\x1b[2J": ListReport(failure=NotFoundError("...", status=404))}
    tally = _tally(lists)
    tally.statuses["\x07"] = 1

    assert "\\u001b[2J  404" in summary(tally, _output())
    assert "(1 \\u0007)" in summary(tally, _output())


def test_a_stopped_export_is_one_line() -> None:
    """It tells what is there."""
    tally = _tally({"pipe_1": ListReport(done=True), "pipe_2": ListReport()})
    tally.statuses["completed"] = 7

    assert "Stopped after 1 min 15 s: 7 rows in rows.jsonl, 1 of 2 pipelines complete." == stopped(
        tally, _output()
    )


def test_a_stopped_export_can_go_on() -> None:
    """If a checkpoint is kept; rows that are to become Parquet are told where they are."""
    tally = _tally({"pipe_1": ListReport()})
    tally.statuses["completed"] = 7
    output = _output(rows_are_in="rows.parquet.spool")

    assert (
        "7 rows in rows.parquet.spool, 0 of 1 pipeline complete; the same command with --resume "
        "goes on."
    ) in stopped(tally, output, can_resume=True)


def test_an_export_stopped_before_its_first_row() -> None:
    """Nothing was written, and that is told."""
    assert "Stopped before the first row; nothing was written." == stopped(_tally(), _output())


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (2_500_000_000, "2.5 GB"),
        (5 * 10**15, "5000.0 TB"),
    ],
)
def test_sizes(size: int, said: str) -> None:
    """Bytes are told in the units of a person."""
    assert f"({said})" in summary(_tally(), _output(size))


def test_one_list_is_told_without_pipelines() -> None:
    """The rest is the same."""
    tally = _tally({"all": ListReport(done=True, pages=1)}, requests=1, one_list=True)
    tally.statuses["completed"] = 2

    assert """\
Exported 2 rows in 1 min 15 s.
  file        rows.jsonl (9 bytes)
  rows        2 (2 completed)
  requests    1, 0 of them retries
  waits       0.0 s for the rate limit
  pages       1, and 0 read again
  duplicates  0 dropped
  complete    yes""" == summary(tally, _output(9))
    assert "Stopped after 1 min 15 s: 2 rows in rows.jsonl." == stopped(tally, _output())
