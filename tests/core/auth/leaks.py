"""Looks for a credential in everything that an object shows to those who print it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_DEPTH = 6


def shows(thing: object, secret: str) -> bool:
    """Return whether a secret stands in an object, its attributes and theirs, six levels deep."""
    return any(secret in text for text in _texts(thing, _DEPTH))


def _texts(thing: Any, depth: int) -> Iterator[str]:
    yield repr(thing)
    yield str(thing)
    if depth:
        for part in _parts(thing):
            yield from _texts(part, depth - 1)


def _parts(thing: Any) -> list[Any]:
    if isinstance(thing, Mapping):
        return [*thing.keys(), *thing.values()]
    if isinstance(thing, list | tuple | set | frozenset):
        return [*thing]
    return [*getattr(thing, "__dict__", {}).values()]
