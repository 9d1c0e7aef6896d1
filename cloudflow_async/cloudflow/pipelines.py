"""Pipelines: the history of their executions (API document: Endpoints, Pipelines)."""

from __future__ import annotations

import enum
import os
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final

import attrs

from cloudflow_async._core.codec.fields import unknown_fields
from cloudflow_async._core.codec.timestamps import instant
from cloudflow_async._core.errors import InvalidArgumentError
from cloudflow_async._core.messages import UNSET, Json, Unset
from cloudflow_async._core.options import Options
from cloudflow_async._core.paging.page import LARGEST_PAGE, Bookmark, OnDrift
from cloudflow_async._core.paging.pages import Pages
from cloudflow_async._core.public import public
from cloudflow_async._core.resource import Resource
from cloudflow_async._core.session import Session
from cloudflow_async._core.support.validation import check_flag, check_methods

from .waiting import LONGEST_PAUSE, Router, Waits

if TYPE_CHECKING:
    from cloudflow_async._core.fan_out.checkpoint import Checkpoint
    from cloudflow_async._core.fan_out.fan_out import FanOut, OnError
    from cloudflow_async._core.fan_out.report import Progress
    from cloudflow_async._core.fan_out.segments import Start

    from .slicing import Slices

_ROUNDING: Final = 1.0
"""Seconds by which the end of a run that begins now lies ahead: headers have whole seconds."""

_EXECUTIONS: Final = "/pipelines/{pipeline_id}/executions"


