"""What tests arrange at TechFlow and look at, and how a client gets there."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from cloudflow_async.emulator.base.paths import TECHFLOW_PREFIX
from cloudflow_async.emulator.base.problems import Problem
from cloudflow_async.emulator.base.timestamps import unix_seconds
from cloudflow_async.emulator.cloudflow.seeding import RunStatus

from . import bodies, serializers
from .api import TechFlowApi
from .state import EVENTS, EXECUTION_STATUSES

_EXECUTION_MS = 1500
_ENDS = EXECUTION_STATUSES[1:]


class TechFlowSeeding:
    """The TechFlow API of an emulator, seen from behind.

    Faults, request log, deliveries and clock are the emulator's; its `reset()` empties this too.
    Routes of faults and in the request log have the prefix of the base URL here, such as
    `/techflow/v2/workflows/{workflow_id}/execute`; a fault without a route hits both APIs.
    """

    def __init__(self, api: TechFlowApi, issuer: Callable[[], str]) -> None:
        self._api = api
        self._state = api.state
        self._issuer = issuer
        self._api_key = self.add_key()

    @property
    def base_url(self) -> str:
        """What a client takes for the address of the API, `/v2` included.

        Raises:
            RuntimeError: The emulator is not running.
        """
        return self._issuer() + TECHFLOW_PREFIX

    @property
    def api_key(self) -> str:
        """A key that exists from the beginning; it follows from the seed."""
        return self._api_key

    def add_key(self) -> str:
        """Return a new key with a budget of its own; what there is, is the same for all keys."""
        return self._api.keys.issue(()).text

    @property
    def workflows(self) -> list[dict[str, Any]]:
        """Copies of all workflows as `GET /workflows/{workflow_id}` shows them, oldest first."""
        workflows = list(self._state.workflows.values())
        return [copy.deepcopy(serializers.workflow_details(workflow)) for workflow in workflows]

    @property
    def executions(self) -> list[dict[str, Any]]:
        """All executions as `GET /executions` shows them, newest first."""
        return [serializers.execution_row(execution) for execution in self._state.newest_first()]

    @property
    def bare_executions(self) -> bool:
        """Whether `GET /executions` answers a list that stands in no envelope.

        The document shows no answer, so a client has to be prepared for both.  It is False at the
        beginning and after a reset.
        """
        return self._state.bare_executions

    @bare_executions.setter
    def bare_executions(self, bare: bool) -> None:
        self._state.bare_executions = bare

    def add_workflow(self, *, id: str | None = None, name: str = "Workflow", **fields: Any) -> str:
        """Create a workflow behind the API's back, which no event tells of, and return its id.

        Args:
            id: None: a new one.
            name: Any text that is not empty.
            fields: `status`, `description`, `triggers`, and others, which are kept as they are.

        Raises:
            ValueError: What the API would refuse as well.
        """
        try:
            document = bodies.read_document(copy.deepcopy({"name": name, **fields}))
        except Problem as problem:
            raise ValueError(problem.error["message"]) from None
        return self._state.add_workflow(document, id).id

    def add_execution(
        self,
        workflow_id: str,
        *,
        id: str | None = None,
        status: str = "completed",
        started_at: datetime | float | None = None,
        duration_ms: int | None = None,
    ) -> str:
        """Record an execution behind the API's back and return its id.

        Args:
            workflow_id: Of any workflow, be there one or not any more.
            id: None: a new one.
            status: `running`, `completed` or `failed`.
            started_at: Aware datetime or Unix seconds; None: now.
            duration_ms: None: one and a half seconds; a running execution has none yet.

        Raises:
            ValueError: An unknown status, or a datetime without a time zone.
        """
        _check_status(status, EXECUTION_STATUSES)
        took = _EXECUTION_MS if duration_ms is None else duration_ms
        return self._state.add_execution(
            workflow_id,
            id=id,
            status=status,
            started_at=self._state.now if started_at is None else unix_seconds(started_at),
            duration_ms=None if status == "running" else took,
        ).id

    def plan_executions(
        self, workflow_id: str, *, seconds: float | None = None, status: RunStatus = "completed"
    ) -> None:
        """Say how executions go on that are triggered from now on.

        Args:
            workflow_id: Of an existing workflow.
            seconds: How long they take, on the emulator's clock; None: a moment, made up;
                `math.inf`: until `end_execution()`.
            status: `completed` or `failed`.

        Raises:
            KeyError: No such workflow.
            ValueError: An unknown status, or a negative time.
        """
        _check_status(status, _ENDS)
        if seconds is not None and not seconds >= 0:
            raise ValueError(f"seconds must be 0 or more, not {seconds}")
        workflow = self._state.workflows[workflow_id]
        workflow.execution_seconds, workflow.execution_status = seconds, status

    def end_execution(self, execution_id: str, *, status: RunStatus = "completed") -> None:
        """End an execution that was triggered, now.

        Args:
            execution_id: What the answer to the trigger says.
            status: `completed` or `failed`.

        Raises:
            KeyError: None of that id is under way.
            ValueError: An unknown status.
        """
        _check_status(status, _ENDS)
        self._api.executions.end(execution_id, status)

    def configure_webhook(
        self, url: str, *, secret: str | None = None, events: Iterable[str] = EVENTS
    ) -> str:
        """Deliver events to an address, and return the id of that webhook.

        The document has no endpoint for it: "Configure webhooks in your dashboard".  The payload
        has the form of CloudFlow's, and is signed in the same way: the document shows neither.

        Args:
            url: Where deliveries go.
            secret: What they are signed with; None: they are not.
            events: Which of the documented ones; any other goes to all webhooks.

        Raises:
            ValueError: An event that the document does not name.
        """
        wanted = tuple(events)
        if unknown := set(wanted) - set(EVENTS):
            raise ValueError(
                f"unknown event {', '.join(sorted(unknown))}; known are {', '.join(EVENTS)}"
            )
        return self._state.add_webhook(url, secret, wanted).id

    def emit(self, event: str, data: dict[str, Any], *, times: int = 1) -> list[str]:
        """Deliver an event to the webhooks, and return the ids of the deliveries.

        Args:
            event: Such as `execution.failed`.
            data: What the payload has as `data`.
            times: How often; each time it is a delivery of its own.

        Raises:
            ValueError: `data` is not JSON, or more than 1 MiB of it.
        """
        ids = [self._api.publish(event, data) for _ in range(times)]
        return [one for each in ids for one in each]


def _check_status(status: str, known: Iterable[str]) -> None:
    if status not in known:
        raise ValueError(f"status must be one of {', '.join(known)}, not {status!r}")
