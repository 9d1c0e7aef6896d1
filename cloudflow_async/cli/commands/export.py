"""Options and help of ``cloudflow export``, and the export that they describe."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from cyclopts import Parameter, Token
from cyclopts.validators import Number

from cloudflow_async.cli.export.inputs import (
    STANDARD_STREAM,
    ExportOptions,
    Format,
    choose_format,
    read_ids,
    read_instant,
    read_since,
)
from cloudflow_async.cli.shared.console import CommandError
from cloudflow_async.cli.shared.options import File, Flag, Name, Url


def _instant(type_: Any, tokens: Sequence[Token]) -> datetime:  # noqa: ARG001 - cyclopts' protocol
    return read_instant(tokens[0].value)


def _since(type_: Any, tokens: Sequence[Token]) -> str:  # noqa: ARG001 - cyclopts' protocol
    read_since(tokens[0].value)
    return tokens[0].value


_Instant = Annotated[datetime | None, Parameter(converter=_instant, n_tokens=1, metavar="DATE")]
_Count = Annotated[int | None, Parameter(validator=Number(gte=1, lte=1000))]
_Span = Annotated[str | None, Parameter(converter=_since, n_tokens=1, metavar="SPAN")]


def export(  # noqa: PLR0913 - each is an option of its own
    *pipeline_ids: str,
    ids_from: File = None,
    techflow: Flag = False,
    emulator: Flag = False,
    seed: int | None = None,
    out: File = None,
    format: Format | None = None,
    overwrite: Flag = False,
    resume: Flag = False,
    status: Literal["running", "completed", "failed"] | None = None,
    since: _Span = None,
    start_date: _Instant = None,
    end_date: _Instant = None,
    reread_running: Flag = False,
    concurrency: _Count = None,
    chart: Flag = False,
    plot: File = None,
    profile: Name = None,
    base_url: Url = None,
) -> int:
    """Write the execution history of pipelines to a file, each execution once.

    The API has no list of pipelines, so their ids have to be given. The credential is that of the
    environment (CLOUDFLOW_API_KEY) or of a profile (see cloudflow login). To try it without
    either, use --emulator.

    The older API, TechFlow, has one list with the executions of all workflows, which comes whole:
    cloudflow export --techflow --out history.csv. The key is that of the environment variable
    TECHFLOW_API_KEY.

    Args:
        pipeline_ids: Which pipelines, such as pipe_4x9k2m.
        ids_from: File with further ids, one a line; # begins a comment. "-" is standard input.
        techflow: Export TechFlow's history instead: without pipelines, profiles, filters and
            charts, to one file, and with nothing to resume. CSV has a last column with all fields
            that TechFlow does not document, as JSON.
        emulator: Start an emulator with sample data and export from it.
        seed: Seed of the emulator's history.
        out: File to write; "-" is standard output. A folder, which is there or whose name ends
            in /, gets a file for each pipeline. Without it: executions.jsonl (or .csv, .parquet)
            in this folder, or executions-2... where that exists.
        format: One JSON object a line, as the API has it (jsonl); the documented fields as
            columns (csv; undocumented fields are left out); or typed columns (parquet, which
            needs an extra). Without it, the file's name decides.
        overwrite: Replace what exists.
        resume: Go on with an export that was interrupted, whatever ended it; each execution is
            written once all the same. Where none was interrupted, it begins, so that the same
            command can be repeated until it succeeds. It needs the same options as before. When all
            is written, FILE.complete stays beside FILE: the same command then finds nothing to do.
        status: Only executions with this status.
        since: Only executions that started so long ago at most: 30m, 12h, 7d or 2w.
        start_date: Only executions that started then or later: 2026-01-20 (midnight UTC) or
            2026-01-20T09:30:00Z; without a zone, UTC is meant.
        end_date: Only executions that started then or earlier; a date alone is the midnight in
            UTC at which that day begins. Without it, the beginning of the export.
        reread_running: Read executions that still run once more at the end, when more of them
            have a result.
        concurrency: Requests under way at the same time; 16 without it.
        chart: Show durations and failures over time below the summary, as on a terminal, also
            where there is none.
        plot: Image (.png, .svg or .pdf) of durations and failures over time; needs an extra.
        profile: Profile of the config file whose credential to use, and no other.
        base_url: Where the API is; also by the environment variable CLOUDFLOW_BASE_URL, or
            TECHFLOW_BASE_URL.
    """
    if techflow:
        _refuse_beside_techflow(
            {
                "pipeline ids": pipeline_ids,
                "--ids-from": ids_from,
                "--resume": resume,
                "--status": status,
                "--since": since,
                "--start-date": start_date,
                "--end-date": end_date,
                "--reread-running": reread_running,
                "--concurrency": concurrency,
                "--chart": chart,
                "--plot": plot,
                "--profile": profile,
            }
        )
    if emulator:
        _refuse_beside_emulator(resume=resume, elsewhere=(profile, base_url))
    elif seed is not None:
        raise CommandError("--seed belongs to --emulator.")
    if reread_running and status == "running":
        raise CommandError("--reread-running waits for other results than --status running.")
    start_date = _earliest(since, start_date, end_date)
    ids = [*pipeline_ids, *(read_ids(ids_from) if ids_from is not None else ())]
    if not (ids or emulator or techflow):
        raise CommandError(
            "no pipeline ids: name some, or use --ids-from FILE; --emulator needs none."
        )
    options = ExportOptions(
        api="techflow" if techflow else "cloudflow",
        pipeline_ids=ids,
        status=status,
        start_date=start_date,
        since=since,
        end_date=end_date,
        reread_running=reread_running,
        format=choose_format(format, out),
        overwrite=overwrite,
        resume=resume,
        concurrency=concurrency or 16,
        chart=chart,
        plot=plot,
        emulator_seed=(seed or 0) if emulator else None,
        profile=profile,
        base_url=base_url,
    )
    return _begin(options, out)


def _refuse_beside_techflow(given: Mapping[str, object]) -> None:
    names = [name for name, value in given.items() if value not in (None, False, ())]
    if names:
        raise CommandError(
            f"--techflow excludes {', '.join(names)}: TechFlow's API has one list of executions, "
            "which comes whole, and documents neither filters nor times."
        )


def _refuse_beside_emulator(*, resume: bool, elsewhere: Sequence[str | None]) -> None:
    if any(given is not None for given in elsewhere):
        raise CommandError("--emulator excludes --base-url and --profile.")
    if resume:
        raise CommandError(
            "--resume excludes --emulator, whose history differs each time; with "
            "`cloudflow emulator`, which goes on running, it can be tried."
        )


def _earliest(
    since: str | None, start_date: datetime | None, end_date: datetime | None
) -> datetime | None:
    if since is not None:
        if start_date is not None:
            raise CommandError("--since excludes --start-date.")
        start_date = read_since(since)
    if start_date is not None and end_date is not None and start_date > end_date:
        name = "--start-date" if since is None else "--since"
        raise CommandError(f"{name} is later than --end-date.")
    return start_date


def _begin(options: ExportOptions, out: str | None) -> int:
    # The engine takes longer to import than --help may take, and a mistake should be told fast.
    from cloudflow_async.cli.export.display.pictures import choose_pictures  # noqa: PLC0415
    from cloudflow_async.cli.export.display.progress import choose_display  # noqa: PLC0415
    from cloudflow_async.cli.export.output.destination import open_destination  # noqa: PLC0415
    from cloudflow_async.cli.export.run import run_export  # noqa: PLC0415

    rows_on_terminal = out == STANDARD_STREAM and os.isatty(1)
    display = choose_display(rows_on_terminal=rows_on_terminal)
    pictures = choose_pictures(options, rows_on_terminal=rows_on_terminal)
    destination = open_destination(out, options)
    return run_export(options, destination, display, pictures)
