"""What TechFlow sends, field by field."""

from __future__ import annotations

from cloudflow_async.emulator.techflow import serializers as shapes
from cloudflow_async.emulator.techflow.state import Execution, Workflow
from tests.emulator.conftest import NOON

WORKFLOW = Workflow(id="wf_1", document={"status": "active", "name": "A", "color": "red"})


def test_a_workflow_has_three_shapes() -> None:
    """The whole, the documented row, and what events tell, which calls the id by its whole name."""
    assert {"id": "wf_1", "status": "active", "name": "A", "color": "red"} == (
        shapes.workflow_details(WORKFLOW)
    )
    assert ["id", "name", "status"] == list(shapes.workflow_row(WORKFLOW))
    assert {"workflow_id": "wf_1", "name": "A", "status": "active"} == (
        shapes.workflow_event(WORKFLOW)
    )


def test_an_execution_has_no_end_before_it_ended() -> None:
    """Neither in the history nor in its events."""
    running = Execution(id="exec_1", workflow_id="wf_1", status="running", started_at=NOON)
    ended = Execution(
        id="exec_1",
        workflow_id="wf_1",
        status="failed",
        started_at=NOON,
        completed_at=NOON,
        duration_ms=0,
    )
    rows = [shapes.execution_row(one)["completed_at"] for one in (running, ended)]
    events = [shapes.execution_event(one) for one in (running, ended)]
    named = {"execution_id": "exec_1", "workflow_id": "wf_1"}

    assert [None, "2026-01-24T12:00:00Z"] == rows
    assert [{**named, "status": "running"}, {**named, "status": "failed", "duration_ms": 0}] == (
        events
    )
