"""What is sent: one shape of the document, the others in its spirit."""

from __future__ import annotations

from cloudflow_async.emulator.base.timestamps import format_timestamp
from cloudflow_async.emulator.cloudflow.state import JsonObject

from .state import Execution, Workflow


def workflow_row(workflow: Workflow) -> JsonObject:
    """Return a workflow as "List Workflows" shows it, which is also what its events tell."""
    shown = workflow_details(workflow)
    return {name: shown[name] for name in ("id", "name", "status")}


def workflow_details(workflow: Workflow) -> JsonObject:
    """Return a whole workflow; the document shows no answer to anything but the list."""
    return {"id": workflow.id, **workflow.document}


def workflow_event(workflow: Workflow) -> JsonObject:
    """Return the `data` of a `workflow.` event."""
    row = workflow_row(workflow)
    return {"workflow_id": row.pop("id"), **row}


def execution_row(execution: Execution) -> JsonObject:
    """Return an execution; the document shows none."""
    ended = execution.completed_at
    return {
        "id": execution.id,
        "workflow_id": execution.workflow_id,
        "status": execution.status,
        "started_at": format_timestamp(execution.started_at),
        "completed_at": None if ended is None else format_timestamp(ended),
    }


def execution_event(execution: Execution) -> JsonObject:
    """Return the `data` of an `execution.` event; one that has not ended has no duration yet."""
    data = {
        "execution_id": execution.id,
        "workflow_id": execution.workflow_id,
        "status": execution.status,
    }
    if execution.duration_ms is None:
        return data
    return {**data, "duration_ms": execution.duration_ms}
