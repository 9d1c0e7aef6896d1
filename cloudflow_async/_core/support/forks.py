"""What a forked child must not touch.

Theory.  A fork copies a process with its descriptors, but what asyncio waits with is one and the
same for both: a child that closes a connection as usual takes the parent's off the list of what
the parent's event loop watches, and one that writes on it mixes two conversations.  So the
sockets of a pool are closed in the child as soon as there is one, behind the back of asyncio, which
the parent does not notice; and whoever had begun to work tells by `count` that it is the child.
"""

from __future__ import annotations

import os
from typing import Final, Protocol
from weakref import WeakSet


class Owner(Protocol):
    """An object that owns sockets."""

    def leave(self) -> None:
        """Close the child's copies of the sockets; called in a child as soon as it begins."""
        ...


_OWNERS: Final[WeakSet[Owner]] = WeakSet()

_forks = 0


def count() -> int:
    """Return how often this process was forked off another since the package was imported."""
    return _forks


def watch(owner: Owner) -> None:
    """Let `owner` leave its sockets to the parent when this process is forked."""
    _OWNERS.add(owner)


def _begin_child() -> None:
    global _forks  # noqa: PLW0603 - there is one process
    _forks += 1
    for owner in list(_OWNERS):
        owner.leave()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has no forks
    os.register_at_fork(after_in_child=_begin_child)
