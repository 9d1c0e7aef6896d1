"""One attempt: what goes over the wire, and what can come back."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Sequence
from pathlib import Path

import pytest
from aiohttp import web

from cloudflow_async.emulator.deliveries.sending import Outcome, post
from cloudflow_async.emulator.deliveries.targets import Targets
from tests.certificates import self_signed, serving
from tests.emulator.conftest import until
from tests.emulator.receiver import Answer, Receiver
from tests.raw_server import Peer, RawServer, answer

HEADERS = {"Content-Type": "application/json", "webhook-id": "msg_1"}


async def at_loopback(_host: str, _port: int) -> Sequence[str]:
    """Find every name on this machine."""
    return ["127.0.0.1"]


async def deliver(url: str) -> Outcome:
    """Make one attempt."""
    return await post(url, b'{"a":1}', HEADERS, targets=Targets(["loopback"], at_loopback))


async def test_the_body_arrives_as_it_is_with_its_headers() -> None:
    """A POST of these very bytes."""
    async with Receiver(200) as receiver:
        outcome = await deliver(receiver.url + "?a=%26")
        (received,) = receiver.received

    assert outcome == Outcome(status=200)
    assert (received.method, received.path) == ("POST", "/hook?a=%26")
    assert received.body == b'{"a":1}'
    assert received.headers["webhook-id"] == "msg_1"
    assert received.headers["Content-Type"] == "application/json"


async def test_the_host_keeps_its_name_while_the_address_is_the_checked_one() -> None:
    """No second look-up happens: the name itself has no address at all."""
    async with Receiver() as receiver:
        outcome = await deliver(f"http://hook.invalid:{receiver.port}/")
        (received,) = receiver.received

    assert outcome.status == 204
    assert received.headers["Host"] == f"hook.invalid:{receiver.port}"


async def test_an_ipv6_receiver_is_reached_by_its_name() -> None:
    """Of several addresses the first that answers is used."""

    async def found(_host: str, _port: int) -> Sequence[str]:
        return ["127.0.0.1", "::1"]

    async with Receiver(host="::1") as receiver:
        outcome = await post(
            f"http://hook.invalid:{receiver.port}/",
            b"",
            {},
            targets=Targets(["loopback"], found),
        )

    assert outcome.status == 204


async def test_tls_names_the_host_and_verifies_its_certificate(tmp_path: Path) -> None:
    """A certificate that nobody trusts ends the attempt."""
    context = serving(self_signed(tmp_path))
    names: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: names.append(name)

    async def never(peer: Peer) -> None:
        await peer.request()

    async with RawServer(never, tls=context) as server:
        outcome = await deliver(server.url.replace("127.0.0.1", "hook.invalid"))

    assert names == ["hook.invalid"]
    assert outcome.status is None
    assert "certificate verify failed" in (outcome.error or "")
    assert server.requests == []


@pytest.mark.parametrize("status", [200, 204, 299, 301, 307, 308, 400, 410, 500, 503])
async def test_any_status_is_an_outcome(status: int) -> None:
    """No redirect is followed."""
    elsewhere = {"Location": "http://127.0.0.1:1/elsewhere"}
    async with Receiver(web.Response(status=status, headers=elsewhere)) as receiver:
        outcome = await deliver(receiver.url)

    assert outcome == Outcome(status=status)
    assert len(receiver.received) == 1


async def test_neither_proxies_nor_netrc_nor_cookies_are_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What the environment says about other programs is none of a receiver's business."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with_cookie = web.Response(headers={"Set-Cookie": "a=b"})
    async with Receiver() as trap, Receiver(with_cookie, 204) as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{trap.port}")
        for _ in range(2):
            await deliver(receiver.url)

    assert trap.received == []
    assert len(receiver.received) == 2
    for received in receiver.received:
        assert {"Authorization", "Cookie"}.isdisjoint(received.headers)


async def test_at_most_64_kib_of_an_answer_are_read() -> None:
    """Then the connection is closed, and the status counts."""

    async def endless(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 10_000)

    async with Receiver(endless) as receiver:
        outcome = await deliver(receiver.url)

    assert (outcome.status, outcome.answer) == (200, b"x" * 65_536)


async def test_an_answer_is_not_decompressed() -> None:
    """A few bytes can stand for gigabytes."""
    bomb = gzip.compress(bytes(10_000_000))
    packed = web.Response(body=bomb, headers={"Content-Encoding": "gzip"})
    async with Receiver(packed) as receiver:
        outcome = await deliver(receiver.url)

    assert outcome.answer == bomb


async def _asleep(_request: web.BaseRequest) -> web.StreamResponse:
    await asyncio.sleep(3600)
    raise AssertionError


async def _half(request: web.BaseRequest) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"x")
    return await _asleep(request)


@pytest.mark.virtual_time
@pytest.mark.parametrize("reaction", [_asleep, _half])
async def test_an_attempt_takes_10_seconds_at_most(reaction: Answer) -> None:
    """The end of the answer included."""
    loop = asyncio.get_running_loop()
    started_at = loop.time()
    async with Receiver(reaction) as receiver:
        outcome = await deliver(receiver.url)
        took = loop.time() - started_at

    assert outcome == Outcome(error="no answer within 10 s")
    assert took == pytest.approx(10, abs=0.1)


@pytest.mark.virtual_time
async def test_looking_up_a_name_is_part_of_the_10_seconds() -> None:
    """A name server can be slow as well."""

    async def slow(_host: str, _port: int) -> Sequence[str]:
        await asyncio.sleep(3600)
        raise AssertionError

    outcome = await post("http://hook.invalid/", b"", {}, targets=Targets(["loopback"], slow))

    assert outcome == Outcome(error="no answer within 10 s")


async def test_a_refused_target_is_an_outcome_with_the_reason() -> None:
    """Nothing is raised."""
    outcome = await deliver("http://169.254.169.254/latest/meta-data/")

    assert outcome == Outcome(error="refused: nothing is delivered to 169.254.169.254")


async def test_a_name_that_is_not_known_is_an_outcome() -> None:
    """The resolver's own words are told."""

    async def unknown(_host: str, _port: int) -> Sequence[str]:
        raise OSError("Name or service not known")

    outcome = await post("http://hook.invalid/", b"", {}, targets=Targets(["loopback"], unknown))

    assert outcome == Outcome(error="OSError: Name or service not known")


