"""Instants in and out."""

from __future__ import annotations

import re
from calendar import isleap
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudflow_async._core.codec.timestamps import format_instant, parse_instant, parse_instants
from cloudflow_async._core.errors import InvalidArgumentError

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


READ = [
    ("2026-01-15T12:00:00Z", NOON),
    ("2026-01-15t12:00:00z", NOON),
    ("2026-01-15T12:00:00z", NOON),
    ("2026-01-15 12:00:00Z", NOON),
    ("2026-01-15T12:00:00+00:00", NOON),
    ("2026-01-15T12:00:00-00:00", NOON),
    ("2026-01-15T17:30:00+05:30", NOON),
    ("2026-01-15 07:00:00-05:00", NOON),
    ("2026-01-16T11:59:00+23:59", NOON),
    ("2026-01-14T12:01:00-23:59", NOON),
    ("2026-01-15T12:00:00.000Z", NOON),
    ("2026-01-15T12:00:00.1Z", NOON.replace(microsecond=100_000)),
    ("2026-01-15T12:00:00.123456999Z", NOON.replace(microsecond=123_456)),
    (f"2026-01-15T12:00:00.{'9' * 1000}z", NOON.replace(microsecond=999_999)),
    ("2024-02-29T12:00:00Z", datetime(2024, 2, 29, 12, tzinfo=UTC)),
    ("0001-01-01T00:00:00Z", datetime.min.replace(tzinfo=UTC)),
    ("9999-12-31T23:59:59.999999Z", datetime.max.replace(tzinfo=UTC)),
]


@pytest.mark.parametrize(("text", "moment"), READ)
def test_what_rfc_3339_allows_is_read(text: str, moment: datetime) -> None:
    """Letters of either case, a space for the T, any fraction and any offset; the result is UTC."""
    for instant in (parse_instant(text), *parse_instants([text, "2026-01-15T12:00:00Z"])[:1]):
        assert (moment, UTC) == (instant, instant.tzinfo)


LAST = datetime(2016, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2016-12-31T23:59:60Z", LAST),
        ("2016-12-31t23:59:60.5z", LAST),
        ("2016-12-31 15:59:60-08:00", LAST),
        ("2017-01-01T05:29:60.999+05:30", LAST),
        ("2015-06-30T23:59:60Z", LAST.replace(year=2015, month=6, day=30)),
        ("2024-02-29T23:59:60Z", LAST.replace(year=2024, month=2, day=29)),
        ("9999-12-31T23:59:60Z", datetime.max.replace(tzinfo=UTC)),
    ],
)
def test_a_leap_second_is_the_end_of_its_minute(text: str, moment: datetime) -> None:
    """In the last minute of a month in UTC, second 60 is read as the microsecond before it ends."""
    for instant in (parse_instant(text), *parse_instants([text])):
        assert (moment, UTC) == (instant, instant.tzinfo)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-01-15",
        "2026-W01",
        "2026-W03-4T12:00:00Z",
        "2026-015T12:00:00Z",
        "20260115T120000Z",
        "2026-01-15T120000Z",
        "2026-01-15T12:00Z",
        "2026-01-15T12:00:00",
        "2026-01-15T12:00:00.5",
        "2026-01-15_12:00:00Z",
        "2026-01-15  12:00:00Z",
        "2026-01-15\t12:00:00Z",
        "2026-01-15T12:00:00 Z",
        "2026-01-15T12:00:00Z ",
        "2026-01-15T12:00:00Z\n",
        "+2026-01-15T12:00:00Z",
        "12026-01-15T12:00:00Z",
        "26-01-15T12:00:00Z",
        "2026-1-15T12:00:00Z",
        "2026-02-30T12:00:00Z",
        "2025-02-29T12:00:00Z",
        "0000-01-01T12:00:00Z",
        "2026-01-15T24:00:00Z",
        "2026-01-15T25:00:00Z",
        "2026-01-15T12:60:00Z",
        "2026-01-15T12:00:61Z",
        "2026-01-15T12:00:60Z",
        "2026-12-31T12:59:60Z",
        "2026-12-31T23:58:60Z",
        "2026-12-31T23:59:60-08:00",
        "2026-12-30T23:59:60Z",
        "2026-02-30T23:59:60Z",
        "2026-01-15T12:00:00.Z",
        "2026-01-15T12:00:00,5Z",
        "2026-01-15T12:00:00.5.5Z",
        "2026-01-15T12:00:00.-5Z",
        "2026-01-15T12:00:00+5:30",
        "2026-01-15T12:00:00+05",
        "2026-01-15T12:00:00+0530",
        "2026-01-15T12:00:00+05:30:00",
        "2026-01-15T12:00:00+05:30:15.5",
        "2026-01-15T12:00:00+24:00",
        "2026-01-15T12:00:00+23:60",
        "2026-01-15T12:00:00\u221205:00",
        "2026-01-15T12:00:00ZZ",
        "2026-01-15T12:00:00Z+00:00",
        "2026-01-15T12:00:00UTC",
        "\ud8002026-01-15T12:00:0",
        "٢٠٢٦-01-15T12:00:00Z",
        "2026-01-15T12:00:00.\u0665Z",
        "2026-01-15\u3000" + "12:00:00Z",
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    """Anything but date, time and offset is refused, alone and among others."""
    with pytest.raises(ValueError):  # noqa: PT011 - worded by who asks
        parse_instant(text)
    for others in (
        ["2026-01-15T12:00:00Z"],
        ["2026-01-15T12:00:00.5+01:00"],
        ["2026-01-15 12:00:00z"],
    ):
        with pytest.raises(ValueError):  # noqa: PT011 - worded by who asks
            parse_instants([*others, text])


