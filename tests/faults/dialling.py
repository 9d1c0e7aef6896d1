"""Let look-ups and dialling of the event loop go wrong, below the client's own code.

What is reached instead is real: a port where nobody listens, or one whose queue is full.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeAlias

DeadEnd: TypeAlias = Literal["unknown", "slow", "refused", "silent"]
"""A name that does not exist, an answer too late, a port where nobody listens, or no answer."""

TakeAt: TypeAlias = Callable[[Literal["lookup", "dial"]], "DeadEnd | None"]
"""Tells what the attempt meets at this point; None: what it should."""


_SLOW = 1.0
"""Seconds of a look-up that stalls: more than are left for it in an attempt."""


class DeadEnds(contextlib.ExitStack):
    """Addresses of this machine that lead nowhere, as long as it is open."""

    def __init__(self) -> None:
        super().__init__()
        self.healed = asyncio.Event()
        """Whether look-ups that stalled come to their end."""
        self._addresses: dict[DeadEnd, Any] = {}

    def address(self, end: DeadEnd) -> Any:
        """Return the address of a kind; the first time it is made, which blocks for a moment."""
        if end not in self._addresses:
            self._addresses[end] = self._silent() if end == "silent" else self._refusing()
        return self._addresses[end]

    def _refusing(self) -> Any:
        bound = self.enter_context(socket.socket())
        bound.bind(("127.0.0.1", 0))
        return bound.getsockname()

    def _silent(self) -> Any:
        listening = self.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        # One is taken into the queue, which then is full: the next one's packets are dropped.
        self.enter_context(socket.create_connection(listening.getsockname()))
        return listening.getsockname()


@contextlib.contextmanager
def dialling(port: int, take: TakeAt, dead_ends: DeadEnds) -> Iterator[None]:
    """Let connections to a port go wrong as `take` says, for the length of the block.

    Every name is found, without asking anybody: at 127.0.0.1.
    """
    loop: Any = asyncio.get_running_loop()
    connect, look_up = loop.sock_connect, loop.getaddrinfo

    async def sock_connect(sock: socket.socket, address: Any) -> None:
        end = take("dial") if address[1] == port else None
        await connect(sock, address if end is None else dead_ends.address(end))

    async def getaddrinfo(host: str, asked: int, **options: Any) -> Any:
        if asked != port:
            return await look_up(host, asked, **options)
        end = take("lookup")
        if end == "unknown":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if end == "slow":
            await asyncio.sleep(_SLOW)
        if end == "silent":
            await dead_ends.healed.wait()
        kind = socket.SOCK_STREAM
        return [(socket.AF_INET, kind, socket.IPPROTO_TCP, "", ("127.0.0.1", port))]

    loop.sock_connect, loop.getaddrinfo = sock_connect, getaddrinfo
    try:
        yield
    finally:
        loop.sock_connect, loop.getaddrinfo = connect, look_up
