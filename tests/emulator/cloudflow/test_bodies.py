"""Request bodies: what must be there, what may be there, and the 400 that names the field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cloudflow_async.emulator.base.problems import Problem
from cloudflow_async.emulator.cloudflow import bodies

GOOD: dict[str, Any] = {
    "name": "Nightly",
    "trigger": {"type": "schedule", "cron": "0 * * * *"},
    "steps": [{"type": "fetch_data"}],
}


def refusal(read: Callable[[Any], object], value: Any) -> tuple[str, str | None]:
    """Return code and field of the 400 that a reader raises."""
    with pytest.raises(Problem) as refused:
        read(value)

    assert refused.value.status == 400
    return refused.value.error["code"], refused.value.error.get("field")


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/merge-patch+json",
        "text/plain",
        "application/octet-stream",
    ],
)
def test_a_body_is_read_unless_its_type_denies_json(content_type: str | None) -> None:
    """No type, or one that says nothing, is no reason to refuse."""
    assert bodies.read_value(b"[1]", content_type) == [1]


@pytest.mark.parametrize(
    "content_type", ["text/html", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_a_form_is_refused_as_415(content_type: str) -> None:
    """A type that is clearly something else."""
    with pytest.raises(Problem) as refused:
        bodies.read_value(b"[1]", content_type)

    assert refused.value.status == 415


def test_malformed_json_has_its_own_code() -> None:
    """`invalid_json`, without a field."""
    assert refusal(lambda body: bodies.read_value(body, None), b"{") == ("invalid_json", None)


@pytest.mark.parametrize(
    "name", ["create_workflow.request.json", "create_workflow.curl_request.json"]
)
def test_the_documented_workflows_are_accepted(name: str, document: Callable[[str], Any]) -> None:
    """Whole, with every field that the samples show."""
    sample = document(name)

    assert sample == bodies.read_new_workflow(sample)


def test_the_documented_change_and_webhook_are_accepted(document: Callable[[str], Any]) -> None:
    """As the curl examples send them."""
    change, webhook = (
        document("update_workflow.request.json"),
        document("create_webhook.request.json"),
    )

    assert change == bodies.read_changes(change)
    assert webhook == bodies.read_new_webhook(webhook)


@pytest.mark.parametrize("name", ["name", "trigger", "steps"])
def test_a_workflow_needs_its_required_fields(name: str) -> None:
    """Each is asked for by name."""
    value = {field: content for field, content in GOOD.items() if field != name}

    assert refusal(bodies.read_new_workflow, value) == ("missing_required_field", name)


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"name": None}, "invalid_parameter", "name"),
        ({"name": " "}, "invalid_parameter", "name"),
        ({"name": 7}, "invalid_parameter", "name"),
        ({"description": 7}, "invalid_parameter", "description"),
        ({"trigger": None}, "invalid_parameter", "trigger"),
        ({"trigger": "webhook"}, "invalid_parameter", "trigger"),
        ({"trigger": {}}, "missing_required_field", "trigger.type"),
        ({"trigger": {"type": None}}, "invalid_parameter", "trigger.type"),
        ({"trigger": {"type": "schedule"}}, "missing_required_field", "trigger.cron"),
        ({"trigger": {"type": "schedule", "cron": 5}}, "invalid_parameter", "trigger.cron"),
        ({"trigger": {"type": "webhook", "url": 5}}, "invalid_parameter", "trigger.url"),
        ({"trigger": {"type": "x", "timezone": 5}}, "invalid_parameter", "trigger.timezone"),
        ({"steps": None}, "invalid_parameter", "steps"),
        ({"steps": {"type": "fetch_data"}}, "invalid_parameter", "steps"),
        ({"steps": ["fetch_data"]}, "invalid_parameter", "steps[0]"),
        ({"steps": [{"type": "a"}, {}]}, "missing_required_field", "steps[1].type"),
        ({"steps": [{"type": ""}]}, "invalid_parameter", "steps[0].type"),
        ({"steps": [{"type": "a", "id": 1}]}, "invalid_parameter", "steps[0].id"),
        ({"status": "active"}, "invalid_parameter", "status"),
        ({"id": "wf_1"}, "invalid_parameter", "id"),
    ],
)
def test_wrong_fields_of_a_workflow_are_named(
    changes: dict[str, Any], code: str, field: str
) -> None:
    """Wrong types, nulls, missing parts, and fields that the document does not know."""
    assert refusal(bodies.read_new_workflow, {**GOOD, **changes}) == (code, field)


@pytest.mark.parametrize(
    "changes",
    [
        {"description": None},
        {"steps": []},
        {"steps": [{"type": "anything", "nested": {"a": [1]}, "id": "step_9"}]},
        {"trigger": {"type": "from_the_future", "whatever": 1}},
        {"trigger": {"type": "webhook"}},
    ],
)
def test_triggers_and_steps_are_open(changes: dict[str, Any]) -> None:
    """Types and fields that the document does not show may come along."""
    assert {**GOOD, **changes} == bodies.read_new_workflow({**GOOD, **changes})


@pytest.mark.parametrize("value", [None, [], "x", 1, True])
def test_a_body_that_is_no_object_is_refused(value: Any) -> None:
    """There is no field to name."""
    for read in (bodies.read_new_workflow, bodies.read_changes, bodies.read_new_webhook):
        assert refusal(read, value) == ("invalid_parameter", None)


def test_a_change_needs_a_field() -> None:
    """An empty object changes nothing and says so."""
    assert refusal(bodies.read_changes, {}) == ("missing_required_field", None)


@pytest.mark.parametrize("name", ["id", "created_at", "metrics"])
def test_what_the_service_decides_cannot_be_changed(name: str) -> None:
    """Such fields are refused by name."""
    assert refusal(bodies.read_changes, {name: "x"}) == ("invalid_parameter", name)


@pytest.mark.parametrize("status", [None, "", "deleted", 1, ["active"]])
def test_a_status_is_one_of_three(status: Any) -> None:
    """`active`, `paused` or `archived`, nothing else."""
    for known in bodies.WORKFLOW_STATUSES:
        assert {"status": known} == bodies.read_changes({"status": known})
    assert refusal(bodies.read_changes, {"status": status}) == ("invalid_parameter", "status")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"url": None}, "url"),
        ({"url": "ftp://host/x"}, "url"),
        ({"url": "https://"}, "url"),
        ({"url": "http://[::1"}, "url"),
        ({"events": []}, "events"),
        ({"events": "workflow.failed"}, "events"),
        ({"events": ["workflow.exploded"]}, "events"),
        ({"events": [["workflow.failed"]]}, "events"),
        ({"secret": ""}, "secret"),
        ({"active": True}, "active"),
    ],
)
def test_wrong_fields_of_a_webhook_are_named(changes: dict[str, Any], field: str) -> None:
    """An address that is none, events that are not documented, fields nobody knows."""
    good = {"url": "https://your-app.com/hook", "events": ["workflow.failed"]}

    assert good == bodies.read_new_webhook(good)
    assert refusal(bodies.read_new_webhook, {**good, **changes}) == ("invalid_parameter", field)
