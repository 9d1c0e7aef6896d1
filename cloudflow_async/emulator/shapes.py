"""The JSON shapes of the API document, one function a shape."""

from __future__ import annotations

from collections.abc import Sequence

from .queries import PageWanted
from .state import Execution, JsonObject, Run, Webhook, Workflow
from .timestamps import format_timestamp


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


def success_rate(runs: Sequence[Run]) -> float:
    """Return the percentage of completed runs, with one decimal; 0.0 when there was none."""
    completed = sum(run.status == "completed" for run in runs)
    return round(100 * completed / len(runs), 1) if runs else 0.0


def average_duration(runs: Sequence[Run]) -> int:
    """Return the mean duration in milliseconds; 0 when there was no run."""
    return round(sum(run.duration_ms for run in runs) / len(runs)) if runs else 0


def _lifetime_metrics(runs: Sequence[Run]) -> JsonObject:
    errors = [run.error for run in runs if run.error is not None]
    return {
        "total_runs": len(runs),
        "success_rate": success_rate(runs),
        "avg_duration_ms": average_duration(runs),
        "last_error": errors[-1] if errors else None,
    }
