"""Bodies: what can be sent, and the place of what cannot."""

from __future__ import annotations

import enum
import types
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, ClassVar, Literal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudflow_async._core.codec import json as strict_json
from cloudflow_async._core.codec.encode import dumps, encode
from cloudflow_async._core.codec.fields import named, unknown_fields
from cloudflow_async._core.errors import InvalidArgumentError
from cloudflow_async._core.messages import UNSET, Json


class Color(enum.StrEnum):
    """An enumeration of strings."""

    RED = "red"


class Size(enum.IntEnum):
    """An enumeration of integers."""

    BIG = 3


@attrs.frozen(kw_only=True, weakref_slot=False)
class Lamp:
    """A model."""

    type: ClassVar[Literal["lamp"]] = "lamp"
    watts: int = attrs.field(metadata=named("power"))
    color: str | None = None
    lit_at: datetime | None = None
    extra: Mapping[str, Json] = unknown_fields()


NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": [1, 2.5, True, None, "é"]}, {"a": [1, 2.5, True, None, "é"]}),
        ((1, (2,)), [1, [2]]),
        ({"a": UNSET, "b": None}, {"b": None}),
        ({Color.RED: Color.RED, "b": Size.BIG}, {"red": "red", "b": 3}),
        (types.MappingProxyType({"a": 1}), {"a": 1}),
        (NOON, "2026-01-15T12:00:00Z"),
        (Lamp(watts=5), {"type": "lamp", "power": 5}),
        ([Lamp(watts=5, lit_at=NOON)], [{"type": "lamp", "power": 5, "lit_at": encode(NOON)}]),
        (Lamp(watts=5, extra={"new": 1, "power": 6}), {"type": "lamp", "power": 5, "new": 1}),
        (2**64 - 1, 2**64 - 1),
        (-(2**63) - 1, -(2**63) - 1),
        (10**308, 10**308),
    ],
)
def test_values_take_their_json_form(value: object, expected: Json) -> None:
    """Each value that has a JSON form takes it; models leave out None and merge `extra` back."""
    assert expected == encode(value)


def test_subclasses_become_plain_values() -> None:
    """Members of enumerations leave as plain strings and integers, keys too."""
    encoded: Any = encode({Color.RED: [Color.RED, Size.BIG]})

    assert [str, str, int] == [type(value) for value in (*encoded, *encoded["red"])]


CYCLE: list[Any] = []
CYCLE.append({"again": CYCLE})


def nested(levels: int) -> Any:
    """Return lists in lists."""
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), "nan is no JSON number"),
        ({"a": [1, float("inf")]}, "a[1]: inf is no JSON number"),
        ({"steps": [{"filters": {1, 2}}]}, "steps[0].filters: set has no JSON form"),
        ({"a": b"x"}, "a: bytes has no JSON form"),
        ({"a": Decimal(1)}, "a: Decimal has no JSON form"),
        ({"a": date(2026, 1, 1)}, "a: date has no JSON form"),
        ({"a": {1: 2}}, "a: the key 1 is no string"),
        ({"odd key": {"é": object()}}, "['odd key'].é: object has no JSON form"),
        ({"a": datetime(2026, 1, 1)}, "a: 2026-01-01T00:00:00 has no time zone"),  # noqa: DTZ001
        ({"a": 10**309}, "a: an integer beyond a double (about 1.8e308)"),
        ({"a": -(2**1024)}, "a: an integer beyond a double"),
        ([UNSET], "[0]: UNSET leaves out a field"),
        (UNSET, "UNSET leaves out a field"),
        (CYCLE, "[0].again: it contains itself"),
        (nested(101), "[0]" * 13 + "[...: nested deeper than 100 levels"),
        ([Lamp(watts=float("nan"))], "[0].power: nan is no JSON number"),  # type: ignore[arg-type]
        (Lamp, "type has no JSON form"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_its_place(value: object, message: str) -> None:
    """What JSON cannot say is refused before it is sent, and the message says where it is."""
    with pytest.raises(InvalidArgumentError) as caught:
        dumps(value)

    assert str(caught.value).startswith(message)


def test_a_hundred_levels_can_be_sent() -> None:
    """Nesting up to the limit is sent."""
    assert b"[" * 100 + b"1" + b"]" * 100 == dumps(nested(100))


def test_bodies_are_compact_utf8() -> None:
    """A body has no blanks, and letters stand as they are."""
    assert '{"a":[1,"é"]}'.encode() == dumps({"a": [1, "é"]})


def test_half_a_surrogate_pair_is_escaped() -> None:
    """A string that UTF-8 cannot hold is sent with an escape, and comes back the same."""
    assert b'"\\ud800"' == dumps("\ud800")
    assert "\ud800" == strict_json.loads(dumps("\ud800"))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**308), 10**308)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(JSON)
def test_what_is_sent_can_be_read(value: Any) -> None:
    """Any JSON value survives being written and read."""
    assert value == strict_json.loads(dumps(value))
