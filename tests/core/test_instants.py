"""Instants in and out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudflow_async._core.errors import InvalidArgumentError
from cloudflow_async._core.instants import format_instant, parse_instant, parse_instants

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (NOON, "2026-01-15T12:00:00Z"),
        (NOON.replace(microsecond=120), "2026-01-15T12:00:00.000120Z"),
        (NOON.astimezone(timezone(timedelta(hours=5, minutes=30))), "2026-01-15T12:00:00Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00Z"),
    ],
)
def test_an_instant_is_sent_in_utc(moment: datetime, text: str) -> None:
    """An aware datetime of any zone is written in UTC, with microseconds if it has any."""
    assert text == format_instant(moment)


def test_a_naive_datetime_is_refused() -> None:
    """A datetime without a zone is refused with the two ways to give it one."""
    with pytest.raises(InvalidArgumentError, match=r"tzinfo=UTC.*astimezone\(\)"):
        format_instant(datetime(2026, 1, 15))  # noqa: DTZ001 - naive on purpose


def test_an_instant_without_a_year_in_utc_is_refused() -> None:
    """A datetime that leaves the calendar when moved to UTC is refused."""
    east = timezone(timedelta(hours=1))

    with pytest.raises(InvalidArgumentError, match="outside the years 1 to 9999"):
        format_instant(datetime(1, 1, 1, tzinfo=east))


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-15T12:00:00Z",
        "2026-01-15T12:00:00+00:00",
        "2026-01-15T17:30:00+05:30",
        "2026-01-15T07:00:00-05:00",
        "2026-01-15T12:00:00.000Z",
    ],
)
def test_offsets_and_fractions_are_read(text: str) -> None:
    """Any offset and any fraction is read, and the result is in UTC."""
    instant = parse_instant(text)

    assert (NOON, UTC) == (instant, instant.tzinfo)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-01-15",
        "2026-W01",
        "2026-W03-4T12:00:00Z",
        "2026-01-15T12:00:00",
        "2026-01-15 12:00:00Z",
        "2026-01-15T12:00Z",
        "20260115T120000Z",
        "2026-01-15T12:00:00Z ",
        "2026-02-30T12:00:00Z",
        "2026-01-15T25:00:00Z",
        "\ud8002026-01-15T12:00:0",
        "٢٠٢٦-01-15T12:00:00Z",
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    """Anything but date, time and zone is refused, alone and among others."""
    with pytest.raises(ValueError):  # noqa: PT011 - worded by who asks
        parse_instant(text)
    with pytest.raises(ValueError):  # noqa: PT011 - worded by who asks
        parse_instants(["2026-01-15T12:00:00Z", text])


def test_an_offset_can_leave_the_calendar() -> None:
    """An instant whose offset moves it out of the calendar is an OverflowError."""
    with pytest.raises(OverflowError):
        parse_instant("0001-01-01T00:00:00+01:00")


def test_many_of_the_usual_form_are_read_like_one() -> None:
    """A column of the documented form gives what each text gives alone."""
    texts = [f"2026-01-{day:02}T12:00:00Z" for day in range(1, 31)]

    assert [parse_instant(text) for text in texts] == parse_instants(texts)


def test_the_usual_form_is_not_looked_at_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of it takes half the time so."""

    def parse(text: str) -> datetime:
        raise AssertionError(text)

    monkeypatch.setattr("cloudflow_async._core.instants.parse_instant", parse)

    assert [NOON, NOON] == parse_instants(["2026-01-15T12:00:00Z"] * 2)


def test_mixed_forms_are_read_one_by_one() -> None:
    """One text with an offset among usual ones is converted to UTC as well."""
    instants = parse_instants(["2026-01-15T12:00:00Z", "2026-01-15T13:00:00+01:00"])

    assert [(NOON, UTC)] * 2 == [(instant, instant.tzinfo) for instant in instants]


@pytest.mark.parametrize("cut", [cut for cut in range(41) if cut != 20])
def test_instants_cut_elsewhere_are_refused(cut: int) -> None:
    """Two instants in one string, cut anywhere but between them, are not two instants."""
    together = "2026-01-15T12:00:00Z2026-01-16T12:00:00Z"

    with pytest.raises(ValueError):  # noqa: PT011 - worded by who asks
        parse_instants([together[:cut], together[cut:]])


@given(st.datetimes(timezones=st.just(UTC)))
def test_what_is_sent_can_be_read(moment: datetime) -> None:
    """Reading what was written gives the same instant."""
    assert moment == parse_instant(format_instant(moment))
