"""The page that is measured: 100 executions of the documented shape."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

_BEGIN = datetime(2026, 1, 20, tzinfo=UTC)


def page_of_executions(count: int = 100) -> bytes:
    """Return the JSON of a page (API document: List Pipeline Executions), about 25 kB for 100."""
    return json.dumps(
        {
            "data": [_execution(number) for number in range(count)],
            "pagination": {"total": count, "limit": 100, "offset": 0, "has_more": False},
        }
    ).encode()


def _execution(number: int) -> dict[str, object]:
    started = _BEGIN + timedelta(minutes=7 * number)
    seconds = 30 + number % 200
    failed = number % 7 == 0
    return {
        "id": f"exec_{number:08x}",
        "pipeline_id": "pipe_4x9k2m",
        "status": "failed" if failed else "completed",
        "started_at": f"{started:%Y-%m-%dT%H:%M:%SZ}",
        "completed_at": f"{started + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}",
        "duration_ms": seconds * 1000,
        "records_processed": 15_000 + number,
        "records_failed": number % 5,
        "error_rate": round(100 * (number % 5) / (15_000 + number), 2),
    }
