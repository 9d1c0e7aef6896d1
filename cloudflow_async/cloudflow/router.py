"""The webhook router for CloudFlow's events: what `on` names decides what a handler gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, TypeAlias, TypeVar, overload

from cloudflow_async._core.public import public
from cloudflow_async._core.webhooks import WebhookEvent
from cloudflow_async._core.webhooks.router import Router

from .events import (
    EVENTS,
    PipelineCompleted,
    PipelineEvent,
    PipelineFailed,
    WorkflowCompleted,
    WorkflowEvent,
    WorkflowFailed,
    WorkflowStarted,
)

WorkflowEventName: TypeAlias = Literal["workflow.started", "workflow.completed", "workflow.failed"]
"""API document, Supported Events: those of workflows."""

PipelineEventName: TypeAlias = Literal["pipeline.completed", "pipeline.failed"]
"""API document, Supported Events: those of pipelines."""

E = TypeVar("E", bound=WebhookEvent)
HandlerOf: TypeAlias = Callable[[E], object]

# One for each class, because the bound of a type variable cannot itself be generic.
_OnStarted = TypeVar("_OnStarted", bound=HandlerOf[WorkflowStarted])
_OnCompleted = TypeVar("_OnCompleted", bound=HandlerOf[WorkflowCompleted])
_OnFailed = TypeVar("_OnFailed", bound=HandlerOf[WorkflowFailed])
_OnPipelineCompleted = TypeVar("_OnPipelineCompleted", bound=HandlerOf[PipelineCompleted])
_OnPipelineFailed = TypeVar("_OnPipelineFailed", bound=HandlerOf[PipelineFailed])
_OnWorkflow = TypeVar("_OnWorkflow", bound=HandlerOf[WorkflowEvent])
_OnPipeline = TypeVar("_OnPipeline", bound=HandlerOf[PipelineEvent])
_OnAny = TypeVar("_OnAny", bound=HandlerOf[WebhookEvent])


@public("cloudflow_async")
class WebhookRouter(Router):
    """Verifies deliveries and calls the handlers of their events, once for each delivery.

    It knows no server: `handle` takes body and headers and returns the status to answer with;
    `cloudflow_async.web` puts it into aiohttp.web, Starlette, FastAPI and others.  It belongs to
    one event loop at a time.

    The handlers of an event are called one after another, in the order in which they were
    registered, and what they return is awaited if it can be.  One that raises is logged and stops
    no other; but the answer is 500 then, and when the sender tries again, all of them are called
    again: each should be safe to repeat.  Nothing bounds their time except the sender, who waits
    for some seconds and then takes the delivery for lost: what takes long belongs into a queue.
    Deliveries can overtake each other; `timestamp` and `sent_at` of the events tell the order.

    Args:
        secrets: What the webhook was created with: one, or up to five while they are rotated.
        tolerance: Most seconds between our clock and a delivery's time, either way.
        secret_encoding: How keys are made of the secrets, as in `verify_webhook`.
        scheme: How deliveries are signed; None: Standard Webhooks.
        dedupe: Remembers which deliveries were handled; None: a `MemoryDedupeStore`, which is
            enough for one process.
        clock: Our clock, in Unix seconds.

    Raises:
        InvalidArgumentError: An argument cannot be used.

    Example:
        ```python
        router = WebhookRouter("whsec_...")

        @router.on("workflow.failed")
        async def report(event: WorkflowFailed) -> None:
            print(event.data.workflow_id, event.timestamp)
        ```
    """

    events: ClassVar[Mapping[str, type[WebhookEvent]]] = EVENTS
    """The known types of events, each with its class."""

    @overload
    def on(self, only: Literal["workflow.started"], /) -> Callable[[_OnStarted], _OnStarted]: ...

    @overload
    def on(
        self, only: Literal["workflow.completed"], /
    ) -> Callable[[_OnCompleted], _OnCompleted]: ...

    @overload
    def on(self, only: Literal["workflow.failed"], /) -> Callable[[_OnFailed], _OnFailed]: ...

    @overload
    def on(
        self, only: Literal["pipeline.completed"], /
    ) -> Callable[[_OnPipelineCompleted], _OnPipelineCompleted]: ...

    @overload
    def on(
        self, only: Literal["pipeline.failed"], /
    ) -> Callable[[_OnPipelineFailed], _OnPipelineFailed]: ...

    @overload
    def on(self, *types: WorkflowEventName) -> Callable[[_OnWorkflow], _OnWorkflow]: ...

    @overload
    def on(self, *types: PipelineEventName) -> Callable[[_OnPipeline], _OnPipeline]: ...

    @overload
    def on(self, *types: str) -> Callable[[_OnAny], _OnAny]: ...

    def on(self, *types: str) -> Callable[[Any], Any]:
        """Register the decorated function, async or not, for events; it stays as it is.

        Named in full, an event comes in its class, or not at all: a delivery whose data do not fit
        is answered 400 and logged.  To ``workflow.*``, ``pipeline.*`` and ``*`` any event comes,
        those of unknown types as a plain `WebhookEvent`.

        Args:
            types: Such as ``workflow.failed`` or ``workflow.*``; any number.

        Raises:
            InvalidArgumentError: No type is given, or a ``*`` is elsewhere than at the end; or the
                handler cannot be called with one event, or is a generator.
        """
        return super().on(*types)
