"""Read JSON values into checked Python values, a column at a time.

A page is a table: a hundred objects with the same fields.  Reading it row by row asks a
hundred times for each field what its type is and what to do about it, in interpreted code.
Read by columns, the page costs a few steps a field, each of which runs in C over all rows:

    types      set(map(type, column)) tells in 1.5 us that a hundred values are all strings
    values     as they are, or one map() of a function over the column
    objects    one map() of a constructor over all columns

A `Hook` reads a column.  Hooks are made of hooks: a nullable one reads the values that are
not null, an array reads the items of all arrays as one column, an object its fields.  Called
with a single value a hook is a cattrs structure hook, so that a converter can hold it.

Two more things make it fast.  attrs fills a frozen class through `object.__setattr__`, field by
field; here a twin is filled, a class with the same slots that is not frozen, and then the
object's `__class__` is switched to the frozen one.  And nothing is kept for the sake of error
messages: a hook that meets a value that does not fit raises `Mismatch` with its place in the
column, and on the way up each hook puts its own part in front of the path.
"""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Callable, Mapping, Sequence
from itertools import chain, islice, repeat, starmap
from operator import itemgetter
from typing import Any, Final, TypeAlias

import attrs

from cloudflow_async._core.messages import Json

from .fields import NO_FIELDS, TAG, api_name, dropped_names, fields_of, is_model, tag_of
from .timestamps import parse_instant, parse_instants

Column: TypeAlias = Sequence[Any]
Kinds: TypeAlias = Mapping[type, "Callable[[Any], Any] | None"]


class _Absent(enum.Enum):
    """The type of `ABSENT`."""

    ABSENT = enum.auto()


ABSENT: Final = _Absent.ABSENT
"""Stands in a column for the value of a row that lacks the field."""


class Mismatch(Exception):  # noqa: N818 - a message between hooks; users get a DecodeError
    """A value is not what the API document shows.

    Attributes:
        index: Its place in the column that was read.
        path: Its place inside of that value, such as ``.trigger.cron``.
        expected: What would fit.
        found: The value itself.
    """

    def __init__(self, index: int, expected: str, found: object) -> None:
        super().__init__(expected)
        self.index = index
        self.path = ""
        self.expected = expected
        self.found = found


@attrs.frozen(eq=False)
class Hook:
    """Reads a column of JSON values; called with one value, a cattrs structure hook."""

    read: Callable[[Column], Column]
    """Returns as many values as it was given, or raises `Mismatch`."""

    def __call__(self, value: Json, _type: object = None) -> Any:
        """Read one value."""
        return self.read((value,))[0]


def scalar(expected: str, kinds: Kinds) -> Hook:
    """Make the hook of values that are told by their JSON type.

    Args:
        expected: What error messages call them.
        kinds: The types that fit, exactly (a bool is no int), each with the function that
            converts it or None; the function may raise ValueError or OverflowError.
    """
    as_they_are = frozenset(kind for kind, convert in kinds.items() if convert is None)

    def read(column: Column) -> Column:
        if as_they_are.issuperset(map(type, column)):
            return column
        return [read_one(index, value) for index, value in enumerate(column)]

    def read_one(index: int, value: Any) -> Any:
        try:
            convert = kinds[type(value)]
            return value if convert is None else convert(value)
        except (KeyError, ValueError, OverflowError):
            pass
        raise Mismatch(index, expected, value)

    return Hook(read)


def text(expected: str) -> Hook:
    """Make the hook of strings; where all are the same, as the id of a parent is, one is kept."""
    texts = scalar(expected, {str: None})

    def read(column: Column) -> Column:
        column = texts.read(column)
        count = len(column)
        if count > 1 and column[0] == column[-1] and column.count(column[0]) == count:
            return (column[0],) * count
        return column

    return Hook(read)


def instant(expected: str) -> Hook:
    """Make the hook of instants, which become aware datetimes in UTC."""
    one_by_one = scalar(expected, {str: parse_instant})

    def read(column: Column) -> Column:
        try:
            return parse_instants(column)
        except (TypeError, ValueError, OverflowError):
            return one_by_one.read(column)

    return Hook(read)


class _Members(dict[str, str]):
    """The members of an enumeration by value; any other value is itself."""

    def __missing__(self, value: str) -> str:
        return value


def open_enum(cls: type[enum.StrEnum]) -> Hook:
    """Make the hook of an open enumeration: values without a member stay plain strings."""
    texts = scalar("a string", {str: None})
    members = _Members({member.value: member for member in cls})

    def read(column: Column) -> Column:
        return [*map(members.__getitem__, texts.read(column))]

    return Hook(read)


def unless(skipped: object, inner: Hook, instead: object) -> Hook:
    """Make the hook that takes `instead` for `skipped` and reads everything else."""

    def read(column: Column) -> Column:
        try:
            return inner.read(column)
        except Mismatch:
            places = [place for place, value in enumerate(column) if value is not skipped]
            if len(places) == len(column):
                raise
        values = [instead] * len(column)
        _read_places(inner, column, places, values)
        return values

    return Hook(read)


def array(items: Hook) -> Hook:
    """Make the hook of arrays, which become tuples."""
    arrays = scalar("an array", {list: None})

    def read(column: Column) -> Column:
        every = [*chain.from_iterable(arrays.read(column))]
        try:
            values = iter(items.read(every))
        except Mismatch as mismatch:
            _move_into_array(mismatch, column)
            raise
        return [tuple(islice(values, len(array))) for array in column]

    return Hook(read)


