"""Executions that take their time: they start, they end, and webhooks tell of both."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import attrs

from cloudflow_async.emulator.base.scheduler import Entry, Scheduler
from cloudflow_async.emulator.base.seeded_random import seeded
from cloudflow_async.emulator.cloudflow.runs import a_moment
from cloudflow_async.emulator.cloudflow.state import JsonObject

from .serializers import execution_event
from .state import Execution, State, Workflow

Publish = Callable[[str, JsonObject], list[str]]
"""Takes event and data, and returns the ids of the deliveries."""


@attrs.frozen
class _UnderWay:
    """An execution that has not ended."""

    execution: Execution
    began_at: float
    end: Entry | None
    """None: it does not end by itself."""


class Executions:
    """The executions that are under way.

    Args:
        clock: Returns Unix seconds.
        seed: How long they take follows from it, where nothing is said.
        scheduler: Tells when one ends.
        state: Where they are recorded.
        publish: Delivers an event.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        seed: int,
        scheduler: Scheduler,
        state: State,
        publish: Publish,
    ) -> None:
        self._clock = clock
        self._seed = seed
        self._scheduler = scheduler
        self._state = state
        self._publish = publish
        self.clear()

    def clear(self) -> None:
        """Forget all of them, and begin again at the seed."""
        self._under_way: dict[str, _UnderWay] = {}
        self._chance = seeded(self._seed, "TechFlow executions")

    def start(self, workflow: Workflow) -> Execution:
        """Begin one."""
        began_at = self._clock()
        execution = self._state.add_execution(workflow.id, started_at=int(began_at))
        end = self._plan_end(workflow, execution)
        self._under_way[execution.id] = _UnderWay(execution, began_at, end)
        self._publish("execution.started", execution_event(execution))
        return execution

    def end(self, execution_id: str, status: str) -> None:
        """End one now.

        Raises:
            KeyError: None of that id is under way.
        """
        self._finish(self._under_way.pop(execution_id), status)

    def _plan_end(self, workflow: Workflow, execution: Execution) -> Entry | None:
        seconds = workflow.execution_seconds
        if seconds is None:
            seconds = a_moment(self._chance)
        if math.isinf(seconds):
            return None
        end = partial(self._end_unless_ended, execution.id, workflow.execution_status)
        return self._scheduler.at(self._clock() + seconds, end)

    def _end_unless_ended(self, execution_id: str, status: str) -> None:
        one = self._under_way.pop(execution_id, None)
        if one is not None:
            self._finish(one, status)

    def _finish(self, one: _UnderWay, status: str) -> None:
        self._scheduler.cancel(one.end)
        now = self._clock()
        execution = one.execution
        execution.status = status
        execution.completed_at = int(now)
        execution.duration_ms = round((now - one.began_at) * 1000)
        self._publish(f"execution.{status}", execution_event(execution))
