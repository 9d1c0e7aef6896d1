"""Faults of connections: none can be had (n), and they break (s)."""

from __future__ import annotations

import asyncio
from typing import Final

import pytest

from cloudflow_async import LocalLimiter
from cloudflow_async._core.errors import RequestTimeoutError
from tests.raw_server import Peer, answer

from .checks import nothing_kept, shows_no_secret
from .fault import Cell, Fault, fine, lost, refused, same, unsent
from .operations import CALLERS, LIFE, TIMEOUT, Post, Trial, trial
from .server import Answer, Way, arrived, saying, then_resetting
from .tls import BAD

EVIL: Final = answer(b'{"id": "wf_evil", "name": "evil"}')
"""An answer that nobody asked for."""

_LARGE = 5 * 1024 * 1024
_NO_CALL = "-/0"


async def _reset(peer: Peer, good: Answer) -> None:
    peer.reset()


async def _reset_handshake(peer: Peer, good: Answer) -> None:
    await peer.read(16)
    peer.reset()


async def _speak_plainly(peer: Peer, good: Answer) -> None:
    await peer.read(16)
    await peer.send(answer(b"This is plain HTTP.", status=400))


async def _stop_reading(peer: Peer, good: Answer) -> None:
    peer.stop_reading()
    await asyncio.sleep(3600)


def _bad_certificate(name: str) -> Way:
    async def do(peer: Peer, good: Answer) -> None:
        await peer.start_tls(BAD[name]())

    return Way(do, at="connect")


def _unasked(data: bytes, *, keeps: bool = True) -> Way:
    async def do(peer: Peer, good: Answer) -> None:
        await peer.send(bytes(good))
        await arrived()
        await peer.send(data)

    return Way(do, keeps=keeps)


def _spending(way: Way) -> Way:
    return Way(way.do, spends=True)


def _with_large_body(trial: Trial) -> None:
    if isinstance(trial, Post):
        trial.description = "x" * _LARGE


async def _with_full_pool(cell: Cell) -> str:
    """All wait in vain while somebody has the only connection, and it goes on when it is free."""
    limiter = LocalLimiter(max_in_flight=10)
    async with nothing_kept(), trial(cell.operation, max_connections=1, limiter=limiter) as it:
        await it.prepare()
        free = asyncio.Event()
        it.server.plan(_after(free))
        holder = asyncio.create_task(_hold(it))
        await arrived()
        held, requests = it.client.statistics(), len(it.server.requests)
        with pytest.raises(RequestTimeoutError) as caught:
            await it.call()

        assert requests == len(it.server.requests)
        assert held.in_flight == it.client.statistics().in_flight
        assert not caught.value.sent
        shows_no_secret(caught.value)
        asyncio.get_running_loop().call_later(TIMEOUT, free.set)
        await it.call()
        await holder
    return "R RequestTimeoutError" if caught.value.attempts == 3 else str(caught.value.attempts)


async def _refresh_with_full_pool(cell: Cell) -> str:
    """A refresh waits for no place in the pool: who has them all might wait for the refresh."""
    limiter = LocalLimiter(max_in_flight=10)
    async with nothing_kept(), trial("TOK", max_connections=1, limiter=limiter) as it:
        await it.call()
        free = asyncio.Event()
        it.healthy.plan(_after(free))
        calls = [asyncio.create_task(_hold(it)) for _ in range(CALLERS)]
        await arrived()
        it.clock.ahead += LIFE
        calls += [asyncio.create_task(_hold(it)) for _ in range(CALLERS)]
        await arrived()
        refreshes, called = it.server.sends, len(it.healthy.requests)
        free.set()
        await asyncio.gather(*calls)

        assert (2, CALLERS + 1) == (refreshes, called)
        assert 2 == len({sent.connection for sent in it.server.requests}) == it.server.sends
        assert 3 * CALLERS == len(it.healthy.requests)
    return "ok"


def _after(event: asyncio.Event) -> Way:
    async def do(peer: Peer, good: Answer) -> None:
        await event.wait()
        await peer.send(bytes(good))

    return Way(do, keeps=True)


