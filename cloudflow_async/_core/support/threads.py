"""Run a blocking function in a thread to its end, even if the caller is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

T = TypeVar("T")
Args = TypeVarTuple("Args")


async def finish(function: Callable[[*Args], T], *args: *Args) -> T:
    """Return what a function gives that blocks, run in a thread.

    Cancelling waits until the function has ended, and takes effect then: nobody goes on, or lets
    go of a lock, while it still writes.
    """
    work = asyncio.get_running_loop().run_in_executor(None, function, *args)
    cancelled = None
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is None:
        return work.result()
    work.exception()  # so that nobody misses it
    raise cancelled
