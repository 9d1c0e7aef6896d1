"""What one page costs: client CPU of a whole call against aiohttp that only reads the bytes."""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from types import GenericAlias
from typing import Any

import aiohttp
import attrs

from benchmarks.measure import interleave, table
from benchmarks.server import static_server
from cloudflow_async import CloudFlow, Execution, LocalLimiter, RateLimits

_PATH = "/pipelines/pipe_4x9k2m/executions?limit=100&offset=0"
_UNLIMITED = RateLimits(requests=100_000_000, burst=100_000_000)

Call = Callable[[], Awaitable[object]]


async def _spend(call: Call, calls: int, concurrency: int) -> float:
    """Return the CPU seconds of a call, averaged over many, on connections that are open."""
    await asyncio.gather(*(call() for _ in range(concurrency)))
    left = iter(range(calls))

    async def worker() -> None:
        for _ in left:
            await call()

    before = time.process_time()
    await asyncio.gather(*(worker() for _ in range(concurrency)))
    return (time.process_time() - before) / calls


async def _bytes_only(base_url: str, calls: int, concurrency: int) -> float:
    async with aiohttp.ClientSession(headers={"X-API-Key": "cf_test_key"}) as http:

        async def call() -> bytes:
            async with http.get(base_url + _PATH) as answer:
                return await answer.read()

        return await _spend(call, calls, concurrency)


async def _with_pydantic(base_url: str, calls: int, concurrency: int) -> float:
    page = _pydantic_page()
    async with aiohttp.ClientSession(headers={"X-API-Key": "cf_test_key"}) as http:

        async def call() -> object:
            async with http.get(base_url + _PATH) as answer:
                return page.validate_json(await answer.read())

        return await _spend(call, calls, concurrency)


def _pydantic_page() -> Any:
    """Return the adapter that reads a page into pydantic's models; they have our fields' types."""
    pydantic = importlib.import_module("pydantic")
    declared = attrs.fields(attrs.resolve_types(Execution))
    fields = {field.name: (field.type, ...) for field in declared if field.name != "extra"}
    execution = pydantic.create_model("Execution", **fields)
    rows = GenericAlias(list, (execution,))
    page = pydantic.create_model("Page", data=(rows, ...), pagination=(dict[str, int | bool], ...))
    return pydantic.TypeAdapter(page)


async def _client(base_url: str, calls: int, concurrency: int) -> float:
    limiter = LocalLimiter(_UNLIMITED, max_in_flight=concurrency)
    async with CloudFlow(
        "cf_test_key", base_url=base_url, limiter=limiter, max_connections=concurrency
    ) as cf:

        async def call() -> object:
            return await cf.pipelines.executions("pipe_4x9k2m")

        return await _spend(call, calls, concurrency)


async def _client_undecoded(base_url: str, calls: int, concurrency: int) -> float:
    limiter = LocalLimiter(_UNLIMITED, max_in_flight=concurrency)
    async with CloudFlow(
        "cf_test_key", base_url=base_url, limiter=limiter, max_connections=concurrency
    ) as cf:

        async def call() -> object:
            return await cf.request("GET", "/pipelines/pipe_4x9k2m/executions", params=_WINDOW)

        return await _spend(call, calls, concurrency)


_WINDOW = {"limit": 100, "offset": 0}
_PEERS = {
    "aiohttp, bytes only (the floor)": _bytes_only,
    **({"aiohttp + pydantic validate_json": _with_pydantic} if find_spec("pydantic") else {}),
    "CloudFlow.request(), undecoded": _client_undecoded,
    "CloudFlow.pipelines.executions()": _client,
}


def run(*, rounds: int, calls: int) -> str:
    """Return the table."""
    tables = []
    with static_server() as base_url:
        for concurrency in (1, 50):
            runs = {
                name: lambda peer=peer, many=concurrency: asyncio.run(peer(base_url, calls, many))
                for name, peer in _PEERS.items()
            }
            title = f"One page of 100 executions, client CPU, {concurrency} at a time"
            results = interleave(runs, rounds)
            tables.append(table(title, results, unit="us a call", scale=1e6))
    return "\n\n".join(tables)
