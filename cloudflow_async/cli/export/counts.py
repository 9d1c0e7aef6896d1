"""Counters of an export, for the progress display and the summary."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import attrs

from cloudflow_async._core.client import Client
from cloudflow_async._core.fan_out.report import FanOutReport
from cloudflow_async._core.paging.page import ListReport
from cloudflow_async.cli.shared.console import duration, plural
from cloudflow_async.cloudflow.pipelines import Execution

from .timeline import Timeline

PAGE_SIZE = 100
"""Rows a request: the most that the API gives."""


@attrs.define(kw_only=True)
class Tally:
    """Counts what is written, and knows where to look up the rest."""

    statuses: Counter[str] = attrs.field(factory=Counter)
    """Rows by their status."""

    timeline: Timeline = attrs.field(factory=Timeline)
    """Rows by the time at which they started."""

    one_list: bool = False
    """Whether one request brings all there is: then neither pipelines nor pages lie ahead."""

    resumed: int | None = None
    """Rows that were there when it went on; None: it began anew."""

    report: FanOutReport = attrs.field(factory=FanOutReport)
    """How each pipeline goes."""

    pages_before: int = 0
    """Pages of the report that were read before an interruption."""

    requests: int = 0
    """Requests sent, every attempt counted."""

    retries: int = 0
    """Attempts after the first."""

    throttled: int = 0
    """Answers with status 429."""

    left_this_minute: int | None = None
    """Requests that may leave at once; None before the first answer."""

    per_minute: int | None = None
    """Requests a minute that the server allows."""

    waited: float = 0.0
    """Seconds in which nothing was on its way because the rate limit left no room."""

    waiting: bool = False
    """Whether that is so now."""

    clock: Callable[[], float] = time.monotonic
    """Seconds; only differences count."""

    _began_at: float = attrs.field(init=False)
    _looked_at: float = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._began_at = self._looked_at = self.clock()

    @property
    def rows(self) -> int:
        """Rows in the output, those of before an interruption included."""
        return self.statuses.total()

    @property
    def elapsed(self) -> float:
        """Seconds since it was made."""
        return self.clock() - self._began_at

    @property
    def ended(self) -> int:
        """Pipelines that are done or have failed."""
        return self.report.done + len(self.report.failures)

    def follow(self, report: FanOutReport) -> None:
        """Take the report of the fan-out that is about to begin, or to go on."""
        self.report = report
        self.pages_before = report.pages

    def add(self, execution: Execution) -> None:
        """Count a row that the output has got."""
        self.add_status(execution.status)
        self.timeline.add(execution)

    def add_status(self, status: str | None) -> None:
        """Count a row of which no more is known for sure; None: not even its status."""
        self.statuses["without status" if status is None else str(status)] += 1

    def look(self, client: Client) -> None:
        """Note how the client stands; to be called several times a second."""
        now = self.clock()
        limit, counters = client.rate_limit, client.statistics()
        if self.waiting:
            self.waited += now - self._looked_at
        self._looked_at = now
        self.waiting = limit.waiting > 0 and limit.in_flight == 0
        self.requests, self.retries = counters.requests, counters.retries
        self.throttled = counters.throttled
        self.left_this_minute, self.per_minute = limit.remaining, limit.limit

    def facts(self) -> list[str]:
        """Return how the export stands, in short phrases."""
        pipelines = f"{self.ended:,} of {plural(self.report.planned or 0, 'pipeline')}"
        found = [*([] if self.one_list else [pipelines]), plural(self.rows, "row")]
        if self.waiting:
            found.append("waiting for the rate limit")
        elif self.left_this_minute is not None:
            found.append(f"{plural(self.left_this_minute, 'request')} left this minute")
        left = self.seconds_left()
        if left is not None:
            found.append(f"{duration(left)} to go")
        return found

    def seconds_left(self) -> float | None:
        """Return how long the rest takes by what is known; None as long as that is nothing.

        The slower of two counts: pages at the pace so far, and requests at the pace that the rate
        limit allows once those of this minute are spent.
        """
        pages = self._pages_left()
        if pages is None:
            return None
        read = self.report.pages - self.pages_before
        at_this_pace = pages * self.elapsed / max(1, read)
        if not self.per_minute:
            return at_this_pace
        beyond = pages - (self.left_this_minute or 0)
        return max(at_this_pace, beyond * 60 / self.per_minute)

    def share_done(self) -> float:
        """Return how much is done, 0 to 1, in pages where their number is known."""
        pages = self._pages_left()
        if pages is None:
            return self.ended / max(1, self.report.planned or 0)
        return self.report.pages / max(1.0, self.report.pages + pages)

    def _pages_left(self) -> float | None:
        """Return the pages to come; pipelines not yet begun count as long as the others are."""
        if self.one_list:
            return None
        lists = self.report.lists.values()
        lengths = [_pages(report) for report in lists if report.total is not None]
        if not lengths or self.report.planned is None:
            return None
        average = sum(lengths) / len(lengths)
        open_ended = [report for report in lists if not report.done and report.failure is None]
        rest = sum(
            average if report.total is None else max(0, _pages(report) - report.pages)
            for report in open_ended
        )
        return rest + average * (self.report.planned - len(lists))


def _pages(report: ListReport) -> int:
    return max(1, -(-(report.total or 0) // PAGE_SIZE))
