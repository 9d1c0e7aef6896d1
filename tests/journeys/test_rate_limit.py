"""A herd of calls against the rate limit, however the server counts."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter

import pytest

from cloudflow_async import CloudFlow, LocalLimiter, RateLimits
from cloudflow_async.emulator import Emulator, EmulatorLimits, Fault
from tests.journeys.conftest import OpenClient, StartEmulator
from tests.raw_server import Peer, RawServer, answer

pytestmark = pytest.mark.virtual_time

HERD = 300
MODES = ("bucket", "fixed", "sliding", "windows")
PHASES = (0.0, 0.25, 13.0, 30.5, 59.5)
"""Seconds after a full minute at which the herd starts."""


def ideal(mode: str, phase: float) -> float:
    """Return the seconds that 300 requests need within the documented budget of 150 and 100/min."""
    if mode == "bucket":
        return 90.0
    # 100 at once, and 100 at the beginning of each of the two following windows.
    return max(90.0, 120.0 - phase) if mode == "fixed" else 120.0


async def herd(client: CloudFlow, count: int = HERD) -> int:
    """Make so many calls at once and return how many succeed."""
    calls = (client.request("GET", "/workflows", params={"limit": 1}) for _ in range(count))
    results = await asyncio.gather(*calls, return_exceptions=True)
    return sum(not isinstance(result, BaseException) for result in results)


def statuses(emulator: Emulator) -> Counter[int | None]:
    """Return how often the emulator answered with each status."""
    return Counter(request.status for request in emulator.requests)


def now() -> float:
    """Return the time of the loop."""
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("mode", MODES)
async def test_300_calls_at_once_all_succeed(
    start_emulator: StartEmulator, open_client: OpenClient, mode: str, phase: float
) -> None:
    """Without a single 429, in at most 1.02 times the ideal time, over at most 100 sockets."""
    await asyncio.sleep(phase)
    emulator = await start_emulator(limits_mode=mode)
    client = open_client(emulator)
    begun = now()
    succeeded = await herd(client)
    took = now() - begun

    assert HERD == succeeded
    assert {200: HERD} == statuses(emulator)
    assert took <= 1.02 * ideal(mode, phase)
    assert len({request.connection for request in emulator.requests}) <= 100
    assert (0, 0) == (client.statistics().in_flight, client.statistics().waiting)


async def test_windows_that_begin_with_the_first_request(
    start_emulator: StartEmulator, open_client: OpenClient
) -> None:
    """Neither do they earn a 429."""
    limits = EmulatorLimits(windows_begin="first_request")
    emulator = await start_emulator(limits_mode="fixed", rate_limits=limits)
    await asyncio.sleep(17.7)
    begun = now()

    assert HERD == await herd(open_client(emulator))
    assert {200: HERD} == statuses(emulator)
    assert now() - begun <= 1.05 * 120


class Terse:
    """100 requests a window, and nothing about it but ``retry_after`` in the body of a 429."""

    def __init__(self) -> None:
        self.refused = 0
        self._window_ends_at = 0.0
        self._left = 0

    async def __call__(self, peer: Peer) -> None:
        """Serve one connection."""
        while True:
            await peer.request()
            await peer.send(self._answer())

    def _answer(self) -> bytes:
        if now() >= self._window_ends_at:
            self._window_ends_at, self._left = now() + 60, 100
        if self._left:
            self._left -= 1
            return answer(b'{"data": []}')
        self.refused += 1
        error = {
            "code": "rate_limit_exceeded",
            "retry_after": int(self._window_ends_at - now()) + 1,
        }
        return answer(json.dumps({"error": error}).encode(), status=429)


async def test_a_server_that_tells_little_costs_few_refusals() -> None:
    """All 300 calls succeed although nothing announces the limit; the pauses are shared."""
    terse = Terse()
    async with (
        RawServer(terse) as server,
        CloudFlow("cf_test_key", base_url=server.url) as client,
    ):
        begun = now()
        succeeded = await herd(client)

    assert HERD == succeeded
    assert terse.refused <= 45
    assert now() - begun <= 1.1 * 120


async def test_two_clients_on_one_key_all_succeed(
    start_emulator: StartEmulator, open_client: OpenClient
) -> None:
    """They do not know of each other: some 429s are earned, no call is lost."""
    emulator = await start_emulator(limits_mode="fixed")
    begun = now()
    succeeded = await asyncio.gather(
        herd(open_client(emulator), HERD // 2), herd(open_client(emulator), HERD // 2)
    )

    assert [HERD // 2, HERD // 2] == list(succeeded)
    assert statuses(emulator)[429] <= 60
    assert now() - begun <= 200


async def test_clients_that_share_a_limiter_are_one_herd(
    start_emulator: StartEmulator, open_client: OpenClient
) -> None:
    """Two clients on one key and one limiter earn no 429."""
    emulator = await start_emulator(limits_mode="sliding")
    limiter = LocalLimiter()
    clients = [open_client(emulator, limiter=limiter) for _ in range(2)]
    succeeded = await asyncio.gather(*(herd(client, HERD // 2) for client in clients))

    assert [HERD // 2, HERD // 2] == list(succeeded)
    assert {200: HERD} == statuses(emulator)


async def test_one_429_parks_the_whole_client_once(
    start_emulator: StartEmulator, open_client: OpenClient
) -> None:
    """After it only what was under way arrives; the rest waits as long as it says, once."""
    emulator = await start_emulator(rate_limits=EmulatorLimits(requests=10**6, burst=10**6))
    emulator.inject(Fault(status=429, retry_after=30, nth=100, rate_limit_headers=False))
    limiter = LocalLimiter(RateLimits(requests=10**6, burst=10**6))
    client = open_client(emulator, limiter=limiter)
    succeeded = await herd(client, 1000)
    refused_at = next(each.received_at for each in emulator.requests if each.status == 429)
    meanwhile = [
        each for each in emulator.requests if refused_at < each.received_at < refused_at + 29.9
    ]

    assert 1000 == succeeded
    assert {200: 1000, 429: 1} == statuses(emulator)
    assert len(meanwhile) <= 100
    assert 1 == client.statistics().pauses


async def test_the_budget_of_a_process_before_is_respected(
    start_emulator: StartEmulator, open_client: OpenClient
) -> None:
    """A new client finds the minute half spent, and earns no 429."""
    emulator = await start_emulator(limits_mode="fixed")
    await herd(open_client(emulator), 60)
    await herd(open_client(emulator), 60)

    assert {200: 120} == statuses(emulator)


async def test_waiting_calls_leave_in_the_order_in_which_they_came(
    start_emulator: StartEmulator, open_client: OpenClient
) -> None:
    """Nobody is overtaken by more than what is under way together."""
    emulator = await start_emulator()
    client = open_client(emulator)
    await asyncio.gather(
        *(client.request("GET", "/x", params={"n": n}) for n in range(250)), return_exceptions=True
    )
    order = [int(request.query["n"]) for request in emulator.requests]
    overtaken = max(earlier - later for earlier, later in itertools.pairwise(order))

    assert overtaken < 100


async def test_a_web_request_passes_ahead_of_a_back_fill(
    start_emulator: StartEmulator, open_client: OpenClient
) -> None:
    """1,000 low calls are in line at 100 a minute; a high one leaves at the next grant."""
    emulator = await start_emulator()
    client = open_client(emulator)
    back_fill = asyncio.ensure_future(herd(client.with_options(priority="low"), 1000))
    await asyncio.sleep(100.3)
    asked_at, done = now(), len(emulator.requests)
    urgent = client.with_options(priority="high")
    await urgent.request("GET", "/workflows", params={"limit": 2})

    assert now() - asked_at <= 1.0
    assert "2" == emulator.requests[done].query["limit"]
    assert client.statistics().waiting > 600

    back_fill.cancel()
    await asyncio.wait([back_fill])

    assert (0, 0) == (client.statistics().in_flight, client.statistics().waiting)


async def test_high_traffic_lets_the_back_fill_through(
    start_emulator: StartEmulator, open_client: OpenClient
) -> None:
    """At 0.9 of the rate it takes nothing that was promised to the others, and hardly waits."""
    emulator = await start_emulator()
    client = open_client(emulator)
    urgent = client.with_options(priority="high")
    back_fill = asyncio.ensure_future(herd(client.with_options(priority="low"), 1000))
    await asyncio.sleep(60)
    begun, waits, tasks = len(emulator.requests), list[float](), list[asyncio.Future[None]]()

    async def one() -> None:
        asked_at = now()
        await urgent.request("GET", "/workflows", params={"limit": 2})
        waits.append(now() - asked_at)

    for _ in range(180):
        tasks.append(asyncio.ensure_future(one()))
        await asyncio.sleep(0.6 / 0.9)
    low = [request.query["limit"] for request in emulator.requests[begun:]].count("1")
    await asyncio.gather(*tasks)
    back_fill.cancel()
    await asyncio.wait([back_fill])

    assert 20 == pytest.approx(low, abs=2)
    assert max(waits) <= 1.4
    assert 0 == statuses(emulator)[429]


@pytest.mark.parametrize("mode", ["bucket", "fixed"])
async def test_a_reserve_is_there_when_it_is_needed(
    start_emulator: StartEmulator, open_client: OpenClient, mode: str
) -> None:
    """A back-fill leaves 30 of the server's budget; 30 urgent calls leave at once, at any time."""
    emulator = await start_emulator(limits_mode=mode)
    client = open_client(emulator, reserve=30)
    urgent = client.with_options(priority="high")
    back_fill = asyncio.ensure_future(herd(client, 400))
    for moment in (30.0, 150.0):
        await asyncio.sleep(moment)
        begun = now()

        assert 30 == await herd(urgent, 30)
        assert now() - begun <= 0.1

    assert 400 == await back_fill
    assert {200: 460} == statuses(emulator)
