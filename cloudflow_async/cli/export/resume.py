"""How far an export has come, kept beside its output, so that it can be gone on with.

Theory.  Rows are brought to the disk first.  Then one file is replaced in one step, which tells how
far each pipeline was read and how long the output was at that moment.  What the output has beyond
that belongs to rows that come again, and is cut off.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Final, Self, cast

from cloudflow_async._core.codec.timestamps import format_instant, parse_instant
from cloudflow_async._core.fan_out.checkpoint import Checkpoint
from cloudflow_async._core.http.response import printable
from cloudflow_async._core.messages import Json
from cloudflow_async._core.support.threads import finish
from cloudflow_async.cli.shared.console import CommandError, plural, say

from .counts import Tally
from .inputs import ExportOptions
from .output.destination import Destination
from .record import Record
from .timeline import Timeline

_EVERY: Final = 1.0
"""Seconds between two saves: how much is read again after a crash."""

_PIPELINES: Final = "the pipelines"


class ExportComplete(Exception):  # noqa: N818 - no error: there is nothing left to do
    """The output has all that is asked for; its name is the argument."""


class Resuming:
    """Keeps an output in step with its checkpoint; ``async with`` it.

    Where nothing can be resumed, which is so on standard output, with an emulator that is started
    for the export, and of a list that comes whole, there is no checkpoint, and all that remains is
    to flush the output.
    """

    def __init__(self, destination: Destination, options: ExportOptions, tally: Tally) -> None:
        self._output = destination.output
        self._options = options
        self._tally = tally
        self._unfinished = destination.unfinished
        self._record = destination.record
        self._finished = destination.finished
        self._keeps = destination.checkpoint is not None and options.can_resume
        self._checkpoint: Checkpoint | None = None
        if destination.checkpoint is not None and (self._keeps or self._unfinished):
            self._checkpoint = Checkpoint(destination.checkpoint, every=None)
        self._asked: dict[str, Json] = {}
        self._start_date = options.start_date
        self._save_at = 0.0
        self._begun = False

    async def __aenter__(self) -> Self:
        if self._checkpoint is not None:
            await self._checkpoint.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._checkpoint is None:
            return
        if self._begun and not self._output.sizes:
            # Without a row there is nothing to go on with, and nothing is left behind.
            await self._checkpoint.finish()
        await self._checkpoint.close()

    @property
    def checkpoint(self) -> Checkpoint | None:
        """What a fan-out takes; None: nothing is kept."""
        return self._checkpoint if self._keeps else None

    @property
    def start_date(self) -> datetime | None:
        """From when executions are asked for: of an export that goes on, as it was then."""
        return self._start_date

    @property
    def is_due(self) -> bool:
        """Whether it is time to save."""
        return self._keeps and asyncio.get_running_loop().time() >= self._save_at

    async def begin(self, ids: Sequence[str], base_url: str) -> None:
        """Make the output what it has to be before the first row.

        Raises:
            ExportComplete: It has all that is asked for already.
            CommandError: The unfinished export has other options, or its output was changed.
            CheckpointError: The checkpoint cannot be removed.
        """
        self._asked = _asked(self._options, ids, base_url)
        if self._record is not None:
            await finish(self._check_record, self._record)
        await self._output.prepare(ids, again=self._unfinished)
        if self._options.resume and self._unfinished:
            await self._go_on()
            return
        if self._checkpoint is not None and self._unfinished:
            # Emptied first: without a checkpoint, rows would look like those of a whole export.
            await self._output.restore({})
            await self._checkpoint.finish()
            await self._checkpoint.open()
        self._begun = True
        if self._options.resume:
            say("There is nothing to resume: this export begins.")

    async def save(self) -> None:
        """Bring all rows to the disk, and note that they are there.

        Raises:
            CommandError: They could not be written.
            BrokenPipeError: Nobody reads the output any more.
            CheckpointError: The checkpoint could not be written.
        """
        if self.checkpoint is None:
            await self._output.flush()
            return
        await self._output.sync()
        await self.checkpoint.save(self._note())
        self._save_at = asyncio.get_running_loop().time() + _EVERY

    async def finish(self) -> None:
        """Remove what only serves to go on.

        Raises:
            CheckpointError: The checkpoint cannot be removed.
        """
        if self._record is not None and self._options.resume:
            await finish(self._record.write, self._asked)
        if self._checkpoint is not None:
            await self._checkpoint.finish()
        await self._output.forget()

    def _check_record(self, record: Record) -> None:
        if not self._finished:
            record.remove()
            return
        if differ := "; ".join(_differences(record.read(), self._asked)):
            raise CommandError(
                f"the complete export in {record.output} was made with other options: {differ}. "
                "Choose another --out, or pass --overwrite."
            )
        record.clean_up()
        raise ExportComplete(str(record.output))

    async def _go_on(self) -> None:
        assert self._checkpoint is not None
        try:
            asked, sizes = self._read(cast("Mapping[str, Json]", self._checkpoint.note))
        except (AttributeError, KeyError, TypeError, ValueError):
            raise CommandError(
                f"{self._checkpoint.path} is not of an export; --overwrite begins anew."
            ) from None
        if differ := "; ".join(_differences(asked, self._asked)):
            raise CommandError(
                f"the unfinished export in {self._output.name} was begun with other options: "
                f"{differ}. Repeat those options, or pass --overwrite."
            )
        await self._output.restore(sizes)
        self._tally.resumed = self._tally.rows
        say(f"Going on with {self._output.name} after {plural(self._tally.rows, 'row')}.")

    def _note(self) -> Json:
        start = self._start_date
        return {
            "asked": self._asked,
            "start_date": None if start is None else format_instant(start),
            "sizes": {**self._output.sizes},
            "statuses": {**self._tally.statuses},
            "timeline": self._tally.timeline.to_json(),
        }

    def _read(self, note: Mapping[str, Json]) -> tuple[Mapping[str, Json], Mapping[str, int]]:
        start = cast("str | None", note["start_date"])
        self._start_date = None if start is None else parse_instant(start)
        self._tally.statuses = Counter(cast("Mapping[str, int]", note["statuses"]))
        self._tally.timeline = Timeline.from_json(note["timeline"])
        return (
            cast("Mapping[str, Json]", note["asked"]),
            cast("Mapping[str, int]", note["sizes"]),
        )


def _asked(options: ExportOptions, ids: Sequence[str], base_url: str) -> dict[str, Json]:
    """Return what makes an export this one, by option."""
    unique = sorted(set(ids))
    digest = hashlib.sha256("\n".join(unique).encode("utf-8", "surrogatepass")).hexdigest()
    # An instant that follows from --since is another one each time.
    start = options.start_date if options.since is None else None
    return {
        _PIPELINES: [len(unique), digest],
        "--format": options.format,
        "--status": options.status,
        "--since": options.since,
        "--start-date": None if start is None else format_instant(start),
        "--end-date": None if options.end_date is None else format_instant(options.end_date),
        "--reread-running": options.reread_running,
        "--base-url": base_url,
    }


def _differences(then: Mapping[str, Json], now: Mapping[str, Json]) -> Iterator[str]:
    for name in now:
        if then.get(name) == now[name]:
            continue
        if name == _PIPELINES:
            before, after = cast("list[int]", then[name])[0], cast("list[int]", now[name])[0]
            yield f"other pipelines ({before:,} then, {after:,} now)"
        else:
            yield f"{name} was {_said(then.get(name))}, now it is {_said(now[name])}"


def _said(value: Json) -> str:
    if value is None or isinstance(value, bool):
        return "given" if value else "not given"
    return printable(str(value))
