"""Instants and their spelling."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from cloudflow_async.emulator.base.timestamps import format_timestamp, parse_timestamp, unix_seconds


def test_timestamps_are_written_in_whole_seconds_with_z() -> None:
    """Fractions are cut off, as in the document's samples."""
    assert format_timestamp(1_768_473_000.9) == "2026-01-15T10:30:00Z"


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-15T10:30:00Z",
        "2026-01-15T10:30:00.000Z",
        "2026-01-15T10:30Z",
        "2026-01-15T12:30:00+02:00",
        "2026-01-15T05:30:00-0500",
    ],
)
def test_iso_8601_with_z_or_an_offset_is_read(text: str) -> None:
    """All ways to write one instant mean that instant."""
    assert parse_timestamp(text) == 1_768_473_000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "1768473000",
        "2026-01-15",
        "2026-01-15T10:30:00",
        "2026-01-15 10:30:00Z",
        "2026-01-15T10:30:00 02:00",
        "2026-02-30T10:30:00Z",
        "2026-01-15T25:30:00Z",
        "0000-01-01T00:00:00Z",
        "2026-01-15T10:30:00+99:00",
        "2026-01-15T10:30:0\N{FULLWIDTH DIGIT TWO}Z",
        "2026-01-15T10:30:00Z\n",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    """Dates alone, times without a zone, and impossible dates are errors."""
    with pytest.raises(ValueError, match=r".+"):
        parse_timestamp(text)


def test_instants_of_tests_are_aware_datetimes_or_numbers() -> None:
    """Both become whole Unix seconds."""
    paris = timezone(timedelta(hours=1))

    assert unix_seconds(1_768_473_000.5) == 1_768_473_000
    assert unix_seconds(datetime(2026, 1, 15, 11, 30, tzinfo=paris)) == 1_768_473_000
    assert unix_seconds(datetime(2026, 1, 15, 10, 30, 0, 5, tzinfo=UTC)) == 1_768_473_000


def test_a_datetime_without_a_zone_is_refused() -> None:
    """It could mean any of two dozen instants."""
    with pytest.raises(ValueError, match="time zone"):
        unix_seconds(datetime(2026, 1, 15))  # noqa: DTZ001 - the very mistake
