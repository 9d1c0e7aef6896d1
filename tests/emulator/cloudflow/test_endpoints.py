"""The endpoints, one after another, through real requests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from cloudflow_async.emulator import Emulator
from tests.emulator.conftest import NOON, Api, Clock

NEW = {"name": "Nightly", "trigger": {"type": "webhook"}, "steps": [{"type": "fetch_data"}]}
HOOK = {"url": "https://your-app.com/hook", "events": ["workflow.failed", "workflow.completed"]}


async def test_workflows_are_listed_oldest_first_and_by_id(api: Api, emulator: Emulator) -> None:
    """The order is the same in every answer, whatever the order of creation."""
    for identifier, age in (("wf_c", 0), ("wf_b", 60), ("wf_a", 60), ("wf_d", 120)):
        emulator.add_workflow(id=identifier, created_at=NOON - age)
    answer = await api("GET", "/workflows")

    assert answer.ids == ["wf_d", "wf_a", "wf_b", "wf_c"]


async def test_workflows_can_be_filtered(api: Api, emulator: Emulator) -> None:
    """By status and by time of creation; `total` counts what is left."""
    emulator.add_workflow(id="wf_a", status="paused", created_at=NOON)
    emulator.add_workflow(id="wf_b", status="active", created_at=NOON + 1)
    emulator.add_workflow(id="wf_c", status="paused", created_at=NOON + 2)
    paused = await api("GET", "/workflows", params={"status": "paused"})
    later = await api("GET", "/workflows", params={"created_after": "2026-01-24T12:00:00Z"})
    both = await api(
        "GET", "/workflows?status=paused", params={"created_after": "2026-01-24T13:00:00+01:00"}
    )

    assert (paused.ids, paused.json["pagination"]["total"]) == (["wf_a", "wf_c"], 2)
    assert later.ids == ["wf_b", "wf_c"]
    assert both.ids == ["wf_c"]


async def test_pages_of_workflows_cover_every_row_once(api: Api, emulator: Emulator) -> None:
    """20 at a time unless asked otherwise, and nothing beyond the end."""
    everything = {emulator.add_workflow() for _ in range(45)}
    default = await api("GET", "/workflows")
    pages = [await api("GET", f"/workflows?limit=20&offset={offset}") for offset in (0, 20, 40, 60)]
    more = [page.json["pagination"]["has_more"] for page in pages]

    assert default.ids == pages[0].ids
    assert [len(page.ids) for page in pages] == [20, 20, 5, 0]
    assert {row for page in pages for row in page.ids} == everything
    assert more == [True, True, False, False]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("offset=-1", "offset"),
        ("status=deleted", "status"),
        ("created_after=yesterday", "created_after"),
    ],
)
async def test_wrong_list_parameters_are_named(api: Api, query: str, field: str) -> None:
    """Each with the documented code."""
    answer = await api("GET", f"/workflows?{query}")

    assert answer.error == (400, "invalid_parameter", field)


async def test_unknown_query_parameters_are_ignored(api: Api) -> None:
    """Services add parameters; old servers do not mind."""
    answer = await api("GET", "/workflows?sort=name&limit=1")

    assert answer.status == 200


async def test_a_created_workflow_can_be_read_back(api: Api, emulator: Emulator) -> None:
    """It is active, created now, and its steps have ids."""
    created = await api("POST", "/workflows", json={**NEW, "description": "d"})
    details = await api("GET", f"/workflows/{created.json['id']}")

    assert created.status == 201
    assert created.json["created_at"] == "2026-01-24T12:00:00Z"
    assert details.json["name"] == "Nightly"
    assert details.json["description"] == "d"
    assert details.json["status"] == "active"
    assert details.json["steps"] == [{"id": "step_1", "type": "fetch_data"}]
    assert details.json["metrics"]["total_runs"] == 0


async def test_only_webhook_triggers_have_a_webhook_url(api: Api, emulator: Emulator) -> None:
    """It leads to the server by the name under which the client knows it."""
    schedule = {"type": "schedule", "cron": "0 * * * *"}
    scheduled = await api("POST", "/workflows", json={**NEW, "trigger": schedule})
    hooked = await api("POST", "/workflows", json=NEW)
    port = emulator.base_url.rpartition(":")[2].partition("/")[0]
    localhost = await api("POST", "/workflows", json=NEW, headers={"Host": f"localhost:{port}"})
    expected = f"{emulator.base_url}/webhooks/{hooked.json['id']}/trigger"

    assert "webhook_url" not in scheduled.json
    assert hooked.json["webhook_url"] == expected
    assert localhost.json["webhook_url"].startswith(f"http://localhost:{port}/v2/webhooks/")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"data": b"{"}, (400, "invalid_json", None)),
        ({"data": b""}, (400, "invalid_json", None)),
        ({"json": []}, (400, "invalid_parameter", None)),
        ({"json": {}}, (400, "missing_required_field", "name")),
        ({"json": {**NEW, "name": 1}}, (400, "invalid_parameter", "name")),
        ({"json": {**NEW, "color": 1}}, (400, "invalid_parameter", "color")),
        ({"data": {"name": "x"}}, (415, "unsupported_media_type", None)),
    ],
)
async def test_bad_bodies_create_nothing(
    api: Api, options: dict[str, Any], error: tuple[int, str, str | None]
) -> None:
    """Each is refused with the documented code and the field."""
    answer = await api("POST", "/workflows", **options)
    after = await api("GET", "/workflows")

    assert answer.error == error
    assert after.json["pagination"]["total"] == 0


async def test_a_change_moves_updated_at_and_nothing_else(
    api: Api, emulator: Emulator, clock: Clock
) -> None:
    """The time is the emulator's."""
    identifier = emulator.add_workflow(name="before")
    clock.now += 90
    updated = await api("PATCH", f"/workflows/{identifier}", json={"status": "paused"})
    details = await api("GET", f"/workflows/{identifier}")

    assert updated.json == {
        "id": identifier,
        "status": "paused",
        "updated_at": "2026-01-24T12:01:30Z",
    }
    assert details.json["created_at"] == "2026-01-24T12:00:00Z"
    assert details.json["updated_at"] == "2026-01-24T12:01:30Z"
    assert (details.json["name"], details.json["status"]) == ("before", "paused")