@public("cloudflow_async")
class ExecutionStatus(enum.StrEnum):
    """The documented states of an execution; any other stays the plain string that came."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


@public("cloudflow_async")
@attrs.frozen(kw_only=True, weakref_slot=False)
class Execution:
    """One run of a pipeline (List Pipeline Executions)."""

    id: str
    """Such as ``exec_7m3k9x2p``."""

    pipeline_id: str
    """The pipeline that ran, such as ``pipe_4x9k2m``."""

    status: ExecutionStatus | str
    """An `ExecutionStatus`, or the string that came when the document does not know it."""

    started_at: datetime
    """When it started, in UTC."""

    completed_at: datetime | None = None
    """When it ended, in UTC; None while it runs."""

    duration_ms: int | None = None
    """How long it took, in milliseconds; None while it runs."""

    records_processed: int | None = None
    """Records that went through; None when the answer does not tell."""

    records_failed: int | None = None
    """Records among them that failed; None when the answer does not tell."""

    error_rate: float | None = None
    """Failed records in percent, 0 to 100: the document shows 0.02 for 3 of 15420."""

    extra: Mapping[str, Json] = unknown_fields()
    """Undocumented fields, as they came."""


_ONLY_LEAVING: Final = (None, ExecutionStatus.RUNNING)
"""Filters by status that an execution can leave, and not come to, by ending."""


class Pipelines(Resource):
    """The pipelines of the account (API document: Endpoints, Pipelines).

    The API has neither a list of pipelines nor a single execution: ids come from elsewhere.
    """

    def __init__(
        self, session: Session, options: Options, waits: Waits[Execution] | None = None
    ) -> None:
        super().__init__(session, options)
        self._waits = Waits() if waits is None else waits

    def executions(  # noqa: PLR0913 - each is a filter or an option, most have a default
        self,
        pipeline_id: str,
        *,
        status: ExecutionStatus | str | None = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        page_size: int = 100,
        max_items: int | None = None,
        start: int | Bookmark = 0,
        prefetch: int = 1,
        on_drift: OnDrift = "dedupe",
    ) -> Pages[Execution]:
        """Return the execution history of a pipeline (List Pipeline Executions).

        Args:
            pipeline_id: Which.
            status: Only these: ``running``, ``completed`` or ``failed``.
            start_date: Only those started then or later; has to be aware.
            end_date: Only those started then or earlier; has to be aware.
            page_size: Rows a request, 1 to 100.
            max_items: Most rows in all; None: no bound.
            start: Rows to skip, or a `Bookmark`; errors tell the number as `resume_at`.
            prefetch: Pages kept on their way ahead of the reader.
            on_drift: What is done when the list changes meanwhile; see `Pages`, which also tells
                what it costs: N rows take N / 100 requests up to an `end_date` in the past, and
                one in a hundred more without one.

        Raises:
            InvalidArgumentError: An argument is out of range, or a datetime has no zone.
        """
        return self._list(
            Execution,
            _EXECUTIONS,
            segments={"pipeline_id": pipeline_id},
            query=[
                ("status", status),
                ("start_date", instant("start_date", start_date)),
                ("end_date", instant("end_date", end_date)),
            ],
            page_size=page_size,
            max_items=max_items,
            start=start,
            prefetch=prefetch,
            on_drift=on_drift,
            is_closed=self._is_closed(status, end_date),
            scope="pipelines:read",
            echoes={"pipeline_id": pipeline_id},
        )

    def _is_closed(self, status: object, end_date: datetime | None) -> bool:
        """Return whether rows can only leave a history, and none can come into it.

        What begins later than its end cannot come in; but what ran may end, and then comes into the
        lists of the other statuses.
        """
        if end_date is None or status not in _ONLY_LEAVING:
            return False
        return end_date.timestamp() <= self._session.now() + _ROUNDING

    def fan_out(  # noqa: PLR0913 - each is a filter or an option, most have a default
        self,
        pipeline_ids: Iterable[str],
        *,
        status: ExecutionStatus | str | None = None,
        start_date: datetime | None = None,
        end_date: datetime | Unset | None = UNSET,
        page_size: int = 100,
        concurrency: int = 16,
        on_error: OnError = "raise",
        on_progress: Progress | None = None,
        on_drift: OnDrift = "dedupe",
        slices: Slices | None = None,
        reread_running: bool = False,
        checkpoint: Checkpoint | str | os.PathLike[str] | None = None,
    ) -> FanOut[Execution]:
        """Read the histories of many pipelines at once: ``async with`` it, ``async for`` over it.

        Rows come as they arrive; those of one pipeline in its order.  `report` tells, for each
        pipeline, rows, pages, how it ended, and whether it is complete.

        Without `end_date`, a history is read up to the start of the run, so that executions that
        begin meanwhile do not shift its pages; ``end_date`` of the result tells the instant.  It
        is the server's, as soon as one of its answers has told its time, else that of our clock:
        if ours is slow by a minute before the client's first call, the last minute is not read.

        With a `checkpoint`, a run that ended early (an error, a crash, a kill) is gone on with by
        the same call with the same file, at the rows that were not handed out, whatever has been
        inserted or deleted meanwhile; see `Checkpoint`.  Pipelines that failed are tried again.

        Args:
            pipeline_ids: Which; one that comes twice is read once.
            status: As in `executions`.
            start_date: As in `executions`.
            end_date: As in `executions`; left out, the start of the run; None: no end.
            page_size: As in `executions`.
            concurrency: Requests on their way at the same time, shared evenly by the pipelines
                that are being read; and how many these are.  A consumer that rests stops the
                reading when twice as many pages have come.
            on_error: ``"raise"`` ends the iteration at the first pipeline that fails;
                ``"collect"`` keeps the error in the report and goes on with the others.  A
                refused credential or a closed client ends it in any case.
            on_progress: Called with the report after each page, end and failure.
            on_drift: As in `executions`.  The histories end when the run begins, and cost N / 100
                requests for N rows; with ``end_date=None``, or a status other than ``running``,
                one in a hundred more.
            slices: Cut each history into slices of time that are read concurrently, each a list
                of its own: a timedelta, or such as ``"30m"``, ``"6h"``, ``"1d"``, ``"2w"``; or
                ``"auto"``: one for about 20 pages, where there are more.  Rows come in the
                order of the server within a slice only.  A slice costs a request even when it is
                empty, and two more go ahead where `start_date` is missing or with ``"auto"``.
            reread_running: Hold executions back that are running, read them again when all else
                is read, and hand them out once, as they are then.  One that was deleted
                meanwhile does not come.
            checkpoint: A path, or a `Checkpoint`.

        Raises:
            InvalidArgumentError: An argument is out of range, a datetime has no zone, or, on
                entering, the checkpoint's run asks for something else.
            CheckpointError: On entering or later: the checkpoint's file cannot be used.
        """
        # Not every program reads many histories.
        from cloudflow_async._core.fan_out.fan_out import FanOut  # noqa: PLC0415 - see above

        from .histories import Histories  # noqa: PLC0415 - the same

        def open_window(
            id: str, start_date: datetime | None, end_date: datetime | None, start: Start
        ) -> Pages[Execution]:
            return self.executions(
                id,
                status=status,
                start_date=start_date,
                end_date=end_date,
                page_size=page_size,
                start=start,
                on_drift=on_drift,
            )

        # Bad filters are refused here and not once for each pipeline.
        open_window("any", start_date, None if isinstance(end_date, Unset) else end_date, 0)
        check_flag("reread_running", reread_running)
        if reread_running and status == ExecutionStatus.RUNNING:
            raise InvalidArgumentError("reread_running asks for more than those that run.")
        is_closed = end_date is not None and status in _ONLY_LEAVING
        histories = Histories(
            open_window,
            now=self._session.now,
            filters={"status": None if status is None else str(status)},
            page_size=page_size if is_closed else min(page_size, LARGEST_PAGE - 1),
            start_date=start_date,
            end_date=end_date,
            slices=slices,
            reread_running=reread_running,
        )
        return FanOut(
            histories,
            pipeline_ids,
            concurrency=concurrency,
            on_error=on_error,
            on_progress=on_progress,
            checkpoint=checkpoint,
        )

    async def wait_for_execution(
        self,
        pipeline_id: str,
        execution_id: str,
        *,
        timeout: float | None = None,
        router: Router | None = None,
        poll: float = LONGEST_PAUSE,
    ) -> Execution:
        """Wait until an execution has ended, and return it: its status is not ``running`` then.

        The API has no single execution, so the history is looked at again and again (List Pipeline
        Executions).  All who wait for executions of one pipeline share these looks, with the
        options of the client, or view of it, that waited first.  A thousand waiters for one
        execution cost no more requests than one; many executions cost a page for each hundred of
        them that run, and about a request for each end.  A look waits for the rate limit like any
        call, and sends one request at a time; one that fails in a way that passes is made up for
        by the next.

        An execution that is not at either end of the history is looked for on all its pages, but
        rarely: it may not have begun.  That goes on until `timeout`; with None, forever.

        Cancelling it, or leaving it in any other way, ends the looks when nobody else waits.

        Args:
            pipeline_id: Which.
            execution_id: Which of its executions.
            timeout: Most seconds to wait; None: no bound.  The `deadline` of the client bounds
                each request, not the wait.
            router: A `WebhookRouter`: a delivery that names this execution as completed or failed
                is followed by a look at once.  Deliveries can get lost, so that looks go on beside
                it, at the pace of `poll` from the beginning.
            poll: Longest pause between two looks in seconds, at least 1, to which the pauses grow
                from 1; of several waiters the smallest counts.

        Raises:
            DeadlineExceededError: `timeout` passed; the message tells whether it was seen.
            NotFoundError: There is no such pipeline.
            ClientClosedError: The client was closed, before or meanwhile.
            CloudFlowError: A look failed in another way that would repeat itself.
            InvalidArgumentError: An argument is out of range.
        """
        if router is not None:
            check_methods("router", router, ("listen",), "a WebhookRouter")
        # A row that a look misses because others moved is found by the next one.
        open_list = partial(self.executions, pipeline_id, prefetch=0, on_drift="ignore")
        # A bad id is refused here, before anything is sent.
        open_list()
        self._session.bind()
        return await self._waits.wait(
            pipeline_id,
            execution_id,
            open_list,
            timeout=timeout,
            router=router,
            longest_pause=poll,
        )
