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
        if isinstance(thing, type) and attrs.has(thing):
            names = vars(sys.modules[thing.__module__])
            with contextlib.suppress(NameError, TypeError):
                hints = typing.get_type_hints(thing, names, include_extras=True)
                own = vars(thing).get("__annotations__", {})
                thing.__annotations__ = {name: hints[name] for name in own}
                attrs.resolve_types(thing, names)
        thing.__module__ = module
        return thing

    return publish
