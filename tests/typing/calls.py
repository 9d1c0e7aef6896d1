"""What type checkers see of the public calls; checked by mypy and pyright, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import assert_type

from cloudflow_async import (
    CloudFlow,
    CreatedWorkflow,
    Execution,
    FanOut,
    Json,
    Page,
    Pages,
    RateLimitStatus,
    Response,
    UpdatedWorkflow,
    Webhook,
    Workflow,
    WorkflowMetrics,
    WorkflowSummary,
)


async def pages(cf: CloudFlow) -> None:
    """A list is awaited for its first page, iterated for its rows, or collected."""
    rows = assert_type(cf.workflows.list(status="active"), Pages[WorkflowSummary])
    page = assert_type(await rows, Page[WorkflowSummary])
    assert_type(page[0], WorkflowSummary)
    assert_type(page[:2], Sequence[WorkflowSummary])
    assert_type(rows.pages(), AsyncIterator[Page[WorkflowSummary]])
    assert_type(await rows.collect(), list[WorkflowSummary])
    async for execution in cf.pipelines.executions("pipe_4x9k2m"):
        assert_type(execution, Execution)


async def fan_out(cf: CloudFlow) -> None:
    """The histories of many pipelines are one stream of rows."""
    async with cf.pipelines.fan_out(["pipe_4x9k2m"]) as history:
        assert_type(history, FanOut[Execution])
        async for execution in history:
            assert_type(execution, Execution)


async def shapes(cf: CloudFlow) -> None:
    """Each documented answer has a class of its own."""
    assert_type(await cf.workflows.get("wf_8x7k2m9p"), Workflow)
    created = await cf.workflows.create(name="n", trigger={"type": "webhook"}, steps=[])
    assert_type(created, CreatedWorkflow)
    assert_type(await cf.workflows.update(created.id, status="paused"), UpdatedWorkflow)
    assert_type(await cf.workflows.trigger(created.id, {"any": "json"}), Json)
    assert_type(await cf.analytics.workflow_metrics(created.id, period="7d"), WorkflowMetrics)
    hook = await cf.webhooks.create(url="https://example.com", events=["workflow.failed"])
    assert_type(hook, Webhook)


async def client(cf: CloudFlow) -> None:
    """The client is its own context, and a view of it has its type."""
    async with CloudFlow("cf_test_key") as entered:
        assert_type(entered, CloudFlow)
    assert_type(cf.with_options(deadline=5.0), CloudFlow)
    assert_type(cf.rate_limit, RateLimitStatus)
    assert_type(await cf.request("GET", "/anything"), Response)
