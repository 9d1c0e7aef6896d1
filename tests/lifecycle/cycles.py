"""Emulators that start and stop, again and again: is anything left of them?

``python -m tests.lifecycle.cycles --count 500`` starts and stops so many with a request each, and
as many with deliveries; it takes some ten seconds, and fails if anything is left.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import time
from collections.abc import Awaitable, Callable
from typing import Final

import aiohttp
import attrs

from cloudflow_async.emulator import Emulator
from cloudflow_async.emulator.cloudflow.state import Webhook
from tests.emulator.conftest import until
from tests.emulator.receiver import Receiver
from tests.faults.checks import Holdings, holdings


async def with_request() -> None:
    """Start an emulator, ask it something, and stop it."""
    async with Emulator() as emulator, aiohttp.ClientSession() as session:
        await session.get(emulator.base_url)


async def with_deliveries() -> None:
    """Stop one with a delivery that was made, one that is on its way and one that comes later."""
    async with Receiver(204, 500, _never) as receiver, Emulator() as emulator:
        emulator._app.state.webhooks["hook_1"] = Webhook(
            id="hook_1", url=receiver.url, events=(), secret=None, created_at=0
        )
        for number in range(1, 4):
            emulator.emit("test", {})
            await until(functools.partial(_has_received, receiver, number))


def _has_received(receiver: Receiver, number: int) -> bool:
    return len(receiver.received) == number


async def _never(_request: object) -> None:
    await asyncio.sleep(3600)


@attrs.frozen
class Cycles:
    """What came of them."""

    before: Holdings
    after: Holdings
    longest: float
    """Seconds of the slowest."""


async def repeat(once: Callable[[], Awaitable[None]], count: int) -> Cycles:
    """Do it so often, after a first time that may leave what stays for good."""
    await once()
    before, longest = holdings(), 0.0
    for _ in range(count):
        begun = time.monotonic()
        await once()
        longest = max(longest, time.monotonic() - begun)
    return Cycles(before, holdings(), longest)


LONGEST: Final = 2.0
"""Seconds in which one starts and stops."""


async def _main(count: int) -> None:
    for once in (with_request, with_deliveries):
        found = await repeat(once, count)
        print(f"{once.__name__:<16} {count:>6,} times, {found.longest:.3f} s at most")
        print(f"                 before {found.before}, after {found.after}")
        assert found.before == found.after
        assert found.longest <= LONGEST


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500)
    asyncio.run(_main(parser.parse_args().count))
