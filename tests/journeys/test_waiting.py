"""A program that waits for executions: what it costs, and how it learns of their ends."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from cloudflow_async import (
    AuthenticationError,
    ClientClosedError,
    CloudFlow,
    DeadlineExceededError,
    Execution,
    RetryPolicy,
)
from cloudflow_async.cloudflow.router import WebhookRouter
from cloudflow_async.emulator import Emulator, Fault
from cloudflow_async.web import webhook_handler
from tests.journeys.conftest import OpenClient, StartEmulator

pytestmark = pytest.mark.virtual_time

SECRET = "whsec_" + "c2VjcmV0IG9mIHRoZSB3YWl0aW5nIGpvdXJuZXk="
MANY = 1000


def now() -> float:
    """Return the virtual seconds since the test began."""
    return asyncio.get_running_loop().time()


def others() -> set[asyncio.Task[Any]]:
    """Return the tasks that look for executions."""
    return {task for task in asyncio.all_tasks() if task.get_name().startswith("waiting for")}


def windows(emulator: Emulator) -> list[tuple[str | None, str | None]]:
    """Return the bounds that each request asked for."""
    return [
        (request.query.get("start_date"), request.query.get("end_date"))
        for request in emulator.requests
    ]


async def start(emulator: Emulator, client: CloudFlow, *, seconds: float) -> tuple[str, str]:
    """Trigger a workflow that runs so long; return its pipeline and the execution."""
    workflow_id = emulator.add_workflow(trigger={"type": "webhook"})
    emulator.plan_runs(workflow_id, seconds=seconds)
    answer = await client.workflows.trigger(workflow_id, {})
    assert isinstance(answer, dict)
    return emulator.pipeline_of(workflow_id), str(answer["execution_id"])


@asynccontextmanager
async def receiver(router: WebhookRouter) -> AsyncIterator[str]:
    """Serve a router on a loopback port, and give its URL."""
    app = web.Application()
    app.router.add_post("/hook", webhook_handler(router))
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    finally:
        await runner.cleanup()


async def test_an_execution_is_followed_to_its_end(
    start_emulator: StartEmulator, open_client: OpenClient
) -> None:
    """One request a look, each for the second in which it started, after the first one."""
    emulator = await start_emulator()
    client = open_client(emulator)
    pipeline_id, execution_id = await start(emulator, client, seconds=20)
    emulator.add_executions(pipeline_id, 500, started_at=datetime(2026, 1, 20, tzinfo=UTC))
    looks = len(emulator.requests)
    execution = await client.pipelines.wait_for_execution(pipeline_id, execution_id)

    assert (execution_id, "completed", 20_000) == (
        execution.id,
        execution.status,
        execution.duration_ms,
    )
    assert 20 <= now() <= 35
    window = ("2026-01-24T10:44:59Z", "2026-01-24T10:45:01Z")
    assert [(None, None), window, window] == windows(emulator)[looks:][:3]
    assert {window} == set(windows(emulator)[looks + 1 :])
    assert len(emulator.requests) - looks <= 10
    assert set() == others()


async def test_a_thousand_waiters_cost_the_requests_of_one(
    start_emulator: StartEmulator, open_client: OpenClient
) -> None:
    """Whatever views of the client they wait through; none of them leaves a task."""
    emulator = await start_emulator()
    client = open_client(emulator)
    views = [client, client.with_options(deadline=5), client.with_options(timeout=3)]
    costs = []
    for waiters in (1, MANY):
        pipeline_id, execution_id = await start(emulator, client, seconds=300)
        before = len(emulator.requests)
        found = await asyncio.gather(
            *(
                views[n % 3].pipelines.wait_for_execution(pipeline_id, execution_id)
                for n in range(waiters)
            )
        )
        costs.append(len(emulator.requests) - before)

        assert [execution_id] * waiters == [execution.id for execution in found]

    # As the jitter falls out: with none of it 18 looks, with all of it 21.
    assert all(18 <= cost <= 21 for cost in costs)
    assert set() == others()


async def test_a_thousand_executions_of_one_pipeline(
    start_emulator: StartEmulator, open_client: OpenClient
) -> None:
    """They began a second apart and end together after ten minutes: well within the budget."""
    emulator = await start_emulator()
    client = open_client(emulator)
    pipeline_id = emulator.add_pipeline()
    state = emulator._state
    rows = [
        state.add_execution(
            state.pipelines[pipeline_id], started_at=state.now - n, status="running"
        )
        for n in range(MANY)
    ]

    def end_all() -> None:
        emulator.delete_executions(pipeline_id, [row.id for row in rows])
        for row in rows:
            state.add_execution(
                state.pipelines[pipeline_id],
                id=row.id,
                started_at=row.started_at,
                status="completed",
            )

    asyncio.get_running_loop().call_later(600, end_all)
    found = await asyncio.gather(
        *(client.pipelines.wait_for_execution(pipeline_id, row.id) for row in rows)
    )

    assert {"completed"} == {execution.status for execution in found}
    assert now() <= 700
    assert {200} == {request.status for request in emulator.requests}
    assert len(emulator.requests) <= 500


async def test_a_delivery_ends_the_wait_at_once(
    start_emulator: StartEmulator,
    open_client: OpenClient,
    virtual_clock: Callable[[], float],
) -> None:
    """The run ends at 100 seconds, the wait the same moment, after five requests in all."""
    emulator = await start_emulator()
    client = open_client(emulator)
    router = WebhookRouter(SECRET, clock=virtual_clock)
    events: list[str] = []

    @router.on("*")
    async def see(event: object) -> None:
        events.append(type(event).__name__)

    async with receiver(router) as url:
        await client.webhooks.create(
            url=url, events=["workflow.started", "pipeline.completed"], secret=SECRET
        )
        pipeline_id, execution_id = await start(emulator, client, seconds=100)
        before = len(emulator.requests)
        execution = await client.pipelines.wait_for_execution(
            pipeline_id, execution_id, router=router, timeout=200
        )
        ended_at = now()

    assert "completed" == execution.status
    assert 100 == round(ended_at, 1)
    # One look at the beginning, three or four in a hundred seconds, and the one that was hurried.
    assert 5 <= len(emulator.requests) - before <= 6
    assert ["WorkflowStarted", "PipelineCompleted"] == events
    assert "handlers=1" in repr(router)


async def test_the_timeout(start_emulator: StartEmulator, open_client: OpenClient) -> None:
    """It is exact, says what was seen, and leaves no task."""
    emulator = await start_emulator()
    client = open_client(emulator)
    pipeline_id, execution_id = await start(emulator, client, seconds=math.inf)
    began_at = now()
    with pytest.raises(DeadlineExceededError, match="still ran after 42 seconds"):
        await client.pipelines.wait_for_execution(pipeline_id, execution_id, timeout=42)

    assert 42 == round(now() - began_at, 6)
    with pytest.raises(DeadlineExceededError, match=r"'exec_none' of .* was not seen"):
        await client.pipelines.wait_for_execution(pipeline_id, "exec_none", timeout=42)
    assert set() == others()


async def test_closing_the_client_ends_the_waits(
    start_emulator: StartEmulator, open_client: OpenClient
) -> None:
    """At once, in a pause as well as on the wire; closing a view ends nothing."""
    emulator = await start_emulator()
    client = open_client(emulator)
    pipeline_id, execution_id = await start(emulator, client, seconds=math.inf)
    view = client.with_options(timeout=5)
    waits = [
        asyncio.create_task(each.pipelines.wait_for_execution(pipeline_id, execution_id))
        for each in (client, view)
    ]
    await asyncio.sleep(20)
    await view.close()
    emulator.inject(Fault(delay=3, times=None))
    waits.append(asyncio.create_task(client.pipelines.wait_for_execution(pipeline_id, "exec_none")))
    await asyncio.sleep(1)

    assert not any(wait.done() for wait in waits)
    began_at = now()
    await client.close()
    results = await asyncio.gather(*waits, return_exceptions=True)

    assert [ClientClosedError] * 3 == [type(result) for result in results]
    assert now() - began_at < 0.1
    assert set() == others()


async def test_a_key_that_is_revoked_ends_the_waits(
    start_emulator: StartEmulator, open_client: OpenClient
) -> None:
    """It is told at the next look, to each."""
    emulator = await start_emulator()
    client = open_client(emulator)
    pipeline_id, execution_id = await start(emulator, client, seconds=math.inf)
    waits = [
        asyncio.create_task(client.pipelines.wait_for_execution(pipeline_id, execution_id))
        for _ in range(3)
    ]
    await asyncio.sleep(10)
    emulator.inject(Fault(status=401, times=None))
    results = await asyncio.gather(*waits, return_exceptions=True)

    assert [AuthenticationError] * 3 == [type(result) for result in results]
    assert 3 == len(set(map(id, results)))


async def test_an_outage_is_waited_out(
    start_emulator: StartEmulator, open_client: OpenClient
) -> None:
    """Fifty failures in a row end nobody's wait: of the server, of the network, for the limit."""
    emulator = await start_emulator()
    client = open_client(emulator, retry=RetryPolicy.never())
    pipeline_id, execution_id = await start(emulator, client, seconds=30)
    emulator.inject(Fault(status=502, body="html", times=20))
    emulator.inject(Fault(drop="after", times=20))
    emulator.inject(Fault(status=429, retry_after=5, times=10))
    execution = await client.pipelines.wait_for_execution(pipeline_id, execution_id)

    assert "completed" == execution.status


async def test_looks_stand_in_line_with_other_calls(
    start_emulator: StartEmulator, open_client: OpenClient
) -> None:
    """With 300 before it, the only look comes after them all; nobody earns a 429."""
    emulator = await start_emulator()
    client = open_client(emulator)
    pipeline_id, execution_id = await start(emulator, client, seconds=60)
    crowd = [asyncio.create_task(client.workflows.get("wf_none")) for _ in range(300)]
    wait: asyncio.Task[Execution] = asyncio.create_task(
        client.pipelines.wait_for_execution(pipeline_id, execution_id)
    )
    await asyncio.gather(*crowd, return_exceptions=True)
    await wait

    paths = [request.path for request in emulator.requests]

    assert {200, 202, 404} == {request.status for request in emulator.requests}
    assert [f"/v2/pipelines/{pipeline_id}/executions"] == paths[301:]
