"""A server in a forked child, so that what it holds is not what its clients hold."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from tests.raw_server import RawServer, Script


@contextmanager
def forked_server(*scripts: Script) -> Iterator[str]:
    """Run a `RawServer` while the block runs; gives its URL.

    The process must have no threads yet.
    """
    told, tell = os.pipe()
    child = os.fork()
    if not child:
        asyncio.run(_serve(tell, *scripts))
    try:
        yield os.read(told, 100).decode()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(told)
        os.close(tell)


async def _serve(tell: int, *scripts: Script) -> None:
    async with RawServer(*scripts) as server:
        os.write(tell, server.url.encode())
        await asyncio.Event().wait()