async def _hold(it: Trial) -> None:
    await it.client.with_options(timeout=3600.0).workflows.get("wf_8x7k2m9p")


_NOT_CONNECTED = (
    Fault(
        id="n1",
        words="the host's name does not exist",
        ways=(Way(at="lookup", place="unknown"),),
        options={"host": "localhost"},
        cells=unsent(),
    ),
    Fault(
        id="n2",
        words="the look-up of the host's name stalls",
        ways=(Way(at="lookup", place="silent", waits=True),),
        options={"host": "localhost"},
        cells=unsent("RequestTimeoutError"),
    ),
    Fault(
        id="n3",
        words="the connection is refused",
        ways=(Way(at="dial", place="refused"),),
        cells=unsent(),
    ),
    Fault(
        id="n4",
        words="connecting is answered by nothing",
        ways=(Way(at="dial", place="silent", waits=True),),
        cells=unsent("RequestTimeoutError"),
    ),
    Fault(
        id="n5",
        words="the pool has no connection free",
        play=_with_full_pool,
        plays={"TOK": _refresh_with_full_pool},
        cells=same("R RequestTimeoutError", tok="ok"),
    ),
    Fault(
        id="n6",
        words="a reset in the TLS handshake",
        ways=(Way(_reset_handshake, at="connect"),),
        options={"tls": True},
        cells=unsent(),
    ),
    Fault(
        id="n7",
        words="a bad certificate: self-signed, expired, of another host, of another authority",
        ways=tuple(_bad_certificate(name) for name in BAD),
        options={"tls": True},
        cells=refused("TransportError"),
    ),
    Fault(
        id="n8",
        words="plain HTTP on the port of TLS",
        ways=(Way(_speak_plainly, at="connect"),),
        options={"tls": True},
        cells=refused("TransportError"),
    ),
)

_BROKEN = (
    Fault(
        id="s1",
        words="accepted, then reset before anything was read",
        ways=(Way(_reset, at="connect"),),
        cells=lost(hook=_NO_CALL),
    ),
    Fault(
        id="s2",
        words="reset amid the headers",
        ways=(then_resetting(b"HTTP/1.1 200 OK\r\nContent-Ty"),),
        cells=lost(hook=_NO_CALL),
    ),
    Fault(
        id="s3",
        words="reset amid the body",
        ways=(then_resetting(lambda good: bytes(good)[:-5]),),
        cells=lost(hook=_NO_CALL),
    ),
    Fault(
        id="s4",
        words="the other end stops reading",
        ways=(Way(_stop_reading, at="connect", waits=True),),
        prepare=_with_large_body,
        cells=lost("RequestTimeoutError", hook="408/0"),
    ),
    Fault(
        id="s5",
        words="closed without an answer, a fresh connection",
        ways=(saying(b""),),
        cells=lost(hook=_NO_CALL),
    ),
    Fault(
        id="s6",
        words="closed without an answer, a connection used before",
        ways=(saying(b""),),
        is_reused=True,
        cells=lost(hook=_NO_CALL),
    ),
    Fault(
        id="s7",
        words="closed or reset after the request was carried out",
        ways=(_spending(saying(b"")), _spending(then_resetting())),
        cells={**lost(hook="204/1"), "TOK": "R1! ReauthenticationRequiredError"},
    ),
    Fault(
        id="s8",
        words="an answer that nobody asked for, on an idle connection",
        ways=(_unasked(EVIL),),
        cells=fine(),
    ),
    Fault(
        id="s9",
        words="a 408 on an idle connection, which is closed",
        ways=(_unasked(answer(status=408, headers={"Connection": "close"}), keeps=False),),
        cells=fine(),
    ),
    Fault(
        id="s10",
        words="a stray line break on an idle connection",
        ways=(_unasked(b"\r\n"),),
        cells=fine(),
    ),
)

FAULTS: Final[tuple[Fault, ...]] = _NOT_CONNECTED + _BROKEN
