"""What an export says when it has ended."""

from __future__ import annotations

from collections.abc import Iterator

from cloudflow_async._core.wire import printable

from .console import duration, plural
from .failures import problem
from .output import Output
from .tally import Tally

_MOST_FAILURES = 10
_UNITS = ("kB", "MB", "GB", "TB")


def summary(tally: Tally, output: Output) -> str:
    """Return the lines that tell how an export went that came to its end."""
    done, failed = tally.report.done, len(tally.report.failures)
    pipelines = f"{done:,} of {plural(done + failed, 'pipeline')}" if failed else ""
    headline = (
        f"Exported {plural(tally.rows, 'row')} from {pipelines or plural(done, 'pipeline')} "
        f"in {duration(tally.elapsed)}."
    )
    return "\n".join([headline, *_table(tally, output), *_failures(tally)])


def stopped(tally: Tally, output: Output) -> str:
    """Return the line that tells what is there when an export was stopped before its end."""
    if not tally.rows:
        return "Stopped before the first row; nothing was written."
    planned = tally.report.planned or 0
    return (
        f"Stopped after {duration(tally.elapsed)}: {plural(tally.rows, 'row')} in {output.name}, "
        f"{tally.report.done:,} of {plural(planned, 'pipeline')} complete."
    )


def _table(tally: Tally, output: Output) -> Iterator[str]:
    yield _row("file", f"{output.name} ({_size(output.size)})")
    yield _row("rows", f"{tally.rows:,}{_by_status(tally)}")
    failed = len(tally.report.failures)
    yield _row("pipelines", f"{tally.report.done:,} complete, {failed:,} failed")
    yield _row("requests", f"{tally.requests:,}, {tally.retries:,} of them retries")
    throttled = f", {plural(tally.throttled, 'answer')} with status 429" if tally.throttled else ""
    yield _row("waits", f"{duration(tally.waited)} for the rate limit{throttled}")
    yield _row("duplicates", f"{tally.report.duplicates:,} dropped")


def _row(name: str, value: str) -> str:
    return f"  {name:<12}{value}"


def _by_status(tally: Tally) -> str:
    if not tally.statuses:
        return ""
    counts = sorted(tally.statuses.items(), key=lambda item: (-item[1], item[0]))
    return f" ({', '.join(f'{count:,} {printable(status)}' for status, count in counts)})"


def _failures(tally: Tally) -> Iterator[str]:
    failures = list(tally.report.failures.items())
    if failures:
        yield f"{plural(len(failures), 'pipeline')} failed:"
    for name, error in failures[:_MOST_FAILURES]:
        rows = tally.report.lists[name].rows
        kept = f" (after {plural(rows, 'row')}, which are in the file)" if rows else ""
        yield f"  {printable(name)}  {problem(error)}{kept}"
    if len(failures) > _MOST_FAILURES:
        yield f"  and {len(failures) - _MOST_FAILURES:,} more"


def _size(size: float) -> str:
    if size < 1000:
        return plural(int(size), "byte")
    for unit in _UNITS[:-1]:
        size /= 1000
        if size < 1000:
            return f"{size:.1f} {unit}"
    return f"{size / 1000:.1f} {_UNITS[-1]}"
