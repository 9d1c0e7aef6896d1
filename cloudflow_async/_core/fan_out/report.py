"""The account of a fan-out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

import attrs

from cloudflow_async._core.errors import CloudFlowError
from cloudflow_async._core.paging.page import ListReport
from cloudflow_async._core.public import public


@public("cloudflow_async")
@attrs.define(kw_only=True)
class FanOutReport:
    """How a fan-out went, or goes; one that was resumed counts the runs before it too."""

    lists: dict[str, ListReport] = attrs.field(factory=dict)
    """Reports by id, in the order in which the reading began."""

    planned: int | None = None
    """How many lists there are; None when the ids come from an iterator without a length."""

    rows_before: int = 0
    """Rows among `rows` that runs before this one handed out, by the checkpoint."""

    @property
    def rows(self) -> int:
        """Rows handed out."""
        return sum(report.rows for report in self.lists.values())

    @property
    def pages(self) -> int:
        """Pages begun to be handed out."""
        return sum(report.pages for report in self.lists.values())

    @property
    def duplicates(self) -> int:
        """Rows dropped as duplicates."""
        return sum(report.duplicates for report in self.lists.values())

    @property
    def reread(self) -> int:
        """Pages fetched in addition, because lists had changed."""
        return sum(report.reread for report in self.lists.values())

    @property
    def first_total(self) -> int | None:
        """Rows of all lists begun, by their first pages; None before the first."""
        return _sum(report.first_total for report in self.lists.values())

    @property
    def total(self) -> int | None:
        """Rows of all lists begun, by their last pages; None before the first."""
        return _sum(report.total for report in self.lists.values())

    @property
    def done(self) -> int:
        """Lists read to their end."""
        return sum(report.done for report in self.lists.values())

    @property
    def complete(self) -> bool:
        """Whether every row was handed out that was in one of the lists all the time."""
        all_begun = self.planned is None or len(self.lists) == self.planned
        return all_begun and all(report.complete for report in self.lists.values())

    @property
    def failures(self) -> Mapping[str, CloudFlowError]:
        """What ended lists early, by id."""
        return {
            name: report.failure
            for name, report in self.lists.items()
            if report.failure is not None
        }


def _sum(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


Progress: TypeAlias = Callable[[FanOutReport], None]
"""Called when a page, an end or a failure has come; it must not block."""
