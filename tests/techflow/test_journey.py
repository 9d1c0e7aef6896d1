"""The whole stack: client, emulator and receiver in one event loop, with real sockets."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import attrs
import pytest
from aiohttp import web

from cloudflow_async import AuthenticationError, NotFoundError, OutcomeUnknownError, WebhookEvent
from cloudflow_async.emulator import Emulator, Fault
from cloudflow_async.techflow import (
    EVENTS,
    Execution,
    ExecutionCompleted,
    ExecutionStarted,
    TechFlow,
    WebhookRouter,
    Workflow,
    WorkflowCreated,
    WorkflowDeleted,
    WorkflowUpdated,
)
from cloudflow_async.web import webhook_handler
from tests.deliveries import SECRET

pytestmark = pytest.mark.virtual_time

HERD = 300


@attrs.frozen
class World:
    """An emulator, and a client on it."""

    emulator: Emulator
    tf: TechFlow
    events: list[WebhookEvent]


@pytest.fixture
async def world(
    request: pytest.FixtureRequest, virtual_clock: Callable[[], float]
) -> AsyncIterator[World]:
    """Return an emulator whose events reach a router, and a client."""
    options: dict[str, Any] = getattr(request, "param", {})
    async with (
        Emulator(clock=virtual_clock, **options) as emulator,
        TechFlow(emulator.techflow.api_key, base_url=emulator.techflow.base_url) as tf,
    ):
        yield World(emulator, tf, [])


@pytest.fixture
async def receiver(world: World, virtual_clock: Callable[[], float]) -> AsyncIterator[None]:
    """Serve a router that remembers its events."""
    router = WebhookRouter(SECRET, clock=virtual_clock)

    @router.on("*")
    async def remember(event: WebhookEvent) -> None:
        world.events.append(event)

    app = web.Application()
    app.router.add_post("/hook", webhook_handler(router))
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    world.emulator.techflow.configure_webhook(url, secret=SECRET)
    yield
    await runner.cleanup()


async def test_the_life_of_a_workflow(world: World) -> None:
    """What is created is found, changed, executed and gone in the end."""
    tf = world.tf
    created = await tf.workflows.create(name="x", description="d", triggers=["manual"])
    assert created == await tf.workflows.get(created.id)
    assert [Workflow(id=created.id, name="x", status="active")] == [*await tf.workflows.list()]

    replaced = await tf.workflows.replace(created.id, {"name": "y", "owner": {"team": 5}})
    assert (None, (), {"owner": {"team": 5}}) == (
        replaced.description,
        replaced.triggers,
        replaced.extra,
    )
    updated = await tf.workflows.update(created.id, status="paused", triggers=["manual"])
    assert attrs.evolve(replaced, status="paused", triggers=("manual",)) == updated

    run = await tf.workflows.execute(created.id)
    assert run is not None
    assert (created.id, "running") == (run.workflow_id, run.status)

    await tf.workflows.delete(created.id)
    with pytest.raises(NotFoundError):
        await tf.workflows.delete(created.id)
    assert run.id in [execution.id async for execution in tf.executions.list()]


async def test_both_forms_of_executions(world: World) -> None:
    """The list of executions reads the same in an envelope and as an array."""
    techflow = world.emulator.techflow
    workflow_id = techflow.add_workflow()
    ids = {techflow.add_execution(workflow_id) for _ in range(120)}
    enveloped = await world.tf.executions.list().collect()
    techflow.bare_executions = True
    bare = await world.tf.executions.list().collect()

    assert enveloped == bare
    assert ids == {execution.id for execution in bare}
    assert {Execution} == {type(execution) for execution in bare}


@pytest.mark.usefixtures("receiver")
async def test_events_arrive_typed(world: World) -> None:
    """Each change and each run is delivered, signed, and comes in its class."""
    created = await world.tf.workflows.create(name="x", triggers=["manual"])
    await world.tf.workflows.update(created.id, name="y")
    run = await world.tf.workflows.execute(created.id)
    await asyncio.sleep(3600)
    await world.tf.workflows.delete(created.id)
    await world.emulator.wait_for_deliveries(retries=True, timeout=60)

    assert run is not None
    ends = [event for event in world.events if isinstance(event, ExecutionCompleted)]
    assert [(run.id, created.id, "completed")] == [
        (event.data.execution_id, event.data.workflow_id, event.data.status) for event in ends
    ]
    assert {
        WorkflowCreated: 1,
        WorkflowUpdated: 1,
        ExecutionStarted: 1,
        ExecutionCompleted: 1,
        WorkflowDeleted: 1,
    } == Counter(type(event) for event in world.events)
    assert {created.id} == {event.data["workflow_id"] for event in world.events}


@pytest.mark.usefixtures("receiver")
async def test_every_event_arrives(world: World) -> None:
    """All six, whatever the emulator would send of itself."""
    for name in EVENTS:
        world.emulator.techflow.emit(name, {"n": 1})
    await world.emulator.wait_for_deliveries(retries=True, timeout=60)

    assert set(EVENTS.values()) == {type(event) for event in world.events}


async def test_keys_of_the_other_api(world: World) -> None:
    """A key of CloudFlow's opens nothing here, and errors have no body to tell why."""
    techflow = world.emulator.techflow
    async with TechFlow(world.emulator.api_key, base_url=techflow.base_url) as stranger:
        with pytest.raises(AuthenticationError) as caught:
            await stranger.workflows.list()

    assert (401, "", None) == (caught.value.status, caught.value.body, caught.value.code)


async def test_an_execution_whose_answer_is_lost(world: World) -> None:
    """It ran once, and the caller is told that it may have."""
    workflow_id = world.emulator.techflow.add_workflow()
    world.emulator.inject(Fault(method="POST", drop="after"))

    with pytest.raises(OutcomeUnknownError):
        await world.tf.workflows.execute(workflow_id)

    assert 1 == len(await world.tf.executions.list())


@pytest.mark.slow
@pytest.mark.parametrize(
    "world",
    [{"limits_mode": mode} for mode in ("bucket", "fixed", "sliding", "windows")],
    indirect=True,
    ids=lambda options: options["limits_mode"],
)
async def test_a_herd(world: World) -> None:
    """300 calls all succeed, however the server counts, though it tells nothing of its limit."""
    workflow_id = world.emulator.techflow.add_workflow()
    begun = asyncio.get_running_loop().time()

    await asyncio.gather(*(world.tf.workflows.get(workflow_id) for _ in range(HERD)))

    statuses = Counter(request.status for request in world.emulator.requests)
    assert {200: HERD} == statuses
    assert asyncio.get_running_loop().time() - begun <= 1.02 * 120
