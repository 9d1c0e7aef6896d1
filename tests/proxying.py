"""A forward proxy: what a `RawServer` does on each connection of one."""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import urlsplit

from tests.raw_server import Peer, Script, Sent, answer

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *([0-9]+)")
_CREDENTIAL = re.compile(rb"(?im)^proxy-authorization: *([^\r\n]+)")

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def credential_of(sent: Sent) -> str | None:
    """Return the value of the ``Proxy-Authorization`` header that came with a request."""
    found = _CREDENTIAL.search(sent.head)
    return found[1].decode() if found else None


def basic(user: str) -> str:
    """Return the header's value for ``name:password``."""
    return f"Basic {b64encode(user.encode()).decode()}"


def proxying(user: str | None = None, hosts: Mapping[str, str] | None = None) -> Script:
    """Return a script that opens tunnels for CONNECT and forwards requests with absolute URLs.

    Args:
        user: ``name:password`` that each request has to come with; else the answer is 407.
        hosts: ``host:port`` to connect to instead of another ``host:port``.
    """
    places = hosts or {}

    async def script(peer: Peer) -> None:
        while True:
            sent = await peer.request()
            if user is not None and credential_of(sent) != basic(user):
                challenge = {"Proxy-Authenticate": 'Basic realm="tests"', "Connection": "close"}
                await peer.send(answer(b"no", status=407, headers=challenge))
                return
            if sent.method == "CONNECT":
                await _tunnel(peer, places.get(sent.target, sent.target))
                return
            await _forward(peer, sent, places)

    return script


async def _connect(place: str) -> Streams:
    host, _, port = place.rpartition(":")
    return await asyncio.open_connection(host, int(port))


async def _tunnel(peer: Peer, place: str) -> None:
    reader, writer = await _connect(place)
    try:
        await peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        back = asyncio.create_task(_copy_back(reader, peer))
        while data := await peer.read(65536):
            writer.write(data)
            await writer.drain()
        back.cancel()
        await asyncio.wait([back])
    finally:
        writer.close()


async def _copy_back(reader: asyncio.StreamReader, peer: Peer) -> None:
    while data := await reader.read(65536):
        await peer.send(data)


async def _forward(peer: Peer, sent: Sent, places: Mapping[str, str]) -> None:
    url = urlsplit(sent.target)
    reader, writer = await _connect(places.get(url.netloc, url.netloc))
    path = sent.target.removeprefix(f"{url.scheme}://{url.netloc}")
    head = sent.head.replace(sent.target.encode(), path.encode(), 1)
    writer.write(re.sub(rb"(?i)proxy-[^\r\n]+\r\n", b"", head) + sent.body)
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        await peer.send(head + await reader.readexactly(int(length[1]) if length else 0))
    finally:
        writer.close()
