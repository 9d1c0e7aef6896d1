"""A Chromium as a process: found, started with a profile of its own, and ended for good."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
"""What the command is called on different systems."""

_FLAGS = (
    "--headless=new",
    "--no-sandbox",  # it cannot set one up in most containers
    "--remote-debugging-port=0",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-sync",
    "--password-store=basic",
    # Nothing outside of this machine is asked for anything.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE [::1], EXCLUDE localhost",
    "about:blank",
)
_LISTENING = re.compile(rb"DevTools listening on (ws://\S+)")
_SECONDS_TO_START = 15.0
_SECONDS_TO_END = 2.0


def installed() -> str | None:
    """Return the path of an installed Chromium; None: there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@contextlib.asynccontextmanager
async def running(program: str, profile: str) -> AsyncIterator[str]:
    """Start Chromium and yield the address of its DevTools; none of its processes is left."""
    process = await asyncio.create_subprocess_exec(
        program,
        f"--user-data-dir={profile}",
        *_FLAGS,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "HOME": profile, "XDG_CONFIG_HOME": profile, "XDG_CACHE_HOME": profile},
        start_new_session=True,
    )
    assert process.stderr is not None
    said = _Said(process.stderr)
    reading = asyncio.create_task(said.read())
    try:
        async with asyncio.timeout(_SECONDS_TO_START):
            address = await said.address
        yield address
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SECONDS_TO_END):
                await process.wait()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        await reading


class _Said:
    """What a program writes: read to its end, so that it never waits for a reader."""

    def __init__(self, stream: asyncio.StreamReader) -> None:
        self.address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._stream = stream

    async def read(self) -> None:
        tail = b""
        while chunk := await self._stream.read(4096):
            tail += chunk
            found = _LISTENING.search(tail)
            if found and not self.address.done():
                self.address.set_result(found[1].decode())
            tail = tail[-4096:]
        if not self.address.done():
            self.address.set_exception(RuntimeError(f"Chromium did not start: {tail.decode()}"))