def test_an_offset_can_leave_the_calendar() -> None:
    """An instant whose offset moves it out of the calendar is an OverflowError."""
    with pytest.raises(OverflowError):
        parse_instant("0001-01-01T00:00:00+01:00")
    with pytest.raises(OverflowError):
        parse_instants(["9999-12-31T23:59:59-00:01"])


def test_many_of_the_usual_form_are_read_like_one() -> None:
    """A column of the documented form gives what each text gives alone."""
    texts = [f"2026-01-{day:02}T12:00:00Z" for day in range(1, 31)]

    assert [parse_instant(text) for text in texts] == parse_instants(texts)


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-15T12:00:00Z",
        "2026-01-15T22:00:00+10:00",
        "2026-01-15T12:00:00.000Z",
        "2026-01-15 12:00:00+00:00",
    ],
)
def test_usual_forms_are_not_looked_at_one_by_one(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Columns of the usual forms are checked as a whole, which takes a fraction of the time."""

    def parse(text: str) -> datetime:
        raise AssertionError(text)

    monkeypatch.setattr("cloudflow_async._core.codec.timestamps.parse_instant", parse)

    assert [NOON, NOON] == parse_instants([text, text])


def test_an_evening_has_the_documented_form() -> None:
    """Hours that begin with 2 are read, and the hour 24 is refused where minutes are 24 as well."""
    evening = [f"2026-01-15T{hour}:24:24Z" for hour in (20, 21, 22, 23)]

    assert [20, 21, 22, 23] == [instant.hour for instant in parse_instants(evening)]
    with pytest.raises(ValueError):  # noqa: PT011 - worded by who asks
        parse_instants([*evening, "2026-01-15T24:00:00Z"])


def test_mixed_forms_are_read_alike() -> None:
    """Texts of different forms in one column give what each gives alone."""
    texts = [text for text, _ in READ]

    assert [moment for _, moment in READ] == parse_instants(texts)


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


# The grammar of RFC 3339, section 5.6, once more and with arithmetic of its own.
GRAMMAR = re.compile(
    "([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})([.][0-9]+)?"
    "(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)


def reference(text: str) -> datetime | None:
    """Return the instant of a text by the letter of RFC 3339; None: it has none from 1 to 9999."""
    found = GRAMMAR.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    east = (-1 if found[8] == "-" else 1) * (int(found[9] or 0) * 60 + int(found[10] or 0))
    if int(found[9] or 0) > 23 or int(found[10] or 0) > 59:
        return None
    micros = int(f"{(found[7] or '.')[1:]:0<6}"[:6])
    try:
        local = datetime(year, month, day, hour, minute, min(second, 59), micros, tzinfo=UTC)
        moment = local - timedelta(minutes=east)
    except (ValueError, OverflowError):
        return None
    if second <= 59:
        return moment
    days = [31, 29 if isleap(moment.year) else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    ends = (moment.day, moment.hour, moment.minute) == (days[moment.month - 1], 23, 59)
    return moment.replace(microsecond=999_999) if second == 60 and ends else None


def outcomes(text: str) -> list[datetime | None]:
    """Return what a text gives alone and in columns with other forms; None: it is refused."""
    readers: list[Callable[[str], datetime]] = [
        parse_instant,
        lambda text: parse_instants([text])[0],
        lambda text: parse_instants([text, "2026-01-15T12:00:00Z"])[0],
        lambda text: parse_instants(["2026-01-15T12:00:00.5+01:00", text])[1],
        lambda text: parse_instants(["2026-01-15 12:00:00z", text])[1],
    ]
    found: list[datetime | None] = []
    for read in readers:
        try:
            found.append(read(text))
        except (ValueError, OverflowError):
            found.append(None)
    return found


def stays_in_the_calendar(moment: datetime) -> bool:
    """Return whether an offset cannot move an instant out of the calendar."""
    return (1, 1, 1) < moment.timetuple()[:3] < (9999, 12, 30)


@st.composite
def rfc_3339_texts(draw: st.DrawFn) -> str:
    """Draw a text of the grammar, one in three with a leap second where there can be one."""
    leap = draw(st.sampled_from([True, False, False]))
    east = draw(st.none() | st.integers(-23 * 60 - 59, 23 * 60 + 59))
    moment = draw(st.datetimes(timezones=st.just(UTC)).filter(stays_in_the_calendar))
    if leap:
        month = moment.replace(day=28, hour=23, minute=59, second=59) + timedelta(days=4)
        end = month - timedelta(days=month.day)
        moment = end + timedelta(minutes=east or 0)
    second = 60 if leap else moment.second
    digits = draw(st.text("0123456789", max_size=9))
    offset = draw(st.sampled_from("Zz"))
    if east is not None:
        sign = "-" if east < 0 else draw(st.sampled_from("+-")) if east == 0 else "+"
        offset = f"{sign}{abs(east) // 60:02}:{abs(east) % 60:02}"
    return (
        f"{moment.year:04}-{moment.month:02}-{moment.day:02}{draw(st.sampled_from('Tt '))}"
        f"{moment.hour:02}:{moment.minute:02}:{second:02}{'.' * bool(digits)}{digits}{offset}"
    )


@settings(max_examples=300)
@given(rfc_3339_texts())
def test_every_text_of_the_grammar_is_read(text: str) -> None:
    """A text of the grammar of RFC 3339 gives its instant in UTC, wherever it is read."""
    moment = reference(text)

    assert moment is not None
    assert [moment] * 5 == outcomes(text)


@st.composite
def damaged_texts(draw: st.DrawFn) -> str:
    """Draw a text of the grammar with one to three characters changed, left out or put in."""
    text = draw(rfc_3339_texts())
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(text)))
        into = draw(st.text("0123456789+-:.,TtZz W\n\u0663\ud800", max_size=2))
        text = text[:at] + into + text[at + draw(st.integers(0, 2)) :]
    return text


@settings(max_examples=1000)
@given(damaged_texts())
def test_a_damaged_text_is_refused_or_another_instant(text: str) -> None:
    """A changed text gives the instant that it then has by RFC 3339, or it is refused."""
    assert [reference(text)] * 5 == outcomes(text)
