"""The webhook router for TechFlow's events: what `on` names decides what a handler gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, TypeAlias, TypeVar, overload

from cloudflow_async._core.public import public
from cloudflow_async._core.webhooks import WebhookEvent
from cloudflow_async._core.webhooks.router import Router

from .events import (
    EVENTS,
    ExecutionCompleted,
    ExecutionEvent,
    ExecutionFailed,
    ExecutionStarted,
    WorkflowCreated,
    WorkflowDeleted,
    WorkflowEvent,
    WorkflowUpdated,
)

WorkflowEventName: TypeAlias = Literal["workflow.created", "workflow.updated", "workflow.deleted"]
"""API document, Webhook Events: those of workflows."""

ExecutionEventName: TypeAlias = Literal[
    "execution.started", "execution.completed", "execution.failed"
]
"""API document, Webhook Events: those of executions."""

E = TypeVar("E", bound=WebhookEvent)
HandlerOf: TypeAlias = Callable[[E], object]

# One for each class, because the bound of a type variable cannot itself be generic.
_OnCreated = TypeVar("_OnCreated", bound=HandlerOf[WorkflowCreated])
_OnUpdated = TypeVar("_OnUpdated", bound=HandlerOf[WorkflowUpdated])
_OnDeleted = TypeVar("_OnDeleted", bound=HandlerOf[WorkflowDeleted])
_OnStarted = TypeVar("_OnStarted", bound=HandlerOf[ExecutionStarted])
_OnCompleted = TypeVar("_OnCompleted", bound=HandlerOf[ExecutionCompleted])
_OnFailed = TypeVar("_OnFailed", bound=HandlerOf[ExecutionFailed])
_OnWorkflow = TypeVar("_OnWorkflow", bound=HandlerOf[WorkflowEvent])
_OnExecution = TypeVar("_OnExecution", bound=HandlerOf[ExecutionEvent])
_OnAny = TypeVar("_OnAny", bound=HandlerOf[WebhookEvent])


@public("cloudflow_async.techflow")
class WebhookRouter(Router):
    """Verifies TechFlow's deliveries and calls the handlers of their events, once for each.

    It behaves like `cloudflow_async.WebhookRouter`, and `cloudflow_async.web` has the adapters.

    Example:
        ```python
        router = WebhookRouter("whsec_...")

        @router.on("execution.failed")
        async def report(event: ExecutionFailed) -> None:
            print(event.data.workflow_id, event.timestamp)
        ```
    """

    events: ClassVar[Mapping[str, type[WebhookEvent]]] = EVENTS
    """The known types of events, each with its class."""

    @overload
    def on(self, only: Literal["workflow.created"], /) -> Callable[[_OnCreated], _OnCreated]: ...

    @overload
    def on(self, only: Literal["workflow.updated"], /) -> Callable[[_OnUpdated], _OnUpdated]: ...

    @overload
    def on(self, only: Literal["workflow.deleted"], /) -> Callable[[_OnDeleted], _OnDeleted]: ...

    @overload
    def on(self, only: Literal["execution.started"], /) -> Callable[[_OnStarted], _OnStarted]: ...

    @overload
    def on(
        self, only: Literal["execution.completed"], /
    ) -> Callable[[_OnCompleted], _OnCompleted]: ...

    @overload
    def on(self, only: Literal["execution.failed"], /) -> Callable[[_OnFailed], _OnFailed]: ...

    @overload
    def on(self, *types: WorkflowEventName) -> Callable[[_OnWorkflow], _OnWorkflow]: ...

    @overload
    def on(self, *types: ExecutionEventName) -> Callable[[_OnExecution], _OnExecution]: ...

    @overload
    def on(self, *types: str) -> Callable[[_OnAny], _OnAny]: ...

    def on(self, *types: str) -> Callable[[Any], Any]:
        """Register the decorated function, async or not, for events; it stays as it is.

        Args:
            types: Such as ``execution.failed``, which comes in its class or is answered 400, or
                ``execution.*`` and ``*``, to which any event comes; any number.

        Raises:
            InvalidArgumentError: No type is given, or a ``*`` is elsewhere than at the end; or the
                handler cannot be called with one event, or is a generator.
        """
        return super().on(*types)
