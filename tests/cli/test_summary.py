"""What an export says when it has ended."""

from __future__ import annotations

import io

import pytest

from cloudflow_async._core.errors import NotFoundError
from cloudflow_async._core.fan_out import FanOutReport, ListReport
from cloudflow_async.cli.output import Output
from cloudflow_async.cli.summary import stopped, summary
from cloudflow_async.cli.tally import Tally

from .test_tally import Clock


def _output(size: int = 0) -> Output:
    output = Output(io.BytesIO(), header=b"", name="rows.jsonl")  # type: ignore[arg-type]
    output._bytes = size
    return output


def _tally(lists: dict[str, ListReport] | None = None, **facts: object) -> Tally:
    clock = Clock()
    report = FanOutReport(lists=lists or {}, planned=len(lists or {}))
    tally = Tally(report=report, clock=clock, **facts)  # type: ignore[arg-type]
    clock.now += 75
    return tally


def test_a_whole_export() -> None:
    """Rows by status, pipelines, requests, waits and the file are told, aligned."""
    tally = _tally(
        {"pipe_1": ListReport(done=True, duplicates=2), "pipe_2": ListReport(done=True)},
        requests=31,
        retries=1,
        waited=58.2,
    )
    tally.statuses.update(failed=4, completed=1230)

    assert """\
Exported 1,234 rows from 2 pipelines in 1 min 15 s.
  file        rows.jsonl (1.2 MB)
  rows        1,234 (1,230 completed, 4 failed)
  pipelines   2 complete, 0 failed
  requests    31, 1 of them retries
  waits       58 s for the rate limit
  duplicates  2 dropped""" == summary(tally, _output(1_234_567))


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
    ] == lines[7:10]
    assert ["  pipe_9  404 resource_not_found: Gone", "  and 2 more"] == lines[-2:]


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
