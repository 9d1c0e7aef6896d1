"""Runs that take their time: they start, they end, and those who registered for it are told."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from functools import partial

import attrs

from cloudflow_async.emulator.base.scheduler import Entry, Scheduler

from .serializers import pipeline_event, workflow_event
from .state import JsonObject, Pipeline, Run, State, Workflow

Publish = Callable[[State, str, JsonObject], object]
"""Takes account, event and data."""

RUN_STATUSES = ("completed", "failed")
"""How a run can end."""

_SHORTEST, _LONGEST = 0.1, 0.3
"""Seconds: long enough to be seen running."""


@attrs.frozen
class _UnderWay:
    """A run that has not ended."""

    workflow: Workflow
    run: Run
    pipeline: Pipeline
    began_at: float
    end: Entry | None
    """None: it does not end by itself."""


class Runs:
    """The runs that are under way in one emulator.

    Args:
        clock: Returns Unix seconds.
        scheduler: Tells when a run ends.
        publish: Delivers an event.
    """

    def __init__(self, clock: Callable[[], float], scheduler: Scheduler, publish: Publish) -> None:
        self._clock = clock
        self._scheduler = scheduler
        self._publish = publish
        self._under_way: dict[tuple[str, str], _UnderWay] = {}

    def clear(self) -> None:
        """Forget all runs."""
        self._under_way.clear()

    def start(self, state: State, workflow: Workflow) -> Run:
        """Begin a run; it appears, running, in the history of the workflow's pipeline as well."""
        began_at = self._clock()
        run = state.start_run(workflow)
        pipeline = state.pipeline_of(workflow)
        state.add_execution(
            pipeline,
            id=run.id,
            started_at=run.started_at,
            status="running",
            records_processed=0,
            records_failed=0,
        )
        end = self._plan_end(state, workflow, run)
        self._under_way[state.account, run.id] = _UnderWay(workflow, run, pipeline, began_at, end)
        self._publish(state, "workflow.started", workflow_event(workflow, run))
        return run

    def end(self, state: State, execution_id: str, status: str) -> None:
        """End a run now.

        Raises:
            KeyError: No run of that id is under way.
        """
        self._finish(state, self._under_way.pop((state.account, execution_id)), status)

    def _plan_end(self, state: State, workflow: Workflow, run: Run) -> Entry | None:
        seconds = workflow.run_seconds
        if seconds is None:
            seconds = a_moment(state.chance)
        if math.isinf(seconds):
            return None
        end = partial(self._end_unless_ended, state, run.id, workflow.run_status)
        return self._scheduler.at(self._clock() + seconds, end)

    def _end_unless_ended(self, state: State, execution_id: str, status: str) -> None:
        one = self._under_way.pop((state.account, execution_id), None)
        if one is not None:
            self._finish(state, one, status)

    def _finish(self, state: State, one: _UnderWay, status: str) -> None:
        self._scheduler.cancel(one.end)
        duration_ms = round((self._clock() - one.began_at) * 1000)
        state.end_run(one.run, status=status, duration_ms=duration_ms)
        execution = state.end_execution(one.pipeline, one.run)
        self._publish(state, f"workflow.{status}", workflow_event(one.workflow, one.run))
        if execution is not None:
            self._publish(state, f"pipeline.{status}", pipeline_event(execution))


def a_moment(chance: random.Random) -> float:
    """Return how many seconds a run takes when nothing else is said."""
    return chance.uniform(_SHORTEST, _LONGEST)
