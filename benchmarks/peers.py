"""Who is measured: this client, and what one would take instead.

A peer that is not installed is left out and named, with the reason.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    ExitStack,
    asynccontextmanager,
    contextmanager,
)
from datetime import datetime
from functools import partial
from types import GenericAlias
from typing import Any, Final, Literal, TypeAlias, TypeVar

import aiohttp
import attrs

from benchmarks import generated
from benchmarks.measure import Cost, metered
from cloudflow_async import CloudFlow, Execution, LocalLimiter, RateLimits

T = TypeVar("T")

Endpoint: TypeAlias = Literal["page", "workflow"]
"""What is asked for: a page of 100 executions, or one workflow."""

Call: TypeAlias = Callable[[], Awaitable[object]]
Open: TypeAlias = Callable[[str, int], AbstractAsyncContextManager[Call]]
"""Opens a client of a base URL for a number of calls at a time, and yields its call."""

KEY: Final = "cf_test_key"
HEADERS: Final = {"X-API-Key": KEY}
PIPELINE: Final = "pipe_4x9k2m"
FLOOR: Final = "aiohttp, bytes only (the floor)"
OURS: Final[Mapping[Endpoint, str]] = {
    "page": "CloudFlow.pipelines.executions()",
    "workflow": "CloudFlow.workflows.get()",
}

_WORKFLOW: Final = "wf_8x7k2m9p"
_PATHS: Final[Mapping[Endpoint, str]] = {
    "page": f"/pipelines/{PIPELINE}/executions",
    "workflow": f"/workflows/{_WORKFLOW}",
}
_WINDOW: Final = {"limit": 100, "offset": 0}
_QUERIES: Final[Mapping[Endpoint, Mapping[str, int]]] = {"page": _WINDOW, "workflow": {}}
_WARM_UP: Final = 2
"""Calls of each worker that are not counted."""


@attrs.frozen
class Peer:
    """Someone who can be measured."""

    measure: Callable[[str, int, int], Cost]
    """Of a base URL, a number of calls, and how many of them are under way: the cost of all."""

    answer: Callable[[str], object]
    """What one call to a base URL gives."""


def peers(endpoint: Endpoint) -> tuple[dict[str, Peer], list[str]]:
    """Return who can be measured, the floor first and this client last, and who is absent."""
    makers: dict[str, Callable[[Endpoint], Peer]] = {
        FLOOR: _bytes_only,
        "aiohttp + orjson, dicts": _aiohttp_with_orjson,
        "aiohttp + pydantic": _aiohttp_with_pydantic,
        "httpx + pydantic": _httpx_with_pydantic,
        "requests.Session, dicts": _requests_session,
        "requests.get as documented, dicts": _requests_get,
        "openapi-python-client (on httpx)": _openapi_python_client,
        "OpenAPI Generator (on aiohttp)": _openapi_generator,
        "CloudFlow.request(), not decoded": _undecoded,
        OURS[endpoint]: _ours,
    }
    return present({name: partial(make, endpoint) for name, make in makers.items()})


def present(makers: Mapping[str, Callable[[], T]]) -> tuple[dict[str, T], list[str]]:
    """Return those whose modules and tools are there, and a note about each other one."""
    there: dict[str, T] = {}
    absent = []
    for name, make in makers.items():
        try:
            there[name] = make()
        except (ModuleNotFoundError, generated.AbsentError) as error:
            absent.append(f"absent: {name}: {error}")
    return there, absent


def client(base_url: str, concurrency: int) -> CloudFlow:
    """Return this client with a budget that never makes it wait."""
    unlimited = RateLimits(requests=100_000_000, burst=100_000_000)
    limiter = LocalLimiter(unlimited, max_in_flight=concurrency)
    return CloudFlow(KEY, base_url=base_url, limiter=limiter, max_connections=concurrency)


def pydantic_page() -> Any:
    """Return the adapter that reads a page into pydantic's models; they have our fields' types."""
    pydantic = importlib.import_module("pydantic")
    declared = attrs.fields(attrs.resolve_types(Execution))
    fields = {field.name: (field.type, ...) for field in declared if field.name != "extra"}
    execution = pydantic.create_model("Execution", **fields)
    rows = GenericAlias(list, (execution,))
    page = pydantic.create_model("Page", data=(rows, ...), pagination=(dict[str, int | bool], ...))
    return pydantic.TypeAdapter(page)


def _pydantic_workflow() -> Any:
    pydantic = importlib.import_module("pydantic")
    a_dict = dict[str, Any]
    fields: dict[str, Any] = {
        **dict.fromkeys(("id", "name", "description", "status"), (str, ...)),
        **dict.fromkeys(("trigger", "metrics"), (a_dict, ...)),
        **dict.fromkeys(("created_at", "updated_at"), (datetime, ...)),
        "steps": (list[a_dict], ...),
    }
    return pydantic.TypeAdapter(pydantic.create_model("Workflow", **fields))


_MODELS: Final[Mapping[Endpoint, Callable[[], Any]]] = {
    "page": pydantic_page,
    "workflow": _pydantic_workflow,
}


def _in_tasks(open_peer: Open) -> Peer:
    """Return a peer whose calls are made in the tasks of one event loop."""

    async def spend(base_url: str, calls: int, concurrency: int) -> Cost:
        async with open_peer(base_url, concurrency) as call:
            await _repeat(call, _WARM_UP * concurrency, concurrency)
            with metered() as cost:
                await _repeat(call, calls, concurrency)
        return cost

    async def answer(base_url: str) -> object:
        async with open_peer(base_url, 1) as call:
            return await call()

    return Peer(
        lambda base_url, calls, concurrency: asyncio.run(spend(base_url, calls, concurrency)),
        lambda base_url: asyncio.run(answer(base_url)),
    )


async def _repeat(call: Call, calls: int, concurrency: int) -> None:
    left = iter(range(calls))

    async def worker() -> None:
        for _ in left:
            await call()

    await asyncio.gather(*(worker() for _ in range(concurrency)))


def _in_threads(
    open_peer: Callable[[str], AbstractContextManager[Callable[[], object]]],
) -> Peer:
    """Return a peer whose calls block, in as many threads as calls are under way."""

    def measure(base_url: str, calls: int, concurrency: int) -> Cost:
        with ExitStack() as stack, ThreadPoolExecutor(concurrency) as pool:
            workers = [stack.enter_context(open_peer(base_url)) for _ in range(concurrency)]
            _share(pool, workers, _WARM_UP * concurrency)
            with metered() as cost:
                _share(pool, workers, calls)
        return cost

    def answer(base_url: str) -> object:
        with open_peer(base_url) as call:
            return call()

    return Peer(measure, answer)


def _share(pool: ThreadPoolExecutor, workers: list[Callable[[], object]], calls: int) -> None:
    left = iter(range(calls))

    def work(call: Callable[[], object]) -> None:
        for _ in left:
            call()

    list(pool.map(work, workers))


def _with_aiohttp(endpoint: Endpoint, read: Callable[[bytes], object]) -> Peer:
    query = "&".join(f"{name}={value}" for name, value in _QUERIES[endpoint].items())
    target = _PATHS[endpoint] + (f"?{query}" if query else "")

    @asynccontextmanager
    async def open_peer(base_url: str, concurrency: int) -> AsyncIterator[Call]:
        connector = aiohttp.TCPConnector(limit=concurrency)
        async with aiohttp.ClientSession(headers=HEADERS, connector=connector) as http:

            async def call() -> object:
                async with http.get(base_url + target) as answer:
                    return read(await answer.read())

            yield call

    return _in_tasks(open_peer)


def _bytes_only(endpoint: Endpoint) -> Peer:
    return _with_aiohttp(endpoint, lambda body: body)


def _aiohttp_with_orjson(endpoint: Endpoint) -> Peer:
    return _with_aiohttp(endpoint, importlib.import_module("orjson").loads)


def _aiohttp_with_pydantic(endpoint: Endpoint) -> Peer:
    return _with_aiohttp(endpoint, _MODELS[endpoint]().validate_json)


def _httpx_with_pydantic(endpoint: Endpoint) -> Peer:
    httpx = importlib.import_module("httpx")
    read = _MODELS[endpoint]().validate_json
    path, query = _PATHS[endpoint], _QUERIES[endpoint]

    @asynccontextmanager
    async def open_peer(base_url: str, concurrency: int) -> AsyncIterator[Call]:
        limits = _httpx_limits(concurrency)
        async with httpx.AsyncClient(base_url=base_url, headers=HEADERS, limits=limits) as http:

            async def call() -> object:
                return read((await http.get(path, params=query)).content)

            yield call

    return _in_tasks(open_peer)


def _httpx_limits(concurrency: int) -> Any:
    # As it comes, httpx keeps 20 connections for the next call, and opens new ones for the rest.
    httpx = importlib.import_module("httpx")
    return httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)


def _requests_session(endpoint: Endpoint) -> Peer:
    requests = importlib.import_module("requests")
    path, query = _PATHS[endpoint], _QUERIES[endpoint]

    @contextmanager
    def open_peer(base_url: str) -> Iterator[Callable[[], object]]:
        with requests.Session() as session:
            session.headers.update(HEADERS)
            yield lambda: session.get(base_url + path, params=query).json()

    return _in_threads(open_peer)


def _requests_get(endpoint: Endpoint) -> Peer:
    """Return the document's own sample (API document: Pagination, Python Example)."""
    requests = importlib.import_module("requests")
    path, query = _PATHS[endpoint], _QUERIES[endpoint]

    @contextmanager
    def open_peer(base_url: str) -> Iterator[Callable[[], object]]:
        yield lambda: requests.get(base_url + path, headers=HEADERS, params=query).json()

    return _in_threads(open_peer)


