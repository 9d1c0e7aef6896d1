"""A receiver of deliveries that notes what arrives and answers as it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

import attrs
from aiohttp import web

Answer = int | web.StreamResponse | Callable[[web.BaseRequest], Any]
"""A status, a response, or a coroutine function that makes one."""


@attrs.frozen
class Received:
    """One delivery as it arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body's value."""
        return json.loads(self.body)

    @property
    def id(self) -> str:
        """What `webhook-id` says."""
        return self.headers["webhook-id"]


class Receiver:
    """Answers the n-th delivery by the n-th answer, and all later ones by the last."""

    def __init__(self, *answers: Answer, host: str = "127.0.0.1", port: int = 0) -> None:
        self.received: list[Received] = []
        self.port = 0
        """Where it listens."""

        self.busiest = 0
        """How many deliveries were there at once, at most."""

        self._answers = answers or (204,)
        self._host = host
        self._wanted_port = port
        self._present: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Self:
        self._runner = web.ServerRunner(
            web.Server(self._receive, access_log=None), shutdown_timeout=0.1
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._wanted_port).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # aiohttp lets those go on whose client went away.
        for task in list(self._present):
            task.cancel()
        await self._runner.cleanup()
        await asyncio.sleep(0)

    @property
    def url(self) -> str:
        """Where it is reached."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}/hook"

    @property
    def events(self) -> list[str]:
        """The events that arrived."""
        return [one.json["event"] for one in self.received]

    async def _receive(self, request: web.BaseRequest) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        self._present.add(task)
        self.busiest = max(self.busiest, len(self._present))
        try:
            body = await request.read()
            self.received.append(Received(request.method, request.raw_path, request.headers, body))
            return await self._answer(request)
        finally:
            self._present.discard(task)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        answer = self._answers[min(len(self.received), len(self._answers)) - 1]
        if isinstance(answer, int):
            return web.Response(status=answer)
        if isinstance(answer, web.StreamResponse):
            return answer
        made: web.StreamResponse = await answer(request)
        return made