async def test_everything_that_was_given_can_be_changed(api: Api, emulator: Emulator) -> None:
    """Name, description, status, trigger and steps."""
    identifier = emulator.add_workflow(description="old")
    changes = {
        "name": "after",
        "description": None,
        "status": "archived",
        "trigger": {"type": "webhook", "url": "https://your-app.com/webhook"},
        "steps": [{"type": "transform"}, {"type": "send_email", "id": "mail"}],
    }
    await api("PATCH", f"/workflows/{identifier}", json=changes)
    details = (await api("GET", f"/workflows/{identifier}")).json
    steps = [{"id": "step_1", "type": "transform"}, {"id": "mail", "type": "send_email"}]

    assert {**changes, "steps": steps} == {name: details[name] for name in changes}


async def test_a_bad_change_changes_nothing(api: Api, emulator: Emulator) -> None:
    """Not even the fields before the wrong one."""
    identifier = emulator.add_workflow(name="before")
    path = f"/workflows/{identifier}"
    answer = await api("PATCH", path, json={"name": "after", "status": "deleted"})
    empty = await api("PATCH", path, json={})
    details = await api("GET", path)

    assert answer.error == (400, "invalid_parameter", "status")
    assert empty.error == (400, "missing_required_field", None)
    assert details.json["name"] == "before"


async def test_a_deleted_workflow_is_gone(api: Api, emulator: Emulator) -> None:
    """204 without a body, then 404 for whatever is asked of it."""
    path = f"/workflows/{emulator.add_workflow()}"
    deleted = await api("DELETE", path)
    after = [
        await api("DELETE", path),
        await api("GET", path),
        await api("PATCH", path, json={"status": "paused"}),
        await api("GET", "/analytics" + path + "?period=1h"),
    ]

    assert (deleted.status, deleted.body) == (204, b"")
    assert [answer.error for answer in after] == [(404, "resource_not_found", None)] * 4


async def test_executions_are_listed_newest_first(api: Api, emulator: Emulator) -> None:
    """So every new execution shifts the pages by one."""
    pipeline = emulator.add_pipeline()
    ids = emulator.add_executions(pipeline, 5)
    before = await api("GET", f"/pipelines/{pipeline}/executions?limit=2&offset=2")
    new = emulator.add_executions(pipeline)
    after = await api("GET", f"/pipelines/{pipeline}/executions?limit=2&offset=2")
    head = await api("GET", f"/pipelines/{pipeline}/executions?limit=1")

    assert before.ids == [ids[2], ids[1]]
    assert after.ids == [ids[3], ids[2]]
    assert head.ids == new
    assert head.json["pagination"] == {"total": 6, "limit": 1, "offset": 0, "has_more": True}


async def test_executions_can_be_filtered(api: Api, emulator: Emulator) -> None:
    """By status and by the time they started at, both ends included."""
    pipeline = emulator.add_pipeline()
    path = f"/pipelines/{pipeline}/executions"
    early, late = (
        emulator.add_executions(pipeline, started_at=datetime(2026, 1, day, tzinfo=UTC))[0]
        for day in (20, 22)
    )
    failed = emulator.add_executions(pipeline, status="failed", started_at=NOON)[0]
    by_status = await api("GET", path, params={"status": "failed"})
    since = await api("GET", path, params={"start_date": "2026-01-22T00:00:00Z"})
    until = await api("GET", path, params={"end_date": "2026-01-22T00:00:00Z"})
    one = await api(
        "GET",
        path,
        params={
            "status": "completed",
            "start_date": "2026-01-20T00:00:00Z",
            "end_date": "2026-01-21T00:00:00Z",
        },
    )

    assert by_status.ids == [failed]
    assert since.ids == [failed, late]
    assert until.ids == [late, early]
    assert one.ids == [early]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=active", "status"),
        ("start_date=2026-01-20", "start_date"),
        ("end_date=x", "end_date"),
        ("start_date=2026-01-21T00:00:00Z&end_date=2026-01-20T00:00:00Z", "start_date"),
        ("limit=101", "limit"),
    ],
)
async def test_wrong_parameters_for_executions_are_named(
    api: Api, emulator: Emulator, query: str, field: str
) -> None:
    """Each with the documented code."""
    answer = await api("GET", f"/pipelines/{emulator.add_pipeline()}/executions?{query}")

    assert answer.error == (400, "invalid_parameter", field)


