"""Workflows: what the API document shows of them (Endpoints, Workflows).

The document shows four shapes, so there are four classes and no class whose fields may all be
missing: `WorkflowSummary` in lists, `Workflow` in details, `CreatedWorkflow` and
`UpdatedWorkflow` as answers to changes.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import ClassVar, Final, Literal, TypeAlias

import attrs

from cloudflow_async._core.codec.decode import decode, encode
from cloudflow_async._core.codec.fields import named, unknown_fields
from cloudflow_async._core.codec.timestamps import instant
from cloudflow_async._core.errors import InvalidArgumentError
from cloudflow_async._core.messages import UNSET, Json, Unset
from cloudflow_async._core.paging.page import Bookmark, OnDrift
from cloudflow_async._core.paging.pages import Pages
from cloudflow_async._core.public import public
from cloudflow_async._core.resource import Resource, json_of
from cloudflow_async._core.support.validation import to_list

_ONE: Final = "/workflows/{workflow_id}"
_TRIGGER: Final = "/webhooks/{workflow_id}/trigger"
_READ: Final = "workflows:read"
_STEPS: Final = '[{"type": "send_email", ...}]'
_WRITE: Final = "workflows:write"


@public("cloudflow_async")
class WorkflowStatus(enum.StrEnum):
    """The documented states of a workflow; any other stays the plain string that came."""

    ACTIVE = "active"
    PAUSED = "paused"
    ARCHIVED = "archived"


@public("cloudflow_async")
@attrs.frozen(kw_only=True, weakref_slot=False)
class ScheduleTrigger:
    """Runs the workflow at the times of a cron expression."""

    type: ClassVar[Literal["schedule"]] = "schedule"
    """What the API calls it."""

    cron: str
    """Five fields, such as ``0 * * * *``."""

    timezone: str | None = None
    """Zone of the cron expression, such as ``UTC``; in details only, elsewhere None."""

    extra: Mapping[str, Json] = unknown_fields()
    """Undocumented fields, as they came."""


@public("cloudflow_async")
@attrs.frozen(kw_only=True, weakref_slot=False)
class WebhookTrigger:
    """Runs the workflow when its `webhook_url` receives a POST."""

    type: ClassVar[Literal["webhook"]] = "webhook"
    """What the API calls it."""

    url: str | None = None
    """Your own URL, as in the document's request to create; may be left out."""

    extra: Mapping[str, Json] = unknown_fields()
    """Undocumented fields, as they came."""


@public("cloudflow_async")
@attrs.frozen(kw_only=True, weakref_slot=False)
class UnknownTrigger:
    """A trigger of a type that the API document does not show."""

    type: str
    """What the API calls it."""

    extra: Mapping[str, Json] = unknown_fields()
    """All its other fields, as they came."""


Trigger: TypeAlias = ScheduleTrigger | WebhookTrigger | UnknownTrigger
"""What starts a workflow, told apart by `type`."""


@public("cloudflow_async")
@attrs.frozen(kw_only=True, weakref_slot=False)
class FetchDataStep:
    """Reads rows from a source."""

    type: ClassVar[Literal["fetch_data"]] = "fetch_data"
    """What the API calls it."""

    id: str | None = None
    """Given by the server; None in a step that you make."""

    source: str
    """Table or database to read."""

    filters: Mapping[str, Json] | None = attrs.field(default=None, hash=False)
    """Values that rows must have, by column; None when there are none."""

    query: str | None = None
    """Query in the source's language; None when there is none."""

    extra: Mapping[str, Json] = unknown_fields()
    """Undocumented fields, as they came."""


@public("cloudflow_async")
@attrs.frozen(kw_only=True, weakref_slot=False)
class TransformStep:
    """Changes rows by a script: one written into the step, or a stored one."""

    type: ClassVar[Literal["transform"]] = "transform"
    """What the API calls it."""

    id: str | None = None
    """Given by the server; None in a step that you make."""

    script: str | None = None
    """The script itself; None when `script_id` names it."""

    script_id: str | None = None
    """Id of a stored script; None when `script` has it."""

    extra: Mapping[str, Json] = unknown_fields()
    """Undocumented fields, as they came."""


@public("cloudflow_async")
@attrs.frozen(kw_only=True, weakref_slot=False)
class SendEmailStep:
    """Sends an email made from a template."""

    type: ClassVar[Literal["send_email"]] = "send_email"
    """What the API calls it."""

    id: str | None = None
    """Given by the server; None in a step that you make."""

    template_id: str
    """Id of a stored template."""

    extra: Mapping[str, Json] = unknown_fields()
    """Undocumented fields, as they came."""


@public("cloudflow_async")
@attrs.frozen(kw_only=True, weakref_slot=False)
class UnknownStep:
    """A step of a type that the API document does not show."""

    id: str | None = None
    """Given by the server; None in a step that you make."""

    type: str
    """What the API calls it."""

    extra: Mapping[str, Json] = unknown_fields()
    """All its other fields, as they came."""


