"""How far the reading of one id's list has come, and how a checkpoint tells it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Generic, TypeVar

import attrs

from cloudflow_async._core.errors import CheckpointError, CloudFlowError, InvalidArgumentError
from cloudflow_async._core.messages import Json
from cloudflow_async._core.paging.page import Bookmark, ListReport
from cloudflow_async._core.support.validation import check_int

from .segments import WHOLE, Plan, Segment, SegmentSource

T = TypeVar("T")

_COUNTS: Final = ("rows", "pages", "duplicates", "reread")
_TOTALS: Final = ("first_total", "total")
_FLAGS: Final = ("done", "uncertain")


@attrs.define(eq=False)
class ListState(Generic[T]):
    """The state of one id."""

    report: ListReport = attrs.field(factory=ListReport)
    """The account of all its parts together."""

    memo: Json = None
    """That of its plan."""

    places: dict[str, Bookmark | None] = attrs.field(factory=dict)
    """Where to go on, by part; None: it was read to its end."""

    held: dict[str, str] = attrs.field(factory=dict)
    """Rows that are read again at the end: what it takes to find them, by id."""

    begun: bool = False
    """Whether it was planned in this run."""

    _open_parts: int = 0
    _settling: bool = False

    def plan(self, plan: Plan[T]) -> Sequence[Segment[T]]:
        """Return the parts that are left to be read, each with its `start`."""
        self.memo = plan.memo
        left = [part for part in plan.parts if self.places.get(part.name, 0) is not None]
        for part in left:
            place = self.places.get(part.name)
            if place is not None:
                part.start = place
                part.seen.total = place.total
        self._open(len(left))
        return left

    def settle(self, source: SegmentSource[T], id: str) -> Sequence[Segment[T]]:
        """Return the parts that read held rows again; each time but the first, none."""
        if self._settling or not self.held:
            return []
        self._settling = True
        parts = source.held(id, self.held)
        self._open(len(parts))
        return parts

    def count(self, part: Segment[T], now: ListReport) -> None:
        """Add what has changed in the report of a part since it was last counted."""
        before, part.seen = part.seen, now
        report = self.report
        report.duplicates += now.duplicates - before.duplicates
        report.reread += now.reread - before.reread
        report.uncertain = report.uncertain or now.uncertain
        if not part.counts:
            return
        if not isinstance(part.start, Bookmark):
            report.first_total = _changed(report.first_total, before.first_total, now.first_total)
        report.total = _changed(report.total, before.total, now.total)

    def drop(self) -> None:
        """Note that a row of a part is its neighbour's."""
        if self.report.total is not None:
            self.report.total -= 1

    def end(self, part: Segment[T]) -> None:
        """Note that a part was read to its end."""
        if part.counts:
            self.places[part.name] = None
        self._open(self._open_parts - 1)

    def fail(self, error: CloudFlowError, part: Segment[T] | None) -> None:
        """Note why a part (None: why any) cannot be read; of several reasons the first counts."""
        if part is not None and part.name != WHOLE:
            # An offset in one of several parts is none in the whole list.
            error.resume_at = None
        if self.report.failure is None:
            self.report.failure = error
        self._open(self._open_parts - 1)

    def _open(self, parts: int) -> None:
        self._open_parts = parts
        if parts == 0 and self.report.failure is None and (self._settling or not self.held):
            self.held.clear()
            self.report.done = True

    def to_json(self) -> Json:
        """Return what a checkpoint says of it."""
        figures: dict[str, Json] = attrs.asdict(
            self.report, filter=lambda field, value: field.name != "failure" and bool(value)
        )
        if self.report.done:
            return {"report": figures}
        places: dict[str, Json] = {
            name: None if place is None else place.to_dict() for name, place in self.places.items()
        }
        return {"report": figures, "memo": self.memo, "places": places, "held": {**self.held}}

    @classmethod
    def from_json(cls, value: Json) -> ListState[T]:
        """Return what `to_json` made this of.

        Raises:
            CheckpointError: It is something else.
        """
        try:
            given = _object(value)
            places = _object(given.get("places", {}))
            return cls(
                report=_report(_object(given.get("report"))),
                memo=given.get("memo"),
                places={
                    name: None if place is None else Bookmark.from_dict(place)
                    for name, place in places.items()
                },
                held=_texts(_object(given.get("held", {}))),
            )
        except InvalidArgumentError as error:
            problem = str(error)
        raise CheckpointError(f"The checkpoint is damaged: {problem}")


def _changed(sum_: int | None, before: int | None, now: int | None) -> int | None:
    return sum_ if now is None else (sum_ or 0) + now - (before or 0)


def _object(value: Json) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise InvalidArgumentError("an object is missing.")
    return value


def _texts(value: dict[str, Json]) -> dict[str, str]:
    if not all(isinstance(text, str) for text in value.values()):
        raise InvalidArgumentError("what is held is no text.")
    return {name: str(text) for name, text in value.items()}


def _report(figures: dict[str, Json]) -> ListReport:
    if not {*figures} <= {*_COUNTS, *_TOTALS, *_FLAGS}:
        raise InvalidArgumentError("there are figures that nobody knows.")
    for name in (*_COUNTS, *_TOTALS):
        check_int(name, figures.get(name, 0), 0)
    if not all(isinstance(figures.get(name, True), bool) for name in _FLAGS):
        raise InvalidArgumentError("what is true or false is neither.")
    return ListReport(**figures)  # type: ignore[arg-type]
