"""Runs programs that are to be interrupted, in forks of one process.

``python -m tests.lifecycle.interrupted_program`` reads one JSON object from each line of its input:
what to run, with which arguments, and the file that gets what is written to standard error.  It
answers with two lines: the id of the process, and, when that has ended, its status.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import signal
import sys
import warnings
from collections.abc import Callable
from typing import Any, Final

from cloudflow_async import CloudFlow, LocalLimiter
from cloudflow_async._core.codec.decode import prepare
from cloudflow_async._core.webhooks import WebhookEvent
from cloudflow_async.cli import main
from cloudflow_async.cloudflow.router import WebhookRouter
from tests.deliveries import SECRET, delivery
from tests.faults.hooks import Hook, deliver, on_aiohttp, plainly
from tests.faults.operations import OPERATIONS, api, client_of
from tests.faults.server import FaultServer

from .unlimited import UNLIMITED

_LONG: Final = 60.0
"""Seconds for an attempt."""


async def _work(base_url: str, key: str, *ids: str) -> None:
    """Do everything at once, until somebody interrupts it."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    limiter = LocalLimiter(UNLIMITED, max_in_flight=8)
    async with (
        CloudFlow(key, base_url=base_url, limiter=limiter) as client,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(_iterate(client, ids[0]))
        group.create_task(_collect(client, ids[0]))
        group.create_task(_fan_out(client, ids))
        group.create_task(client.pipelines.wait_for_execution(ids[0], "exec_unknown"))
        for _ in range(5):
            group.create_task(_get(client))


async def _iterate(client: CloudFlow, id: str) -> None:
    while True:
        async for _ in client.pipelines.executions(id, page_size=5):
            pass


async def _collect(client: CloudFlow, id: str) -> None:
    while True:
        await client.pipelines.executions(id, page_size=5).collect()


async def _fan_out(client: CloudFlow, ids: tuple[str, ...]) -> None:
    while True:
        async with client.pipelines.fan_out(ids, page_size=5, on_error="collect") as history:
            async for _ in history:
                pass


async def _get(client: CloudFlow) -> None:
    while True:
        await client.workflows.list(page_size=1)


def _script(*arguments: str) -> int:
    # Python leaves a loop in pieces when it is interrupted while it makes it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        asyncio.run(_work(*arguments))
    except KeyboardInterrupt:
        # What was left behind speaks up now.
        gc.collect()
        return 130
    return 0


def _operation(name: str, url: str, healthy_url: str) -> int:
    """Try an operation of the matrix of faults."""
    if name == "HOOK":
        return _receiver(url)
    try:
        asyncio.run(_operate(name, url, healthy_url))
    except KeyboardInterrupt:
        gc.collect()
        return 130
    return 0


async def _operate(name: str, url: str, healthy_url: str) -> None:
    async with client_of(name, url, healthy_url, timeout=_LONG) as client:
        # Those that answer are in another process.
        it = OPERATIONS[name](client=client, server=FaultServer(api), healthy=FaultServer(api))
        await it.prepare()
        await it.call()


def _receiver(url: str) -> int:
    """Receive a delivery, and after the interruption once more."""
    calls: list[WebhookEvent] = []
    router = WebhookRouter(SECRET)

    @router.on("*")
    async def work(event: WebhookEvent) -> None:
        calls.append(event)
        if len(calls) == 1:
            async with client_of("GET", url, url, timeout=_LONG) as client:
                await client.workflows.get("wf_8x7k2m9p")

    try:
        asyncio.run(_receive(router))
    except KeyboardInterrupt:
        gc.collect()
        sent = delivery()
        again = asyncio.run(router.handle(sent.body, sent.headers))
        return 130 if (again, len(calls)) == (204, 2) else 1
    return 0


async def _receive(router: WebhookRouter) -> None:
    async with on_aiohttp(router) as port:
        await deliver(port, Hook(parts=plainly))


def _command(*arguments: str) -> int:
    return main(arguments)


_PROGRAMS: Final[dict[str, Callable[..., int]]] = {
    "script": _script,
    "command": _command,
    "operation": _operation,
}


def _run(order: dict[str, Any]) -> int:
    said = os.open(order["said"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(said, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    warnings.simplefilter("default")
    try:
        return _PROGRAMS[order["program"]](*order["arguments"])
    except KeyboardInterrupt:
        return 130
    finally:
        sys.stderr.flush()


def _serve() -> None:
    # So that no fork has to import it.
    with contextlib.redirect_stdout(sys.stderr):
        main(["export", "--help"])
    from cloudflow_async.cli.export import run as exporting  # noqa: F401, PLC0415

    prepare()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            os._exit(_run(json.loads(line)))
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    _serve()
