"""Keep what is found by a secret, as long as anybody may ask for it."""

from __future__ import annotations

import hashlib
from typing import Generic, TypeVar

import attrs

_T = TypeVar("_T")

_FEW = 64
"""Things that are kept without looking whether their time is over."""


@attrs.frozen
class _Kept(Generic[_T]):
    thing: _T
    until: float


class ExpiringDict(Generic[_T]):
    """Things by their secrets.

    They are found by a digest: how long a search takes tells nothing about the secrets, and the
    secrets themselves are not kept.
    """

    def __init__(self) -> None:
        self._things: dict[bytes, _Kept[_T]] = {}
        self._sweep_at = _FEW

    def __len__(self) -> int:
        return len(self._things)

    def put(self, secret: str, thing: _T, *, now: float, until: float) -> None:
        """Keep a thing at least until an instant; both instants are Unix seconds."""
        if len(self._things) >= self._sweep_at:
            self._sweep(now)
        self._things[_digest(secret)] = _Kept(thing, until)

    def find(self, secret: str) -> _T | None:
        """Return what a secret stands for; whether it is still valid, the thing itself knows."""
        kept = self._things.get(_digest(secret))
        return kept.thing if kept else None

    def remove(self, secret: str) -> None:
        """Forget a thing, if it is there."""
        self._things.pop(_digest(secret), None)

    def _sweep(self, now: float) -> None:
        # A list, because another thread may put something here at the same time.
        for digest, kept in list(self._things.items()):
            if kept.until <= now:
                self._things.pop(digest, None)
        self._sweep_at = max(_FEW, 2 * len(self._things))


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
