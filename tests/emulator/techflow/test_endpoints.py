"""The endpoints of TechFlow, one after another, through real requests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cloudflow_async.emulator import Emulator, Fault
from cloudflow_async.emulator.base.paths import TECHFLOW_PREFIX
from cloudflow_async.emulator.techflow.endpoints import ENDPOINTS
from cloudflow_async.emulator.techflow.seeding import TechFlowSeeding
from tests.emulator.conftest import DOCUMENTS, NOON, Api, Clock

SAMPLES = DOCUMENTS / "techflow"
NEW = {"name": "Nightly"}

GRID: dict[tuple[str, str], Any] = {
    ("GET", "/workflows"): None,
    ("POST", "/workflows"): NEW,
    ("GET", "/workflows/{workflow_id}"): None,
    ("PUT", "/workflows/{workflow_id}"): NEW,
    ("DELETE", "/workflows/{workflow_id}"): None,
    ("GET", "/executions"): None,
    ("POST", "/workflows/{workflow_id}/execute"): None,
}
"""Every endpoint of the document, with a body that is accepted."""

every_endpoint = pytest.mark.parametrize(
    ("method", "template", "body"), [(*key, body) for key, body in GRID.items()]
)


def sample(name: str) -> Any:
    """Return a JSON sample of the document."""
    return json.loads(Path(SAMPLES / name).read_text())


def concrete(template: str) -> str:
    """Return a path to the workflow that the tests put there."""
    return template.format(workflow_id="wf_1")


def test_the_grid_knows_every_endpoint() -> None:
    """A new one has to be put into it."""
    known = [(method, template) for template, methods in ENDPOINTS.items() for method in methods]

    assert sorted(GRID) == sorted(known)


@every_endpoint
async def test_success_is_200(
    ask: Api, techflow: TechFlowSeeding, method: str, template: str, body: Any
) -> None:
    """The only one that the document names, for creating and deleting too."""
    techflow.add_workflow(id="wf_1")
    answer = await ask(method, concrete(template), json=body)

    assert 200 == answer.status


@every_endpoint
async def test_without_a_key_it_is_401(
    ask: Api, techflow: TechFlowSeeding, method: str, template: str, body: Any
) -> None:
    """And nothing is changed."""
    techflow.add_workflow(id="wf_1")
    before = techflow.workflows
    answer = await ask(method, concrete(template), json=body, key=None)

    assert (401, b"") == (answer.status, answer.body)
    assert before == techflow.workflows
    assert [] == techflow.executions


@pytest.mark.parametrize(("method", "template"), [key for key in GRID if "{" in key[1]])
async def test_an_unknown_workflow_is_404(ask: Api, method: str, template: str) -> None:
    """Also when the body is no good: there is nothing that it could be good for."""
    answer = await ask(method, concrete(template), data=b"{")

    assert (404, b"") == (answer.status, answer.body)


@pytest.mark.parametrize(("method", "template"), [key for key in GRID if key[0] in {"POST", "PUT"}])
@pytest.mark.parametrize("body", [b"{", b"name=x", b"\xff", b'{"a": NaN}', b"[" * 100_000])
async def test_what_is_no_json_is_400(
    ask: Api, techflow: TechFlowSeeding, method: str, template: str, body: bytes
) -> None:
    """And nothing is changed or begun."""
    techflow.add_workflow(id="wf_1", name="before")
    before = techflow.workflows
    answer = await ask(method, concrete(template), data=body)

    assert (400, b"") == (answer.status, answer.body)
    assert before == techflow.workflows
    assert [] == techflow.executions


@every_endpoint
@pytest.mark.parametrize("status", [429, 500])
async def test_the_other_documented_errors_can_be_had(
    ask: Api, emulator: Emulator, method: str, template: str, body: Any, status: int
) -> None:
    """By a fault for the route, whose name has the prefix; it has no body either."""
    emulator.techflow.add_workflow(id="wf_1")
    route = TECHFLOW_PREFIX + template
    emulator.inject(Fault(method=method, route=route, status=status))
    answer = await ask(method, concrete(template), json=body)
    (entry,) = emulator.requests

    assert (status, b"", "0") == (answer.status, answer.body, answer.headers["Content-Length"])
    assert (route, status) == (entry.route, entry.status)


async def test_the_list_is_the_documented_one(ask: Api, techflow: TechFlowSeeding) -> None:
    """Value for value, and no field more."""
    techflow.add_workflow(id="wf_123", name="My Workflow", description="d", triggers=["manual"])
    answer = await ask("GET", "/workflows")

    assert sample("list_workflows.200.json") == answer.json
    assert "application/json" == answer.headers["Content-Type"]


async def test_the_list_has_no_pages(ask: Api, techflow: TechFlowSeeding) -> None:
    """All are in it, the oldest first, whatever is asked for."""
    ids = [techflow.add_workflow() for _ in range(150)]
    answer = await ask("GET", "/workflows?limit=10&offset=5&page=2")

    assert ids == [row["id"] for row in answer.json["workflows"]]


async def test_a_workflow_is_created_by_the_documented_body(
    ask: Api, techflow: TechFlowSeeding
) -> None:
    """It gets an id like the document's, is active, and can be read again."""
    request = sample("create_workflow.request.json")
    created = await ask("POST", "/workflows", json=request)
    read = await ask("GET", f"/workflows/{created.json['id']}")

    assert {"id": "wf_101", "status": "active", **request} == created.json
    assert created.json == read.json
    assert [created.json] == techflow.workflows


