"""A herd of concurrent calls against each reading of the rate limit, on a virtual clock.

Beside this client stands what one would write by hand: aiohttp, and aiolimiter with the documented
figures.  Time is the emulator's, so minutes of waiting take milliseconds and never vary.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Final, Literal

import aiohttp
import attrs
from aiolimiter import AsyncLimiter

from cloudflow_async import CloudFlow
from cloudflow_async.emulator import Emulator
from tests.virtual_time import VirtualTimeLoop

Mode = Literal["bucket", "fixed", "sliding", "windows"]
MODES: Final[tuple[Mode, ...]] = ("bucket", "fixed", "sliding", "windows")
PHASE: Final = 15.37
"""Seconds into the server's minute at which the calls begin."""


@attrs.frozen
class Outcome:
    """How a herd fared."""

    succeeded: int
    throttled: int
    seconds: float
    sockets: int


def ideal(mode: Mode, calls: int) -> float:
    """Return the seconds that a client takes which knows the server's mind."""
    if mode == "bucket":
        return max(0, calls - 150) * 0.6
    minutes = 60.0 * (math.ceil(calls / 100) - 1)
    # The first of the fixed windows has begun before the calls do.
    return minutes - PHASE if mode == "fixed" else minutes


async def _client(emulator: Emulator, calls: int) -> int:
    async with CloudFlow(emulator.api_key, base_url=emulator.base_url) as cf:

        async def call() -> object:
            return await cf.request("GET", "/workflows", params={"limit": 1})

        return await _count(call, calls)


async def _by_hand(emulator: Emulator, calls: int) -> int:
    bucket = AsyncLimiter(150, 90)
    async with aiohttp.ClientSession(headers={"X-API-Key": emulator.api_key}) as http:

        async def call() -> None:
            async with bucket, http.get(emulator.base_url + "/workflows") as answer:
                answer.raise_for_status()
                await answer.read()

        return await _count(call, calls)


async def _count(call: Callable[[], Awaitable[object]], calls: int) -> int:
    done = await asyncio.gather(*(call() for _ in range(calls)), return_exceptions=True)
    return sum(not isinstance(result, BaseException) for result in done)


async def _run(peer: Callable[[Emulator, int], Awaitable[int]], mode: Mode, calls: int) -> Outcome:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    await asyncio.sleep(PHASE)
    async with Emulator(limits_mode=mode, clock=loop.unix_time) as emulator:
        begun = loop.time()
        succeeded = await peer(emulator, calls)
        return Outcome(
            succeeded=succeeded,
            throttled=sum(request.status == 429 for request in emulator.requests),
            seconds=loop.time() - begun,
            sockets=len({request.connection for request in emulator.requests}),
        )


def run(calls: int) -> str:
    """Return the table."""
    columns = f"{'limits':10}{'succeeded':>10}{'429s':>6}{'seconds':>9}{'ideal':>7}{'sockets':>9}"
    lines = [f"{calls} concurrent calls", f"  {'':22}{columns}"]
    for name, peer in (("CloudFlow", _client), ("aiohttp + aiolimiter", _by_hand)):
        for mode in MODES:
            with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
                outcome = runner.run(_run(peer, mode, calls))
            lines.append(
                f"  {name:22}{mode:10}{outcome.succeeded:10}{outcome.throttled:6}"
                f"{outcome.seconds:9.1f}{ideal(mode, calls):7.1f}{outcome.sockets:9}"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    for calls in (300, 1000):
        print(run(calls), end="\n\n")
