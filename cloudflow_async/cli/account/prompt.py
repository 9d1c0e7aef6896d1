"""Ask the person for one line, without holding up the event loop or the end of the program."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from typing import Final

from cloudflow_async.cli.shared.console import CommandError, say

_LONGEST: Final = 65536


async def ask(question: str) -> str:
    """Return the line that the person types, without white space around it.

    Cancelling it leaves a thread behind that ends with the program.

    Raises:
        CommandError: Nobody can be asked: the input is closed, or has ended.
    """
    say(question)
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[bytes] = loop.create_future()

    def settle(line: bytes) -> None:
        if not answer.done():
            answer.set_result(line)

    def read() -> None:
        line = _read_line()
        # The loop has ended when nobody waits for the answer any more.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, line)

    threading.Thread(target=read, name="cloudflow-prompt", daemon=True).start()
    text = (await answer).decode("utf-8", "replace").strip()
    if not text:
        raise CommandError("nothing was pasted.")
    return text


def _read_line() -> bytes:
    if sys.stdin is None:
        return b""
    line = b""
    # Not by sys.stdin: who waits there holds a lock that the interpreter wants at its end.
    with contextlib.suppress(OSError):
        while len(line) < _LONGEST and not line.endswith(b"\n"):
            part = os.read(sys.stdin.fileno(), _LONGEST)
            if not part:
                break
            line += part
    return line
