"""Answers without a body: what comes of them, and of bytes that come all the same."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cloudflow_async import CloudFlow, RetryPolicy, TransportError, UnexpectedRedirectError
from tests.raw_server import Peer, RawServer, answer

EVIL = answer(b'{"id": "evil"}')
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"


def serving(first: bytes, *late: bytes) -> Any:
    """Answer the first request by these bytes, the late ones a moment after it, then by targets."""
    is_first = True

    async def script(peer: Peer) -> None:
        nonlocal is_first
        while True:
            sent = await peer.request()
            if not is_first:
                await peer.send(answer(f'{{"at": "{sent.target}"}}'.encode()))
                continue
            is_first = False
            await peer.send(first)
            for data in late:
                await asyncio.sleep(0.02)
                await peer.send(data)

    return script


@pytest.mark.parametrize(
    ("method", "data"),
    [
        ("DELETE", [NO_CONTENT]),
        ("DELETE", [b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"]),
        ("DELETE", [b"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n"]),
        ("DELETE", [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]),
        ("HEAD", [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"]),
        ("DELETE", [NO_CONTENT, EVIL]),
        ("DELETE", [NO_CONTENT, b"evil"]),
        ("DELETE", [NO_CONTENT + EVIL]),
        ("DELETE", [NO_CONTENT + b"evil"]),
        ("HEAD", [b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"]),
    ],
)
async def test_no_body_is_none_and_nothing_reaches_the_next_request(
    method: str, data: list[bytes]
) -> None:
    """Bytes after an answer that has none are not read, or fail that request: never the next."""
    first: object
    async with (
        RawServer(serving(*data)) as server,
        CloudFlow("cf_live_x", base_url=server.url, retry=RetryPolicy.never()) as cf,
    ):
        try:
            first = (await cf.request(method, "/first")).body
        except TransportError as error:
            first = type(error)
        await asyncio.sleep(0.03 * (len(data) - 1))
        following = [(await cf.request("GET", f"/{number}")).json() for number in range(3)]

    is_joined = b"evil" in data[0]

    assert first == b"" or (is_joined and first is TransportError)
    assert [{"at": "/0"}, {"at": "/1"}, {"at": "/2"}] == following


async def test_deleting_gives_none() -> None:
    """Whether the server says 204 or an empty 200."""
    for first in (NO_CONTENT, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"):
        async with (
            RawServer(serving(first)) as server,
            CloudFlow("cf_live_x", base_url=server.url) as cf,
        ):
            done: object = await cf.workflows.delete("wf_1")  # type: ignore[func-returns-value]

        assert done is None


async def test_a_304_that_nobody_asked_for_is_an_error() -> None:
    """It has no body and no place to go to."""
    async with (
        RawServer(serving(b"HTTP/1.1 304 Not Modified\r\n\r\n")) as server,
        CloudFlow("cf_live_x", base_url=server.url) as cf,
    ):
        with pytest.raises(UnexpectedRedirectError) as caught:
            await cf.request("GET", "/first")
        following = (await cf.request("GET", "/next")).json()

    assert (304, None) == (caught.value.status, caught.value.origin)
    assert {"at": "/next"} == following
