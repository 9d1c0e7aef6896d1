"""Deliveries that go on to another address."""

from __future__ import annotations

import pytest

from cloudflow_async.cli.shared.console import CommandError
from cloudflow_async.cli.webhooks.forward import Forwarder
from tests.raw_server import RawServer, answer, answering, dropping

HEADERS = (
    (b"Host", b"127.0.0.1:8400"),
    (b"Content-Length", b"7"),
    (b"Connection", b"keep-alive"),
    (b"Content-Type", b"application/json"),
    (b"X-Odd", b"\xc3\xbc"),
    (b"X-Twice", b"one"),
    (b"X-Twice", b"two"),
    (b"webhook-id", b"msg_1"),
)


async def test_body_and_headers_go_on() -> None:
    """Byte for byte, save what concerns the connection; and the status comes back."""
    async with RawServer(answering(answer(status=418))) as server:
        forwarder = Forwarder(f"{server.url}/hook", allow_remote=False)
        await forwarder.check(8400)
        status = await forwarder.pass_on(b"\xff\x00body", HEADERS)
        (sent,) = server.requests
    lines = sent.head.split(b"\r\n")

    assert (418, "POST", "/hook", b"\xff\x00body") == (status, sent.method, sent.target, sent.body)
    assert [f"Host: {server.url.removeprefix('http://')}".encode()] == [
        line for line in lines if line.lower().startswith(b"host")
    ]
    assert [b"Content-Length: 6"] == [line for line in lines if b"Length" in line]
    assert {b"X-Odd: \xc3\xbc", b"X-Twice: one", b"X-Twice: two", b"webhook-id: msg_1"} <= {*lines}


async def test_a_redirect_is_not_followed() -> None:
    """The sender gets to see it."""
    elsewhere = answer(status=302, headers={"Location": "/elsewhere"})
    async with RawServer(answering(elsewhere)) as server:
        forwarder = Forwarder(server.url, allow_remote=False)

        assert 302 == await forwarder.pass_on(b"{}", HEADERS)
    assert 1 == len(server.requests)


async def test_no_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """The sender is told to try again, and the person why."""
    async with RawServer(dropping) as server:
        forwarder = Forwarder(server.url, allow_remote=False)

        assert 502 == await forwarder.pass_on(b"{}", HEADERS)
    assert capsys.readouterr().err.startswith("not forwarded: ServerDisconnectedError: ")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://10.0.0.1/", "--forward: 10.0.0.1 is a private address, and webhooks go to loopba"),
        ("http://169.254.169.254/", "--forward: nothing is delivered to 169.254.169.254; see --a"),
        ("ftp://127.0.0.1/", "--forward: only http and https are spoken"),
        ("http://nowhere.invalid/", "--forward: the host name cannot be looked up."),
        ("http://127.0.0.1:8400/", "--forward: that is the address that listens."),
        ("http://[::ffff:127.0.0.1]:8400/x", "--forward: that is the address that listens."),
    ],
)
async def test_where_nothing_goes(url: str, told: str) -> None:
    """By default that is all but this machine; and never to the listener itself."""
    with pytest.raises(CommandError) as caught:
        await Forwarder(url, allow_remote=False).check(8400)

    assert str(caught.value).startswith(told)


@pytest.mark.parametrize("url", ["http://10.0.0.1:8400/", "http://192.0.1.1/"])
async def test_another_machine_has_to_be_allowed(url: str) -> None:
    """It may use the port of the listener."""
    await Forwarder(url, allow_remote=True).check(8400)
