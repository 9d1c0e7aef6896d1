"""What type checkers see of TechFlow's calls and events; checked by mypy and pyright, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import assert_type

from aiohttp import web

from cloudflow_async import Json, Page, Pages, Response, WebhookEvent
from cloudflow_async.techflow import (
    BearerKeyAuth,
    Execution,
    ExecutionCompleted,
    ExecutionEvent,
    ExecutionEventData,
    ExecutionFailed,
    ExecutionStarted,
    TechFlow,
    WebhookRouter,
    Workflow,
    WorkflowCreated,
    WorkflowDeleted,
    WorkflowEvent,
    WorkflowEventData,
    WorkflowUpdated,
    verify_webhook,
)
from cloudflow_async.web import WebhookApp, webhook_handler


async def lists(tf: TechFlow) -> None:
    """A list that is not paged is read like any other."""
    rows = assert_type(tf.workflows.list(), Pages[Workflow])
    assert_type(await rows, Page[Workflow])
    assert_type(rows.pages(), AsyncIterator[Page[Workflow]])
    assert_type(await rows.collect(), list[Workflow])
    async for execution in tf.executions.list():
        assert_type(execution, Execution)


async def shapes(tf: TechFlow) -> None:
    """Workflows have one class; what the document does not show may be None."""
    created = assert_type(await tf.workflows.create(name="n", triggers=["manual"]), Workflow)
    assert_type(created.triggers, tuple[Json, ...] | None)
    assert_type(created.status, str | None)
    assert_type(await tf.workflows.get(created.id), Workflow)
    assert_type(await tf.workflows.update(created.id, description=None), Workflow)
    assert_type(await tf.workflows.replace(created.id, created), Workflow)
    assert_type(await tf.workflows.replace(created.id, {"name": "n", "triggers": []}), Workflow)
    assert_type(await tf.workflows.execute(created.id), Execution | None)
    await tf.workflows.delete(created.id)

    await tf.workflows.create(triggers=[])  # type: ignore[call-arg]
    await tf.workflows.update(created.id, name=None)  # type: ignore[arg-type]


async def client(tf: TechFlow) -> None:
    """The client is its own context, and a view of it has its type."""
    async with TechFlow(auth=BearerKeyAuth("your_key")) as entered:
        assert_type(entered, TechFlow)
    assert_type(tf.with_options(deadline=5.0), TechFlow)
    assert_type(await tf.request("GET", "/anything"), Response)
    assert_type(BearerKeyAuth.from_environment(), BearerKeyAuth)


class Handlers:
    """One for each class of event."""

    async def created(self, event: WorkflowCreated) -> None:
        """Take a ``workflow.created``."""
        assert_type(event.data, WorkflowEventData)

    async def updated(self, event: WorkflowUpdated) -> None:
        """Take a ``workflow.updated``."""

    async def deleted(self, event: WorkflowDeleted) -> None:
        """Take a ``workflow.deleted``."""

    async def started(self, event: ExecutionStarted) -> None:
        """Take an ``execution.started``."""
        assert_type(event.data, ExecutionEventData)

    async def completed(self, event: ExecutionCompleted) -> None:
        """Take an ``execution.completed``."""

    async def failed(self, event: ExecutionFailed) -> int:
        """Take an ``execution.failed``."""
        return len(event.data)

    async def workflow(self, event: WorkflowEvent) -> None:
        """Take any documented event of a workflow."""

    async def execution(self, event: ExecutionEvent) -> None:
        """Take any documented event of an execution."""

    async def any(self, event: WebhookEvent) -> None:
        """Take any event."""


def one_type(router: WebhookRouter, handlers: Handlers) -> None:
    """A handler of one documented event gets its class, and stays what it is."""
    router.on("workflow.created")(handlers.created)
    router.on("workflow.updated")(handlers.updated)
    router.on("workflow.deleted")(handlers.deleted)
    router.on("execution.started")(handlers.started)
    router.on("execution.completed")(handlers.completed)
    failed: Callable[[ExecutionFailed], Awaitable[int]] = router.on("execution.failed")(
        handlers.failed
    )
    router.on("execution.failed")(failed)

    router.on("execution.failed")(handlers.completed)  # type: ignore[type-var]
    router.on("workflow.created")(handlers.execution)  # type: ignore[type-var]


def several_types(router: WebhookRouter, handlers: Handlers) -> None:
    """A handler of several events gets what they have in common."""
    router.on("workflow.created", "workflow.deleted")(handlers.workflow)
    router.on("execution.completed", "execution.failed")(handlers.execution)
    router.on("workflow.created", "execution.failed")(handlers.any)
    router.on("execution.*")(handlers.any)
    router.on("workflow.failed")(handlers.any)

    router.on("workflow.created", "execution.failed")(handlers.workflow)  # type: ignore[type-var]
    router.on("execution.*")(handlers.execution)  # type: ignore[type-var]


async def deliveries(router: WebhookRouter, app: web.Application) -> None:
    """The adapters take the router, and a delivery is an event."""
    app.router.add_post("/hooks", webhook_handler(router))
    WebhookApp(router)
    assert_type(verify_webhook(b"", {}, secrets="whsec_"), WebhookEvent)
