"""Operations in processes of their own: interrupted, and forked (x3, x6).

One run has all operations, because most of what it costs is the start of a process.
"""

from __future__ import annotations

import asyncio
import functools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import attrs

from tests.lifecycle.programs import Ended, Programs, open_programs
from tests.raw_server import Peer

from .fault import OPERATIONS, Cell
from .operations import api
from .server import Answer, FaultServer, Way, answering

_LONGEST: Final = 2.0
"""Seconds between the signal and the end; a busy machine gets as many again."""

_LATE: Final = 0.2
"""Seconds after the signal when a token comes."""

_PATIENCE: Final = 10.0
"""Seconds that it may take until a program has called, or its connection is closed."""


async def interrupted(cell: Cell) -> str:
    """Interrupted in the middle of an answer, a program ends soon, and leaves no connection."""
    ended = (await asyncio.to_thread(_interrupt_all))[cell.operation]

    assert "" == ended.said
    assert 130 == ended.status
    assert ended.seconds <= 2 * _LONGEST
    return "x/1" if cell.operation == "HOOK" else "x"


@functools.cache
def _interrupt_all() -> dict[str, Ended]:
    async def work() -> dict[str, Ended]:
        async with open_programs() as programs:
            return {name: await _interrupt(programs, name) for name in OPERATIONS}

    return asyncio.run(work())


@attrs.define
class _Holding:
    """Lets a request wait for its answer: until the client has gone, or was interrupted."""

    answers: bool
    asked: asyncio.Event = attrs.field(factory=asyncio.Event)
    interrupted: asyncio.Event = attrs.field(factory=asyncio.Event)
    gone: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def __call__(self, peer: Peer, good: Answer) -> None:
        self.asked.set()
        if self.answers:
            await self.interrupted.wait()
            await asyncio.sleep(_LATE)
            await peer.send(bytes(good))
        await peer.client_goes()
        self.gone.set()


async def _interrupt(programs: Programs, name: str) -> Ended:
    before = [answering()] if name == "PAGE" else []
    # A refresh is not given up at once, for its answer may be the only refresh token there is.
    holding = _Holding(answers=name == "TOK")
    async with FaultServer(api) as server, FaultServer(api) as healthy:
        server.plan(*before, Way(holding))
        running = await programs.start("operation", name, server.base_url, healthy.base_url)
        async with asyncio.timeout(_PATIENCE):
            await holding.asked.wait()
        holding.interrupted.set()
        ended = await running.interrupt()
        async with asyncio.timeout(_PATIENCE):
            await holding.gone.wait()

        assert len(before) + 1 == server.sends
    return ended


async def forked(cell: Cell) -> str:
    """A child is told to make a client of its own, and sends nothing; the parent goes on."""
    told = (await asyncio.to_thread(_fork_all))[cell.operation]
    (error,) = set(told["errors"])

    assert ("ok", 0) == (told["parent"], told["sends"])
    return f"E {error}"


@functools.cache
def _fork_all() -> dict[str, Any]:
    ended = subprocess.run(
        [sys.executable, "-W", "default", "-m", "tests.faults.forked_program"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        timeout=_PATIENCE,
        check=True,
    )

    assert b"" == ended.stderr
    told: dict[str, Any] = json.loads(ended.stdout)
    return told