def _openapi_python_client(endpoint: Endpoint) -> Peer:
    modules = generated.openapi_python_client()
    arguments = {"page": (PIPELINE,), "workflow": (_WORKFLOW,)}[endpoint]
    function = partial(modules[endpoint].asyncio, *arguments, **_QUERIES[endpoint])

    @asynccontextmanager
    async def open_peer(base_url: str, concurrency: int) -> AsyncIterator[Call]:
        made = modules["client"].AuthenticatedClient(
            base_url=base_url,
            token=KEY,
            prefix="",
            auth_header_name="X-API-Key",
            httpx_args={"limits": _httpx_limits(concurrency)},
        )
        async with made:
            yield partial(function, client=made)

    return _in_tasks(open_peer)


def _openapi_generator(endpoint: Endpoint) -> Peer:
    made: Any = generated.openapi_generator()

    @asynccontextmanager
    async def open_peer(base_url: str, concurrency: int) -> AsyncIterator[Call]:
        configuration = made.Configuration(
            host=base_url, api_key={"ApiKey": KEY}, connection_pool_maxsize=concurrency
        )
        async with made.ApiClient(configuration) as api:
            calls = {
                "page": partial(
                    made.PipelinesApi(api).list_pipeline_executions, PIPELINE, **_WINDOW
                ),
                "workflow": partial(made.WorkflowsApi(api).get_workflow, _WORKFLOW),
            }
            yield calls[endpoint]

    return _in_tasks(open_peer)


def _undecoded(endpoint: Endpoint) -> Peer:
    path, query = _PATHS[endpoint], _QUERIES[endpoint]

    @asynccontextmanager
    async def open_peer(base_url: str, concurrency: int) -> AsyncIterator[Call]:
        async with client(base_url, concurrency) as cf:
            yield partial(cf.request, "GET", path, params=query or None)

    return _in_tasks(open_peer)


def _ours(endpoint: Endpoint) -> Peer:
    @asynccontextmanager
    async def open_peer(base_url: str, concurrency: int) -> AsyncIterator[Call]:
        async with client(base_url, concurrency) as cf:

            async def page() -> object:
                return await cf.pipelines.executions(PIPELINE)

            async def workflow() -> object:
                return await cf.workflows.get(_WORKFLOW)

            calls: dict[Endpoint, Call] = {"page": page, "workflow": workflow}
            yield calls[endpoint]

    return _in_tasks(open_peer)
