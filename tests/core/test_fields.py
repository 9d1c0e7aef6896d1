"""How models declare their fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import attrs
import pytest

from cloudflow_async._core.fields import (
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
    assert Lamp(watts=5).extra is not Lamp(watts=5).extra