async def test_a_port_where_nobody_listens_is_an_outcome() -> None:
    """The name of the error says what happened."""
    async with Receiver() as receiver:
        url = receiver.url
    outcome = await deliver(url)

    assert outcome.status is None
    assert (outcome.error or "").startswith("ClientConnectorError: Cannot connect to host")


async def test_what_is_not_http_is_an_outcome_in_printable_words() -> None:
    """A receiver cannot write control characters into anybody's terminal."""

    async def garbage(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 \x1b[31mred\x1b[0m\x07\r\n\r\n")

    async def nothing(peer: Peer) -> None:
        await peer.request()

    async def fine(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer())

    async with RawServer(garbage, nothing, fine) as server:
        outcomes = [await deliver(server.url + "/" + "x" * 300) for _ in range(3)]

    assert [outcome.status for outcome in outcomes] == [None, None, 200]
    for outcome in outcomes[:2]:
        assert outcome.error is not None
        assert outcome.error.isprintable()
        assert len(outcome.error) <= 200


async def test_an_attempt_can_be_cancelled() -> None:
    """The connection goes with it."""
    async with Receiver(_asleep) as receiver:
        task = asyncio.create_task(deliver(receiver.url))
        await until(lambda: bool(receiver.received))
        task.cancel()
        await asyncio.wait([task])

    assert task.cancelled()