def _move_into_array(mismatch: Mismatch, arrays: Column) -> None:
    """Turn the place among the items of all arrays into one array's place and a path in it."""
    place, rest = 0, mismatch.index
    while rest >= len(arrays[place]):
        rest -= len(arrays[place])
        place += 1
    mismatch.index = place
    mismatch.path = f"[{rest}]{mismatch.path}"


def tagged(members: Mapping[str, Hook], other: Hook) -> Hook:
    """Make the hook of a union of objects that are told apart by their ``type``.

    Args:
        members: The hooks of the known types.
        other: Reads objects of any other type.
    """
    objects = scalar("an object", {dict: None})

    def read(column: Column) -> Column:
        places: dict[Hook, list[int]] = {}
        for place, row in enumerate(objects.read(column)):
            tag = row.get(TAG)
            hook = members.get(tag, other) if type(tag) is str else other
            places.setdefault(hook, []).append(place)
        values: list[Any] = [None] * len(column)
        for hook, chosen in places.items():
            _read_places(hook, column, chosen, values)
        return values

    return Hook(read)


def _read_places(hook: Hook, column: Column, places: list[int], values: list[Any]) -> None:
    """Read the values in some places of a column into the same places of a list."""
    try:
        found = hook.read([column[place] for place in places])
    except Mismatch as mismatch:
        mismatch.index = places[mismatch.index]
        raise
    for place, value in zip(places, found, strict=True):
        values[place] = value


def model(cls: type[Any], hook_of: Callable[[Any], Hook]) -> Hook:
    """Make the hook of a model: an attrs class with an `extra` for unknown fields.

    A field that has a default may be absent.  A class attribute `type` names the one value of
    the key ``type`` that fits.

    Raises:
        TypeError: The class cannot be filled; the message says how to declare it.
    """
    declared = [field for field in fields_of(cls) if field.name != "extra"]
    fields = [_field(field, hook_of) for field in declared]
    tags = _tag_fields(cls)
    twin = _twin(cls, [field.name for field in declared])
    known = dropped_names(cls).union(field.key for field in fields + tags)
    objects = scalar("an object", {dict: None})

    def read(rows: Column) -> Column:
        if not rows:
            return []
        count = len(rows)
        table, is_plain = _table(objects.read(rows), known)
        for tag in tags:
            tag.read(table, count)
        columns = [field.read(table, count) for field in fields]
        extras = repeat(NO_FIELDS, count) if is_plain else [_without(known, row) for row in rows]
        made = [*starmap(twin, zip(*columns, extras, strict=True))]
        for instance in made:
            instance.__class__ = cls
        return made

    return Hook(read)


def _table(rows: Column, known: frozenset[str]) -> tuple[Mapping[str, Column], bool]:
    """Turn rows into columns by key, and tell whether all keys are known for sure.

    Keys that all rows lack may be missing; where some rows have one, the others have `ABSENT`.
    """
    first = rows[0]
    # A row with as many keys as the first, each of the first among them, has no others.
    # Of a single key itemgetter would make no tuple.
    if len(first) > 1 and {*map(len, rows)} == {len(first)}:
        with contextlib.suppress(KeyError):
            columns = zip(*map(itemgetter(*first), rows), strict=True)
            return dict(zip(first, columns, strict=True)), known.issuperset(first)
    return {key: [row.get(key, ABSENT) for row in rows] for key in known}, False


def _without(known: frozenset[str], row: Mapping[str, Json]) -> Mapping[str, Json]:
    return {key: row[key] for key in row if key not in known} or NO_FIELDS


@attrs.frozen
class _Field:
    """A field of a model as it stands in JSON."""

    key: str
    hook: Hook
    default: Any
    """`attrs.NOTHING` when the field must be there."""

    def read(self, table: Mapping[str, Column], count: int) -> Column:
        """Return the field's values out of a table of `count` rows."""
        column = table.get(self.key)
        try:
            return self._absent(count) if column is None else self.hook.read(column)
        except Mismatch as mismatch:
            mismatch.path = f".{self.key}{mismatch.path}"
            raise

    def _absent(self, count: int) -> Column:
        if self.default is attrs.NOTHING:
            raise Mismatch(0, "", ABSENT)
        return [self.default] * count


def _tag_fields(cls: type[Any]) -> list[_Field]:
    tag = tag_of(cls)
    if tag is None:
        return []
    return [_Field(TAG, scalar(f'"{tag}"', {str: {tag: tag}.__getitem__}), attrs.NOTHING)]


def _field(field: attrs.Attribute[Any], hook_of: Callable[[Any], Hook]) -> _Field:
    hook = hook_of(field.type)
    if field.default is not attrs.NOTHING:
        hook = unless(ABSENT, hook, field.default)
    return _Field(api_name(field), hook, field.default)


def _twin(cls: type[Any], names: list[str]) -> type[Any]:
    """Make a class with the same slots that takes their values by position and is not frozen."""
    if not is_model(cls):
        raise TypeError(f"{cls.__name__} is not an attrs class with a field `extra`")
    if cls.__weakrefoffset__:  # Python 3.11 switches no object to such a class
        raise TypeError(f"declare {cls.__name__} with slots and with weakref_slot=False")
    return attrs.make_class(
        cls.__name__,
        [*names, "extra"],
        bases=cls.__bases__,
        slots=True,
        weakref_slot=False,
        eq=False,
        repr=False,
    )
