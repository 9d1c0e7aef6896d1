"""Iterations that are left, or forgotten, and clients that are closed in the middle of anything."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import sys
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from cloudflow_async import ClientClosedError, CloudFlow, LocalLimiter, RetryPolicy
from cloudflow_async._core.auth.oauth2.oauth2 import OAuth2Auth
from cloudflow_async._core.auth.stores.token_store import MemoryTokenStore
from cloudflow_async.emulator import Emulator, EmulatorLimits, Fault
from tests.faults.checks import Holdings, holdings
from tests.rotating_server import rotating_server

from .stepper import back_to, leftovers
from .unlimited import UNLIMITED

pytestmark = pytest.mark.virtual_time

ROWS = 60
PAGE_SIZE = 20


@pytest.fixture
async def emulator(virtual_clock: Callable[[], float]) -> AsyncIterator[Emulator]:
    """Return one that takes its time, and limits nothing."""
    limits = EmulatorLimits(requests=10**6, burst=10**6)
    async with Emulator(clock=virtual_clock, rate_limits=limits) as emulator:
        emulator.inject(Fault(delay=0.05, times=None))
        yield emulator


@pytest.fixture
async def before(emulator: Emulator) -> Holdings:
    """Return what the process holds before there is a client."""
    return holdings()


@pytest.fixture
async def client(emulator: Emulator, before: Holdings) -> AsyncIterator[CloudFlow]:
    """Return a client."""
    async with open_client(emulator) as client:
        yield client
    # The emulator takes its time for those who have left, too.
    await asyncio.sleep(0.1)
    await back_to(before)


def open_client(emulator: Emulator, **options: Any) -> CloudFlow:
    """Return a client that limits nothing."""
    options.setdefault("limiter", LocalLimiter(UNLIMITED))
    return CloudFlow(emulator.api_key, base_url=emulator.base_url, **options)


class _StopError(Exception):
    """Raised by those who read."""


@pytest.mark.parametrize("how", ["break", "exception"])
@pytest.mark.parametrize("at", [1, PAGE_SIZE, PAGE_SIZE + 1])
async def test_leaving_a_loop_frees_all(
    emulator: Emulator, client: CloudFlow, at: int, how: str
) -> None:
    """A turn of the loop later, neither a connection nor a task is left of pages on their way."""
    pipeline = emulator.add_pipeline()
    emulator.add_executions(pipeline, ROWS)
    rows = client.pipelines.executions(pipeline, page_size=PAGE_SIZE, prefetch=2)
    with contextlib.suppress(_StopError):
        await _leave(rows, at, how)
    await asyncio.sleep(0)

    assert at == rows.report.rows
    assert {} == leftovers(client)
    assert set() == _tasks_of_the_engine()


async def _leave(rows: AsyncIterable[object], at: int, how: str) -> None:
    seen = 0
    async for _ in rows:
        seen += 1
        if seen == at:
            if how == "break":
                return
            raise _StopError


def _tasks_of_the_engine() -> set[asyncio.Task[Any]]:
    coroutines: list[Any] = [(task, task.get_coro()) for task in asyncio.all_tasks()]
    return {task for task, each in coroutines if "/_core/" in each.cr_code.co_filename}


async def test_a_thousand_forgotten_iterators(
    emulator: Emulator,
    client: CloudFlow,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Dropped without a word after their first row: no connection is kept, and no log says so."""
    unraisable: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    caplog.set_level(logging.DEBUG, "asyncio")
    pipeline = emulator.add_pipeline()
    emulator.add_executions(pipeline, 3)
    for _ in range(20):
        await asyncio.gather(*(_forget(client, pipeline) for _ in range(50)))
    await asyncio.sleep(1)
    gc.collect()

    assert {} == leftovers(client)
    assert [] == unraisable
    assert [] == [record for record in caplog.records if record.levelno >= logging.WARNING]


async def _forget(client: CloudFlow, pipeline: str) -> None:
    async for _ in client.pipelines.executions(pipeline, page_size=1, prefetch=1):
        return


async def _in_flight(emulator: Emulator, client: CloudFlow) -> None:
    await client.workflows.list(page_size=1)


async def _stalled(emulator: Emulator, client: CloudFlow) -> None:
    emulator.clear_faults()
    emulator.inject(Fault(delay=600, times=None))
    await client.workflows.list(page_size=1)


