"""How models declare their fields."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

import attrs
import pytest

from cloudflow_async._core.codec.fields import (
    api_name,
    dropped_names,
    is_model,
    named,
    tag_of,
    unknown_fields,
)
from cloudflow_async._core.messages import Json


@attrs.frozen(kw_only=True, weakref_slot=False)
class Lamp:
    """A model with all that can be declared."""

    type: ClassVar[Literal["lamp"]] = "lamp"
    watts: int = attrs.field(metadata=named("power"))
    color: str | None = None
    extra: Mapping[str, Json] = unknown_fields(without=("key",))


@attrs.frozen
class Plain:
    """An attrs class that is no model."""

    type: str


def test_a_field_has_the_name_that_was_declared_or_its_own() -> None:
    """`named` gives a field another name in JSON."""
    assert ["power", "color"] == [api_name(field) for field in attrs.fields(Lamp)[:2]]


@pytest.mark.parametrize(
    ("cls", "expected"), [(Lamp, True), (Plain, False), (dict, False), (int | None, False)]
)
def test_a_model_is_an_attrs_class_with_extra(cls: Any, expected: bool) -> None:
    """Only attrs classes with an `extra` are models."""
    assert expected == is_model(cls)


@pytest.mark.parametrize(("cls", "expected"), [(Lamp, "lamp"), (Plain, None), (int, None)])
def test_a_tag_is_a_string_on_the_class(cls: type[Any], expected: str | None) -> None:
    """A `type` of the class is a tag; a field of that name is none."""
    assert expected == tag_of(cls)


def test_dropped_names_are_those_declared() -> None:
    """`unknown_fields` says what is not kept."""
    assert frozenset({"key"}) == dropped_names(Lamp)


def test_extra_is_copied_counts_in_comparisons_and_not_in_hashes() -> None:
    """`extra` is the instance's own, differs two instances, and leaves them hashable."""
    extra: dict[str, Json] = {"new": [1]}
    lamp = Lamp(watts=5, extra=extra)
    extra["newer"] = 2

    assert {"new": [1]} == lamp.extra
    assert lamp != Lamp(watts=5)
    assert hash(lamp) == hash(Lamp(watts=5))
    assert lamp.extra is not attrs.evolve(lamp).extra


CHANGES: dict[str, Callable[[Any], object]] = {
    "set": lambda extra: extra.__setitem__("new", 1),
    "delete": lambda extra: extra.__delitem__("new"),
    "merge": lambda extra: extra.__ior__({"new": 1}),
    "clear": lambda extra: extra.clear(),
    "pop": lambda extra: extra.pop("new", None),
    "popitem": lambda extra: extra.popitem(),
    "setdefault": lambda extra: extra.setdefault("new", 1),
    "update": lambda extra: extra.update(new=1),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_extra_that_all_share_cannot_be_changed(change: Callable[[Any], object]) -> None:
    """What one object's `extra` is changed to would be that of all the others."""
    with pytest.raises(TypeError, match="cannot be changed"):
        change(Lamp(watts=5).extra)

    assert {} == Lamp(watts=6).extra


def test_the_extra_that_all_share_is_an_empty_dictionary() -> None:
    """It compares, prints, merges and travels as JSON like any other."""
    extra = Lamp(watts=5).extra

    assert {} == extra
    assert "{}" == repr(extra)
    assert {"new": 1} == {**extra, "new": 1}
    assert "{}" == json.dumps(extra)
    assert {"new": 1} == dict(extra) | {"new": 1}


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, lambda extra: pickle.loads(pickle.dumps(extra))],  # noqa: S301  # our own,
    ids=["copy", "deepcopy", "pickle"],
)
def test_the_extra_that_all_share_stays_the_one(copied: Callable[[Any], object]) -> None:
    """Copies, and what another process sends, take no memory of their own."""
    assert Lamp(watts=5).extra is copied(Lamp(watts=6).extra)
