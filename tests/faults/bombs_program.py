"""A program that asks for bombs; prints what became of it and of its memory.

``python -m tests.faults.bombs_program 16`` answers with a list of JSON objects; the number is the
cap in MiB.  The server is a forked child, so that the memory is the client's alone.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cloudflow_async import CloudFlow, CloudFlowError, LocalLimiter, RetryPolicy
from tests.lifecycle.forked_server import forked_server
from tests.lifecycle.unlimited import UNLIMITED
from tests.raw_server import Peer, answer

from .bombs import BOMBS, bomb, bomb_answer

_MIB: Final = 1024 * 1024
_PROC: Final = Path("/proc/self")


def _answers() -> dict[str, bytes]:
    twice = gzip.compress(bomb(), 1)
    found = {
        f"/{encoding}{'-chunks' * chunked}": bomb_answer(encoding, chunked=chunked)
        for encoding, chunked in BOMBS
    }
    found["/gzip-in-gzip"] = answer(twice, headers={"Content-Encoding": "gzip"})
    found["/gzip-gzip"] = answer(twice, headers={"Content-Encoding": "gzip, gzip"})
    return found


class _Bombing:
    def __init__(self, answers: Mapping[str, bytes]) -> None:
        self._answers = answers

    async def __call__(self, peer: Peer) -> None:
        """Answer with a bomb, or with the number of the connection."""
        while True:
            sent = await peer.request()
            await peer.send(self._answers.get(sent.target) or answer(b"%d" % peer.number))


def _memory(name: str) -> float:
    """Return a figure of this process in MiB: VmRSS, or VmHWM, its peak."""
    found = dict(line.split(":", 1) for line in (_PROC / "status").read_text().splitlines())
    return int(found[name].split()[0]) / 1024


async def _ask(client: CloudFlow, path: str, at_first: float) -> dict[str, Any]:
    before = (await client.request("GET", "/number")).json()
    (_PROC / "clear_refs").write_text("5")  # the peak is that from now on
    begun, error = asyncio.get_running_loop().time(), ""
    try:
        (await client.request("GET", path)).json()
    except CloudFlowError as caught:
        error = type(caught).__name__
    return {
        "path": path,
        "error": error,
        "seconds": round(asyncio.get_running_loop().time() - begun, 3),
        "MiB": round(_memory("VmHWM") - at_first, 2),
        "same connection": before == (await client.request("GET", "/number")).json(),
    }


async def _play(url: str, paths: list[str], largest: int) -> list[dict[str, Any]]:
    client = CloudFlow(
        "cf_test_0123456789",
        base_url=url,
        limiter=LocalLimiter(UNLIMITED),
        retry=RetryPolicy.never(),
        max_response_bytes=largest * _MIB,
    )
    async with client:
        await client.request("GET", "/number")
        at_first = _memory("VmRSS")
        return [await _ask(client, path, at_first) for path in paths]


def _main(largest: int) -> list[dict[str, Any]]:
    answers = _answers()
    with forked_server(_Bombing(answers)) as url:
        return asyncio.run(_play(url, list(answers), largest))


if __name__ == "__main__":
    print(json.dumps(_main(int(sys.argv[1]))))
