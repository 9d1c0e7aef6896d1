"""Checks of arguments, and of values that came over the wire."""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import AsyncIterable, Collection, Iterable, Mapping
from typing import TypeGuard, TypeVar

from cloudflow_async._core.errors import InvalidArgumentError

T = TypeVar("T")

_NO_LISTS = (str, bytes, bytearray, Mapping)


def is_number(value: object) -> TypeGuard[int | float]:
    """Return whether a value is an int or a float, infinity and NaN included, but no bool."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_finite(value: object) -> TypeGuard[int | float]:
    """Return whether a value is a number that a float can hold."""
    return is_number(value) and -sys.float_info.max <= value <= sys.float_info.max


def check_int(name: str, value: object, least: int, most: int | None = None) -> None:
    """Refuse a value that is no int, or out of range, with an `InvalidArgumentError`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgumentError(f"{name} must be an int, not {type(value).__name__}.")
    if value < least or (most is not None and value > most):
        bounds = f"at least {least}" if most is None else f"between {least} and {most}"
        raise InvalidArgumentError(f"{name} must be {bounds}, not {value}.")


def check_seconds(
    name: str, value: object, *, zero: bool = False, optional: bool = False, endless: bool = False
) -> None:
    """Refuse a value that is not a number of seconds above 0 with an `InvalidArgumentError`.

    Args:
        name: The argument.
        value: What was given.
        zero: Whether 0 is accepted.
        optional: Whether None is accepted.
        endless: Whether infinity is accepted.
    """
    if optional and value is None:
        return
    most = math.inf if endless else sys.float_info.max
    if is_number(value) and (0 if zero else math.ulp(0.0)) <= value <= most:
        return
    bounds = "of at least 0" if zero else "of more than 0"
    found = value if is_number(value) else type(value).__name__
    none = " or None" if optional else ""
    raise InvalidArgumentError(f"{name} must be a number {bounds} seconds{none}, not {found}.")


def check_flag(name: str, value: object) -> None:
    """Refuse a value that is neither True nor False with an `InvalidArgumentError`."""
    if not isinstance(value, bool):
        raise InvalidArgumentError(f"{name} must be True or False, not {type(value).__name__}.")


def check_choice(name: str, value: object, choices: Collection[str]) -> None:
    """Refuse a value that is not one of a few texts with an `InvalidArgumentError`."""
    if not (isinstance(value, str) and value in choices):
        *first, last = map(repr, choices)
        raise InvalidArgumentError(f"{name} must be {', '.join(first)} or {last}.")


def check_kind(
    name: str, value: object, kind: type | tuple[type, ...], due: str, advice: str = ""
) -> None:
    """Refuse a value of another class with an `InvalidArgumentError` that does not show it.

    Args:
        name: The argument.
        value: What was given.
        kind: The class, or classes, that it may have.
        due: What was meant, in words.
        advice: What to do instead; follows the message.
    """
    if not isinstance(value, kind):
        raise InvalidArgumentError(_misfit(name, value, due, advice))


def check_methods(
    name: str, value: object, methods: Collection[str], due: str, advice: str = ""
) -> None:
    """Refuse an object without some methods, and a class, as `check_kind` does."""
    if isinstance(value, type) or not all(callable(getattr(value, it, None)) for it in methods):
        raise InvalidArgumentError(_misfit(name, value, due, advice))


def check_callable(name: str, value: object, due: str, *, arguments: int | None = None) -> None:
    """Refuse what cannot be called, or not with so many arguments, as `check_kind` does."""
    if not callable(value):
        raise InvalidArgumentError(_misfit(name, value, due))
    if arguments is None:
        return
    try:
        inspect.signature(value).bind(*range(arguments))
    except TypeError:
        problem = f"{name} must be {due}: {describe(value)} cannot be called with {arguments}."
    except ValueError:  # builtins have no signature
        return
    else:
        return
    raise InvalidArgumentError(problem)


def to_list(name: str, values: Iterable[T], example: str) -> list[T]:
    """Return the items of any iterable but a text or a mapping, read once.

    Raises:
        InvalidArgumentError: It is one of these, or no iterable.
    """
    if not isinstance(values, _NO_LISTS) and hasattr(values, "__iter__"):
        return list(values)
    advice = "Read an asynchronous one first." if isinstance(values, AsyncIterable) else ""
    raise InvalidArgumentError(_misfit(name, values, f"a list, such as {example}", advice))


def describe(value: object) -> str:
    """Return how messages and `repr` show an object: one that is not ours by its class alone."""
    kind = type(value)
    if kind.__module__.partition(".")[0] == __name__.partition(".")[0]:
        return repr(value)
    return f"<{kind.__qualname__}>"


def _misfit(name: str, value: object, due: str, advice: str = "") -> str:
    found = f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
    return f"{name} must be {due}, not {found}.{' ' if advice else ''}{advice}"
