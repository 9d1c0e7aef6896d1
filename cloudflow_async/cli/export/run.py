"""An export from its first request to its summary."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any, Final

import attrs

from cloudflow_async._core.client import Client
from cloudflow_async._core.errors import (
    AuthenticationError,
    CloudFlowError,
    CredentialError,
    StatusError,
    TransportError,
)
from cloudflow_async._core.fan_out.fan_out import FanOut
from cloudflow_async._core.fan_out.report import FanOutReport
from cloudflow_async.cli.shared.console import FAILED, NOBODY_READS, CommandError, plural, say
from cloudflow_async.cli.shared.errors import exit_status, explain, problem
from cloudflow_async.cli.shared.signals import run

from .counts import Tally
from .display.progress import Display
from .display.summary import GO_ON, stopped, summary
from .inputs import Api, ExportOptions
from .output.destination import Destination
from .output.output import Output
from .output.rows import SHAPES, WriteRow
from .resume import ExportComplete, Resuming
from .source import OPEN, Opened
from .timeline import Picture

_LOOK_EVERY: Final = 0.25

_WHICH_CREDENTIAL: Final[dict[Api, str]] = {
    "cloudflow": "`cloudflow whoami` tells which it is",
    "techflow": "it is that of TECHFLOW_API_KEY",
}


def run_export(
    options: ExportOptions,
    destination: Destination,
    display: Display,
    pictures: Sequence[Picture] = (),
) -> int:
    """Do an export, tell how it went, and return the exit status.

    Raises:
        CommandError: It could not begin, or had to end early.
    """
    output, tally = destination.output, Tally(one_list=not SHAPES[options.api].by_pipeline)
    can_resume = destination.checkpoint is not None and options.can_resume
    try:
        with output:
            status = run(partial(export_rows, options, destination, display, tally))
    except ExportComplete as complete:
        say(f"The export in {complete} is complete: nothing was left to be read.")
        return 0
    except CloudFlowError as error:
        text = _why(error, options) + _kept(tally, output, can_resume=can_resume)
        raise CommandError(text, status=exit_status(error)) from error
    except BrokenPipeError:
        return NOBODY_READS
    if status:
        say(stopped(tally, output, can_resume=can_resume))
        return status
    say(summary(tally, output, can_resume=can_resume))
    for picture in pictures:
        picture(tally.timeline)
    return 0 if tally.report.complete else FAILED


async def export_rows(
    options: ExportOptions, destination: Destination, display: Display, tally: Tally
) -> None:
    """Write all executions that are asked for to the destination, and count them in `tally`.

    Cancelling it keeps the rows that have come.

    Raises:
        CloudFlowError: It could not begin, the credential is refused, or a list that comes whole
            did not come.
        CommandError: The output cannot be written, or is not what can be gone on with.
        BrokenPipeError: Nobody reads the output any more.
    """
    async with (
        Resuming(destination, options, tally) as resuming,
        OPEN[options.api](options) as opened,
    ):
        client, output = opened.client, destination.output
        await resuming.begin(opened.ids, client.base_url)
        on_progress = partial(_end_if_unreachable, tally)
        async with opened.read(resuming, on_progress) as history:
            tally.follow(history.report)
            say(f"Exporting {opened.named} from {client.base_url} to {output.name}.")
            write_row = SHAPES[options.api].writer(options.format)
            sink = _Sink(opened=opened, write_row=write_row, output=output, tally=tally)
            with display:
                async with _looking(client, tally, display):
                    await _write_rows(history, sink, resuming)


@attrs.frozen(kw_only=True)
class _Sink:
    """Has rows written, and counts them."""

    opened: Opened[Any]
    write_row: WriteRow
    output: Output
    tally: Tally

    async def take(self, execution: Any) -> None:
        pipeline_id = self.opened.pipeline_of(execution)
        await self.output.write(self.write_row(execution), pipeline_id)
        self.opened.count(self.tally, execution)

    async def finish(self) -> None:
        lists = self.tally.report.lists
        await self.output.finish([name for name, report in lists.items() if report.done])


@contextlib.asynccontextmanager
async def _looking(client: Client, tally: Tally, display: Display) -> AsyncIterator[None]:
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


async def _write_rows(history: FanOut[Any], sink: _Sink, resuming: Resuming) -> None:
    await resuming.save()
    in_step = True
    try:
        async for execution in history:
            in_step = False
            await sink.take(execution)
            in_step = True
            if resuming.is_due:
                await resuming.save()
    finally:
        # Whatever ends it: what has come is kept.
        await (resuming.save() if in_step else sink.output.flush())
    await sink.finish()
    if not history.report.failures:
        await resuming.finish()


def _end_if_unreachable(tally: Tally, report: FanOutReport) -> None:
    # A server that cannot be reached for the first pipeline cannot be reached for hundreds.
    for failure in report.failures.values():
        if report.pages == tally.pages_before and isinstance(failure, TransportError):
            raise failure


def _why(error: CloudFlowError, options: ExportOptions) -> str:
    text = problem(error)
    if isinstance(error, AuthenticationError):
        return f"the server refused the credential ({text}); {_WHICH_CREDENTIAL[options.api]}"
    if isinstance(error, CredentialError):
        text = explain(error).removesuffix(".")
        return text if options.profile else f"{text}. To try it without one, use --emulator"
    if isinstance(error, StatusError):
        return f"the server answered {text}"
    return f"no answer from the server: {text}" if isinstance(error, TransportError) else text


def _kept(tally: Tally, output: Output, *, can_resume: bool) -> str:
    if not tally.rows:
        return "."
    kept = f"; {plural(tally.rows, 'row')} are in {output.rows_are_in}"
    return f"{kept}, and {GO_ON}." if can_resume else f"{kept}."