async def test_a_name_is_enough(ask: Api) -> None:
    """What else there is has a default."""
    created = await ask("POST", "/workflows", json=NEW)

    assert {
        "id": "wf_101",
        "name": "Nightly",
        "status": "active",
        "description": None,
        "triggers": [],
    } == created.json


async def test_a_put_takes_the_place_of_what_was_there(ask: Api, techflow: TechFlowSeeding) -> None:
    """What it does not say falls back to its default; what it says is kept, known or not."""
    techflow.add_workflow(id="wf_1", description="d", status="paused", triggers=["manual"], color=1)
    answer = await ask("PUT", "/workflows/wf_1", json={"name": "after", "shape": {"round": True}})

    assert {
        "id": "wf_1",
        "name": "after",
        "status": "active",
        "description": None,
        "triggers": [],
        "shape": {"round": True},
    } == answer.json
    assert [answer.json] == techflow.workflows


async def test_what_was_read_can_be_put_back(ask: Api, techflow: TechFlowSeeding) -> None:
    """Its id may be in it, and nothing gets lost."""
    techflow.add_workflow(id="wf_1", status="paused", triggers=[{"type": "cron"}], color=[1, None])
    read = await ask("GET", "/workflows/wf_1")
    put = await ask("PUT", "/workflows/wf_1", json=read.json)

    assert (200, read.json) == (put.status, put.json)


async def test_deleting_is_permanent(ask: Api, techflow: TechFlowSeeding) -> None:
    """It is answered by nothing, and by a 404 the second time; the history stays."""
    techflow.add_workflow(id="wf_1")
    execution = techflow.add_execution("wf_1")
    first = await ask("DELETE", "/workflows/wf_1")
    second = await ask("DELETE", "/workflows/wf_1")
    history = await ask("GET", "/executions")

    assert (200, b"", "0") == (first.status, first.body, first.headers["Content-Length"])
    assert 404 == second.status
    assert [] == techflow.workflows
    assert [execution] == [row["id"] for row in history.json["executions"]]


async def test_executions_are_listed_newest_first(ask: Api, techflow: TechFlowSeeding) -> None:
    """Of those that began together the one added last is the first."""
    techflow.add_execution("wf_1", id="b", started_at=NOON - 60)
    techflow.add_execution("wf_1", id="a", started_at=NOON)
    techflow.add_execution("wf_2", id="c", started_at=NOON - 60, status="failed", duration_ms=500)
    answer = await ask("GET", "/executions?limit=1")

    assert ["a", "c", "b"] == [row["id"] for row in answer.json["executions"]]
    assert {
        "id": "c",
        "workflow_id": "wf_2",
        "status": "failed",
        "started_at": "2026-01-24T11:59:00Z",
        "completed_at": "2026-01-24T11:59:00Z",
    } == answer.json["executions"][1]
    assert answer.json["executions"] == techflow.executions


async def test_executions_can_be_listed_without_an_envelope(
    ask: Api, techflow: TechFlowSeeding
) -> None:
    """The document shows no sample, so a client has to understand both."""
    techflow.add_execution("wf_1", id="a")
    enveloped = await ask("GET", "/executions")
    techflow.bare_executions = True
    bare = await ask("GET", "/executions")

    assert techflow.bare_executions
    assert techflow.bare_executions
    assert enveloped.json == {"executions": bare.json}
    assert techflow.executions == bare.json


@pytest.mark.parametrize("body", [b"", b"{}", b'{"any": ["json"]}', b"7"])
async def test_an_execution_runs_and_ends(
    ask: Api, techflow: TechFlowSeeding, clock: Clock, body: bytes
) -> None:
    """With any JSON as a body or none; the answer is the first row of the history."""
    techflow.add_workflow(id="wf_1")
    techflow.plan_executions("wf_1", seconds=60)
    answer = await ask("POST", "/workflows/wf_1/execute", data=body)
    running = await ask("GET", "/executions")
    clock.now += 60
    ended = await ask("GET", "/executions")

    assert {
        "id": "exec_101",
        "workflow_id": "wf_1",
        "status": "running",
        "started_at": "2026-01-24T12:00:00Z",
        "completed_at": None,
    } == answer.json
    assert [answer.json] == running.json["executions"]
    assert [
        {**answer.json, "status": "completed", "completed_at": "2026-01-24T12:01:00Z"}
    ] == ended.json["executions"]


async def test_what_cloudflow_has_is_not_here(
    ask: Api, api: Api, emulator: Emulator, techflow: TechFlowSeeding
) -> None:
    """Two services, two sets of workflows: neither shows those of the other."""
    emulator.add_workflow(id="wf_cloud")
    techflow.add_workflow(id="wf_tech")
    here = await ask("GET", "/workflows")
    there = await api("GET", "/workflows")
    crossed = [
        await ask("DELETE", "/workflows/wf_cloud"),
        await api("DELETE", "/workflows/wf_tech"),
    ]

    assert ["wf_tech"] == [row["id"] for row in here.json["workflows"]]
    assert ["wf_cloud"] == there.ids
    assert [404, 404] == [answer.status for answer in crossed]
