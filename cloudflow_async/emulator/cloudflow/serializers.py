"""The JSON shapes of the API document, one function a shape."""

from __future__ import annotations

import json
from collections.abc import Sequence

from cloudflow_async.emulator.base.timestamps import format_timestamp

from .queries import PageWanted
from .state import Execution, JsonObject, Run, Webhook, Workflow


def page(rows: Sequence[JsonObject], total: int, wanted: PageWanted) -> JsonObject:
    """Return the envelope of a list ("Pagination")."""
    return {
        "data": list(rows),
        "pagination": {
            "total": total,
            "limit": wanted.limit,
            "offset": wanted.offset,
            "has_more": wanted.offset + len(rows) < total,
        },
    }


def workflow_row(workflow: Workflow) -> JsonObject:
    """Return a workflow as lists show it: `steps` is a count, there is a `last_run`."""
    last_run = max((run.started_at for run in workflow.runs), default=None)
    trigger = {name: value for name, value in workflow.trigger.items() if name != "timezone"}
    return {
        "id": workflow.id,
        "name": workflow.name,
        "description": workflow.description,
        "status": workflow.status,
        "trigger": trigger,
        "steps": len(workflow.steps),
        "created_at": format_timestamp(workflow.created_at),
        "updated_at": format_timestamp(workflow.updated_at),
        "last_run": None if last_run is None else format_timestamp(last_run),
    }


def workflow_details(workflow: Workflow) -> JsonObject:
    """Return a workflow as "Get Workflow Details" shows it."""
    zone = {"timezone": "UTC"} if workflow.trigger["type"] == "schedule" else {}
    return {
        "id": workflow.id,
        "name": workflow.name,
        "description": workflow.description,
        "status": workflow.status,
        "trigger": {**zone, **workflow.trigger},
        "steps": workflow.steps,
        "metrics": _lifetime_metrics(workflow.runs),
        "created_at": format_timestamp(workflow.created_at),
        "updated_at": format_timestamp(workflow.updated_at),
    }


def created_workflow(workflow: Workflow, base_url: str) -> JsonObject:
    """Return the answer to "Create Workflow"; only a webhook trigger has a `webhook_url`."""
    shape = {
        "id": workflow.id,
        "name": workflow.name,
        "status": workflow.status,
        "created_at": format_timestamp(workflow.created_at),
    }
    if workflow.trigger["type"] == "webhook":
        shape["webhook_url"] = f"{base_url}/webhooks/{workflow.id}/trigger"
    return shape


def updated_workflow(workflow: Workflow) -> JsonObject:
    """Return the answer to "Update Workflow"."""
    return {
        "id": workflow.id,
        "status": workflow.status,
        "updated_at": format_timestamp(workflow.updated_at),
    }


def execution_row(execution: Execution) -> JsonObject:
    """Return an execution as "List Pipeline Executions" shows it; `error_rate` is in percent."""
    ended, processed = execution.completed_at, execution.records_processed
    return {
        "id": execution.id,
        "pipeline_id": execution.pipeline_id,
        "status": execution.status,
        "started_at": format_timestamp(execution.started_at),
        "completed_at": None if ended is None else format_timestamp(ended),
        "duration_ms": execution.duration_ms,
        "records_processed": processed,
        "records_failed": execution.records_failed,
        "error_rate": round(100 * execution.records_failed / processed, 2) if processed else 0.0,
    }


def created_webhook(webhook: Webhook) -> JsonObject:
    """Return the answer to a registration; the document shows none, the secret is never told."""
    return {
        "id": webhook.id,
        "url": webhook.url,
        "events": list(webhook.events),
        "created_at": format_timestamp(webhook.created_at),
    }


def event_body(event: str, now: float, data: JsonObject) -> bytes:
    """Return what is delivered ("Webhook Payload Example").

    Raises:
        ValueError: `data` is not JSON.
    """
    payload = {"event": event, "timestamp": format_timestamp(now), "data": data}
    try:
        return json.dumps(payload, separators=(",", ":"), allow_nan=False).encode()
    except TypeError as error:
        raise ValueError(f"data is not JSON: {error}") from None


def workflow_event(workflow: Workflow, run: Run) -> JsonObject:
    """Return the `data` of a `workflow.` event; a run that has not ended has no figures yet."""
    data = {"workflow_id": workflow.id, "execution_id": run.id, "status": run.status}
    if run.status == "running":
        return data
    return {**data, "duration_ms": run.duration_ms, "records_processed": run.records_processed}


def pipeline_event(execution: Execution) -> JsonObject:
    """Return the `data` of a `pipeline.` event; the document shows none."""
    return {
        "pipeline_id": execution.pipeline_id,
        "execution_id": execution.id,
        "status": execution.status,
        "duration_ms": execution.duration_ms,
        "records_processed": execution.records_processed,
        "records_failed": execution.records_failed,
    }


def success_rate(runs: Sequence[Run]) -> float | None:
    """Return the percentage of completed ones among the runs that ended, with one decimal.

    None when no run has ended: there is nothing to take a share of.
    """
    ended = _ended(runs)
    completed = sum(run.status == "completed" for run in ended)
    return round(100 * completed / len(ended), 1) if ended else None


def average_duration(runs: Sequence[Run]) -> int | None:
    """Return the mean duration in milliseconds of the runs that ended; None when none has."""
    ended = _ended(runs)
    return round(sum(run.duration_ms for run in ended) / len(ended)) if ended else None


def _ended(runs: Sequence[Run]) -> list[Run]:
    return [run for run in runs if run.status != "running"]


def _lifetime_metrics(runs: Sequence[Run]) -> JsonObject:
    errors = [run.error for run in runs if run.error is not None]
    return {
        "total_runs": len(runs),
        "success_rate": success_rate(runs),
        "avg_duration_ms": average_duration(runs),
        "last_error": errors[-1] if errors else None,
    }
