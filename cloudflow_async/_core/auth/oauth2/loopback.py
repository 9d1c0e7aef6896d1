"""The listener on this machine at which the browser delivers the answer of a login (RFC 8252).

It reads just enough HTTP for one GET.  What listens here for two minutes can be reached by every
program of this machine and by every page that its browser has open, so all else is refused, and
nothing that was received is ever shown.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import unquote

import attrs

from cloudflow_async._core.errors import InvalidArgumentError, LoginError
from cloudflow_async._core.support.secret import Secret

from . import loopback_pages as pages

_T = TypeVar("_T")

_REDIRECT_URI = re.compile(
    r"http://(?P<host>127\.0\.0\.1|\[::1\]|localhost)(:(?P<port>[0-9]{1,5}))?"
    r"(?P<path>(/[A-Za-z0-9\-._~!$&'()*+,;=:@%]*)*)"
)
_ADDRESSES = {"127.0.0.1": "127.0.0.1", "[::1]": "::1", "localhost": "127.0.0.1"}
_HIGHEST_PORT = 65535
_HTTP_PORT = 80

_LARGEST_REQUEST = 8 * 1024
_MOST_CONNECTIONS = 32
_SECONDS_TO_ASK = 5.0
_SECONDS_TO_GO = 1.0
_TURNS_TO_ACCEPT = 3

_REQUEST_LINE = re.compile(rb"(?P<method>[A-Z]{1,20}) (?P<target>/[\x21-\x7e]*) HTTP/1\.[01]")
_FIELD = re.compile(rb"(?P<name>[!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(?P<value>[^\x00\r\n]*)")


@attrs.frozen
class _Arrival:
    """The one answer."""

    target: Secret
    writer: asyncio.StreamWriter

    def answer(self, page: bytes) -> None:
        # A page is small enough for the system to take it at once, so nothing is waited for.
        self.writer.write(page)
        self.writer.close()


class LoopbackListener:
    """Waits at a redirect URI on this machine for one request, and closes the port.

    It listens inside of its ``async with`` block, and never where other machines reach it.  The
    time limit is the caller's: put `asyncio.timeout` around `callback`.

    Args:
        redirect_uri: http on ``127.0.0.1``, ``[::1]`` or ``localhost``, without a query.  Its
            port is used; without one, or with port 0, a free one is put in.  None: a free port
            of 127.0.0.1, and `path`.
        path: Where None is given.

    Raises:
        InvalidArgumentError: `redirect_uri` lies elsewhere.
    """

    redirect_uri: str
    """What the authorization and the token request have to carry; complete once it listens."""

    def __init__(self, redirect_uri: str | None = None, *, path: str = "/callback") -> None:
        self.redirect_uri = f"http://127.0.0.1{path}" if redirect_uri is None else redirect_uri
        self._host, self._port, self._path = _parts(self.redirect_uri)
        self._hosts: set[bytes] = set()
        self._arrived = asyncio.Event()
        self._arrival: _Arrival | None = None
        self._server: asyncio.Server | None = None
        self._ended = False
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    def __repr__(self) -> str:
        return f"LoopbackListener({self.redirect_uri!r})"

    async def __aenter__(self) -> Self:
        address = _ADDRESSES[self._host]
        try:
            self._server = await asyncio.start_server(
                self._connected, address, self._port, limit=_LARGEST_REQUEST
            )
        except OSError as error:
            reason = _reason(error)
        else:
            self._know_port(self._running().sockets[0].getsockname()[1])
            return self
        raise LoginError(
            f"Nothing can listen on {self._host}, port {self._port}, for the browser's answer: "
            f"{reason}."
        )

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended = True
        try:
            await self._stop_accepting()
        finally:
            self._running().close()
            if self._arrival is not None:
                self._arrival.writer.close()
            for connection in self._connections:
                connection.cancel()
        if self._connections:
            await asyncio.wait(self._connections)
        # Transports let go of their sockets in a callback.
        await asyncio.sleep(0)

    async def callback(self, accept: Callable[[str], _T]) -> _T:
        """Wait for the answer, show it to `accept` and return what that returns.

        The browser's page says that all is done, or, if `accept` raises, that the login failed.
        There is one answer: a second request is not waited for.  Cancelling leaves the listener
        as it is.

        Args:
            accept: Given the target of the request, path and query; raises `LoginError` for one
                that is not to be trusted.
        """
        await self._arrived.wait()
        arrival = self._arrival
        assert arrival is not None
        page = pages.FAILED
        try:
            # No local variable holds the text: an error keeps those of this frame alive.
            value = accept(arrival.target.reveal())
            page = pages.DONE
        finally:
            arrival.answer(page)
        return value

    def _know_port(self, port: int) -> None:
        authority = f"{self._host}:{port}"
        self.redirect_uri = f"http://{authority}{self._path}"
        self._hosts = {authority.encode()}
        if port == _HTTP_PORT:
            self._hosts.add(self._host.encode())

    def _running(self) -> asyncio.Server:
        assert self._server is not None
        return self._server

    async def _stop_accepting(self) -> None:
        """Let what is being accepted arrive; nothing more is accepted.

        A server that is closed while it accepts loses the connection, socket and all
        (python/cpython#109564).
        """
        loop = asyncio.get_running_loop()
        with suppress(NotImplementedError):  # Windows has no readers
            for listening in self._running().sockets:
                loop.remove_reader(listening.fileno())
        for _ in range(_TURNS_TO_ACCEPT):
            await asyncio.sleep(0)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._ended or len(self._connections) >= _MOST_CONNECTIONS:
            writer.transport.abort()
            return
        serving = self._serve(reader, writer)
        connection = asyncio.create_task(serving, name="cloudflow login: connection")
        self._connections[connection] = writer
        connection.add_done_callback(self._disconnect)

    def _disconnect(self, connection: asyncio.Task[None]) -> None:
        # Not at the end of the task: one that is cancelled before it began has no end.
        writer = self._connections.pop(connection)
        if self._arrival is None or self._arrival.writer is not writer:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A connection that says nothing in time, or goes, ends without a word.
        with suppress(OSError, EOFError):
            async with asyncio.timeout(_SECONDS_TO_ASK):
                page = await self._receive(reader, writer)
            if page is not None:
                await _say(page, reader, writer)

    async def _receive(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bytes | None:
        """Return the page for a request; None: it is the answer, and `callback` has it now."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return pages.TOO_LARGE
        page = self._refuse(head)
        if page is None:
            self._arrival = _Arrival(Secret(_target(head)), writer)
            self._arrived.set()
            return None
        return pages.without_body(page) if head.startswith(b"HEAD ") else page

    def _refuse(self, head: bytes) -> bytes | None:
        """Return the page for a request that is not the answer; None: it is."""
        line, *fields = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
        request = _REQUEST_LINE.fullmatch(line)
        # A name of somebody's own that leads to this machine makes their page our origin.
        if request is None or _host(fields) not in self._hosts:
            return pages.NOT_UNDERSTOOD
        path = request["target"].partition(b"?")[0].decode()
        if self._arrival is not None or path != (self._path or "/"):
            return pages.NOT_FOUND
        return None if request["method"] == b"GET" else pages.NOT_ALLOWED


async def _say(page: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(page)
    writer.write_eof()
    async with asyncio.timeout(_SECONDS_TO_GO):
        # Closed before all was read, the connection would be reset and the page be lost.
        while await reader.read(_LARGEST_REQUEST):
            pass


def _target(head: bytes) -> str:
    return head.split(b" ", 2)[1].decode()


def _host(fields: list[bytes]) -> bytes | None:
    """Return the one Host of well-formed header fields."""
    matches = [_FIELD.fullmatch(field) for field in fields]
    hosts = [
        match["value"].strip().lower()
        for match in matches
        if match is not None and match["name"].lower() == b"host"
    ]
    return hosts[0] if len(hosts) == 1 and None not in matches else None


def _parts(redirect_uri: object) -> tuple[str, int, str]:
    """Return host, port and path of a redirect URI of this machine."""
    match = _REDIRECT_URI.fullmatch(redirect_uri) if isinstance(redirect_uri, str) else None
    if match is None or int(match["port"] or 0) > _HIGHEST_PORT or _has_dots(match["path"]):
        raise InvalidArgumentError(
            "A login that waits for the browser needs a redirect_uri such as "
            "'http://127.0.0.1/callback': http, on 127.0.0.1, [::1] or localhost, without query "
            "and fragment. For any other, use authorization_request() and exchange()."
        )
    return match["host"], int(match["port"] or 0), match["path"]


def _has_dots(path: str) -> bool:
    # A browser takes them out before it asks.
    return any(segment in {".", ".."} for segment in unquote(path).split("/"))


def _reason(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another program uses the port"
    return os.strerror(error.errno) if error.errno else type(error).__name__
