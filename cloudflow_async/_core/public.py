"""Give public classes and functions the module from which users import them.

Tracebacks and pickles then say ``cloudflow_async.NotFoundError``, wherever the class is defined: a
pickle in a queue does not depend on where a file lies.
"""

from __future__ import annotations

import contextlib
import sys
import typing
from collections.abc import Callable
from typing import Any, TypeVar

import attrs

T = TypeVar("T", bound=Callable[..., Any])


def public(module: str) -> Callable[[T], T]:
    """Return a decorator for what users import from `module`.

    The field types of a data class are looked up first, in the module that has their names; those
    of a class that is never decoded may stand for names that only type checkers import.
    """

    def publish(thing: T) -> T:
        _look_up_types(thing)
        thing.__module__ = module
        return thing

    return publish


def _look_up_types(cls: Any) -> None:
    if isinstance(cls, type) and attrs.has(cls):
        names = vars(sys.modules[cls.__module__])
        with contextlib.suppress(NameError, TypeError):
            hints = typing.get_type_hints(cls, names, include_extras=True)
            own = vars(cls).get("__annotations__", {})
            cls.__annotations__ = {name: hints[name] for name in own}
            attrs.resolve_types(cls, names)
