"""The summary that an export prints at its end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cloudflow_async._core.fan_out.report import FanOutReport
from cloudflow_async._core.http.response import printable
from cloudflow_async.cli.export.counts import Tally
from cloudflow_async.cli.export.output.output import Output
from cloudflow_async.cli.shared.console import duration, plural
from cloudflow_async.cli.shared.errors import problem

_MOST_FAILURES = 10
_UNITS = ("kB", "MB", "GB", "TB")


GO_ON: Final = "the same command with --resume goes on"


def summary(tally: Tally, output: Output, *, can_resume: bool = False) -> str:
    """Return the lines that tell how an export went that came to its end."""
    headline = (
        f"Exported {plural(tally.rows, 'row')}{_from_pipelines(tally)} "
        f"in {duration(tally.elapsed)}."
    )
    ends = _failures(tally, can_resume=can_resume)
    return "\n".join([headline, *_table(tally, output), *ends])


def stopped(tally: Tally, output: Output, *, can_resume: bool = False) -> str:
    """Return the line that tells what is there when an export was stopped before its end."""
    if not tally.rows:
        return "Stopped before the first row; nothing was written."
    planned = plural(tally.report.planned or 0, "pipeline")
    share = "" if tally.one_list else f", {tally.report.done:,} of {planned} complete"
    hint = f"; {GO_ON}" if can_resume else ""
    return (
        f"Stopped after {duration(tally.elapsed)}: {plural(tally.rows, 'row')} in "
        f"{output.rows_are_in}{share}{hint}."
    )


def _from_pipelines(tally: Tally) -> str:
    if tally.one_list:
        return ""
    done, failed = tally.report.done, len(tally.report.failures)
    pipelines = plural(done + failed, "pipeline")
    return f" from {done:,} of {pipelines}" if failed else f" from {pipelines}"


def _table(tally: Tally, output: Output) -> Iterator[str]:
    yield _where(output)
    yield _row("rows", f"{tally.rows:,}{_by_status(tally)}")
    if tally.resumed is not None:
        yield _row("resumed", f"after {plural(tally.resumed, 'row')}")
    if not tally.one_list:
        failed = len(tally.report.failures)
        yield _row("pipelines", f"{tally.report.done:,} read, {failed:,} failed")
    yield _row("requests", f"{tally.requests:,}, {tally.retries:,} of them retries")
    throttled = f", {plural(tally.throttled, 'answer')} with status 429" if tally.throttled else ""
    yield _row("waits", f"{duration(tally.waited)} for the rate limit{throttled}")
    report = tally.report
    yield _row("pages", f"{report.pages:,}, and {report.reread:,} read again")
    yield _row("duplicates", f"{report.duplicates:,} dropped")
    yield _row("complete", _completeness(report))


def _where(output: Output) -> str:
    size = _size(output.size)
    files = len(output.sizes)
    if output.is_folder:
        return _row("folder", f"{output.name} ({plural(files, 'file')}, {size})")
    return _row("file", f"{output.name} ({size})")


def _completeness(report: FanOutReport) -> str:
    if report.complete:
        return "yes"
    uncertain = sum(each.uncertain for each in report.lists.values())
    reasons = [f"{plural(len(report.failures), 'pipeline')} failed"] if report.failures else []
    if uncertain:
        reasons.append(f"{plural(uncertain, 'pipeline')} changed faster than it could be read")
    return f"no: {', '.join(reasons) or 'not all was read'}"


def _row(name: str, value: str) -> str:
    return f"  {name:<12}{value}"


def _by_status(tally: Tally) -> str:
    if not tally.statuses:
        return ""
    counts = sorted(tally.statuses.items(), key=lambda item: (-item[1], item[0]))
    return f" ({', '.join(f'{count:,} {printable(status)}' for status, count in counts)})"


def _failures(tally: Tally, *, can_resume: bool) -> Iterator[str]:
    failures = list(tally.report.failures.items())
    if failures:
        yield f"{plural(len(failures), 'pipeline')} failed:"
    for name, error in failures[:_MOST_FAILURES]:
        rows = tally.report.lists[name].rows
        kept = f" (after {plural(rows, 'row')}, which are in the file)" if rows else ""
        yield f"  {printable(name)}  {problem(error)}{kept}"
    if len(failures) > _MOST_FAILURES:
        yield f"  and {len(failures) - _MOST_FAILURES:,} more"
    if failures and can_resume:
        yield "The same command with --resume tries again what failed."


def _size(size: float) -> str:
    if size < 1000:
        return plural(int(size), "byte")
    for unit in _UNITS[:-1]:
        size /= 1000
        if size < 1000:
            return f"{size:.1f} {unit}"
    return f"{size / 1000:.1f} {_UNITS[-1]}"
