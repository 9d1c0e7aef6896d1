"""What happens to a receiver while it handles a delivery (x)."""

from __future__ import annotations

import asyncio
import errno
import itertools
import socket
from typing import Any, Final

from cloudflow_async._core.webhooks import WebhookEvent
from cloudflow_async.cloudflow.router import WebhookRouter
from tests.deliveries import SECRET, delivery

from .checks import nothing_kept
from .descriptors import few_descriptors
from .fault import Cell
from .hooks import SERVERS, Hook, Start, deliver, plainly, request

_LIMIT: Final = 0.3
"""Seconds."""

_DROUGHT: Final = 2.0
"""Seconds."""

_RETRY: Final = 1.0
"""Seconds after which a server looks again whether there is a descriptor."""


async def cancel(cell: Cell) -> str:
    """A handler that is cancelled gives the delivery back: the next one is handled."""
    router, begun = WebhookRouter(SECRET), asyncio.Event()
    events: list[WebhookEvent] = []

    @router.on("*")
    async def work(event: WebhookEvent) -> None:
        events.append(event)
        begun.set()
        await asyncio.sleep(len(events) == 1)

    async with nothing_kept():
        sent = delivery()
        task = asyncio.create_task(router.handle(sent.body, sent.headers))
        await begun.wait()
        task.cancel()
        await asyncio.wait([task])

        assert task.cancelled()
        assert 204 == await router.handle(sent.body, sent.headers)
    return f"x/{len(events) - 1}"


class _Limited(WebhookRouter):
    """Gives all handlers together so much time."""

    async def handle(self, *delivered: Any) -> int:
        async with asyncio.timeout(_LIMIT):
            return await super().handle(*delivered)


async def time_out(cell: Cell) -> str:
    """A handler whose time ends, by its own limit or by one around it, may work again."""
    ways = [(WebhookRouter, _LIMIT), (_Limited, None)]
    found = [await _too_slow(start, *way) for start, way in itertools.product(SERVERS, ways)]
    return ", ".join(dict.fromkeys(found))


async def _too_slow(start: Start, kind: type[WebhookRouter], limit: float | None) -> str:
    router = kind(SECRET)
    events: list[WebhookEvent] = []

    @router.on("*")
    async def work(event: WebhookEvent) -> None:
        events.append(event)
        async with asyncio.timeout(limit):
            await asyncio.sleep(3600 if len(events) == 1 else 0)

    async with nothing_kept(), start(router) as port:
        begun = asyncio.get_running_loop().time()
        status = await deliver(port, Hook(parts=plainly))
        calls = len(events)

        assert asyncio.get_running_loop().time() - begun < 2 * _LIMIT
        assert "204" == await deliver(port, Hook(parts=plainly))
        assert 2 == len(events)
    return f"{status}/{calls}"


async def run_out_of_descriptors(cell: Cell) -> str:
    """A delivery that nobody can accept waits until somebody can, and is handled once."""
    found = [await _unaccepted(start) for start in SERVERS]
    return ", ".join(dict.fromkeys(found))


async def _unaccepted(start: Start) -> str:
    router, loop = WebhookRouter(SECRET), asyncio.get_running_loop()
    events: list[WebhookEvent] = []
    problems: list[dict[str, Any]] = []

    @router.on("*")
    async def remember(event: WebhookEvent) -> None:
        events.append(event)

    loop.set_exception_handler(lambda _, problem: problems.append(problem))
    async with nothing_kept(), start(router) as port:
        # What is imported on the way needs descriptors too.
        good = delivery(id="msg_0")
        assert "204" == await deliver(port, Hook(parts=plainly, sent=lambda: good))
        with socket.create_connection(("127.0.0.1", port)) as sender:
            sender.sendall(request(delivery()))
            sender.setblocking(False)
            with few_descriptors():
                await asyncio.sleep(_DROUGHT)
                before = len(events)
            begun = loop.time()
            status = (await loop.sock_recv(sender, 100)).split(b" ")[1].decode()

        assert 1 == before
        assert loop.time() - begun <= 2 * _RETRY
        assert {errno.EMFILE} == {problem["exception"].errno for problem in problems}
        # To a sender who has lost the answer it is the same.
        assert "204" == await deliver(port, Hook(parts=plainly))
    loop.set_exception_handler(None)
    return f"{status}/{len(events) - 1}"
