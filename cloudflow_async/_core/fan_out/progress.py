"""What is known of every id of a fan-out, and how that gets into its checkpoint."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from typing import Final, Generic, TypeVar

from cloudflow_async._core.errors import CheckpointError
from cloudflow_async._core.messages import Json
from cloudflow_async._core.paging.page import Batch

from .checkpoint import Checkpoint, Filters
from .list_state import ListState
from .report import FanOutReport
from .segments import Segment, SegmentSource

T = TypeVar("T")

_DIGEST: Final = 16
"""Digits of a hash that tell one list of ids from another."""


class FanOutProgress(Generic[T]):
    """Counts the rows that are handed out, and brings what is known of all ids to a checkpoint.

    Args:
        source: What is read.
        ids: Whose lists; None when an iterator gives them.
        checkpoint: None: nothing is saved.
    """

    def __init__(
        self, source: SegmentSource[T], ids: Collection[str] | None, checkpoint: Checkpoint | None
    ) -> None:
        self.report = FanOutReport(planned=None if ids is None else len(ids))
        self.asked = True
        """Whether the row after the one handed out last was asked for."""

        self._source = source
        self._ids = ids
        self._checkpoint = checkpoint
        self._opened = False
        self._closes = False
        self._standings: dict[str, ListState[T]] = {}
        self._standing: ListState[T] = ListState()
        self._part: Segment[T] | None = None
        self._batch: Batch[T] | None = None
        self._count = 0
        self._settled: tuple[str, str] | None = None

    async def open(self) -> None:
        """Settle what is asked for, and find out how far a run before this one came; idempotent.

        Raises:
            CheckpointError: The checkpoint cannot be used.
            InvalidArgumentError: It is another run's.
        """
        if self._opened:
            return
        checkpoint = self._checkpoint
        if checkpoint is None:
            self._source.begin({})
        else:
            self._closes = not checkpoint.is_open
            await checkpoint.open()
            try:
                checkpoint.begin(self._filters(checkpoint.filters))
                self._restore(checkpoint.state)
            except BaseException:
                await self._let_go(checkpoint)
                raise
            checkpoint.follow(self._state)
        self._opened = True

    async def save_if_due(self) -> None:
        """Save how far it has come, if it is time for that."""
        if self._checkpoint is not None and self._checkpoint.is_due:
            await self._checkpoint.save()

    async def close(self, *, read_all: bool) -> None:
        """Save how far it has come, or end the checkpoint where nothing is left; idempotent."""
        checkpoint = self._checkpoint
        if checkpoint is None or not self._opened:
            return
        self._opened = False
        try:
            if checkpoint.is_open and checkpoint.saves_itself:
                await self._leave(checkpoint, done=read_all and not self.report.failures)
        finally:
            await self._let_go(checkpoint)

    def standing(self, id: str) -> ListState[T]:
        """Return what is known of an id."""
        return self._standings.setdefault(id, ListState())

    def begin(self, id: str) -> bool:
        """Note that the turn of an id has come; return whether it is left to be read."""
        standing = self.standing(id)
        if standing.begun:
            return False
        standing.begun = True
        self.report.lists[id] = standing.report
        return not standing.report.done

    def settle(self) -> Sequence[Segment[T]]:
        """Return the parts that read held rows again; when they were returned before, none."""
        return [
            part
            for name, standing in self._standings.items()
            for part in standing.settle(self._source, name)
        ]

    def begin_page(self, part: Segment[T], batch: Batch[T]) -> Iterator[tuple[int, T]]:
        """Return those rows of a page that are to be handed out, with their numbers in it."""
        self._standing, self._part, self._batch = self._standings[part.id], part, batch
        self._count = 0
        self._standing.report.pages += 1
        rows = enumerate(batch.page.items, 1)
        if not part.counts:
            return self._settle_rows(rows, self._standing)
        if part.belongs is None and not self._source.holds:
            return rows
        return iter([(number, row) for number, row in rows if self._is_due(part, row)])

    def end_page(self) -> None:
        """Note that all rows of the page were handed out."""
        if self._batch is not None and self._checkpoint is not None:
            self._count = len(self._batch.page)
            self._note_place(self._count)
        self._batch = self._settled = None

    def hand_out(self, number: int) -> None:
        """Count a row."""
        self._count = number
        self._standing.report.rows += 1

    def _is_due(self, part: Segment[T], row: T) -> bool:
        """Return whether a row is handed out now: it is this part's, and not held."""
        if part.belongs is not None and not part.belongs(row):
            self._standing.drop()
            return False
        if not self._source.holds:
            return True
        key, memo = _id(row), self._source.hold(row)
        if memo is None:
            self._standing.held.pop(key, None)
            return True
        self._standing.held[key] = memo
        return False

    def _settle_rows(
        self, rows: Iterator[tuple[int, T]], standing: ListState[T]
    ) -> Iterator[tuple[int, T]]:
        for number, row in rows:
            key = _id(row)
            if key in standing.held:
                self._settled = (key, standing.held.pop(key))
                yield number, row

    def _note_place(self, count: int) -> None:
        if self._batch is not None and self._part is not None and self._part.counts:
            self._standing.places[self._part.name] = self._batch.bookmark(count)

    def _state(self) -> Json:
        """Return what the checkpoint says of all ids that were begun."""
        self._note_place(self._count)
        return {
            name: standing.to_json()
            for name, standing in self._standings.items()
            if standing.begun or standing.report.rows or standing.places
        }

    async def _leave(self, checkpoint: Checkpoint, *, done: bool) -> None:
        if done:
            await checkpoint.finish()
            return
        if not self.asked:
            # Nobody knows whether the row that was handed out last was used.
            checkpoint.follow(self._state_before_last)
        await checkpoint.save()

    def _state_before_last(self) -> Json:
        self._standing.report.rows -= 1
        if self._settled is not None:
            self._standing.held.update([self._settled])
        self._count -= 1
        try:
            return self._state()
        finally:
            self._standing.report.rows += 1

    async def _let_go(self, checkpoint: Checkpoint) -> None:
        checkpoint.follow(None)
        if self._closes:
            await checkpoint.close()

    def _filters(self, before: Filters) -> Filters:
        filters = self._source.begin(before)
        if self._ids is None:
            return filters
        digest = hashlib.sha256("\n".join(sorted(map(str, self._ids))).encode()).hexdigest()
        return {**filters, "ids": f"{len(self._ids)}, hash {digest[:_DIGEST]}"}

    def _restore(self, state: Json) -> None:
        if state is None:
            return
        if not isinstance(state, dict):
            raise CheckpointError("The checkpoint is damaged: it does not say what was read.")
        for name, value in state.items():
            standing = self._standings[name] = ListState.from_json(value)
            self.report.lists[name] = standing.report
        self.report.rows_before = self.report.rows


def _id(row: object) -> str:
    return str(getattr(row, "id", None))
