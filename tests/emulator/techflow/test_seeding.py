"""What tests arrange at TechFlow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook as OfficialWebhook

from cloudflow_async.emulator import DeliveryFault, Emulator
from cloudflow_async.emulator.techflow.seeding import TechFlowSeeding
from cloudflow_async.emulator.techflow.state import EVENTS
from tests.emulator.conftest import NOON, Api
from tests.emulator.receiver import Receiver

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_the_address_is_on_the_same_port(techflow: TechFlowSeeding, emulator: Emulator) -> None:
    """Below a path of its own, as both APIs call theirs `/v2`."""
    assert emulator.base_url.removesuffix("/v2") + "/techflow/v2" == techflow.base_url


def test_without_being_started_it_has_no_address() -> None:
    """Only a key."""
    techflow = Emulator().techflow

    assert techflow.api_key.startswith("tf_test_")
    with pytest.raises(RuntimeError, match="not running"):
        _ = techflow.base_url


def test_it_is_always_the_same_one(emulator: Emulator) -> None:
    """Asking twice makes no second key."""
    assert emulator.techflow is emulator.techflow


async def test_a_workflow_can_be_arranged(ask: Api, techflow: TechFlowSeeding) -> None:
    """With any fields; ids are made up, and never one that is there."""
    techflow.add_workflow(id="wf_101", name="A", triggers=["manual"], color="red")
    second = techflow.add_workflow()
    answer = await ask("GET", "/workflows/wf_101")

    assert "wf_102" == second
    assert ("A", ["manual"], "red") == tuple(answer.json[n] for n in ("name", "triggers", "color"))
    assert ["wf_101", "wf_102"] == [workflow["id"] for workflow in techflow.workflows]


def test_what_the_api_would_refuse_cannot_be_arranged(techflow: TechFlowSeeding) -> None:
    """The message names the field."""
    with pytest.raises(ValueError, match="'triggers'"):
        techflow.add_workflow(triggers="manual")


def test_what_is_looked_at_is_a_copy(techflow: TechFlowSeeding) -> None:
    """As is what was given."""
    triggers = ["manual"]
    techflow.add_workflow(triggers=triggers)
    triggers.append("given")
    techflow.workflows[0]["triggers"].append("seen")

    assert ["manual"] == techflow.workflows[0]["triggers"]


@pytest.mark.parametrize(
    ("status", "ended"),
    [
        ("running", None),
        ("completed", "2026-01-24T12:00:01Z"),
        ("failed", "2026-01-24T12:00:01Z"),
    ],
)
def test_an_execution_can_be_arranged(
    techflow: TechFlowSeeding, status: str, ended: str | None
) -> None:
    """It needs no workflow; one that runs has no end."""
    identifier = techflow.add_execution("wf_gone", status=status)

    assert [
        {
            "id": identifier,
            "workflow_id": "wf_gone",
            "status": status,
            "started_at": "2026-01-24T12:00:00Z",
            "completed_at": ended,
        }
    ] == techflow.executions


def test_an_execution_has_the_time_that_it_is_given(techflow: TechFlowSeeding) -> None:
    """As a datetime with a time zone or in Unix seconds."""
    techflow.add_execution("wf", started_at=datetime(2026, 1, 2, tzinfo=UTC), duration_ms=60_000)
    techflow.add_execution("wf", started_at=NOON - 3600)
    seen = [(one["started_at"], one["completed_at"]) for one in techflow.executions]

    assert [
        ("2026-01-24T11:00:00Z", "2026-01-24T11:00:01Z"),
        ("2026-01-02T00:00:00Z", "2026-01-02T00:01:00Z"),
    ] == seen


@pytest.mark.parametrize(
    "plan",
    [
        lambda stage: stage.add_execution("wf_1", status="waiting"),
        lambda stage: stage.plan_executions("wf_1", status="running"),
        lambda stage: stage.plan_executions("wf_1", seconds=-1),
        lambda stage: stage.plan_executions("wf_1", seconds=float("nan")),
        lambda stage: stage.end_execution("exec_1", status="running"),
        lambda stage: stage.configure_webhook("http://a.b", events=["workflow.failed"]),
    ],
    ids=["execution", "end", "negative", "nan", "by hand", "event"],
)
def test_a_plan_that_cannot_be_is_refused(
    techflow: TechFlowSeeding, plan: Callable[[TechFlowSeeding], object]
) -> None:
    """A ValueError says what could be."""
    techflow.add_workflow(id="wf_1")

    with pytest.raises(ValueError, match=r"must be|known are"):
        plan(techflow)


def test_a_plan_needs_a_workflow(techflow: TechFlowSeeding) -> None:
    """One that is there."""
    with pytest.raises(KeyError):
        techflow.plan_executions("wf_gone")


async def test_changes_are_told(ask: Api, emulator: Emulator, techflow: TechFlowSeeding) -> None:
    """What the API does, not what tests arrange; a refused change is none."""
    async with Receiver() as receiver:
        techflow.configure_webhook(receiver.url)
        techflow.add_workflow(id="wf_1")
        await ask("POST", "/workflows", json={"name": "new"})
        await ask("PUT", "/workflows/wf_1", json={"name": "changed", "status": "paused"})
        await ask("PUT", "/workflows/wf_1", json={})
        await ask("DELETE", "/workflows/wf_1")
        await ask("DELETE", "/workflows/wf_1")
        await emulator.wait_for_deliveries()
    told = {received.json["event"]: received.json["data"] for received in receiver.received}

    assert 3 == len(receiver.received)
    assert {
        "workflow.created": {"workflow_id": "wf_101", "name": "new", "status": "active"},
        "workflow.updated": {"workflow_id": "wf_1", "name": "changed", "status": "paused"},
        "workflow.deleted": {"workflow_id": "wf_1", "name": "changed", "status": "paused"},
    } == told


async def test_a_delivery_satisfies_the_specifications_own_library() -> None:
    """On the real clock, which that library goes by; without a secret nothing is signed."""
    async with Emulator() as emulator, Receiver() as signed, Receiver() as plain:
        emulator.techflow.configure_webhook(signed.url, secret=SECRET)
        emulator.techflow.configure_webhook(plain.url)
        ids = emulator.techflow.emit("execution.failed", {"execution_id": "exec_1"})
        await emulator.wait_for_deliveries()
    (received,), (unsigned,) = signed.received, plain.received
    payload = OfficialWebhook(SECRET).verify(received.body, dict(received.headers))

    assert ("execution.failed", {"execution_id": "exec_1"}) == (payload["event"], payload["data"])
    assert ids == [received.id, unsigned.id]
    assert "webhook-signature" not in unsigned.headers


async def test_webhooks_get_what_they_want(emulator: Emulator, techflow: TechFlowSeeding) -> None:
    """Some of the documented events, and any that the document does not name."""
    async with Receiver() as one, Receiver() as all_of_them:
        hook = techflow.configure_webhook(one.url, events=["execution.failed"])
        techflow.configure_webhook(all_of_them.url)
        for event in (*EVENTS, "workflow.started"):
            techflow.emit(event, {}, times=2)
        await emulator.wait_for_deliveries()
    filed = {delivery.account for delivery in emulator.deliveries}

    assert ["execution.failed"] * 2 + ["workflow.started"] * 2 == sorted(one.events)
    assert sorted([*EVENTS, "workflow.started"] * 2) == sorted(all_of_them.events)
    assert hook in {delivery.webhook_id for delivery in emulator.deliveries}
    assert {"TechFlow"} == filed


async def test_cloudflows_events_are_others(
    api: Api, emulator: Emulator, techflow: TechFlowSeeding
) -> None:
    """Neither API tells the webhooks of the other."""
    async with Receiver() as theirs, Receiver() as ours:
        hook = {"url": theirs.url, "events": ["workflow.failed"]}
        await api("POST", "/webhooks", json=hook)
        techflow.configure_webhook(ours.url)
        techflow.emit("workflow.failed", {})
        emulator.emit("workflow.failed", {})
        emulator.emit("execution.failed", {})
        await emulator.wait_for_deliveries()

    assert ["workflow.failed"] == ours.events
    assert ["execution.failed", "workflow.failed"] == sorted(theirs.events)


async def test_deliveries_can_go_wrong(emulator: Emulator, techflow: TechFlowSeeding) -> None:
    """The emulator's faults and redeliveries are there for TechFlow's, too."""
    async with Receiver() as receiver:
        techflow.configure_webhook(receiver.url)
        emulator.inject(DeliveryFault(event="workflow.created", copies=2))
        (identifier,) = techflow.emit("workflow.created", {})
        await emulator.wait_for_deliveries()
        emulator.redeliver(identifier)
        await emulator.wait_for_deliveries()

    assert [identifier] * 3 == [received.id for received in receiver.received]


async def test_it_can_be_arranged_from_another_thread(
    ask: Api, emulator: Emulator, techflow: TechFlowSeeding
) -> None:
    """As the pytest plugin does."""

    def arrange() -> None:
        techflow.add_workflow(id="wf_1")
        techflow.plan_executions("wf_1", seconds=float("inf"))

    await asyncio.to_thread(arrange)
    execution = (await ask("POST", "/workflows/wf_1/execute")).json["id"]
    await asyncio.to_thread(techflow.end_execution, execution)

    assert ["completed"] == [one["status"] for one in techflow.executions]
