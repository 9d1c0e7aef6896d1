"""Open the source of an export: histories of CloudFlow pipelines, or all TechFlow executions."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from operator import attrgetter
from typing import Any, Final, Generic, TypeAlias, TypeVar

import attrs

from cloudflow_async import techflow
from cloudflow_async._core.client import Client
from cloudflow_async._core.fan_out.fan_out import FanOut
from cloudflow_async._core.fan_out.report import Progress
from cloudflow_async._core.fan_out.segments import SegmentSource
from cloudflow_async._core.messages import UNSET
from cloudflow_async.cli.emulator.techflow_sample import make_up
from cloudflow_async.cli.shared.console import plural
from cloudflow_async.cli.shared.credentials import check_techflow_key, find_credential
from cloudflow_async.cloudflow.client import CloudFlow
from cloudflow_async.cloudflow.pipelines import Execution
from cloudflow_async.embedded import embedded
from cloudflow_async.emulator import Emulator
from cloudflow_async.techflow import TechFlow

from .counts import PAGE_SIZE, Tally
from .inputs import Api, ExportOptions
from .resume import Resuming

T = TypeVar("T")

_EMULATED_PIPELINES: Final = 40

_ALL: Final = "executions"
"""Stands for the id of the one list that TechFlow has."""

_LARGEST_LIST: Final = 256 * 1024 * 1024
"""Bytes of a list that comes whole: more than a million executions."""

_LONGEST: Final = 300.0
"""Seconds in which it has to come."""


@attrs.frozen(kw_only=True)
class Opened(Generic[T]):
    """Lists of executions that can be read."""

    client: Client
    """Reads them."""

    ids: Sequence[str]
    """One for each list."""

    named: str
    """What a person calls all of them, such as ``5 pipelines``."""

    read: Callable[[Resuming, Progress], FanOut[T]]
    """Begins to read them, or goes on with it."""

    pipeline_of: Callable[[T], str]
    """Tells whose file a row goes to, where each pipeline has one."""

    count: Callable[[Tally, T], None]
    """Counts a row that the output has got."""


Open: TypeAlias = Callable[[ExportOptions], AbstractAsyncContextManager[Opened[Any]]]
"""Opens what is asked for, on an emulator if that is asked for."""


@contextlib.asynccontextmanager
async def open_pipelines(options: ExportOptions) -> AsyncIterator[Opened[Execution]]:
    """Open the histories of pipelines.

    Raises:
        CloudFlowError: There is no credential, or it or the base URL cannot be used.
    """
    async with _cloudflow(options) as (client, ids):

        def read(resuming: Resuming, on_progress: Progress) -> FanOut[Execution]:
            return client.pipelines.fan_out(
                list(ids),
                status=options.status,
                start_date=resuming.start_date,
                end_date=UNSET if options.end_date is None else options.end_date,
                page_size=PAGE_SIZE,
                concurrency=options.concurrency,
                on_error="collect",
                on_progress=on_progress,
                reread_running=options.reread_running,
                checkpoint=resuming.checkpoint,
            )

        yield Opened(
            client=client,
            ids=ids,
            named=plural(len(set(ids)), "pipeline"),
            read=read,
            pipeline_of=attrgetter("pipeline_id"),
            count=Tally.add,
        )


@contextlib.asynccontextmanager
async def open_techflow(options: ExportOptions) -> AsyncIterator[Opened[techflow.Execution]]:
    """Open the one list of all executions.

    Raises:
        CloudFlowError: There is no key, or it or the base URL cannot be used.
    """
    async with _techflow(options) as client:

        def read(_: Resuming, on_progress: Progress) -> FanOut[techflow.Execution]:
            source = SegmentSource(lambda _id, _start: client.executions.list())
            return FanOut(source, [_ALL], on_progress=on_progress)

        yield Opened(
            client=client,
            ids=[_ALL],
            named="the executions of all workflows",
            read=read,
            pipeline_of=lambda _: _ALL,
            count=lambda tally, execution: tally.add_status(execution.status),
        )


OPEN: Final[dict[Api, Open]] = {"cloudflow": open_pipelines, "techflow": open_techflow}
"""What opens the history of each API."""


@contextlib.asynccontextmanager
async def _cloudflow(options: ExportOptions) -> AsyncIterator[tuple[CloudFlow, Sequence[str]]]:
    if options.emulator_seed is not None:
        async with embedded(pipelines=_EMULATED_PIPELINES, seed=options.emulator_seed) as local:
            yield local.client, options.pipeline_ids or local.pipeline_ids
    else:
        chain = await find_credential(options.profile, base_url=options.base_url)
        async with CloudFlow(auth=chain) as client:
            yield client, options.pipeline_ids


@contextlib.asynccontextmanager
async def _techflow(options: ExportOptions) -> AsyncIterator[TechFlow]:
    async with contextlib.AsyncExitStack() as stack:
        key, base_url = None, options.base_url
        if options.emulator_seed is not None:
            emulator = await stack.enter_async_context(Emulator(seed=options.emulator_seed))
            make_up(emulator.techflow, seed=options.emulator_seed)
            key, base_url = emulator.techflow.api_key, emulator.techflow.base_url
        else:
            await check_techflow_key()
        client = TechFlow(
            key, base_url=base_url, timeout=_LONGEST, max_response_bytes=_LARGEST_LIST
        )
        yield await stack.enter_async_context(client)
