"""What exists and what happened: workflows and their runs, pipelines and their executions."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import attrs

from cloudflow_async.emulator.base.seeded_random import letters, seeded
from cloudflow_async.emulator.credentials.identities import DEFAULT_ACCOUNT

JsonObject = dict[str, Any]

_T = TypeVar("_T")

_DEFAULT_ERROR = "Step 'step_1' failed"


@attrs.define(kw_only=True)
class Run:
    """One run of a workflow."""

    id: str
    started_at: int
    """Unix seconds."""

    status: str
    """`running`, `completed` or `failed`."""

    duration_ms: int
    """0 while it runs."""

    records_processed: int
    """0 while it runs."""

    error: str | None = None
    """What went wrong; None for a run that has not failed."""


@attrs.define(kw_only=True)
class Workflow:
    """A workflow; its metrics follow from its runs."""

    id: str
    name: str
    description: str | None
    status: str
    trigger: JsonObject
    steps: list[JsonObject]
    created_at: int
    """Unix seconds."""

    updated_at: int
    """Unix seconds."""

    runs: list[Run] = attrs.Factory(list)
    """In the order in which they were added."""

    run_seconds: float | None = None
    """How long runs take that are triggered; None: a moment, made up."""

    run_status: str = "completed"
    """How they end."""

    pipeline_id: str | None = None
    """In whose history they appear; None before the first of them."""


@attrs.frozen(kw_only=True)
class Execution:
    """One execution of a pipeline."""

    id: str
    pipeline_id: str
    status: str
    """`running`, `completed` or `failed`."""

    started_at: int
    """Unix seconds."""

    completed_at: int | None
    """Unix seconds; None while it runs."""

    duration_ms: int | None
    """None while it runs."""

    records_processed: int
    records_failed: int


@attrs.define
class Pipeline:
    """A pipeline and its executions, the oldest first."""

    id: str
    executions: list[Execution] = attrs.Factory(list)

    def add(self, execution: Execution) -> None:
        """Put an execution in its place; among equal times the later added one is the newer."""
        place = bisect_right(self.executions, execution.started_at, key=_started_at)
        self.executions.insert(place, execution)

    def newest_first(self) -> Sequence[Execution]:
        """Return the executions in the order of the API: a new one shifts all others."""
        return self.executions[::-1]


@attrs.define(kw_only=True, eq=False)
class Webhook:
    """A registered webhook."""

    id: str
    url: str
    events: tuple[str, ...]
    secret: str | None = attrs.field(repr=False)
    created_at: int
    """Unix seconds."""

    active: bool = True
    """Whether it gets events; not any more when its receiver has said that it is gone."""


class State:
    """All that one account has.  All times come from `clock`, all ids from `seed`.

    Args:
        clock: Returns Unix seconds.
        seed: The same one gives the same ids.
        account: Accounts with one seed have ids that differ nevertheless.
    """

    def __init__(
        self, clock: Callable[[], float], seed: int, account: str = DEFAULT_ACCOUNT
    ) -> None:
        self._clock = clock
        self._seed = seed
        self.account: str = account
        """Its name."""

        self._suffix = "" if account == DEFAULT_ACCOUNT else f":{account}"
        self.clear()

    def clear(self) -> None:
        """Forget everything, and begin again at the seed."""
        self.workflows: dict[str, Workflow] = {}
        self.pipelines: dict[str, Pipeline] = {}
        self.webhooks: dict[str, Webhook] = {}
        self.chance: random.Random = seeded(self._seed, "state" + self._suffix)
        self._identifiers = seeded(self._seed, "identifiers" + self._suffix)
        self._used: set[str] = set()

    @property
    def now(self) -> int:
        """Whole Unix seconds: the API writes no fractions."""
        return int(self._clock())

    def new_id(self, prefix: str, length: int = 8) -> str:
        """Return an id that was never used before."""
        while (identifier := prefix + letters(self._identifiers, length)) in self._used:
            pass
        self._used.add(identifier)
        return identifier

    def add_workflow(
        self,
        *,
        name: str,
        trigger: JsonObject,
        steps: list[JsonObject],
        id: str | None = None,
        description: str | None = None,
        status: str = "active",
        created_at: int | None = None,
    ) -> Workflow:
        """Create a workflow; without `created_at` it is created now."""
        identifier = id or self.new_id("wf_")
        created_at = self.now if created_at is None else created_at
        workflow = Workflow(
            id=identifier,
            name=name,
            description=description,
            status=status,
            trigger=trigger,
            steps=numbered(steps),
            created_at=created_at,
            updated_at=created_at,
        )
        self.workflows[identifier] = workflow
        return workflow

    def add_run(
        self,
        workflow: Workflow,
        *,
        started_at: int,
        status: str = "completed",
        duration_ms: int | None = None,
        records_processed: int | None = None,
        error: str | None = None,
    ) -> Run:
        """Record a run; duration and records are made up where they are not given."""
        run = Run(
            id=self.new_id("exec_"),
            started_at=started_at,
            status=status,
            duration_ms=_or(duration_ms, self.chance.randint(800, 6000)),
            records_processed=_or(records_processed, self.chance.randint(0, 2000)),
            error=_or(error, _DEFAULT_ERROR) if status == "failed" else None,
        )
        workflow.runs.append(run)
        return run

    def start_run(self, workflow: Workflow) -> Run:
        """Record a run that begins now and has not ended."""
        run = Run(
            id=self.new_id("exec_"),
            started_at=self.now,
            status="running",
            duration_ms=0,
            records_processed=0,
        )
        workflow.runs.append(run)
        return run

    def end_run(self, run: Run, *, status: str, duration_ms: int) -> None:
        """Record the end of a run; its records are made up."""
        run.status = status
        run.duration_ms = duration_ms
        run.records_processed = self.chance.randint(0, 2000)
        run.error = _DEFAULT_ERROR if status == "failed" else None

    def pipeline_of(self, workflow: Workflow) -> Pipeline:
        """Return the pipeline in whose history the runs of a workflow appear; it is made now."""
        if workflow.pipeline_id is None:
            workflow.pipeline_id = self.add_pipeline().id
        return self.pipelines[workflow.pipeline_id]

    def add_pipeline(self, id: str | None = None) -> Pipeline:
        """Create a pipeline without executions."""
        pipeline = Pipeline(id or self.new_id("pipe_", 6))
        self.pipelines[pipeline.id] = pipeline
        return pipeline

    def add_execution(
        self,
        pipeline: Pipeline,
        *,
        started_at: int,
        id: str | None = None,
        status: str = "completed",
        duration_ms: int | None = None,
        records_processed: int | None = None,
        records_failed: int | None = None,
    ) -> Execution:
        """Record an execution; what is not given is made up, and follows from the status."""
        duration = _or(duration_ms, self.chance.randint(5, 600) * 1000)
        processed = _or(records_processed, self.chance.randint(100, 20_000))
        lost = self._lost(status, processed)
        running = status == "running"
        execution = Execution(
            id=id or self.new_id("exec_"),
            pipeline_id=pipeline.id,
            status=status,
            started_at=started_at,
            completed_at=None if running else started_at + duration // 1000,
            duration_ms=None if running else duration,
            records_processed=processed,
            records_failed=_or(records_failed, lost),
        )
        pipeline.add(execution)
        return execution

    def end_execution(self, pipeline: Pipeline, run: Run) -> Execution | None:
        """Record in the history of a pipeline that a run has ended; None: it is not there."""
        # The newest are the last.
        for index, execution in reversed(list(enumerate(pipeline.executions))):
            if execution.id == run.id:
                pipeline.executions[index] = attrs.evolve(
                    execution,
                    status=run.status,
                    completed_at=self.now,
                    duration_ms=run.duration_ms,
                    records_processed=run.records_processed,
                    records_failed=self._lost(run.status, run.records_processed),
                )
                return pipeline.executions[index]
        return None

    def delete_executions(self, pipeline: Pipeline, ids: Iterable[str]) -> None:
        """Remove executions by id; ids that are not there are ignored."""
        gone = set(ids)
        pipeline.executions = [one for one in pipeline.executions if one.id not in gone]

    def _lost(self, status: str, processed: int) -> int:
        lost = processed // 4 if status == "failed" else self.chance.randint(0, 3)
        return min(lost, processed)


def numbered(steps: list[JsonObject]) -> list[JsonObject]:
    """Return steps with the ids that details show; a step that has one keeps it."""
    return [{"id": f"step_{number}", **step} for number, step in enumerate(steps, start=1)]


def _started_at(execution: Execution) -> int:
    return execution.started_at


def _or(value: _T | None, default: _T) -> _T:
    return default if value is None else value
