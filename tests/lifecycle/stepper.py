"""Cancel work at the n-th turn of the event loop, for every n.

A task suspends at most once in a turn, and stays so until the next one: who is cancelled between
any two turns is cancelled at each of its awaits, with its helpers at each of theirs.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from cloudflow_async._core.client import Client
from tests.faults.checks import Holdings, holdings

_MOST_TURNS = 2000

_TURNS_TO_END = 50
"""Turns of the loop in which both ends of a closed connection notice it."""


async def each_turn(work: Callable[[int], Coroutine[Any, Any, bool]]) -> int:
    """Call `work` with 0, 1, 2... until it says that it came to its end; return how often."""
    for turn in itertools.count():
        assert turn < _MOST_TURNS
        if not await work(turn):
            return turn
    raise AssertionError


async def cancel_at(turn: int, work: Coroutine[Any, Any, object]) -> bool:
    """Run `work` as a task, cancel it at a turn of the loop; return whether it came so far.

    However it is cancelled, it ends as cancelled, and not as anything else.
    """
    task = asyncio.create_task(work)
    asked = False

    def cancel() -> None:
        nonlocal asked
        asked = asked or task.cancel()

    with _at_turn(turn, cancel):
        await asyncio.wait([task])

    assert asked is task.cancelled(), task
    if not asked:
        task.result()
    return asked


@contextmanager
def _at_turn(turn: int, do: Callable[[], None]) -> Iterator[None]:
    loop: Any = asyncio.get_running_loop()
    run_once = loop._run_once
    turns = itertools.count()

    def counting() -> None:
        if next(turns) == turn:
            do()
        run_once()

    loop._run_once = counting
    try:
        yield
    finally:
        del loop._run_once


def leftovers(client: Client) -> dict[str, int]:
    """Return what calls of a client have not given back, by name; nothing if all is well."""
    counted = client.statistics()
    session: Any = client._session
    http = session._transport._http
    found = {
        "in flight": counted.in_flight,
        "waiting": counted.waiting,
        "in use": counted.connections_in_use,
        "calls": len(session._calls),
        "waiting for a connection": 0 if http is None else len(http.connector._waiters),
    }
    return {name: count for name, count in found.items() if count}


async def back_to(before: Holdings) -> None:
    """Fail unless this process holds what it held before, as soon as all has come to its end."""
    for _ in range(_TURNS_TO_END):
        if holdings() == before:
            break
        await asyncio.sleep(0)

    assert before == holdings()
