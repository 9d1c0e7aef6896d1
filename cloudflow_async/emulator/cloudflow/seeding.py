"""Set the stage: put workflows, runs, pipelines and executions there, behind the API's back."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Literal, TypeAlias

from cloudflow_async.emulator.base.problems import Problem
from cloudflow_async.emulator.base.timestamps import unix_seconds

from . import history
from .bodies import WORKFLOW_STATUSES, read_new_workflow
from .endpoints import EXECUTION_STATUSES
from .runs import RUN_STATUSES, Runs
from .state import Pipeline, State, Workflow

_SPACING = 60
"""Seconds between two runs or executions that are added without a time of their own."""

_LONGEST_EXECUTION = 600
"""Seconds; made-up executions began at least so long ago, so that they can have ended."""


RunStatus: TypeAlias = Literal["completed", "failed"]
Publish: TypeAlias = Callable[[State, str, dict[str, Any]], list[str]]
"""Takes account, event and data, and returns the ids of the deliveries."""


class Seeding:
    """What tests arrange before, and while, a client looks."""

    def __init__(self, state: State, runs: Runs, publish: Publish) -> None:
        self._state = state
        self._runs = runs
        self._publish = publish

    def add_workflow(
        self,
        *,
        id: str | None = None,
        name: str = "Workflow",
        description: str | None = None,
        status: str = "active",
        trigger: dict[str, Any] | None = None,
        steps: Sequence[dict[str, Any]] | None = None,
        created_at: datetime | float | None = None,
        runs: int = 0,
    ) -> str:
        """Create a workflow behind the API's back and return its id.

        Args:
            id: None: a new one.
            name: Any text that is not empty.
            description: None is a null.
            status: `active`, `paused` or `archived`.
            trigger: None: every full hour, on schedule.
            steps: None: one step.
            created_at: Aware datetime or Unix seconds; None: now.
            runs: How many completed runs it has had, see `add_runs()`.

        Raises:
            ValueError: What the API would refuse as well.
        """
        fields = {
            "name": name,
            "description": description,
            "trigger": {"type": "schedule", "cron": "0 * * * *"} if trigger is None else trigger,
            "steps": [{"type": "fetch_data", "source": "users_table"}]
            if steps is None
            else list(steps),
        }
        _check_status(status, WORKFLOW_STATUSES)
        workflow = self._state.add_workflow(
            id=id,
            status=status,
            created_at=None if created_at is None else unix_seconds(created_at),
            **_checked(fields),
        )
        self._add_runs(workflow, runs)
        return workflow.id

    def add_runs(
        self,
        workflow_id: str,
        count: int = 1,
        *,
        status: str = "completed",
        started_at: datetime | float | None = None,
        duration_ms: int | None = None,
        records_processed: int | None = None,
        error: str | None = None,
    ) -> list[str]:
        """Record runs of a workflow, which show in its metrics, and return their ids.

        Args:
            workflow_id: Of an existing workflow.
            count: How many.
            status: `completed` or `failed`.
            started_at: Aware datetime or Unix seconds; None: a minute apart, the last one now.
            duration_ms: None: made up.
            records_processed: None: made up.
            error: What `last_error` of a failed run says; None: made up.

        Raises:
            KeyError: No such workflow.
            ValueError: An unknown status.
        """
        return self._add_runs(
            self._state.workflows[workflow_id],
            count,
            status=status,
            started_at=started_at,
            duration_ms=duration_ms,
            records_processed=records_processed,
            error=error,
        )

    def plan_runs(
        self, workflow_id: str, *, seconds: float | None = None, status: RunStatus = "completed"
    ) -> None:
        """Say how runs go on that are triggered from now on.

        Args:
            workflow_id: Of an existing workflow.
            seconds: How long they take, on the emulator's clock; None: a moment, made up;
                `math.inf`: until `end_run()`.
            status: `completed` or `failed`.

        Raises:
            KeyError: No such workflow.
            ValueError: An unknown status, or a negative time.
        """
        _check_status(status, RUN_STATUSES)
        if seconds is not None and not seconds >= 0:
            raise ValueError(f"seconds must be 0 or more, not {seconds}")
        workflow = self._state.workflows[workflow_id]
        workflow.run_seconds, workflow.run_status = seconds, status

    def end_run(self, execution_id: str, *, status: RunStatus = "completed") -> None:
        """End a run that was triggered, now.

        Args:
            execution_id: What the answer to the trigger says.
            status: `completed` or `failed`.

        Raises:
            KeyError: No run of that id is under way.
            ValueError: An unknown status.
        """
        _check_status(status, RUN_STATUSES)
        self._runs.end(self._state, execution_id, status)

    def pipeline_of(self, workflow_id: str) -> str:
        """Return the id of the pipeline in whose history the runs of a workflow appear.

        Each workflow has one of its own, made when it is first asked for or needed.  It has the
        runs that were triggered, under the `execution_id` of the trigger's answer.

        Raises:
            KeyError: No such workflow.
        """
        return self._state.pipeline_of(self._state.workflows[workflow_id]).id

    def emit(self, event: str, data: dict[str, Any], *, times: int = 1) -> list[str]:
        """Deliver an event to the account's webhooks, and return the ids of the deliveries.

        A documented event goes to those that are registered for it, any other to all.

        Args:
            event: Such as `workflow.failed`.
            data: What the payload has as `data`.
            times: How often; each time it is a delivery of its own.

        Raises:
            ValueError: `data` is not JSON, or more than 1 MiB of it.
        """
        ids = [self._publish(self._state, event, data) for _ in range(times)]
        return [one for each in ids for one in each]

    def add_pipeline(self, id: str | None = None) -> str:
        """Create a pipeline without executions and return its id; None makes up a new one."""
        return self._state.add_pipeline(id).id

    def add_executions(
        self,
        pipeline_id: str,
        count: int = 1,
        *,
        status: str = "completed",
        started_at: datetime | float | None = None,
        duration_ms: int | None = None,
        records_processed: int | None = None,
        records_failed: int | None = None,
    ) -> list[str]:
        """Record executions of a pipeline and return their ids, the oldest first.

        Args:
            pipeline_id: Of an existing pipeline.
            count: How many.
            status: `running`, `completed` or `failed`.
            started_at: Aware datetime or Unix seconds.  None: a minute apart, the last one ten
                minutes ago, but none before those that are there: they shift the pages.
            duration_ms: None: made up; a running execution has none yet.
            records_processed: None: made up.
            records_failed: None: made up.

        Raises:
            KeyError: No such pipeline.
            ValueError: An unknown status.
        """
        _check_status(status, EXECUTION_STATUSES)
        pipeline = self._pipeline(pipeline_id)
        last = self._state.now - _LONGEST_EXECUTION
        newest = pipeline.executions[-1].started_at if pipeline.executions else 0
        return [
            self._state.add_execution(
                pipeline,
                started_at=at if started_at is not None else max(at, newest),
                status=status,
                duration_ms=duration_ms,
                records_processed=records_processed,
                records_failed=records_failed,
            ).id
            for at in _instants(count, started_at, last=last)
        ]

    def delete_executions(self, pipeline_id: str, which: int | Iterable[str]) -> None:
        """Remove executions: these ids, or so many of the newest, which are the first rows.

        Raises:
            KeyError: No such pipeline.
        """
        pipeline = self._pipeline(pipeline_id)
        if isinstance(which, int):
            which = [execution.id for execution in pipeline.newest_first()[:which]]
        self._state.delete_executions(pipeline, which)

    def seed_history(self, pipelines: int = 40) -> list[str]:
        """Make up pipelines with some weeks of executions, and return the pipelines' ids.

        With pages of 100 rows the whole history of the default 40 takes fewer than 100 requests.
        """
        return history.seed(self._state, pipelines)

    def _pipeline(self, pipeline_id: str) -> Pipeline:
        return self._state.pipelines[pipeline_id]

    def _add_runs(
        self,
        workflow: Workflow,
        count: int,
        *,
        status: str = "completed",
        started_at: datetime | float | None = None,
        **figures: Any,
    ) -> list[str]:
        _check_status(status, RUN_STATUSES)
        add = self._state.add_run
        instants = _instants(count, started_at, last=self._state.now)
        return [add(workflow, started_at=at, status=status, **figures).id for at in instants]


def _instants(count: int, started_at: datetime | float | None, *, last: int) -> list[int]:
    """Return one given instant so many times, or instants a minute apart that end at `last`."""
    if started_at is not None:
        return [unix_seconds(started_at)] * count
    return [last - _SPACING * left for left in reversed(range(count))]


def _check_status(status: str, known: Iterable[str]) -> None:
    if status not in known:
        raise ValueError(f"status must be one of {', '.join(known)}, not {status!r}")


def _checked(fields: dict[str, Any]) -> dict[str, Any]:
    try:
        return read_new_workflow(copy.deepcopy(fields))
    except Problem as problem:
        raise ValueError(problem.error["message"]) from None
