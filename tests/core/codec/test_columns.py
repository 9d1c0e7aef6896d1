"""Hooks that read columns."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal

import attrs
import pytest

from cloudflow_async._core.codec.columns import (
    ABSENT,
    Hook,
    Mismatch,
    array,
    instant,
    model,
    open_enum,
    scalar,
    tagged,
    text,
    unless,
)
from cloudflow_async._core.codec.fields import NO_FIELDS, named, unknown_fields
from cloudflow_async._core.messages import Json

STRINGS = text("a string")
WHOLE = scalar("a whole number", {int: None, float: int})
HOOKS = {str: STRINGS, int: WHOLE}


class Color(enum.StrEnum):
    """An enumeration."""

    RED = "red"
    BLUE = "blue"


@attrs.frozen(kw_only=True, weakref_slot=False)
class Lamp:
    """A model with a tag, another name in JSON, a default, and a name that is dropped."""

    type: ClassVar[Literal["lamp"]] = "lamp"
    watts: int = attrs.field(metadata=named("power"))
    color: str = "white"
    extra: Mapping[str, Json] = unknown_fields(without=("key",))


@attrs.frozen(kw_only=True, weakref_slot=False)
class Other:
    """A model without a tag."""

    type: str
    extra: Mapping[str, Json] = unknown_fields()


LAMPS = model(Lamp, HOOKS.__getitem__)
OTHERS = model(Other, HOOKS.__getitem__)


def mismatch(hook: Hook, *column: Any) -> tuple[int, str, str, object]:
    """Return what does not fit in a column: place, path, what would, and what is there."""
    with pytest.raises(Mismatch) as caught:
        hook.read(column)
    found = caught.value
    return found.index, found.path, "" if found.found is ABSENT else found.expected, found.found


def test_a_hook_called_with_a_value_reads_it() -> None:
    """A hook is a cattrs structure hook, which gets a value and a type."""
    assert "x" == STRINGS("x", str)


def test_a_column_of_fitting_values_is_passed_on() -> None:
    """A column that needs no conversion is not copied."""
    column = ("a", "b")

    assert STRINGS.read(column) is column


def test_a_column_is_converted_where_it_has_to_be() -> None:
    """Only values of a type with a conversion are converted."""
    column = WHOLE.read([1, 2.0])

    assert [int, int] == [type(value) for value in column]
    assert [1, 2] == column


@pytest.mark.parametrize("value", [True, "5", None, [], {}, float("inf")])
def test_a_value_of_another_type_does_not_fit(value: Any) -> None:
    """Types are compared exactly, and a conversion that fails is a mismatch too."""
    assert (1, "", "a whole number", value) == mismatch(WHOLE, 1, value)


def test_a_mismatch_does_not_print_what_was_found() -> None:
    """It may be a secret; whoever words an error for users shortens it first."""
    with pytest.raises(Mismatch, match=r"^a whole number$"):
        WHOLE.read(["canary"])


def test_members_and_unknown_values_of_an_open_enumeration() -> None:
    """Known values become members; unknown ones stay strings, and other types do not fit."""
    hook = open_enum(Color)
    values = hook.read(["red", "green"])

    assert [Color.RED, "green"] == values
    assert [Color, str] == [type(value) for value in values]
    assert (1, "", "a string", 5) == mismatch(hook, "red", 5)
    assert "green" not in list(Color)


def test_instants_become_datetimes() -> None:
    """Instants are read in a row or, where one is unusual, one by one."""
    hook = instant("an instant")
    noon = datetime(2026, 1, 15, 12, tzinfo=UTC)

    assert [noon] == hook.read(["2026-01-15T12:00:00Z"])
    assert [noon, noon] == hook.read(["2026-01-15T12:00:00Z", "2026-01-15T13:00:00+01:00"])


@pytest.mark.parametrize("value", ["", "noon", 5, None, "0001-01-01T00:00:00+01:00", "\ud800"])
def test_what_is_no_instant_does_not_fit(value: Any) -> None:
    """The place of the value that is no instant is found."""
    hook = instant("an instant")

    assert (1, "", "an instant", value) == mismatch(hook, "2026-01-15T12:00:00Z", value)


def test_skipped_values_are_replaced() -> None:
    """Null or absent values get what stands for them, and the others are read."""
    hook = unless(None, WHOLE, "none")

    assert (1, 2) == hook.read((1, 2))
    assert ["none", 1, "none", 2] == hook.read([None, 1, None, 2.0])
    assert ["none"] == hook.read([None])


def test_a_mismatch_beside_skipped_values_keeps_its_place() -> None:
    """A value that does not fit has its place in the whole column."""
    hook = unless(None, WHOLE, "none")

    assert (0, "", "a whole number", "x") == mismatch(hook, "x")
    assert (2, "", "a whole number", "x") == mismatch(hook, None, 1, "x", None)


def test_arrays_become_tuples() -> None:
    """Arrays of any lengths become tuples of the items read."""
    hook = array(WHOLE)

    assert [(1, 2), (), (3,)] == hook.read([[1, 2.0], [], [3]])


@pytest.mark.parametrize(
    ("column", "found"),
    [
        (([1], [], ["x"]), (2, "[0]", "a whole number", "x")),
        (([1, 2], [3, None]), (1, "[1]", "a whole number", None)),
        (([1], "x"), (1, "", "an array", "x")),
        (([1], {}), (1, "", "an array", {})),
    ],
)
def test_the_item_that_does_not_fit_is_found(column: Any, found: tuple[object, ...]) -> None:
    """A mismatch names the array by its place in the column and the item in the path."""
    assert found == mismatch(array(WHOLE), *column)


def test_the_members_of_a_union_are_told_by_type() -> None:
    """Each object is read by the hook of its ``type``, and unknown types by the other."""
    hook = tagged({"lamp": LAMPS}, OTHERS)
    rows = [{"type": "chair", "legs": 4}, {"type": "lamp", "power": 1}, {"type": "bed"}]

    assert [
        Other(type="chair", extra={"legs": 4}),
        Lamp(watts=1),
        Other(type="bed"),
    ] == hook.read(rows)


@pytest.mark.parametrize(
    ("row", "path", "expected", "found"),
    [
        ({"type": "lamp"}, ".power", "", ABSENT),
        ({"type": "lamp", "power": "x"}, ".power", "a whole number", "x"),
        ({}, ".type", "", ABSENT),
        ({"type": []}, ".type", "a string", []),
        ([], "", "an object", []),
    ],
)
def test_a_member_that_does_not_fit_is_found(
    row: Any, path: str, expected: str, found: object
) -> None:
    """A mismatch within one member of a union has its place in the whole column."""
    hook = tagged({"lamp": LAMPS}, OTHERS)
    good = {"type": "lamp", "power": 1}

    assert (2, path, expected, found) == mismatch(hook, {"type": "chair"}, good, row)


LIKE = {"type": "lamp", "power": 1, "color": "red"}


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [LIKE],
        [LIKE, LIKE],
        [LIKE, dict(reversed(LIKE.items()))],
        [LIKE, {"type": "lamp", "power": 2}],
        [{"type": "lamp", "power": 2}],
        [LIKE, {**LIKE, "new": 1}],
        [{**LIKE, "new": 1}, {**LIKE, "new": 2}],
        [{**LIKE, "new": 1}, {**LIKE, "newer": [2]}],
        [{**LIKE, "key": "secret"}],
        [LIKE, {**LIKE, "key": "secret"}],
    ],
)
def test_rows_alike_or_not_give_the_same_objects(rows: list[dict[str, Any]]) -> None:
    """Objects are the same whether the rows have the same keys in the same order or not."""
    expected = [
        Lamp(
            watts=row["power"],
            color=row.get("color", "white"),
            extra={key: row[key] for key in row.keys() & {"new", "newer"}},
        )
        for row in rows
    ]

    assert expected == LAMPS.read(rows)
    assert expected == [LAMPS(row) for row in rows]


def test_rows_of_a_single_field_are_read() -> None:
    """A table of one column is a table as well."""
    rows = [{"type": "bed"}, {"type": "cot"}]

    assert [Other(type="bed"), Other(type="cot")] == OTHERS.read(rows)


@pytest.mark.parametrize(
    ("row", "path", "expected", "found"),
    [
        ({"power": 1, "color": "red"}, ".type", "", ABSENT),
        ({**LIKE, "type": "chair"}, ".type", '"lamp"', "chair"),
        ({**LIKE, "type": {}}, ".type", '"lamp"', {}),
        ({**LIKE, "power": "x"}, ".power", "a whole number", "x"),
        ({**LIKE, "color": None}, ".color", "a string", None),
        ({"type": "lamp"}, ".power", "", ABSENT),
        ("lamp", "", "an object", "lamp"),
    ],
)
def test_the_field_that_does_not_fit_is_found(
    row: Any, path: str, expected: str, found: object
) -> None:
    """A mismatch names the row by its place and the field in the path, in any company."""
    assert (0, path, expected, found) == mismatch(LAMPS, row)
    assert (0, path, expected, found) == mismatch(LAMPS, row, row)
    assert (1, path, expected, found) == mismatch(LAMPS, LIKE, row)


def test_instances_are_frozen_and_of_their_class() -> None:
    """What is read cannot be changed, and is what the constructor makes."""
    lamp = LAMPS(LIKE)

    assert Lamp(watts=1, color="red") == lamp
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        lamp.watts = 2
    assert type(lamp) is Lamp


def test_each_instance_has_its_own_extra() -> None:
    """No two instances share a dictionary of unknown fields, unless there are none."""
    first, second = LAMPS.read([{**LIKE, "new": 1}] * 2)
    third, fourth = LAMPS.read([LIKE] * 2)

    assert {"new": 1} == first.extra == second.extra
    assert first.extra is not second.extra
    assert third.extra is fourth.extra is NO_FIELDS


def test_a_row_without_unknown_fields_shares_their_absence_with_all() -> None:
    """Beside rows with unknown fields too, one without any has no dictionary of its own."""
    _, plain = LAMPS.read([{**LIKE, "new": 1}, LIKE])

    assert plain.extra is NO_FIELDS


@pytest.mark.parametrize("rows", [1, 2, 100])
def test_a_string_that_all_rows_have_is_kept_once(rows: int) -> None:
    """The id of a parent, which a server sends with each of its children, is one object."""
    texts = ["".join(["pipe_", "4x9k2m"]) for _ in range(rows)]

    assert texts == list(STRINGS.read(texts))
    assert 1 == len({id(text) for text in STRINGS.read(texts)})


@pytest.mark.parametrize("texts", [[], ["a"], ["a", "b"], ["a", "b", "a"], ["a", "a", "b"]])
def test_strings_that_differ_are_as_they_came(texts: list[str]) -> None:
    """Strings are told apart wherever in the column they stand."""
    assert texts == list(STRINGS.read(texts))


@attrs.frozen
class WithoutExtra:
    """An attrs class that is no model."""

    x: int


@attrs.frozen
class WithWeakrefs:
    """A model whose slots Python 3.11 cannot switch."""

    x: int
    extra: Mapping[str, Json] = unknown_fields()


@attrs.frozen(slots=False)
class WithoutSlots:
    """A model without slots."""

    x: int
    extra: Mapping[str, Json] = unknown_fields()


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (WithoutExtra, "WithoutExtra is not an attrs class with a field `extra`"),
        (WithWeakrefs, "declare WithWeakrefs with slots and with weakref_slot=False"),
        (WithoutSlots, "declare WithoutSlots with slots and with weakref_slot=False"),
    ],
)
def test_a_class_that_cannot_be_filled_is_refused(cls: type[Any], message: str) -> None:
    """A model of another make is refused when its hook is made, with how to declare it."""
    with pytest.raises(TypeError, match=message):
        model(cls, HOOKS.__getitem__)


def test_a_hostile_page_costs_no_more_than_its_size() -> None:
    """One row of very many keys before very many empty rows is not multiplied out."""
    rows: list[dict[str, Any]] = [{f"key{number}": 0 for number in range(100_000)}]
    rows += [{} for _ in range(100_000)]

    assert (0, ".type", "", ABSENT) == mismatch(LAMPS, *rows)
