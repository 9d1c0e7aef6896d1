"""Instants: whole Unix seconds inside, ISO 8601 with Z on the wire."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_ISO_8601 = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)", flags=re.ASCII
)


def format_timestamp(seconds: float) -> str:
    """Return Unix seconds as the API writes them: 2026-01-15T10:30:00Z."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_timestamp(text: str) -> float:
    """Return the Unix seconds of an ISO 8601 timestamp with Z or an offset.

    Raises:
        ValueError: It is something else, or has no time zone.
    """
    if not _ISO_8601.fullmatch(text):
        raise ValueError("not an ISO 8601 timestamp with a time zone")
    return datetime.fromisoformat(text).timestamp()


def unix_seconds(instant: datetime | float) -> int:
    """Return an instant given by a test as whole Unix seconds.

    Raises:
        ValueError: A datetime without a time zone.
    """
    if not isinstance(instant, datetime):
        return int(instant)
    if instant.tzinfo is None:
        raise ValueError("give the datetime a time zone, for example tzinfo=UTC")
    return int(instant.timestamp())
