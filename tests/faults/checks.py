"""What has to be as it was when a call has ended, however it ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable

import attrs

from cloudflow_async._core.client import Client
from tests.canaries import Lookout

_TURNS = 5
"""Turns of the loop in which what was cancelled or closed may end."""


@attrs.frozen
class Holdings:
    """What a process holds."""

    tasks: int
    descriptors: int


def holdings() -> Holdings:
    """Return what this process holds at the moment."""
    return Holdings(len(asyncio.all_tasks()), len(os.listdir("/proc/self/fd")))


async def settle() -> None:
    """Let what was cancelled or closed come to its end."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def nothing_kept() -> AsyncIterator[None]:
    """Fail when tasks or descriptors are left that were not there before the block."""
    before = holdings()
    yield
    await settle()
    after = holdings()

    assert before.tasks == after.tasks
    # What others had left may be collected meanwhile.
    assert before.descriptors >= after.descriptors


@contextlib.asynccontextmanager
async def nothing_left(
    client: Client, next_call: Callable[[], Awaitable[object]] | None = None
) -> AsyncIterator[None]:
    """Fail when a place in the pool or in the line is still taken after the block.

    `next_call`, if there is one, has to succeed then.
    """
    before = client.statistics()
    yield
    await settle()
    after = client.statistics()

    for name in ("in_flight", "waiting", "connections_in_use"):
        assert getattr(before, name) == getattr(after, name), name
    if next_call is not None:
        await next_call()


def shows_no_secret(error: BaseException) -> None:
    """Fail when an error, or what it holds or is chained to, shows a planted secret."""
    lookout = Lookout()
    lookout.see("error", error)
    lookout.copies("error", error)

    assert [] == lookout.finds()
