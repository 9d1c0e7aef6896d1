"""A callable that returns a credential: asked, and never shown."""

from __future__ import annotations

import inspect
from collections.abc import Callable


class Callback:
    """Holds a callable, which may show the credential among its arguments (`functools.partial`)."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call

    def __repr__(self) -> str:
        return "a callable"

    async def ask(self) -> object:
        """Return what it returns, awaited if that can be; what it raises is passed on."""
        answer = self._call()
        return await answer if inspect.isawaitable(answer) else answer
