"""What exists at TechFlow and what happened there: workflows, executions, webhooks."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Container

import attrs

from cloudflow_async.emulator.cloudflow.state import JsonObject, Webhook

EVENTS = (
    "workflow.created",
    "workflow.updated",
    "workflow.deleted",
    "execution.started",
    "execution.completed",
    "execution.failed",
)
"""What webhooks tell of ("Webhook Events")."""

EXECUTION_STATUSES = ("running", "completed", "failed")
"""Our reading: the document names events, but no statuses."""

_FIRST_NUMBER = 101
"""Ids look as in the document, `wf_123`."""


@attrs.define(kw_only=True)
class Workflow:
    """A workflow, which is a document that is replaced as a whole."""

    id: str
    document: JsonObject
    """All other fields: `name`, `status`, `description`, `triggers`, and what else was sent."""

    execution_seconds: float | None = None
    """How long its executions take; None: a moment, made up."""

    execution_status: str = "completed"
    """How they end."""


@attrs.define(kw_only=True)
class Execution:
    """One execution of a workflow; it outlives the workflow."""

    id: str
    workflow_id: str
    status: str
    started_at: int
    """Unix seconds."""

    completed_at: int | None = None
    """Unix seconds; None while it runs."""

    duration_ms: int | None = None
    """None while it runs."""


class State:
    """All that there is; every key gives access to it, as the document knows no accounts.

    Args:
        clock: Returns Unix seconds.
    """

    account: str = "TechFlow"
    """What deliveries are filed under."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.clear()

    def clear(self) -> None:
        """Forget everything, and number from the beginning."""
        self.workflows: dict[str, Workflow] = {}
        self.executions: dict[str, Execution] = {}
        self.webhooks: dict[str, Webhook] = {}
        self.bare_executions: bool = False
        """Whether the list of executions has no envelope."""

        self._numbers = {prefix: itertools.count(_FIRST_NUMBER) for prefix in ("wf", "exec", "wh")}

    @property
    def now(self) -> int:
        """Whole Unix seconds."""
        return int(self._clock())

    def add_workflow(self, document: JsonObject, id: str | None = None) -> Workflow:
        """Create a workflow; None makes up an id."""
        workflow = Workflow(id=id or self._new_id("wf", self.workflows), document=document)
        self.workflows[workflow.id] = workflow
        return workflow

    def add_execution(
        self,
        workflow_id: str,
        *,
        id: str | None = None,
        status: str = "running",
        started_at: int,
        duration_ms: int | None = None,
    ) -> Execution:
        """Record an execution; with a duration it has ended."""
        ended_at = None if duration_ms is None else started_at + duration_ms // 1000
        execution = Execution(
            id=id or self._new_id("exec", self.executions),
            workflow_id=workflow_id,
            status=status,
            started_at=started_at,
            completed_at=ended_at,
            duration_ms=duration_ms,
        )
        self.executions[execution.id] = execution
        return execution

    def newest_first(self) -> list[Execution]:
        """Return the executions; of those that began together the one added last is the first."""
        executions = list(self.executions.values())[::-1]
        return sorted(executions, key=lambda one: one.started_at, reverse=True)

    def add_webhook(self, url: str, secret: str | None, events: tuple[str, ...]) -> Webhook:
        """Register an address for events."""
        webhook = Webhook(
            id=self._new_id("wh", self.webhooks),
            url=url,
            events=events,
            secret=secret,
            created_at=self.now,
        )
        self.webhooks[webhook.id] = webhook
        return webhook

    def _new_id(self, kind: str, taken: Container[str]) -> str:
        while (identifier := f"{kind}_{next(self._numbers[kind])}") in taken:
            pass
        return identifier