Step: TypeAlias = FetchDataStep | TransformStep | SendEmailStep | UnknownStep
"""One step of a workflow, told apart by `type`."""


@public("cloudflow_async")
@attrs.frozen(kw_only=True, weakref_slot=False)
class WorkflowRunMetrics:
    """How a workflow's runs went so far."""

    total_runs: int | None = None
    """Runs since the workflow was created."""

    success_rate: float | None = None
    """Successful runs in percent, 0 to 100."""

    avg_duration_ms: float | None = None
    """Average duration of a run in milliseconds."""

    last_error: str | None = None
    """What the last failed run failed with; None when none failed."""

    extra: Mapping[str, Json] = unknown_fields()
    """Undocumented fields, as they came."""


@public("cloudflow_async")
@attrs.frozen(kw_only=True, weakref_slot=False)
class WorkflowSummary:
    """A row of the list of workflows (List Workflows)."""

    id: str
    """Such as ``wf_8x7k2m9p``."""

    name: str
    """What its author calls it."""

    description: str | None = None
    """What it is for; None when its author did not say."""

    status: WorkflowStatus | str
    """A `WorkflowStatus`, or the string that came when the document does not know it."""

    trigger: Trigger
    """What starts it; lists do not carry a schedule's time zone."""

    step_count: int = attrs.field(metadata=named("steps"))
    """How many steps it has: in lists, the API's ``steps`` is a number."""

    created_at: datetime
    """When it was created, in UTC."""

    updated_at: datetime
    """When it was last changed, in UTC."""

    last_run: datetime | None = None
    """When it last ran, in UTC; None when it never did.  Only lists carry it."""

    extra: Mapping[str, Json] = unknown_fields()
    """Undocumented fields, as they came."""


@public("cloudflow_async")
@attrs.frozen(kw_only=True, weakref_slot=False)
class Workflow:
    """A workflow in detail (Get Workflow Details)."""

    id: str
    """Such as ``wf_8x7k2m9p``."""

    name: str
    """What its author calls it."""

    description: str | None = None
    """What it is for; None when its author did not say."""

    status: WorkflowStatus | str
    """A `WorkflowStatus`, or the string that came when the document does not know it."""

    trigger: Trigger
    """What starts it."""

    steps: tuple[Step, ...]
    """What it does, in order."""

    metrics: WorkflowRunMetrics | None = None
    """How its runs went; None when the answer has none.  Only details carry it."""

    created_at: datetime
    """When it was created, in UTC."""

    updated_at: datetime
    """When it was last changed, in UTC."""

    extra: Mapping[str, Json] = unknown_fields()
    """Undocumented fields, as they came."""


@public("cloudflow_async")
@attrs.frozen(kw_only=True, weakref_slot=False)
class CreatedWorkflow:
    """The answer to a creation (Create Workflow): neither trigger nor steps come back."""

    id: str
    """Given by the server, such as ``wf_9k3m7n2q``."""

    name: str
    """As it was sent."""

    status: WorkflowStatus | str
    """A `WorkflowStatus`, or the string that came when the document does not know it."""

    created_at: datetime
    """When it was created, in UTC."""

    webhook_url: str | None = None
    """Where a POST starts it; None unless its trigger is a webhook.  The server chooses it."""

    extra: Mapping[str, Json] = unknown_fields()
    """Undocumented fields, as they came."""


@public("cloudflow_async")
@attrs.frozen(kw_only=True, weakref_slot=False)
class UpdatedWorkflow:
    """The answer to a change (Update Workflow): the changed fields, not the whole workflow."""

    id: str
    """The workflow's id."""

    status: WorkflowStatus | str | None = None
    """The state after the change; None when the answer does not tell it."""

    updated_at: datetime
    """When it was changed, in UTC."""

    extra: Mapping[str, Json] = unknown_fields()
    """Whatever else came: the document shows no other field, but `apply_to` uses what it can."""

    def apply_to(self, workflow: Workflow) -> Workflow:
        """Return the workflow with this change.

        What this answer does not carry stays as it is in `workflow`, even where the change
        was about it: an answer of `id`, `status` and `updated_at` does not tell a new name.

        Raises:
            InvalidArgumentError: It is another workflow.
            DecodeError: The answer carries a field that does not fit a `Workflow`.
        """
        if workflow.id != self.id:
            raise InvalidArgumentError(f"the change is of {self.id}, not of {workflow.id}")
        return decode(Workflow, _fields(workflow) | _fields(self))


def _fields(model: Workflow | UpdatedWorkflow) -> dict[str, Json]:
    fields = encode(model)
    assert isinstance(fields, dict)
    return fields


