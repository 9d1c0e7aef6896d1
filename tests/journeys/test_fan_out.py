"""Many histories at once: as fast as the limit allows, fair, bounded, and told beforehand."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections import Counter
from datetime import timedelta

import attrs
import pytest

from cloudflow_async import LocalLimiter, RateLimits
from cloudflow_async._core.fan_out.fan_out import FanOut
from cloudflow_async._core.fan_out.segments import SegmentSource, Start
from cloudflow_async._core.paging.page import Page
from cloudflow_async._core.paging.pages import Pages
from cloudflow_async.emulator import Emulator, EmulatorLimits, Fault
from tests.journeys.conftest import OpenClient, StartEmulator

pytestmark = pytest.mark.virtual_time

MODES = ("bucket", "fixed", "sliding", "windows")  # 1,000 requests of all: benchmarks/herd.py
PHASE = 13.0
"""Seconds after a full minute at which the reading begins."""


def now() -> float:
    """Return the time of the loop."""
    return asyncio.get_running_loop().time()


def ideal(mode: str, requests: int) -> float:
    """Return the seconds that so many requests need within 150 at once and 100 a minute."""
    if mode == "bucket":
        return (requests - 150) * 0.6
    minutes = 60.0 * (-(-requests // 100) - 1)
    return minutes - PHASE if mode == "fixed" else minutes


def add_pages(emulator: Emulator, pages: int) -> list[str]:
    """Add pipelines whose histories have so many pages together, of three rows each."""
    sizes = [3 * length for length in (1, 2, 30, 1, 5, 60, 1)]
    ids: list[str] = []
    while pages:
        rows = min(sizes[len(ids) % len(sizes)], 3 * pages)
        ids.append(emulator.add_pipeline())
        emulator.add_executions(ids[-1], rows)
        pages -= rows // 3
    return ids


@pytest.mark.parametrize(
    ("mode", "requests"), [*((mode, 300) for mode in MODES), ("bucket", 1000), ("sliding", 1000)]
)
async def test_it_is_as_fast_as_the_limit(
    start_emulator: StartEmulator, open_client: OpenClient, mode: str, requests: int
) -> None:
    """Short histories and long ones, in at most 1.02 of the ideal time and without a 429."""
    await asyncio.sleep(PHASE)
    emulator = await start_emulator(limits_mode=mode)
    ids = add_pages(emulator, requests)
    client = open_client(emulator)
    begun = now()
    async with client.pipelines.fan_out(ids, page_size=3) as history:
        rows = Counter([row.id async for row in history])
    took = now() - begun

    assert {200: requests} == Counter(request.status for request in emulator.requests)
    assert (3 * requests, {1}) == (len(rows), set(rows.values()))
    assert took <= 1.02 * ideal(mode, requests)


async def test_one_long_history_has_the_whole_window(
    start_emulator: StartEmulator, open_client: OpenClient
) -> None:
    """100 pages of a server that takes a second for each: as fast as collecting them."""
    unlimited = RateLimits(requests=10**6, burst=10**6)
    emulator = await start_emulator(rate_limits=EmulatorLimits(requests=10**6, burst=10**6))
    pipeline_id = emulator.add_pipeline()
    emulator.add_executions(pipeline_id, 500)
    emulator.inject(Fault(delay=1.0, times=None))
    client = open_client(emulator, limiter=LocalLimiter(unlimited))
    await client.request("GET", "/workflows", params={"limit": 1})
    begun = now()
    async with client.pipelines.fan_out([pipeline_id], page_size=5, concurrency=20) as history:
        rows = [row.id async for row in history]

    assert 500 == len(rows)
    # The first page, then 99 of which 20 are on their way at any time.
    assert 6.0 <= now() - begun <= 6.5


async def test_the_estimate_holds(start_emulator: StartEmulator, open_client: OpenClient) -> None:
    """Requests exactly, seconds within a few percent; the first pages are not fetched again."""
    emulator = await start_emulator(limits_mode="fixed")
    ids = add_pages(emulator, 350)
    client = open_client(emulator)
    history = client.pipelines.fan_out(ids, page_size=3)
    estimate = await client.estimate(history)
    begun, sent = now(), len(emulator.requests)
    async with history:
        rows = [row.id async for row in history]

    assert (len(ids), len(rows)) == (estimate.lists, estimate.rows)
    assert (sent, 350 - sent) == (len(ids), estimate.requests)
    assert 350 == len(emulator.requests)
    assert now() - begun == pytest.approx(estimate.seconds, rel=0.05)


async def test_the_end_is_by_the_server_s_clock(
    start_emulator: StartEmulator, open_client: OpenClient
) -> None:
    """Once it has been seen; ours is elsewhere in this test."""
    emulator = await start_emulator()
    pipeline_id = emulator.add_pipeline()
    emulator.add_executions(pipeline_id, 3)
    client = open_client(emulator)
    await client.pipelines.executions(pipeline_id)
    await asyncio.sleep(100)
    async with client.pipelines.fan_out([pipeline_id]) as history:
        later = emulator._state.now + 60
        emulator.add_executions(pipeline_id, 1, started_at=later)
        rows = [row async for row in history]

    assert 3 == len(rows)
    assert history.end_date is not None
    assert 0 <= later - 60 + 1 - history.end_date.timestamp() <= 2


async def test_slices_and_running_ones_over_the_wire(
    start_emulator: StartEmulator, open_client: OpenClient
) -> None:
    """Every execution once, those that ran as they are in the end."""
    emulator = await start_emulator()
    ids = emulator.seed_history(6)
    running = emulator.add_executions(ids[0], 2, status="running")
    everything = {
        each.id for pipeline in emulator._state.pipelines.values() for each in pipeline.executions
    }
    client = open_client(emulator)
    async with client.pipelines.fan_out(ids, slices="2w", reread_running=True) as history:
        rows = [row async for row in history]

    assert len(everything) == len(rows)
    assert everything == {row.id for row in rows}
    assert {*running} <= {row.id for row in rows[-8:] if row.status == "running"}
    assert history.report.complete


@attrs.frozen
class Small:
    """A row."""

    id: str


def long_list(name: str, start: Start) -> Pages[Small]:
    """Return 500 rows in 5 pages, made when they are asked for."""

    async def fetch(offset: int, limit: int) -> Page[Small]:
        await asyncio.sleep(0)
        rows = tuple(
            Small(f"{name}-{number}") for number in range(offset, min(500, offset + limit))
        )
        return Page(items=rows, offset=offset, total=500, has_more=offset + len(rows) < 500)

    return Pages(fetch, start=start)


@pytest.mark.slow
async def test_memory_does_not_grow_with_the_history() -> None:
    """100,000 rows of 200 lists go through at most 2 MiB more than the first thousand."""
    fan_out = FanOut(SegmentSource(long_list), [f"pipe_{number}" for number in range(200)])
    count, begun_with = 0, 0
    tracemalloc.start()
    try:
        async with fan_out:
            async for _ in fan_out:
                count += 1
                if count == 1000:
                    begun_with, _ = tracemalloc.get_traced_memory()
                    tracemalloc.reset_peak()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert 100_000 == count
    assert peak - begun_with <= 2 * 1024 * 1024


async def test_all_histories_go_on_at_the_same_pace(
    start_emulator: StartEmulator, open_client: OpenClient
) -> None:
    """As long as all are long, none is ahead of another by more than its share of the window."""
    emulator = await start_emulator(rate_limits=EmulatorLimits(requests=10**6, burst=10**6))
    ids = [emulator.add_pipeline() for _ in range(4)]
    for pipeline_id in ids:
        emulator.add_executions(pipeline_id, 100)
    emulator.inject(Fault(delay=timedelta(seconds=1).total_seconds(), times=None))
    limiter = LocalLimiter(RateLimits(requests=10**6, burst=10**6))
    client = open_client(emulator, limiter=limiter)
    await client.request("GET", "/workflows", params={"limit": 1})
    async with client.pipelines.fan_out(ids, page_size=5, concurrency=8) as history:
        async for _ in history:
            pages = [report.pages for report in history.report.lists.values()]
            assert max(pages) - min(pages) <= 2
