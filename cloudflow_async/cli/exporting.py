"""An export from its first request to its summary."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Final

from cloudflow_async._core.errors import (
    AuthenticationError,
    CloudFlowError,
    CredentialError,
    TransportError,
)
from cloudflow_async._core.fan_out import FanOut, FanOutReport
from cloudflow_async.cloudflow.client import CloudFlow
from cloudflow_async.cloudflow.pipelines import Execution
from cloudflow_async.embedded import embedded

from .console import FAILED, NOBODY_READS, CommandError, plural, say
from .credentials import find_credential
from .failures import exit_status, explain, problem
from .inputs import ExportOptions
from .output import Output
from .progress import Display
from .rows import WriteRow
from .running import run
from .summary import stopped, summary
from .tally import PAGE_SIZE, Tally

_EMULATED_PIPELINES: Final = 40
_LOOK_EVERY: Final = 0.25


def run_export(
    options: ExportOptions, output: Output, write_row: WriteRow, display: Display
) -> int:
    """Do an export, tell how it went, and return the exit status.

    Raises:
        CommandError: It could not begin, or had to end early.
    """
    tally = Tally()
    try:
        with output:
            status = run(partial(export_rows, options, output, write_row, display, tally))
    except CloudFlowError as error:
        text = _why(error, options, tally, output)
        raise CommandError(text, status=exit_status(error)) from error
    except BrokenPipeError:
        return NOBODY_READS
    say(stopped(tally, output) if status else summary(tally, output))
    return status or (FAILED if tally.report.failures else 0)


async def export_rows(
    options: ExportOptions,
    output: Output,
    write_row: WriteRow,
    display: Display,
    tally: Tally,
) -> None:
    """Write the executions of all pipelines to `output`, and count them in `tally`.

    Cancelling it keeps the rows that have come.

    Raises:
        CloudFlowError: It could not begin, or the API key is refused.
        CommandError: The output cannot be written.
        BrokenPipeError: Nobody reads the output any more.
    """
    async with (
        _opened(options) as (client, ids),
        client.pipelines.fan_out(
            list(ids),
            status=options.status,
            start_date=options.start_date,
            end_date=options.end_date,
            page_size=PAGE_SIZE,
            concurrency=options.concurrency,
            on_error="collect",
            on_progress=_end_if_unreachable,
        ) as history,
    ):
        tally.report = history.report
        pipelines = plural(tally.report.planned or 0, "pipeline")
        say(f"Exporting {pipelines} from {client.base_url} to {output.name}.")
        with display:
            async with _looking(client, tally, display):
                await _write_rows(history, output, write_row, tally)


@contextlib.asynccontextmanager
async def _opened(options: ExportOptions) -> AsyncIterator[tuple[CloudFlow, Sequence[str]]]:
    """Open a client, on an emulator if that is asked for, and tell the pipelines' ids."""
    if options.emulator_seed is not None:
        async with embedded(pipelines=_EMULATED_PIPELINES, seed=options.emulator_seed) as local:
            yield local.client, options.pipeline_ids or local.pipeline_ids
    else:
        chain = await find_credential(options.profile, base_url=options.base_url)
        async with CloudFlow(auth=chain) as client:
            yield client, options.pipeline_ids


@contextlib.asynccontextmanager
async def _looking(client: CloudFlow, tally: Tally, display: Display) -> AsyncIterator[None]:
    """Show how it stands, several times a second."""

    async def look() -> None:
        while True:
            tally.look(client)
            display.show(tally)
            await asyncio.sleep(_LOOK_EVERY)

    task = asyncio.create_task(look())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
        tally.look(client)


async def _write_rows(
    history: FanOut[Execution], output: Output, write_row: WriteRow, tally: Tally
) -> None:
    try:
        async for execution in history:
            await output.write(write_row(execution))
            tally.statuses[str(execution.status)] += 1
    finally:
        # Whatever ends it: what has come is kept.
        await output.flush()
    await output.finish()


def _end_if_unreachable(report: FanOutReport) -> None:
    # A server that cannot be reached for the first pipeline cannot be reached for hundreds.
    for failure in report.failures.values():
        if report.pages == 0 and isinstance(failure, TransportError):
            raise failure


def _why(error: CloudFlowError, options: ExportOptions, tally: Tally, output: Output) -> str:
    text = problem(error)
    if isinstance(error, AuthenticationError):
        text = f"the server refused the credential ({text}); `cloudflow whoami` tells which it is"
    elif isinstance(error, CredentialError):
        text = explain(error).removesuffix(".")
        if options.profile is None:
            text = f"{text}. To try it without one, use --emulator"
    elif isinstance(error, TransportError):
        text = f"no answer from the server: {text}"
    kept = f"; {plural(tally.rows, 'row')} are in {output.name}" if tally.rows else ""
    return f"{text}{kept}."
