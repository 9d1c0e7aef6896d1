"""A program that forks in the middle of each operation; prints what child and parent came to.

``python -m tests.faults.forked_program`` answers with one JSON object: by operation, whether it
went on in the parent, how many attempts came from the child, and the errors that it got.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tests.lifecycle.children import fork, outcome
from tests.raw_server import Peer

from .operations import OPERATIONS, Trial, trial
from .server import Answer, Way


async def _get(it: Trial) -> None:
    await it.client.workflows.get("wf_8x7k2m9p")


async def _play(name: str) -> dict[str, Any]:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def hold(peer: Peer, good: Answer) -> None:
        asked.set()
        await go_on.wait()
        await peer.send(bytes(good))

    async with trial(name) as it:
        await it.use()
        await it.prepare()
        it.server.plan(Way(hold, keeps=True))
        under_way = asyncio.create_task(_get(it))
        await asked.wait()
        sends = it.server.sends
        errors = await fork(lambda: _in_child(it)).told()
        sends_of_child = it.server.sends - sends
        go_on.set()
        await under_way
        await it.call()
    return {"parent": "ok", "sends": sends_of_child, "errors": errors}


def _in_child(it: Trial) -> list[str]:
    """Go on in the parent's loop, and begin one of its own."""
    return [outcome(lambda: _get(it).send(None)), outcome(lambda: asyncio.run(it.call()))]


if __name__ == "__main__":
    print(json.dumps({name: asyncio.run(_play(name)) for name in OPERATIONS}))