async def _in_backoff(emulator: Emulator, client: CloudFlow) -> None:
    emulator.clear_faults()
    emulator.inject(Fault(status=500, times=None))
    await client.with_options(retry=RetryPolicy(base=60, chance=lambda: 1.0)).workflows.list()


async def _in_line(emulator: Emulator, client: CloudFlow) -> None:
    await asyncio.gather(*(client.workflows.list(page_size=1) for _ in range(4)))


async def _iterating(emulator: Emulator, client: CloudFlow) -> None:
    pipeline = emulator.add_pipeline()
    emulator.add_executions(pipeline, ROWS)
    async for _ in client.pipelines.executions(pipeline, page_size=5, prefetch=2):
        pass


async def _collecting(emulator: Emulator, client: CloudFlow) -> None:
    pipeline = emulator.add_pipeline()
    emulator.add_executions(pipeline, ROWS)
    await client.pipelines.executions(pipeline, page_size=5).collect()


async def _fanning_out(emulator: Emulator, client: CloudFlow) -> None:
    ids = [emulator.add_pipeline() for _ in range(5)]
    for pipeline in ids:
        emulator.add_executions(pipeline, 10)
    async with client.pipelines.fan_out(ids, page_size=5, on_error="collect") as history:
        async for _ in history:
            pass


async def _waiting(emulator: Emulator, client: CloudFlow) -> None:
    await client.pipelines.wait_for_execution(emulator.add_pipeline(), "exec_unknown")


MEANWHILE: dict[str, tuple[Callable[[Emulator, CloudFlow], Awaitable[None]], bool, float]] = {
    "in flight": (_in_flight, True, 0.1),
    "stalled": (_stalled, False, 5.1),
    "in backoff": (_in_backoff, False, 0.1),
    "in line": (_in_line, False, 0.1),
    "iterating": (_iterating, False, 0.1),
    "collecting": (_collecting, False, 0.1),
    "fanning out": (_fanning_out, False, 0.1),
    "waiting": (_waiting, False, 0.1),
}
"""What is under way, whether it succeeds, and the most seconds that closing takes then."""


@pytest.mark.parametrize("what", MEANWHILE)
@pytest.mark.parametrize("closers", [1, 2], ids=["once", "twice at once"])
async def test_closing_in_the_middle(
    emulator: Emulator, before: Holdings, what: str, closers: int
) -> None:
    """What waits ends at once, what is on the wire has five seconds; nothing is left of either."""
    work, succeeds, longest = MEANWHILE[what]
    client = open_client(emulator, limiter=LocalLimiter(UNLIMITED, max_in_flight=2))
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(_outcome(work(emulator, client)))
    await asyncio.sleep(0.13 if what in {"iterating", "collecting"} else 0.02)
    begun = loop.time()
    await asyncio.gather(*(client.close() for _ in range(closers)))
    elapsed = loop.time() - begun
    error = await task
    await client.close()

    assert elapsed <= longest
    assert loop.time() - begun <= longest
    assert succeeds is (error is None)
    assert succeeds or isinstance(error, ClientClosedError)
    assert {} == leftovers(client)
    with pytest.raises(ClientClosedError):
        await client.workflows.list()
    emulator.clear_faults()
    await asyncio.sleep(601 if what == "stalled" else 1)
    await back_to(before)


async def _outcome(work: Awaitable[object]) -> Exception | None:
    try:
        await work
    except Exception as error:  # noqa: BLE001 - looked at by the test
        return error
    return None


async def test_closing_during_a_refresh(virtual_clock: Callable[[], float]) -> None:
    """The refresh comes to its end and is kept; the call that waited for it is told."""
    async with rotating_server(virtual_clock) as server:
        before = holdings()
        server.delay = 2.0
        server.expire()
        store = MemoryTokenStore(server.token())
        auth = OAuth2Auth("app", store=store, token_url=server.token_url, clock=server.clock)
        client = CloudFlow(auth=auth, base_url=server.base_url)
        task = asyncio.create_task(_outcome(client.request("GET", "/workflows")))
        await server.was_asked.wait()
        await client.close()
        error = await task
        token = await store.load()
        await back_to(before)

    assert isinstance(error, ClientClosedError)
    assert token is not None
    assert "access-canary-2" == token.access_token.reveal()
