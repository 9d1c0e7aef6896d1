"""``cloudflow export``: what it takes, and what that means for an export."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from cyclopts import Parameter, Token
from cyclopts.validators import Number

from .console import CommandError
from .inputs import (
    STANDARD_STREAM,
    ExportOptions,
    Format,
    choose_format,
    read_ids,
    read_instant,
)
from .options import File, Flag, Name, Url


def _instant(type_: Any, tokens: Sequence[Token]) -> datetime:  # noqa: ARG001 - cyclopts' protocol
    return read_instant(tokens[0].value)


_Instant = Annotated[datetime | None, Parameter(converter=_instant, n_tokens=1, metavar="DATE")]


def export(  # noqa: PLR0913 - each is an option of its own
    *pipeline_ids: str,
    ids_from: File = None,
    emulator: Flag = False,
    seed: int | None = None,
    out: File = None,
    format: Format | None = None,
    overwrite: Flag = False,
    status: Literal["running", "completed", "failed"] | None = None,
    start_date: _Instant = None,
    end_date: _Instant = None,
    concurrency: Annotated[int, Parameter(validator=Number(gte=1, lte=1000))] = 16,
    profile: Name = None,
    base_url: Url = None,
) -> int:
    """Write the execution history of pipelines to a file, each execution once.

    The API has no list of pipelines, so their ids have to be given. The credential is that of the
    environment (CLOUDFLOW_API_KEY) or of a profile (see cloudflow login). To try it without
    either, use --emulator.

    Args:
        pipeline_ids: Which pipelines, such as pipe_4x9k2m.
        ids_from: File with further ids, one a line; # begins a comment. "-" is standard input.
        emulator: Export the made-up history of an emulator that is started for it.
        seed: Seed of the emulator's history.
        out: File to write; "-" is standard output. Without it: executions.jsonl or
            executions.csv in this folder, or executions-2... where that exists.
        format: One JSON object a line, as the API has it (jsonl), or the documented fields as
            columns (csv; undocumented fields are left out). Without it, the file's name decides.
        overwrite: Replace a file that exists.
        status: Only executions with this status.
        start_date: Only executions that started then or later: 2026-01-20 (midnight UTC) or
            2026-01-20T09:30:00Z; without a zone, UTC is meant.
        end_date: Only executions that started then or earlier; a date alone is the midnight in
            UTC at which that day begins.
        concurrency: Pipelines read at the same time.
        profile: Profile of the config file whose credential to use, and no other.
        base_url: Where the API is; also by the environment variable CLOUDFLOW_BASE_URL.
    """
    _refuse_contradictions(emulator=emulator, seed=seed, elsewhere=(profile, base_url))
    if start_date is not None and end_date is not None and start_date > end_date:
        raise CommandError("--start-date is later than --end-date.")
    ids = [*pipeline_ids, *(read_ids(ids_from) if ids_from is not None else ())]
    if not ids and not emulator:
        raise CommandError(
            "no pipeline ids: name some, or use --ids-from FILE; --emulator needs none."
        )
    options = ExportOptions(
        pipeline_ids=ids,
        status=status,
        start_date=start_date,
        end_date=end_date,
        concurrency=concurrency,
        emulator_seed=(seed or 0) if emulator else None,
        profile=profile,
        base_url=base_url,
    )
    return _begin(options, out, choose_format(format, out), overwrite=overwrite)


def _refuse_contradictions(
    *, emulator: bool, seed: int | None, elsewhere: Sequence[str | None]
) -> None:
    if emulator and any(given is not None for given in elsewhere):
        raise CommandError("--emulator excludes --base-url and --profile.")
    if seed is not None and not emulator:
        raise CommandError("--seed belongs to --emulator.")


def _begin(options: ExportOptions, out: str | None, form: Format, *, overwrite: bool) -> int:
    # The engine takes longer to import than --help may take, and a mistake should be told fast.
    from .exporting import run_export  # noqa: PLC0415
    from .output import open_output  # noqa: PLC0415
    from .progress import choose_display  # noqa: PLC0415
    from .rows import HEADERS, WRITERS  # noqa: PLC0415

    output = open_output(out, form, header=HEADERS[form], overwrite=overwrite)
    rows_on_terminal = out == STANDARD_STREAM and os.isatty(1)
    display = choose_display(rows_on_terminal=rows_on_terminal)
    return run_export(options, output, WRITERS[form], display)
