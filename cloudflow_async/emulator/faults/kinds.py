"""Attributes of a wrong type, and what they must be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import NoneType
from typing import TypeAlias

Mistakes: TypeAlias = Iterable[tuple[bool, str]]
"""Whether it was made, and what to do instead."""

Kinds: TypeAlias = tuple[type, ...]


def misfits(owner: object, kinds: Mapping[str, Kinds]) -> Mistakes:
    """Return which attributes are of none of their types; NoneType is one like others."""
    for name, allowed in kinds.items():
        value = getattr(owner, name)
        # To isinstance() a bool is an int.
        fits = isinstance(value, allowed) and (bool in allowed or not isinstance(value, bool))
        words = " or ".join(kind.__name__ for kind in allowed if kind is not NoneType)
        yield not fits, f"{name} must be {words}, not {type(value).__name__}"
