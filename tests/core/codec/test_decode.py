"""What the converter reads and writes, and what its errors say."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal, Optional, Union

import attrs
import pytest

from cloudflow_async._core.codec import decode as codec
from cloudflow_async._core.codec.decode import decode, decode_list, dumps, encode
from cloudflow_async._core.codec.fields import unknown_fields
from cloudflow_async._core.errors import DecodeError
from cloudflow_async._core.messages import Json
from tests.core.auth.exposure import exposed_by


class Color(enum.StrEnum):
    """An enumeration."""

    RED = "red"


@attrs.frozen(kw_only=True, weakref_slot=False)
class Bulb:
    """A member of a union."""

    type: ClassVar[Literal["bulb"]] = "bulb"
    watts: float
    extra: Mapping[str, Json] = unknown_fields()


@attrs.frozen(kw_only=True, weakref_slot=False)
class UnknownPart:
    """The member of a union that has no type of its own."""

    type: str
    extra: Mapping[str, Json] = unknown_fields()


@attrs.frozen(kw_only=True, weakref_slot=False)
class Lamp:
    """A model with a field of each kind."""

    id: str
    lit: bool | None = None
    height: int | None = None
    weight: float | None = None
    made_at: datetime | None = None
    color: Color | str | None = None
    labels: Mapping[str, Json] | None = None
    names: tuple[str, ...] = ()
    part: Bulb | UnknownPart | None = None
    parts: tuple[Bulb | UnknownPart, ...] = ()
    bulb: Optional[Bulb] = None  # noqa: UP045 - the other way to write it
    either: Union[Bulb, UnknownPart, None] = None  # noqa: UP007 - the other way to write it
    extra: Mapping[str, Json] = unknown_fields()


NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
FULL: dict[str, Json] = {
    "id": "l1",
    "lit": True,
    "height": 3,
    "weight": 2.5,
    "made_at": "2026-01-15T12:00:00Z",
    "color": "red",
    "labels": {"a": [1]},
    "names": ["x", "y"],
    "part": {"type": "bulb", "watts": 5.5, "new": 1},
    "parts": [{"type": "bulb", "watts": 1.0}, {"type": "plug", "pins": 2}],
    "bulb": {"type": "bulb", "watts": 2.0},
    "either": {"type": "plug"},
    "newer": {"x": None},
}
LAMP = Lamp(
    id="l1",
    lit=True,
    height=3,
    weight=2.5,
    made_at=NOON,
    color=Color.RED,
    labels={"a": [1]},
    names=("x", "y"),
    part=Bulb(watts=5.5, extra={"new": 1}),
    parts=(Bulb(watts=1.0), UnknownPart(type="plug", extra={"pins": 2})),
    bulb=Bulb(watts=2.0),
    either=UnknownPart(type="plug"),
    extra={"newer": {"x": None}},
)


ESCAPES = "\x1b[31m" * 20
INSTANT = "an RFC 3339 time, such as 2026-01-15T10:30:00Z"


def refusal(row: Any, path: str = "") -> tuple[str | None, str]:
    """Return path and message of the error that a row is refused with."""
    with pytest.raises(DecodeError) as caught:
        decode(Lamp, row, path)
    return caught.value.path, str(caught.value)


def test_each_kind_of_field_is_decoded() -> None:
    """Every kind of field becomes its Python value, and unknown fields go to `extra`."""
    assert LAMP == decode(Lamp, FULL)


def test_each_kind_of_field_is_encoded() -> None:
    """A model is encoded to what it was decoded from, by `encode` and by cattrs alike."""
    assert FULL == encode(LAMP)
    assert FULL == codec._converter().unstructure(LAMP)


def test_absent_fields_take_their_defaults() -> None:
    """Optional fields may be absent, and null where None is declared."""
    nullable = [field.name for field in attrs.fields(Lamp) if field.default is None]

    assert Lamp(id="l1") == decode(Lamp, {"id": "l1"})
    assert Lamp(id="l1") == decode(Lamp, {"id": "l1", **dict.fromkeys(nullable)})


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("height", 3.0, 3),
        ("height", -(2.0**53), -(2**53)),
        ("weight", 3, 3.0),
        ("height", 2**64, 2**64),
        ("height", 1e5, 100_000),
        ("height", -0.0, 0),
        ("weight", 2**64 - 1, float(2**64 - 1)),
        ("color", "mauve", "mauve"),
        ("made_at", "2026-01-15T14:00:00+02:00", NOON),
        ("made_at", "2026-01-15 12:00:00.0000009z", NOON),
        ("made_at", "2026-01-31T23:59:60Z", datetime(2026, 1, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
        ("part", {"type": "plug", "watts": "x"}, UnknownPart(type="plug", extra={"watts": "x"})),
    ],
)
def test_values_meet_half_way(field: str, value: Json, expected: object) -> None:
    """Numbers are converted where nothing is lost; open values are kept as they came."""
    decoded = getattr(decode(Lamp, {"id": "l1", field: value}), field)

    assert (type(expected), expected) == (type(decoded), decoded)


@pytest.mark.parametrize(
    ("row", "path", "message"),
    [
        ({}, "id", "id is missing"),
        ({"id": None}, "id", "id: expected a string, got null"),
        ({"id": 5}, "id", "id: expected a string, got 5"),
        ({"id": "x", "lit": 1}, "lit", "lit: expected true or false, got 1"),
        ({"id": "x", "height": True}, "height", "height: expected a whole number, got true"),
        ({"id": "x", "height": "5"}, "height", "height: expected a whole number, got '5'"),
        (
            {"id": "x", "height": "5" * 40},
            "height",
            f"height: expected a whole number, got '{'5' * 40}'",
        ),
        ({"id": "x", "height": 3.5}, "height", "height: expected a whole number, got 3.5"),
        ({"id": "x", "height": 1e300}, "height", "height: expected a whole number, got 1e+300"),
        (
            {"id": "x", "height": 2.0**53 + 2},
            "height",
            "height: expected a whole number, got 9007199254740994.0",
        ),
        ({"id": 2**64 - 1}, "id", "id: expected a string, got 18446744073709551615"),
        ({"id": -(2**64)}, "id", f"id: expected a string, got -{2**64}"),
        ({"id": 10**40}, "id", "id: expected a string, got a huge number"),
        ({"id": "x", "weight": False}, "weight", "weight: expected a number, got false"),
        ({"id": "x", "weight": 10**400}, "weight", "weight: expected a number, got a huge number"),
        ({"id": "x", "color": 1}, "color", "color: expected a string, got 1"),
        ({"id": "x", "labels": []}, "labels", "labels: expected an object, got an array of 0"),
        ({"id": "x", "names": None}, "names", "names: expected an array, got null"),
        ({"id": "x", "names": "ab"}, "names", "names: expected an array, got 'ab'"),
        ({"id": "x", "names": ["a", 1]}, "names[1]", "names[1]: expected a string, got 1"),
        ({"id": "x", "part": {}}, "part.type", "part.type is missing"),
        ({"id": "x", "part": {"type": "bulb"}}, "part.watts", "part.watts is missing"),
        (
            {"id": "x", "parts": [{"type": "plug"}, {"type": "bulb", "watts": ESCAPES}]},
            "parts[1].watts",
            f"parts[1].watts: expected a number, got {ESCAPES[:40]!a}...",
        ),
        (
            {"id": "x", "made_at": "2026-W01"},
            "made_at",
            f"made_at: expected {INSTANT}, got '2026-W01'",
        ),
        ([{"id": "canary"}], "$", "$: expected an object, got an array of 1"),
        (None, "$", "$: expected an object, got null"),
    ],
)
def test_what_does_not_fit_is_named(row: Any, path: str, message: str) -> None:
    """The error says where it is, what was expected and, shortly and escaped, what came."""
    assert (path, message) == refusal(row)


def test_the_error_has_no_cause_with_data() -> None:
    """No inner exception hangs on the error."""
    with pytest.raises(DecodeError) as caught:
        decode(Lamp, {"id": 5})

    assert (None, None) == (caught.value.__cause__, caught.value.__context__)
    assert not caught.value.retryable


def test_the_traceback_shows_nothing_else_of_the_answer() -> None:
    """Who records local variables does not record the secret that a row came with."""
    with pytest.raises(DecodeError) as caught:
        decode(Bulb, {"type": "bulb", "watts": "many", "secret": "canary"})

    assert "canary" not in exposed_by(caught.value)


def test_what_decoding_needs_can_be_loaded_before_a_loop_waits() -> None:
    """The first answer is not slower than the second then."""
    codec._converter.cache_clear()
    codec.prepare()

    assert 1 == codec._converter.cache_info().currsize


def test_the_path_begins_where_the_value_was() -> None:
    """A path given by the caller comes first."""
    assert "data.lamp.id" == refusal({"id": 5}, "data.lamp")[0]
    assert "data.lamp" == refusal(5, "data.lamp")[0]


@attrs.frozen(kw_only=True, weakref_slot=False)
class Box:
    """A model with fields that may hold any JSON."""

    thing: Json
    things: tuple[Json, ...] | None = None
    spare: Json = "none"
    extra: Mapping[str, Json] = unknown_fields()


@pytest.mark.parametrize("value", [None, True, 1, 2.5, "x", [1, [None]], {"a": {"b": []}}])
def test_any_json_comes_as_it_is(value: Json) -> None:
    """A field declared as `Json` takes every value, null included, and can still be absent."""
    box = decode(Box, {"thing": value, "things": [value, value]})

    assert Box(thing=value, things=(value, value), spare="none") == box
    with pytest.raises(DecodeError, match="thing is missing"):
        decode(Box, {"things": []})
    with pytest.raises(DecodeError, match="things: expected an array"):
        decode(Box, {"thing": 1, "things": 5})


def test_a_list_is_decoded_in_order() -> None:
    """A list of rows becomes a list of instances."""
    rows: Json = [{"id": str(number)} for number in range(5)]

    assert [Lamp(id=str(number)) for number in range(5)] == decode_list(Lamp, rows)
    assert [] == decode_list(Lamp, [])


@pytest.mark.parametrize(
    ("rows", "path"),
    [
        ([{"id": "a"}, {"id": "b"}, {}], "data[2].id"),
        ([{"id": "a"}, {"id": "b", "made_at": "x"}], "data[1].made_at"),
        ([{"id": "a", "made_at": "2026-01-15T24:00:00Z"}], "data[0].made_at"),
        ([{"id": "a", "made_at": "2026-01-15T12:00:60Z"}], "data[0].made_at"),
        ([{"id": "a"}, None], "data[1]"),
        ({"id": "a"}, "data"),
        (None, "data"),
        ("rows", "data"),
    ],
)
def test_the_row_that_does_not_fit_is_named(rows: Any, path: str) -> None:
    """The path names the row by its place in the array."""
    with pytest.raises(DecodeError) as caught:
        decode_list(Lamp, rows)

    assert path == caught.value.path
    assert str(caught.value).startswith(path)


def test_an_array_elsewhere_is_named() -> None:
    """The path begins with the array's own name."""
    with pytest.raises(DecodeError, match=r"^workflows\[0\]\.id is missing$"):
        decode_list(Lamp, [{}], "workflows")


def test_a_body_is_written() -> None:
    """`dumps` writes models."""
    assert b'{"type":"bulb","watts":2.0}' == dumps(Bulb(watts=2.0))


@attrs.frozen(kw_only=True, weakref_slot=False)
class Odd:
    """A model with a field that no hook reads."""

    price: bytes
    extra: Mapping[str, Json] = unknown_fields()


def test_a_type_without_a_hook_is_refused() -> None:
    """A field of a type that JSON lacks is a mistake in the model, and said so."""
    with pytest.raises(TypeError, match="no hook reads a column of <class 'bytes'>"):
        decode(Odd, {"price": 1})


@attrs.frozen(kw_only=True, weakref_slot=False)
class Pair:
    """A model with a tuple of a certain length."""

    both: tuple[str, int]
    extra: Mapping[str, Json] = unknown_fields()


def test_a_tuple_of_a_certain_length_is_refused() -> None:
    """An array of JSON has any length, and items of one kind."""
    with pytest.raises(TypeError, match="no hook reads a column of tuple"):
        decode(Pair, {"both": ["a", "b"]})
