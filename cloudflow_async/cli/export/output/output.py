"""The output of a running export."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Final, Self

from cloudflow_async._core.support.threads import finish

from .sinks import Line, Store

_MOST_WAITING: Final = 1024 * 1024
"""Bytes that may wait for a slow disk or reader before the export waits too."""

_LAST: Final = object()


class Output:
    """A destination that is opened before anything is sent, so that a bad one costs nothing.

    Writing happens in a thread, one block of whole lines after another: while a block is being
    written, the lines of the next one gather.  ``with`` closes it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lines: list[Line] = []
        self._waiting = 0
        self._writing: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """How the person calls it."""
        return self._store.name

    @property
    def is_folder(self) -> bool:
        """Whether each pipeline has a file of its own."""
        return self._store.is_folder

    @property
    def rows_are_in(self) -> str:
        """What the person finds the rows in when it ends now."""
        return self._store.rows_are_in

    @property
    def sizes(self) -> Mapping[str, int]:
        """Bytes written, by file, all of them in whole lines."""
        return self._store.sizes

    @property
    def size(self) -> int:
        """Bytes written in all."""
        return sum(self.sizes.values())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._store.close()

    async def prepare(self, ids: Sequence[str], *, again: bool) -> None:
        """Get to know which pipelines there are; `again` expects files of an earlier run.

        Raises:
            CommandError: A file is there that must not be touched.
        """
        await finish(partial(self._store.prepare, ids, again=again))

    async def restore(self, sizes: Mapping[str, int]) -> None:
        """Cut everything to the sizes that it had in an earlier run, to go on from there.

        Raises:
            CommandError: That is not what is there.
        """
        await finish(self._store.restore, sizes)

    async def write(self, line: bytes, pipeline_id: str = "") -> None:
        """Have a line written soon; waits while the destination is far behind.

        Args:
            line: With its end.
            pipeline_id: Which pipeline's it is, where each has a file.

        Raises:
            CommandError: An earlier line could not be written.
            BrokenPipeError: Nobody reads any more.
        """
        self._lines.append((pipeline_id, line))
        self._waiting += len(line)
        if self._writing is None or self._writing.done():
            self._check()
            self._writing = asyncio.create_task(self._write_lines())
        if self._waiting > _MOST_WAITING:
            await asyncio.wait({self._writing})
            self._check()

    async def flush(self) -> None:
        """Wait until all lines are written.

        Raises:
            CommandError: They could not be written.
            BrokenPipeError: Nobody reads any more.
        """
        if self._writing is not None:
            await asyncio.wait({self._writing})
            self._check()

    async def sync(self) -> None:
        """Wait until all lines are on the disk.

        Raises:
            CommandError: They could not be written.
        """
        await self.flush()
        await finish(self._store.sync)

    async def finish(self, done: Sequence[str]) -> None:
        """Write what is left; a file without rows has its header at least, or is empty.

        Args:
            done: Pipelines read to their end: each has a file, where they have files.

        Raises:
            CommandError: It could not be written.
            BrokenPipeError: Nobody reads any more.
        """
        await self.flush()
        steps = self._store.finish(done)
        try:
            while await finish(next, steps, _LAST) is not _LAST:
                pass
        finally:
            await finish(steps.close)

    async def forget(self) -> None:
        """Remove what only serves to go on after an interruption."""
        await finish(self._store.forget)

    def _check(self) -> None:
        if self._writing is not None and self._writing.done():
            self._writing.result()

    async def _write_lines(self) -> None:
        while self._lines:
            lines = self._lines
            self._lines = []
            self._waiting = 0
            await asyncio.to_thread(self._store.write, lines)
