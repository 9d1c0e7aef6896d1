"""The events that TechFlow delivers (API document: Webhook Events).

The document shows neither a payload nor a signature.  We take both to be as CloudFlow's are:
``{"event": ..., "timestamp": ..., "data": {...}}``, signed by Standard Webhooks.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from cloudflow_async._core.codec.fields import unknown_fields
from cloudflow_async._core.messages import Json
from cloudflow_async._core.public import public
from cloudflow_async._core.webhooks import (
    TOLERANCE,
    EventData,
    SecretEncoding,
    WebhookEvent,
    WebhookHeaders,
    WebhookScheme,
    check_keys,
    find_keys,
    parse_event,
    verify_delivery,
)


@public("cloudflow_async.techflow")
@attrs.frozen(kw_only=True, weakref_slot=False)
class WorkflowEventData(EventData):
    """What a workflow's event tells: the document shows none, so any field may be None."""

    workflow_id: str | None = None
    """The workflow that was changed."""

    status: str | None = None
    """How it stands."""

    extra: Mapping[str, Json] = unknown_fields()
    """Other fields, as they came."""


@public("cloudflow_async.techflow")
@attrs.frozen(kw_only=True, weakref_slot=False)
class ExecutionEventData(EventData):
    """What an execution's event tells: the document shows none, so any field may be None."""

    execution_id: str | None = None
    """The execution."""

    workflow_id: str | None = None
    """The workflow that ran."""

    status: str | None = None
    """How it stands."""

    extra: Mapping[str, Json] = unknown_fields()
    """Other fields, as they came."""


@public("cloudflow_async.techflow")
@attrs.frozen(kw_only=True)
class WorkflowEvent(WebhookEvent):
    """A workflow was created, changed or deleted."""

    data: WorkflowEventData
    """Which."""


@public("cloudflow_async.techflow")
@attrs.frozen(kw_only=True)
class WorkflowCreated(WorkflowEvent):
    """``workflow.created``."""


@public("cloudflow_async.techflow")
@attrs.frozen(kw_only=True)
class WorkflowUpdated(WorkflowEvent):
    """``workflow.updated``."""


@public("cloudflow_async.techflow")
@attrs.frozen(kw_only=True)
class WorkflowDeleted(WorkflowEvent):
    """``workflow.deleted``."""


@public("cloudflow_async.techflow")
@attrs.frozen(kw_only=True)
class ExecutionEvent(WebhookEvent):
    """An execution began or ended."""

    data: ExecutionEventData
    """Which, and how it went."""


@public("cloudflow_async.techflow")
@attrs.frozen(kw_only=True)
class ExecutionStarted(ExecutionEvent):
    """``execution.started``."""


@public("cloudflow_async.techflow")
@attrs.frozen(kw_only=True)
class ExecutionCompleted(ExecutionEvent):
    """``execution.completed``."""


@public("cloudflow_async.techflow")
@attrs.frozen(kw_only=True)
class ExecutionFailed(ExecutionEvent):
    """``execution.failed``."""


EVENTS: Final[Mapping[str, type[WebhookEvent]]] = {
    "workflow.created": WorkflowCreated,
    "workflow.updated": WorkflowUpdated,
    "workflow.deleted": WorkflowDeleted,
    "execution.started": ExecutionStarted,
    "execution.completed": ExecutionCompleted,
    "execution.failed": ExecutionFailed,
}
"""The document's Webhook Events, each with its class."""


@public("cloudflow_async.techflow")
def verify_webhook(
    body: bytes,
    headers: WebhookHeaders,
    *,
    secrets: str | Sequence[str],
    now: float | None = None,
    tolerance: float = TOLERANCE,
    secret_encoding: SecretEncoding = "base64",  # noqa: S107 - no secret
    scheme: WebhookScheme | None = None,
) -> WebhookEvent:
    """Return the event of a delivery that was signed with one of the secrets.

    Arguments, result and errors are those of `cloudflow_async.verify_webhook`; the events are
    those in `EVENTS`.
    """
    found = find_keys(secrets, secret_encoding)
    # From here on a traceback that shows variables shows no secret.
    del secrets
    delivery = verify_delivery(
        body,
        headers,
        secrets=check_keys(found),
        now=time.time() if now is None else now,
        tolerance=tolerance,
        secret_encoding=secret_encoding,
        scheme=scheme,
    )
    return parse_event(delivery, EVENTS)
