"""Fork, and hear what the child came to."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from typing import Any

import attrs


@attrs.frozen
class Child:
    """A forked process."""

    _pid: int
    _tells: int

    async def told(self) -> Any:
        """Return what it came to, when it has ended."""
        readable = asyncio.Event()
        # Not in a thread: a process with threads is not to be forked.
        asyncio.get_running_loop().add_reader(self._tells, readable.set)
        await readable.wait()
        asyncio.get_running_loop().remove_reader(self._tells)
        return self._end()

    def _end(self) -> Any:
        with os.fdopen(self._tells, "rb") as pipe:
            told = pipe.read()
        _, status = os.waitpid(self._pid, 0)

        assert 0 == os.waitstatus_to_exitcode(status)
        return json.loads(told)


def fork(do: Callable[[], Any]) -> Child:
    """Let a child do something and end; what it gives is JSON."""
    tells, told = os.pipe()
    pid = os.fork()
    if pid:
        os.close(told)
        return Child(pid, tells)
    os.write(told, json.dumps(do()).encode())
    sys.stderr.flush()
    os._exit(0)


def outcome(do: Callable[[], Any]) -> str:
    """Do it, and return the name of the error that it raised, or ok."""
    try:
        do()
    except Exception as error:  # noqa: BLE001 - told to the test
        return type(error).__name__
    return "ok"
