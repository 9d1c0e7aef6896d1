"""What type checkers see of webhook handlers; checked by mypy and pyright, never run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import assert_type

from aiohttp import web

from cloudflow_async._core.webhooks import WebhookEvent
from cloudflow_async.cloudflow.events import (
    PipelineCompleted,
    PipelineEvent,
    PipelineEventData,
    PipelineFailed,
    WorkflowCompleted,
    WorkflowEvent,
    WorkflowEventData,
    WorkflowFailed,
    WorkflowStarted,
)
from cloudflow_async.cloudflow.router import WebhookRouter
from cloudflow_async.web import WebhookApp, webhook_handler


class Handlers:
    """One for each class of event."""

    async def started(self, event: WorkflowStarted) -> None:
        """Take a ``workflow.started``."""
        assert_type(event.data, WorkflowEventData)

    async def completed(self, event: WorkflowCompleted) -> None:
        """Take a ``workflow.completed``."""

    async def failed(self, event: WorkflowFailed) -> int:
        """Take a ``workflow.failed``."""
        return event.data.duration_ms or 0

    async def pipeline_completed(self, event: PipelineCompleted) -> None:
        """Take a ``pipeline.completed``."""
        assert_type(event.data, PipelineEventData)

    async def pipeline_failed(self, event: PipelineFailed) -> None:
        """Take a ``pipeline.failed``."""

    async def workflow(self, event: WorkflowEvent) -> None:
        """Take any documented event of a workflow."""

    async def pipeline(self, event: PipelineEvent) -> None:
        """Take any documented event of a pipeline."""

    async def any(self, event: WebhookEvent) -> None:
        """Take any event."""


def one_type(router: WebhookRouter, handlers: Handlers) -> None:
    """A handler of one documented event gets its class, and stays what it is."""
    router.on("workflow.started")(handlers.started)
    router.on("workflow.completed")(handlers.completed)
    failed: Callable[[WorkflowFailed], Awaitable[int]] = router.on("workflow.failed")(
        handlers.failed
    )
    router.on("pipeline.completed")(handlers.pipeline_completed)
    router.on("pipeline.failed")(handlers.pipeline_failed)
    router.on("workflow.failed")(handlers.any)
    router.on("workflow.failed")(failed)

    router.on("workflow.failed")(handlers.completed)  # type: ignore[type-var]
    router.on("pipeline.failed")(handlers.workflow)  # type: ignore[type-var]


def several_types(router: WebhookRouter, handlers: Handlers) -> None:
    """A handler of several events gets what they have in common."""
    router.on("workflow.completed", "workflow.failed")(handlers.workflow)
    router.on("pipeline.completed", "pipeline.failed")(handlers.pipeline)
    router.on("workflow.failed", "pipeline.failed")(handlers.any)

    router.on("workflow.completed", "workflow.failed")(handlers.failed)  # type: ignore[type-var]
    router.on("workflow.failed", "pipeline.failed")(handlers.workflow)  # type: ignore[type-var]


def any_type(router: WebhookRouter, handlers: Handlers) -> None:
    """Behind a wildcard, and of a type that is not documented, any event may come."""
    router.on("*")(handlers.any)
    router.on("workflow.*")(handlers.any)
    router.on("workflow.archived")(handlers.any)
    assert_type(router.listen(["pipeline.*"], handlers.any), Callable[[], None])

    router.on("workflow.*")(handlers.workflow)  # type: ignore[type-var]
    router.listen(["workflow.failed"], handlers.failed)  # type: ignore[arg-type]


def decorated_twice(router: WebhookRouter) -> None:
    """Decorators of different events can be stacked."""

    @router.on("workflow.failed")
    @router.on("pipeline.failed")
    async def report(event: WorkflowFailed | PipelineFailed) -> None:
        assert_type(event.data.execution_id, str | None)

    both: Callable[[WorkflowFailed | PipelineFailed], Awaitable[None]] = report
    router.listen(["*"], both)  # type: ignore[arg-type]


def no_coroutine(router: WebhookRouter, event: WorkflowFailed) -> None:
    """A handler need not be async, and stays what it is."""

    @router.on("workflow.failed")
    def report(event: WorkflowFailed) -> int:
        return 1

    kept: Callable[[WorkflowFailed], int] = report
    assert_type(kept(event), int)


async def adapters(router: WebhookRouter, app: web.Application) -> None:
    """The adapters fit where frameworks want them."""
    app.router.add_post("/hooks", webhook_handler(router, max_body=65536))
    WebhookApp(router, body_timeout=1.0)
    assert_type(await router.handle(b"", {}), int)