async def test_an_unknown_pipeline_is_a_404_and_an_empty_one_is_not(
    api: Api, emulator: Emulator
) -> None:
    """Nothing happened yet is an answer."""
    empty = await api("GET", f"/pipelines/{emulator.add_pipeline()}/executions")
    unknown = await api("GET", "/pipelines/pipe_x/executions")

    assert empty.json["data"] == []
    assert unknown.error == (404, "resource_not_found", None)


async def test_a_trigger_runs_the_workflow_and_shows_in_every_metric(
    api: Api, emulator: Emulator, clock: Clock
) -> None:
    """List, details and analytics tell the same story."""
    identifier = (await api("POST", "/workflows", json=NEW)).json["id"]
    clock.now += 60
    triggered = await api("POST", f"/webhooks/{identifier}/trigger", json={"any": "json"})
    silent = await api("POST", f"/webhooks/{identifier}/trigger")
    clock.now += 1
    row = (await api("GET", "/workflows")).json["data"][0]
    details = (await api("GET", f"/workflows/{identifier}")).json
    metrics = (await api("GET", f"/analytics/workflows/{identifier}?period=1h")).json

    assert (triggered.status, silent.status) == (202, 202)
    assert triggered.json["workflow_id"] == identifier
    assert triggered.json["status"] == "running"
    assert triggered.json["execution_id"] != silent.json["execution_id"]
    assert row["last_run"] == "2026-01-24T12:01:00Z"
    assert details["metrics"]["total_runs"] == 2
    assert details["metrics"]["success_rate"] == 100.0
    assert metrics["metrics"]["execution_count"] == 2
    assert metrics["timeseries"][-1]["execution_count"] == 2


async def test_a_trigger_needs_a_webhook_and_valid_json(api: Api, emulator: Emulator) -> None:
    """A scheduled workflow has no such address."""
    scheduled = emulator.add_workflow()
    hooked = emulator.add_workflow(trigger={"type": "webhook"})
    wrong = await api("POST", f"/webhooks/{scheduled}/trigger")
    unknown = await api("POST", "/webhooks/wf_x/trigger")
    malformed = await api("POST", f"/webhooks/{hooked}/trigger", data=b"{")

    assert wrong.error == (404, "resource_not_found", None)
    assert unknown.error == (404, "resource_not_found", None)
    assert malformed.error == (400, "invalid_json", None)


@pytest.mark.parametrize(
    ("query", "field"),
    [("", "period"), ("?period=2h", "period"), ("?period=1h&metrics=speed", "metrics")],
)
async def test_wrong_parameters_for_metrics_are_named(
    api: Api, emulator: Emulator, query: str, field: str
) -> None:
    """A period is required."""
    answer = await api("GET", f"/analytics/workflows/{emulator.add_workflow()}{query}")

    assert answer.error == (400, "invalid_parameter", field)


async def test_the_metrics_asked_for_come_back(api: Api, emulator: Emulator) -> None:
    """Fewer than all five when fewer are asked for."""
    path = f"/analytics/workflows/{emulator.add_workflow(runs=4)}"
    some = await api("GET", path + "?period=7d&metrics=throughput,execution_count")
    all_five = await api("GET", path + "?period=7d")

    assert list(some.json["metrics"]) == ["execution_count", "throughput"]
    assert len(all_five.json["metrics"]) == 5


async def test_a_webhook_is_registered_once(api: Api) -> None:
    """The same URL with the same events, in any order, is a duplicate; the secret is not told."""
    first = await api("POST", "/webhooks", json={**HOOK, "secret": "whsec_your_webhook_secret"})
    again = await api("POST", "/webhooks", json={**HOOK, "events": HOOK["events"][::-1]})
    other = await api("POST", "/webhooks", json={**HOOK, "events": ["pipeline.failed"]})

    assert first.status == 201
    assert first.json == {**HOOK, "id": first.json["id"], "created_at": "2026-01-24T12:00:00Z"}
    assert again.error == (409, "duplicate_resource", None)
    assert other.status == 201


async def test_a_webhook_that_was_given_up_can_be_registered_anew(
    api: Api, emulator: Emulator
) -> None:
    """It is another one then."""
    first = await api("POST", "/webhooks", json=HOOK)
    emulator._app.state.webhooks[first.json["id"]].active = False
    second = await api("POST", "/webhooks", json=HOOK)

    assert second.status == 201
    assert first.json["id"] != second.json["id"]
