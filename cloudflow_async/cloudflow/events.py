"""The events that CloudFlow delivers (API document: Webhooks)."""

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


@public("cloudflow_async")
@attrs.frozen(kw_only=True, weakref_slot=False)
class WorkflowEventData(EventData):
    """What a workflow's event tells (Webhook Payload Example)."""

    workflow_id: str
    """The workflow that ran, such as ``wf_8x7k2m9p``."""

    execution_id: str | None = None
    """Its run, such as ``exec_9k3m7n2q``."""

    status: str | None = None
    """How it stands, such as ``completed``."""

    duration_ms: int | None = None
    """How long it took, in milliseconds."""

    records_processed: int | None = None
    """Records that went through."""

    extra: Mapping[str, Json] = unknown_fields()
    """Undocumented fields, as they came."""


@public("cloudflow_async")
@attrs.frozen(kw_only=True, weakref_slot=False)
class PipelineEventData(EventData):
    """What a pipeline's event tells: the document shows none, so any field may be None.

    The fields are those of an execution in the pipeline's history.
    """

    pipeline_id: str | None = None
    """The pipeline that ran, such as ``pipe_4x9k2m``."""

    execution_id: str | None = None
    """Its run, such as ``exec_7m3k9x2p``."""

    status: str | None = None
    """How it stands, such as ``completed``."""

    duration_ms: int | None = None
    """How long it took, in milliseconds."""

    records_processed: int | None = None
    """Records that went through."""

    records_failed: int | None = None
    """Records among them that failed."""

    extra: Mapping[str, Json] = unknown_fields()
    """Other fields, as they came."""


@public("cloudflow_async")
@attrs.frozen(kw_only=True)
class WorkflowEvent(WebhookEvent):
    """Something happened to a workflow."""

    data: WorkflowEventData
    """Which, and how it went."""


@public("cloudflow_async")
@attrs.frozen(kw_only=True)
class WorkflowStarted(WorkflowEvent):
    """``workflow.started``."""


@public("cloudflow_async")
@attrs.frozen(kw_only=True)
class WorkflowCompleted(WorkflowEvent):
    """``workflow.completed``."""


@public("cloudflow_async")
@attrs.frozen(kw_only=True)
class WorkflowFailed(WorkflowEvent):
    """``workflow.failed``."""


@public("cloudflow_async")
@attrs.frozen(kw_only=True)
class PipelineEvent(WebhookEvent):
    """Something happened to a pipeline."""

    data: PipelineEventData
    """Which, and how it went."""


@public("cloudflow_async")
@attrs.frozen(kw_only=True)
class PipelineCompleted(PipelineEvent):
    """``pipeline.completed``."""


@public("cloudflow_async")
@attrs.frozen(kw_only=True)
class PipelineFailed(PipelineEvent):
    """``pipeline.failed``."""


EVENTS: Final[Mapping[str, type[WebhookEvent]]] = {
    "workflow.started": WorkflowStarted,
    "workflow.completed": WorkflowCompleted,
    "workflow.failed": WorkflowFailed,
    "pipeline.completed": PipelineCompleted,
    "pipeline.failed": PipelineFailed,
}
"""The document's Supported Events, each with its class."""


@public("cloudflow_async")
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

    The document names no scheme for its signatures; ours is Standard Webhooks, by assumption.

    Args:
        body: The bytes that came, before anything decoded or parsed them.
        headers: The headers that came: a mapping, a multidict or pairs.
        secrets: What the webhook was created with, such as ``whsec_...``; several, up to five,
            while they are rotated.
        now: The time, in Unix seconds; None: now.
        tolerance: Most seconds between `now` and the signed time, either way.
        secret_encoding: ``"base64"``: a key is the base64 of 24 to 64 bytes after ``whsec_``;
            ``"utf8"``: it is the whole text, as the document's own sample
            ``whsec_your_webhook_secret`` needs it.
        scheme: None: Standard Webhooks.

    Returns:
        An event of the class in `EVENTS` where its type is known and its data fit, else a plain
        `WebhookEvent`.

    Raises:
        WebhookVerificationError: It cannot be trusted.
        WebhookPayloadError: It can, but its body is no event.
        InvalidArgumentError: One of our own arguments cannot be used; no sender can cause that.
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
