"""What the listener does with a delivery."""

from __future__ import annotations

import contextlib
import io
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from cloudflow_async._core.support.secret import Secret
from cloudflow_async._core.webhooks import sign_webhook
from cloudflow_async.cli.export.output.output import Output
from cloudflow_async.cli.export.output.sinks import FileStore
from cloudflow_async.cli.shared.console import CommandError
from cloudflow_async.cli.webhooks.forward import Forwarder
from cloudflow_async.cli.webhooks.receiver import Receiver, listener
from tests.deliveries import SECRET, SignedDelivery, delivery, signed
from tests.raw_server import RawServer, answer, answering, dropping

LINE = "2026-01-24T10:45:00Z  workflow.failed  wf_8x7k2m9p  exec_9k3m7n2q  msg_1"


def output_to(path: Path | str) -> Output:
    """Return an output that writes to a file."""
    return Output(FileStore(io.FileIO(path, "a"), header=b"", name="standard output"))


Make = Callable[..., Receiver]
Shown = Callable[[], str]


@pytest.fixture
def shown(tmp_path: Path) -> Shown:
    """Return a function that gives the lines that were shown."""
    return (tmp_path / "shown").read_text


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    """Return a function that makes a receiver."""
    with contextlib.ExitStack() as stack:

        def new(secret: str = SECRET, **options: Any) -> Receiver:
            output = stack.enter_context(output_to(tmp_path / "shown"))
            return Receiver(Secret(secret), options.pop("encoding", "base64"), output, **options)

        yield new


async def give(receiver: Receiver, sent: SignedDelivery) -> int:
    """Hand over a delivery as the adapter does."""
    headers = [(name.encode(), value.encode()) for name, value in sent.headers.items()]
    return await receiver.handle(sent.body, headers)


async def test_a_line_for_each(make: Make, shown: Shown) -> None:
    """Also when it comes again, which is told."""
    receiver, ids = make(), ("msg_1", "msg_2", "msg_1")
    statuses = [await give(receiver, delivery(id=name)) for name in ids]

    assert [204] * 3 == statuses
    assert [LINE, LINE.replace("msg_1", "msg_2"), f"{LINE}  repeated"] == (shown().splitlines())


async def test_json(make: Make, shown: Shown) -> None:
    """A line each, with the payload, whether it came before, and what was answered."""
    receiver = make(as_json=True)
    sent = delivery()
    await give(receiver, sent)
    await give(receiver, sent)
    lines = [json.loads(line) for line in shown().splitlines()]

    assert [json.loads(sent.body)] * 2 == [line["payload"] for line in lines]
    assert [("msg_1", False, 204), ("msg_1", True, 204)] == [
        (line["id"], line["repeated"], line["answered"]) for line in lines
    ]


async def test_patterns(make: Make, shown: Shown) -> None:
    """What does not match is answered well, and neither shown nor passed on."""
    async with RawServer(dropping) as server:
        forwarder = Forwarder(server.url, allow_remote=False)
        receiver = make(patterns=["pipeline.*", "workflow.started"], forwarder=forwarder)

        assert 204 == await give(receiver, delivery("workflow.failed"))
    assert ([], "") == (server.requests, shown())


async def test_a_secret_as_text(make: Make, shown: Shown) -> None:
    """It may be no base64."""
    text = "whsec_your_webhook_secret"
    body = delivery().body
    headers = sign_webhook(
        body, secret=text, message_id="msg_1", timestamp=time.time(), secret_encoding="utf8"
    )

    assert 204 == await give(
        make(text, encoding="utf8"), SignedDelivery(body=body, headers=headers)
    )
    assert f"{LINE}\n" == shown()


async def test_why_one_cannot_be_trusted(
    make: Make, shown: Shown, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line on standard error with the reason, and none elsewhere."""
    receiver = make()
    statuses = [
        await give(receiver, delivery(secret="whsec_" + "A" * 32)),
        await give(receiver, delivery(signed_at=5)),
        await give(receiver, signed(b"[]")),
        await receiver.handle(b"{}", []),
    ]
    fit, old, payload, header = capsys.readouterr().err.splitlines()

    assert [401, 401, 400, 401] == statuses
    assert fit.startswith("rejected with 401: No signature fits.")
    assert old.startswith("rejected with 401: The delivery was signed")
    assert "rejected with 400: The delivery is signed, but its body is no JSON object." == payload
    assert "rejected with 401: The header webhook-id is missing." == header
    assert "" == shown()


async def test_what_comes_back_is_the_answer(make: Make, shown: Shown) -> None:
    """And it is told beside the event; the body went on as it came."""
    async with RawServer(answering(answer(status=503), answer(status=200))) as server:
        receiver = make(forwarder=Forwarder(server.url, allow_remote=False))
        sent = delivery()

        assert [503, 503] == [await give(receiver, sent), await give(receiver, sent)]
    assert [f"{LINE}  -> 503", f"{LINE}  repeated  -> 503"] == shown().splitlines()
    assert [sent.body] * 2 == [request.body for request in server.requests]


async def test_a_full_disk() -> None:
    """The sender is to try again, and the command ends."""
    with output_to("/dev/full") as output:
        receiver = Receiver(Secret(SECRET), "base64", output)

        assert [500, 500] == [await give(receiver, delivery()), await give(receiver, delivery())]
        with pytest.raises(CommandError, match="cannot write standard output: No space left"):
            await receiver.broken


async def test_nobody_reads() -> None:
    """The same, as quietly as others do it."""
    reader, writer = os.pipe()
    os.close(reader)
    with Output(FileStore(io.FileIO(writer, "w"), header=b"", name="standard output")) as output:
        receiver = Receiver(Secret(SECRET), "base64", output)

        assert 500 == await give(receiver, delivery())
        with pytest.raises(BrokenPipeError):
            await receiver.broken


@contextlib.asynccontextmanager
async def served(receiver: Receiver) -> AsyncIterator[str]:
    """Serve a receiver, and give its address."""
    app = web.Application()
    app.router.add_route("*", "/", listener(receiver))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


async def test_over_http(make: Make, shown: Shown) -> None:
    """A delivery is shown before its sender has the answer."""
    sent = delivery()
    async with served(make()) as url, aiohttp.ClientSession() as http:
        async with http.post(url, data=sent.body, headers=sent.headers) as answered:
            assert 204 == answered.status
        assert f"{LINE}\n" == shown()


async def test_what_is_no_delivery_is_told(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """With the reason, on standard error."""
    async with served(make()) as url, aiohttp.ClientSession() as http:
        async with http.get(url):
            pass
        async with http.post(url, data=b"x" * 300_000):
            pass
        async with http.post(url, data=b"x", headers={"Content-Encoding": "gzip"}):
            pass
        async with http.post(url, data=b"x"):
            pass

    assert [
        "rejected with 405: it is no POST.",
        "rejected with 413: its body is larger than 256 KiB.",
        "rejected with 415: its body is compressed.",
        "rejected with 401: The header webhook-id is missing.",
    ] == capsys.readouterr().err.splitlines()


async def test_a_refusal_of_the_app_behind_is_its_own(
    make: Make, shown: Shown, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is no rejection of ours, whatever its status says."""
    sent = delivery()
    async with RawServer(answering(answer(status=413))) as app:
        receiver = make(forwarder=Forwarder(app.url, allow_remote=False))
        async with (
            served(receiver) as url,
            aiohttp.ClientSession() as http,
            http.post(url, data=sent.body, headers=sent.headers) as answered,
        ):
            assert 413 == answered.status

    assert f"{LINE}  -> 413\n" == shown()
    assert "" == capsys.readouterr().err
