"""What many ask of an argument, or of a value that came over the wire."""

from __future__ import annotations

from typing import TypeGuard


def is_number(value: object) -> TypeGuard[int | float]:
    """Return whether a value is a number; True and False are none, NaN and infinity are."""
    return isinstance(value, int | float) and not isinstance(value, bool)
