"""What is measured: pages of executions, and a workflow, of the documented shapes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

_BEGIN = datetime(2026, 1, 20, tzinfo=UTC)
_WORKFLOW = {
    "id": "wf_8x7k2m9p",
    "name": "Data Processing Pipeline",
    "description": "Processes customer data every hour",
    "status": "active",
    "trigger": {"type": "schedule", "cron": "0 * * * *", "timezone": "UTC"},
    "steps": [
        {
            "id": "step_1",
            "type": "fetch_data",
            "source": "customer_db",
            "query": "SELECT * FROM customers WHERE updated_at > :last_run",
        },
        {"id": "step_2", "type": "transform", "script_id": "scr_transform_v3"},
    ],
    "metrics": {
        "total_runs": 1247,
        "success_rate": 98.7,
        "avg_duration_ms": 3420,
        "last_error": None,
    },
    "created_at": "2026-01-15T10:30:00Z",
    "updated_at": "2026-01-23T14:22:00Z",
}


def page_of_executions(
    count: int = 100, *, offset: int = 0, limit: int = 100, pipeline_id: str = "pipe_4x9k2m"
) -> bytes:
    """Return the JSON of a page (API document: List Pipeline Executions), about 25 kB for 100.

    Args:
        count: Rows of the whole list.
        offset: Rows before this page.
        limit: Most rows of this page.
        pipeline_id: Whose executions they are.
    """
    end = min(offset + limit, count)
    has_more = end < count
    return json.dumps(
        {
            "data": [_execution(number, pipeline_id) for number in range(offset, end)],
            "pagination": {"total": count, "limit": limit, "offset": offset, "has_more": has_more},
        }
    ).encode()


def workflow() -> bytes:
    """Return the JSON of a workflow (API document: Get Workflow Details)."""
    return json.dumps(_WORKFLOW).encode()


def _execution(number: int, pipeline_id: str) -> dict[str, object]:
    started = _BEGIN + timedelta(minutes=7 * number)
    seconds = 30 + number % 200
    failed = number % 7 == 0
    return {
        "id": f"exec_{number:08x}",
        "pipeline_id": pipeline_id,
        "status": "failed" if failed else "completed",
        "started_at": f"{started:%Y-%m-%dT%H:%M:%SZ}",
        "completed_at": f"{started + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}",
        "duration_ms": seconds * 1000,
        "records_processed": 15_000 + number,
        "records_failed": number % 5,
        "error_rate": round(100 * (number % 5) / (15_000 + number), 2),
    }
