"""The HTTP side: aiohttp's low-level server, with connections that can be told apart and ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from cloudflow_async.emulator.base.problems import Problem

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Refuse = Callable[[web.BaseRequest, int], web.StreamResponse]

_HEAD_SECONDS = 5.0
"""How long a connection may take over the head of a request, and a new one until it has begun."""

_BODY_SECONDS = 10.0
_IDLE_SECONDS = 75.0
_MOST_CONNECTIONS = 512
_MOST_FIELDS = 100


class NoAnswer(web.StreamResponse):
    """A response that is never sent: preparing it ends the connection."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Raise what aiohttp takes for a client that went away; it then closes the connection."""
        raise ConnectionResetError(f"{request.method} is left without an answer")


class _Collected(asyncio.Transport):
    """Takes down what would be sent."""

    def __init__(self) -> None:
        super().__init__()
        self.data = bytearray()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.data += data

    def is_closing(self) -> bool:
        return False


class Connection(web.RequestHandler):
    """One client connection."""

    transport: asyncio.Transport | None

    def __init__(self, server: ConnectionServer, **options: Any) -> None:
        super().__init__(server, **options)
        self._server = server
        self._head_is_due: asyncio.TimerHandle | None = None
        self.number: int = server.next_number()
        self.gone: asyncio.Event = asyncio.Event()
        """Set when the connection has ended, by whichever side."""

    @staticmethod
    def of(request: web.BaseRequest) -> Connection:
        """Return the connection that a request came by."""
        return cast(Connection, request.protocol)

    @staticmethod
    def number_of(request: web.BaseRequest) -> int:
        """Return the number of the connection that a request came by."""
        return Connection.of(request).number

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the transport, so that stopping can cut it off; one too many is cut off at once."""
        if len(self._server.transports) >= _MOST_CONNECTIONS:
            cast(asyncio.Transport, transport).abort()
            return
        self._server.transports[self] = cast(asyncio.Transport, transport)
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the transport, and tell those who still have something to send."""
        self._server.transports.pop(self, None)
        self.gone.set()
        self.head_has_arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; those that begin a head have to be followed by the rest of it in time."""
        try:
            super().data_received(data)
        except IndexError:
            # What aiohttp's parser raises for a target such as http://[::1]@/.
            self.force_close()
            return
        if not (self._head_is_due or self._messages or self._request_in_progress):
            self._wait_for_head()

    def head_has_arrived(self) -> None:
        """Wait for it no longer."""
        if self._head_is_due is not None:
            self._head_is_due.cancel()
            self._head_is_due = None

    def _wait_for_head(self) -> None:
        self._head_is_due = self._loop.call_later(_HEAD_SECONDS, self.force_close)

    async def render(self, request: web.BaseRequest, response: web.Response) -> bytes:
        """Return what is sent for a response, head and body, without sending it.

        For aiohttp the response has been sent then: given back to it, it is not sent again, and
        the connection is kept or closed as it says.
        """
        # Nothing waits below, unless there is something left to send.
        await request.writer.drain()
        collected = _Collected()
        transport, self.transport = self.transport, collected
        try:
            await response.prepare(request)
            await response.write_eof()
        finally:
            self.transport = transport
        return bytes(collected.data)

    async def start(self) -> None:
        """Serve the requests of this connection; note the task, so that stopping can await it."""
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._server.tasks.add(task)
        task.add_done_callback(self._server.tasks.discard)
        await super().start()

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log what is the emulator's fault; a body that cannot be decoded is the client's."""
        if not isinstance(kw.get("exc_info"), web.RequestPayloadError):
            super().log_exception(*args, **kw)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer in the documented envelope; only what broke the emulator itself is logged."""
        if isinstance(exc, OSError):
            # The client went away: nobody is left to answer to.
            return NoAnswer()
        if status >= 500:
            self.log_exception("Error handling %r: %s", request, message, exc_info=exc)
        return self._server.refuse(request, status)


class ConnectionServer(web.Server):
    """Makes the connections, and ends them."""

    def __init__(self, handler: Handler, refuse: Refuse) -> None:
        super().__init__(
            self._handle,
            access_log=None,
            keepalive_timeout=_IDLE_SECONDS,
            max_headers=_MOST_FIELDS,
        )
        self._answer = handler
        self.refuse = refuse
        self.tasks: set[asyncio.Task[Any]] = set()
        self.transports: dict[Connection, asyncio.Transport] = {}
        self._connections_made = 0

    def __call__(self) -> Connection:
        """Return the protocol of a new connection; asyncio calls this."""
        return Connection(self, loop=self._loop, **self._kwargs)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        Connection.of(request).head_has_arrived()
        return await self._answer(request)

    def next_number(self) -> int:
        """Return the number of a new connection."""
        self._connections_made += 1
        return self._connections_made

    async def end(self, patience: float) -> None:
        """Cut off what is still open, and wait until nothing of it is left."""
        for transport in list(self.transports.values()):
            transport.abort()
        # aiohttp lets go of the task of a connection that was lost in the middle of a body, and
        # the task goes on to wait for the rest.
        for task in self.tasks:
            task.cancel()
        if self.tasks:
            await asyncio.wait(list(self.tasks), timeout=patience)
        # Transports say goodbye to their sockets in a callback of their own.
        await asyncio.sleep(0)


async def read_body(request: web.BaseRequest) -> bytes:
    """Return the body after decompression.

    Raises:
        Problem: It is too large, too slow, or cannot be decompressed; what is left of it is still
            to come.
    """
    await _continue_if_expected(request)
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            return await request.read()
    except TimeoutError:
        raise Problem(408) from None
    except web.HTTPRequestEntityTooLarge:
        raise Problem(413) from None
    except web.RequestPayloadError:
        message = "Request body cannot be decoded"
        raise Problem(400, message, code="invalid_json") from None


async def _continue_if_expected(request: web.BaseRequest) -> None:
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # The interim answer is no part of the real one, whose size aiohttp goes by.
        request.writer.output_size = 0
