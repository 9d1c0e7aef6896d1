"""The main job: the whole execution history of many pipelines."""

from __future__ import annotations

import asyncio
import math
from collections import Counter

import pytest

from cloudflow_async import NotFoundError
from cloudflow_async.emulator import Emulator, Fault
from tests.journeys.conftest import OpenClient, StartEmulator

pytestmark = pytest.mark.virtual_time


def history(emulator: Emulator) -> dict[str, set[str]]:
    """Return the ids of all executions, by pipeline."""
    pipelines = emulator._state.pipelines
    return {name: {each.id for each in pipelines[name].executions} for name in pipelines}


async def test_every_execution_is_read_once(
    start_emulator: StartEmulator, open_client: OpenClient
) -> None:
    """40 pipelines, within the burst: no 429, few sockets, an exact report."""
    emulator = await start_emulator()
    ids = emulator.seed_history(40)
    client = open_client(emulator)
    rows: dict[str, list[str]] = {name: [] for name in ids}
    async with client.pipelines.fan_out(ids) as fan_out:
        async for execution in fan_out:
            rows[execution.pipeline_id].append(execution.id)
    report = fan_out.report

    assert history(emulator) == {name: set(found) for name, found in rows.items()}
    assert (sum(map(len, rows.values())), 40, 40, {}) == (
        report.rows,
        report.done,
        report.planned,
        report.failures,
    )
    assert {200} == {request.status for request in emulator.requests}
    assert report.pages == len(emulator.requests)
    assert len({request.connection for request in emulator.requests}) <= 20


async def test_one_missing_pipeline_leaves_the_others_whole(
    start_emulator: StartEmulator, open_client: OpenClient
) -> None:
    """Its error is in the report, and with it the exact path."""
    emulator = await start_emulator()
    ids = emulator.seed_history(5)
    fan_out = open_client(emulator).pipelines.fan_out([*ids, "pipe_none"], on_error="collect")
    async with fan_out:
        rows = [execution.id async for execution in fan_out]

    assert set().union(*history(emulator).values()) == set(rows)
    assert ["pipe_none"] == list(fan_out.report.failures)
    assert isinstance(fan_out.report.failures["pipe_none"], NotFoundError)


async def test_a_bad_network_loses_and_doubles_nothing(
    start_emulator: StartEmulator, open_client: OpenClient
) -> None:
    """One request in ten fails in some way: every execution still comes exactly once."""
    emulator = await start_emulator()
    ids = emulator.seed_history(20)
    for fault in (
        Fault(drop="before", times=None, probability=0.03),
        Fault(drop="after", times=None, probability=0.03),
        Fault(status=502, body="html", times=None, probability=0.03),
        Fault(truncate=100, times=None, probability=0.03),
    ):
        emulator.inject(fault)
    async with open_client(emulator).pipelines.fan_out(ids) as fan_out:
        rows = Counter([execution.id async for execution in fan_out])

    assert set().union(*history(emulator).values()) == set(rows)
    assert {1} == set(rows.values())


async def test_rows_that_arrive_meanwhile_double_nothing(
    start_emulator: StartEmulator, open_client: OpenClient
) -> None:
    """New executions push old ones into later pages, where they are dropped and counted."""
    emulator = await start_emulator()
    pipeline_id = emulator.add_pipeline()
    ids = emulator.add_executions(pipeline_id, 350)
    emulator.inject(Fault(nth=2, before=lambda emulator: emulator.add_executions(pipeline_id, 3)))
    pages = open_client(emulator).pipelines.executions(pipeline_id, prefetch=0)
    rows = [execution.id async for execution in pages]

    assert list(reversed(ids)) == rows
    assert (3, 353) == (pages.duplicates, pages.total)


async def test_collecting_is_concurrent(
    start_emulator: StartEmulator, open_client: OpenClient
) -> None:
    """1,500 rows of a server that takes a second for each page come in a few seconds."""
    emulator = await start_emulator()
    pipeline_id = emulator.add_pipeline()
    ids = emulator.add_executions(pipeline_id, 1500)
    emulator.inject(Fault(delay=1.0, times=None))
    begun = asyncio.get_running_loop().time()
    rows = await open_client(emulator).pipelines.executions(pipeline_id).collect()

    assert list(reversed(ids)) == [execution.id for execution in rows]
    assert asyncio.get_running_loop().time() - begun <= 5
    assert 1 + math.ceil(1400 / 99) == len(emulator.requests)


async def test_leaving_early_costs_one_page_more(
    start_emulator: StartEmulator, open_client: OpenClient
) -> None:
    """After the first of 1,500 rows, at most the page ahead was asked for."""
    emulator = await start_emulator()
    pipeline_id = emulator.add_pipeline()
    emulator.add_executions(pipeline_id, 1500)
    async for _ in open_client(emulator).pipelines.executions(pipeline_id):
        await asyncio.sleep(1)
        break

    assert 2 == len(emulator.requests)