class Workflows(Resource):
    """The workflows of the account (API document: Endpoints, Workflows)."""

    def list(
        self,
        *,
        status: WorkflowStatus | str | None = None,
        created_after: datetime | None = None,
        page_size: int = 100,
        max_items: int | None = None,
        start: int | Bookmark = 0,
        prefetch: int = 1,
        on_drift: OnDrift = "dedupe",
    ) -> Pages[WorkflowSummary]:
        """Return the workflows as a list that is read over the network (List Workflows).

        Args:
            status: Only these: ``active``, ``paused`` or ``archived``.
            created_after: Only those created later; has to be aware.
            page_size: Rows a request, 1 to 100.
            max_items: Most rows in all; None: no bound.
            start: Rows to skip, or a `Bookmark`; errors tell the number as `resume_at`.
            prefetch: Pages kept on their way ahead of the reader.
            on_drift: What is done when the list changes meanwhile; see `Pages`, which also tells
                what it costs: N rows take one request in a hundred more than N / 100.

        Raises:
            InvalidArgumentError: An argument is out of range, or a datetime has no zone.
        """
        return self._list(
            WorkflowSummary,
            "/workflows",
            query=[("status", status), ("created_after", instant("created_after", created_after))],
            page_size=page_size,
            max_items=max_items,
            start=start,
            prefetch=prefetch,
            on_drift=on_drift,
            scope=_READ,
        )

    async def get(self, workflow_id: str) -> Workflow:
        """Return a workflow with its steps and metrics (Get Workflow Details).

        Raises:
            NotFoundError: There is none with this id.
        """
        segments = {"workflow_id": workflow_id}
        return await self._ask(
            Workflow, "GET", _ONE, segments=segments, scope=_READ, echoes={"id": workflow_id}
        )

    async def create(
        self,
        *,
        name: str,
        trigger: Trigger | Mapping[str, Json],
        steps: Iterable[Step | Mapping[str, Json]],
        description: str | Unset | None = UNSET,
    ) -> CreatedWorkflow:
        """Create a workflow (Create Workflow).

        Args:
            name: Its name.
            trigger: What starts it: `WebhookTrigger()`, `ScheduleTrigger(cron=...)`, or a dict
                as the API document shows it.
            steps: What it does, in order.
            description: Free text; None sends ``null``.

        Raises:
            InvalidArgumentError: `steps` is no list, or a field has no JSON.
            BadRequestError: The server refuses a field; `field` names it.
            OutcomeUnknownError: It may have been created although the call failed.  It is not
                sent again, since the API has no idempotency key: list the workflows first.
        """
        body = {
            "name": name,
            "description": description,
            "trigger": trigger,
            "steps": to_list("steps", steps, _STEPS),
        }
        return await self._ask(CreatedWorkflow, "POST", "/workflows", body=body, scope=_WRITE)

    async def update(
        self,
        workflow_id: str,
        *,
        name: str | Unset = UNSET,
        description: str | Unset | None = UNSET,
        status: WorkflowStatus | str | Unset = UNSET,
        trigger: Trigger | Mapping[str, Json] | Unset = UNSET,
        steps: Iterable[Step | Mapping[str, Json]] | Unset = UNSET,
    ) -> UpdatedWorkflow:
        """Change what is given and leave the rest (Update Workflow).

        The answer holds only a few fields; ``updated.apply_to(workflow)`` merges them into a
        workflow that you have.

        Raises:
            InvalidArgumentError: Nothing to change was given, `steps` is no list, or a field has
                no JSON.
            NotFoundError: There is none with this id.
            OutcomeUnknownError: The change may have been made although the call failed.
        """
        body = {
            "name": name,
            "description": description,
            "status": status,
            "trigger": trigger,
            "steps": steps if isinstance(steps, Unset) else to_list("steps", steps, _STEPS),
        }
        if all(value is UNSET for value in body.values()):
            raise InvalidArgumentError("Nothing to change: give at least one field.")
        segments = {"workflow_id": workflow_id}
        return await self._ask(
            UpdatedWorkflow,
            "PATCH",
            _ONE,
            segments=segments,
            body=body,
            scope=_WRITE,
            echoes={"id": workflow_id},
        )

    async def delete(self, workflow_id: str) -> None:
        """Delete a workflow for good (Delete Workflow).

        When the answer to a first attempt is lost and the next finds nothing, it was deleted.

        Raises:
            NotFoundError: There was none with this id.
        """
        await self._tell("DELETE", _ONE, segments={"workflow_id": workflow_id}, scope=_WRITE)

    async def trigger(self, workflow_id: str, payload: object = UNSET) -> Json:
        """Start a workflow whose trigger is a webhook.

        Undocumented: it posts to the path that the ``webhook_url`` of the create answer has,
        below this client's own base URL, so that the credential goes nowhere else.

        Args:
            workflow_id: Which.
            payload: Any JSON value; without it no body is sent.

        Returns:
            The JSON of the answer; None if it has no body.

        Raises:
            OutcomeUnknownError: The run may have been started although the call failed.
        """
        segments = {"workflow_id": workflow_id}
        return json_of(await self._tell("POST", _TRIGGER, segments=segments, body=payload))
