"""What many ask of an argument, or of a value that came over the wire."""

from __future__ import annotations

from typing import TypeGuard

from .errors import InvalidArgumentError


def is_number(value: object) -> TypeGuard[int | float]:
    """Return whether a value is a number; True and False are none, NaN and infinity are."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def check_int(name: str, value: object, least: int, most: int | None = None) -> None:
    """Refuse a value that is no int, or out of range, with an `InvalidArgumentError`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgumentError(f"{name} must be an int, not {type(value).__name__}.")
    if value < least or (most is not None and value > most):
        bounds = f"at least {least}" if most is None else f"between {least} and {most}"
        raise InvalidArgumentError(f"{name} must be {bounds}, not {value}.")
