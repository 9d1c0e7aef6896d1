"""Many calls to a service in trouble: how often they are sent, and what comes of them.

    python -m tests.lifecycle.crowds amplify   # calls to a server that is down
    python -m tests.lifecycle.crowds create    # creations on a bad network
    python -m tests.lifecycle.crowds refuse    # calls whose token is refused at once
    python -m tests.lifecycle.crowds tasks     # calls at once over a pool of 100 connections
    python -m tests.lifecycle.crowds unasked   # answers that nobody asked for between the others
    python -m tests.lifecycle.crowds recover   # outages of ten seconds

Each takes --count, prints what came of it, and fails if that is not what is promised.  Waits are
those of a virtual clock: `refuse` takes a minute or two, the others seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

import attrs

from cloudflow_async import (
    CloudFlow,
    CloudFlowError,
    LocalLimiter,
    OutcomeUnknownError,
    RetryPolicy,
)
from cloudflow_async._core.auth import ApiKeyAuth, Auth
from cloudflow_async._core.auth.oauth2.oauth2 import OAuth2Auth
from cloudflow_async._core.auth.stores.token_store import MemoryTokenStore
from tests.faults.operations import document
from tests.raw_server import Peer, RawServer, Script, answer, resetting
from tests.rotating_server import LIFE, rotating_server
from tests.virtual_time import VirtualTimeLoop

from .asking import ask
from .outages import recover
from .unlimited import UNLIMITED

_FAULTS: Final = 0.2
"""Share of the attempts that go wrong."""


_COUNTS: Final = {
    "amplify": 10_000,
    "create": 20_000,
    "refuse": 10_000,
    "tasks": 5_000,
    "unasked": 10_000,
    "recover": 20,
}
"""How many there are of each, unless told otherwise."""

_POOL: Final = 100
"""Connections."""

_ASKERS: Final = 50
"""Tasks that ask a server which says more than it is asked."""


def open_client(base_url: str, auth: Auth | None = None) -> CloudFlow:
    """Return a client that no limit but its room holds up."""
    return CloudFlow(
        auth=auth or ApiKeyAuth("cf_test_0123456789"),
        base_url=base_url,
        limiter=LocalLimiter(UNLIMITED, max_in_flight=50),
        retry=RetryPolicy(base=0.005),
    )


async def amplify(calls: int, trouble: Script) -> int:
    """Make so many calls to a server that is down, and return how often they were sent."""
    async with RawServer(trouble) as server, open_client(server.url) as client:
        found = await asyncio.gather(
            *(client.request("GET", "/workflows") for _ in range(calls)), return_exceptions=True
        )
        assert all(isinstance(each, CloudFlowError) for each in found)
        assert client.statistics().requests == len(server.requests)
        return len(server.requests)


@attrs.define
class Creations:
    """What came of creations on a bad network."""

    applied: Counter[str] = attrs.field(factory=Counter)
    """How often the server applied each, by name."""

    ambiguous: int = 0
    """Attempts after which nobody could know."""

    created: list[str] = attrs.field(factory=list)
    """Those that succeeded for the caller."""

    unknown: list[str] = attrs.field(factory=list)
    """Those whose outcome the caller was told to be unknown."""

    refused: list[str] = attrs.field(factory=list)
    """Those of which the caller was told that they were not applied."""

    @property
    def doubled(self) -> list[str]:
        """Those applied more than once."""
        return [name for name, times in self.applied.items() if times > 1]

    def check(self) -> None:
        """Fail if anything is doubled, or is not as the caller was told."""
        assert [] == self.doubled
        assert self.ambiguous == len(self.unknown)
        assert set(self.created) <= set(self.applied)
        assert not set(self.refused) & set(self.applied)


_CREATED: Final = answer(document("create_workflow.201.json"), status=201)

_AFTER_WORK: Final = (
    b"",
    _CREATED[:-7],
    b"garbage\r\n\r\n",
    answer(b"{", status=201),
    answer(status=500),
    answer(b"<html>", status=502),
    answer(status=504),
)
"""What is answered, and the connection closed, when it may have been applied."""

_NOT_DONE: Final = answer(status=429, headers={"Retry-After": "0"})


async def create(count: int, *, seed: int) -> Creations:
    """Create so many workflows on a network where a fifth of the attempts goes wrong."""
    chance, found = random.Random(seed), Creations()

    async def script(peer: Peer) -> None:
        while await _serve_creation(peer, chance, found):
            pass

    async with RawServer(script) as server, open_client(server.url) as client:
        await asyncio.gather(*(_create(client, f"w{number}", found) for number in range(count)))
    return found


async def _serve_creation(peer: Peer, chance: random.Random, found: Creations) -> bool:
    sent = await peer.request()
    name = json.loads(sent.body)["name"]
    if chance.random() >= _FAULTS:
        found.applied[name] += 1
        await peer.send(_CREATED)
        return True
    if chance.random() < 0.25:
        await peer.send(_NOT_DONE)
        return True
    found.applied[name] += chance.random() < 0.5
    found.ambiguous += 1
    await peer.send(chance.choice(_AFTER_WORK))
    if chance.random() < 0.5:
        peer.reset()
    return False


async def _create(client: CloudFlow, name: str, found: Creations) -> None:
    try:
        await client.workflows.create(name=name, trigger={"type": "webhook"}, steps=[])
    except OutcomeUnknownError:
        found.unknown.append(name)
    except CloudFlowError as error:
        (found.unknown if error.may_have_been_applied else found.refused).append(name)
    else:
        found.created.append(name)


async def refuse(calls: int, expiries: int, clock: Callable[[], float]) -> int:
    """Let so many calls at once find their token refused, so often; return the token requests."""
    async with rotating_server(clock) as server:
        auth = OAuth2Auth(
            "app", store=MemoryTokenStore(server.token()), token_url=server.token_url, clock=clock
        )
        async with open_client(server.base_url, auth=auth) as client:
            for _ in range(expiries):
                server.expire()
                server.calls.clear()
                await asyncio.gather(*(_call(client, number) for number in range(calls)))
                assert set(server.calls.values()) <= {1, 2}
                # A token that has just answered a refusal is not replaced by another one.
                await asyncio.sleep(LIFE / 10)
        assert not server.revoked
        return len(server.forms)


async def _call(client: CloudFlow, number: int) -> None:
    await client.request("GET", "/workflows", params={"n": number})


async def _print_amplified(count: int) -> None:
    for name, trouble in {"500": saying_status(500), "reset": resetting}.items():
        sends = await amplify(count, trouble)
        print(f"{name:<6} {count:,} calls, {sends:,} sends, {sends / count:.4f} of each")
        assert sends <= 1.04 * count


async def _print_created(count: int, seed: int) -> None:
    found = await create(count, seed=seed)
    refused = len(found.refused)
    print(f"creations  {count:>8,}   created {len(found.created):,}, refused {refused:,}")
    print(f"unknown    {len(found.unknown):>8,}   by the server's request log {found.ambiguous:,}")
    print(f"doubled    {len(found.doubled):>8,}")
    found.check()


async def _print_refused(count: int, expiries: int) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    requests = await refuse(count, expiries, loop.unix_time)
    print(f"{expiries} x {count:,} calls refused at once: {requests} token requests")
    assert requests == expiries


def saying_status(status: int) -> Script:
    """Return a script that answers everything with an error."""

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(answer(status=status))

    return script


async def _print_asked(count: int) -> None:
    found = await ask(count, 2, connections=_POOL)
    print(f"{count:,} tasks, one of which asks for what does not exist, each twice")
    print(f"right        {found.right:>8,}   mixed up {found.wrong}, missing {found.missing}")
    print(f"connections  {found.connections:>8,}   of {_POOL}")
    assert (2 * (count - 1), 0, 2) == (found.right, found.wrong, found.missing)
    assert found.connections <= _POOL


async def _print_unasked(count: int, seed: int) -> None:
    found = await ask(_ASKERS, count // _ASKERS, connections=_ASKERS, unasked=seed)
    print(f"requests   {count:>8,}   of {_ASKERS} tasks, one of them for what does not exist")
    print(f"mixed up   {found.wrong:>8,}")
    for kind, times in found.unasked.most_common():
        print(f"  {kind:<30} {times:>6,}")
    assert (count - count // _ASKERS, 0) == (found.right, found.wrong)


async def _print_recovered(count: int, seed: int) -> None:
    for number in range(seed, seed + count):
        found = await recover(random.Random(number).random)
        print(
            f"outage {number:>3}: the next call took {found.at_once:.3f} s and "
            f"{found.attempts} attempt, sleepers woke by {max(found.slept, default=0):.1f} s "
            f"({len(found.slept)}; {len(found.failed)} had failed), {len(found.arrivals)} requests"
        )
        found.check()


def _main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=_COUNTS)
    parser.add_argument("--count", type=int)
    parser.add_argument("--expiries", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    count = chosen.count or _COUNTS[chosen.what]
    work: dict[str, Callable[[], Awaitable[None]]] = {
        "amplify": lambda: _print_amplified(count),
        "create": lambda: _print_created(count, chosen.seed),
        "refuse": lambda: _print_refused(count, chosen.expiries),
        "tasks": lambda: _print_asked(count),
        "unasked": lambda: _print_unasked(count, chosen.seed),
        "recover": lambda: _print_recovered(count, chosen.seed),
    }
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(work[chosen.what]())  # type: ignore[arg-type]


if __name__ == "__main__":
    _main()
