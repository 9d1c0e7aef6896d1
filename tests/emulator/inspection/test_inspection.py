"""Who may look at what happened, and deliver again; what that leaves behind: nothing."""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import aiohttp
import pytest

from cloudflow_async.emulator import Emulator, EmulatorLimits, Fault
from tests.emulator.conftest import NOON, Answer, Api, Clock
from tests.emulator.deliveries.test_dispatcher import register
from tests.emulator.receiver import Receiver

Send = Callable[..., Coroutine[Any, Any, Answer]]


@pytest.fixture
async def send(emulator: Emulator) -> AsyncIterator[Send]:
    """Return a function that sends one request to the emulator, as no client of the API would."""
    async with aiohttp.ClientSession() as session:

        async def send(method: str = "GET", path: str = "/_emulator", **options: Any) -> Answer:
            url = emulator.issuer + path
            async with session.request(method, url, allow_redirects=False, **options) as response:
                return Answer(response.status, response.headers, await response.read())

        yield send


async def token_of(send: Send) -> str:
    """Return the token in the forms of the page."""
    match = re.search(r'name="token" value="([\w-]+)"', (await send()).body.decode())
    assert match is not None
    return match[1]


async def test_the_page_shows_what_arrived(emulator: Emulator, api: Api, send: Send) -> None:
    """It is an answer of the emulator, at the address that it tells."""
    await api("GET", "/workflows?limit=7")
    answer = await send()

    assert emulator.inspection_url == f"{emulator.issuer}/_emulator"
    assert answer.status == 200
    assert b"GET /v2/workflows?limit=7" in answer.body
    assert emulator.api_key.encode() not in answer.body
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Date"] == "Sat, 24 Jan 2026 12:00:00 GMT"


async def test_without_a_running_emulator_there_is_no_address() -> None:
    """As with the other addresses."""
    with pytest.raises(RuntimeError, match="not running"):
        _ = Emulator().inspection_url


async def test_looking_leaves_no_trace(clock: Clock) -> None:
    """Not counted, not recorded, hit by no fault; the ids of later requests stay the same."""

    async def ids_after(looks: int) -> list[str]:
        limits = EmulatorLimits(requests=1, burst=1)
        async with (
            Emulator(clock=clock, anonymous_limits=limits) as emulator,
            aiohttp.ClientSession() as session,
        ):
            emulator.inject(Fault(status=500, times=None))
            for _ in range(looks):
                async with session.get(emulator.inspection_url) as page:
                    assert page.status == 200
            async with session.get(emulator.base_url + "/workflows") as answer:
                assert answer.status == 500
            return [request.request_id for request in emulator.requests]

    assert await ids_after(3) == await ids_after(0)


async def test_looking_does_nothing_that_is_due(
    emulator: Emulator, send: Send, clock: Clock
) -> None:
    """An attempt that a turned clock has made due waits for whoever turned it."""
    async with Receiver(500, 204) as receiver:
        register(emulator, receiver.url)
        emulator.emit("workflow.failed", {})
        await emulator.wait_for_deliveries()
        clock.now += 5
        answer = await send()
        before = len(receiver.received)
        await emulator.wait_for_deliveries()

    assert b"next <time>2026-01-24 12:00:05.000" in answer.body
    assert (before, len(receiver.received)) == (1, 2)


async def test_a_delivery_is_sent_again(emulator: Emulator, send: Send, clock: Clock) -> None:
    """With the same id; the page that follows says so."""
    async with Receiver() as receiver:
        register(emulator, receiver.url)
        (delivery_id,) = emulator.emit("workflow.failed", {})
        await emulator.wait_for_deliveries()
        clock.now = NOON + 60
        form = {"token": await token_of(send), "delivery": delivery_id}
        answer = await send("POST", "/_emulator/redeliver", data=form)
        await emulator.wait_for_deliveries()
        page = await send(path=answer.headers["Location"])

    assert (answer.status, answer.body) == (303, b"")
    assert [one.id for one in receiver.received] == [delivery_id] * 2
    assert b"<time>2026-01-24 12:01:00.000</time> 204" in page.body
    assert b"Sent again" in page.body
    assert emulator.requests == []


@pytest.mark.parametrize("token", ["", "wrong", "\udcff\u00e9", None])
async def test_without_the_token_nothing_is_sent(
    emulator: Emulator, send: Send, token: str | None
) -> None:
    """It is another one in each process, and only the page has it."""
    async with Receiver() as receiver:
        register(emulator, receiver.url)
        (delivery_id,) = emulator.emit("workflow.failed", {})
        await emulator.wait_for_deliveries()
        form = {"delivery": delivery_id}
        if token is not None:
            form["token"] = token.encode("utf-8", "surrogateescape").decode("latin-1")
        answer = await send("POST", "/_emulator/redeliver", data=form)
        await emulator.wait_for_deliveries()

    assert answer.status == 403
    assert b"This page is out of date" in answer.body
    assert len(receiver.received) == 1


async def test_the_token_does_not_follow_from_the_seed(clock: Clock) -> None:
    """Who knows the seed does not know the token."""
    tokens = set()
    for _ in range(2):
        async with Emulator(clock=clock, seed=7) as emulator, aiohttp.ClientSession() as session:
            register(emulator, "http://127.0.0.1:9/")
            emulator.emit("workflow.failed", {})
            async with session.get(emulator.inspection_url) as page:
                tokens.update(re.findall(r'name="token" value="([\w-]{43})"', await page.text()))

    assert len(tokens) == 2


async def test_what_was_forgotten_cannot_be_sent_again(emulator: Emulator, send: Send) -> None:
    """A reset came after the page."""
    register(emulator, "http://127.0.0.1:9/")
    (delivery_id,) = emulator.emit("workflow.failed", {})
    form = {"token": await token_of(send), "delivery": delivery_id}
    emulator.reset()
    answer = await send("POST", "/_emulator/redeliver", data=form)

    assert answer.status == 404
    assert b"There is no such delivery" in answer.body


async def test_a_form_that_is_none_is_refused(send: Send) -> None:
    """JSON, which pages of other sites could not send without asking, does not count either."""
    answer = await send("POST", "/_emulator/redeliver", json={"token": "t"})

    assert answer.status == 400
    assert b"The form: the content type must be" in answer.body


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("POST", "/_emulator", 405, "GET"),
        ("GET", "/_emulator/redeliver", 405, "POST"),
        ("GET", "/_emulator/", 404, None),
        ("GET", "/_emulator/nowhere", 404, None),
    ],
)
async def test_other_paths_and_methods_are_refused(
    send: Send, emulator: Emulator, method: str, path: str, status: int, allow: str | None
) -> None:
    """In the envelope of the API; they are not recorded either."""
    answer = await send(method, path)

    assert (answer.status, answer.headers.get("Allow")) == (status, allow)
    assert answer.json["error"]["request_id"] == "req_inspection"
    assert emulator.requests == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "10.0.0.7:{port}"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://127.0.0.1:{port}"},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/_emulator"), ("POST", "/_emulator/redeliver")]
)
async def test_pages_of_other_sites_get_nothing(
    emulator: Emulator, send: Send, headers: dict[str, str], method: str, path: str
) -> None:
    """Neither by a name of their own for this address, nor across origins."""
    port = emulator.issuer.rpartition(":")[2]
    sent = {name: value.format(port=port) for name, value in headers.items()}
    answer = await send(method, path, headers=sent)

    assert answer.status == 403
    assert answer.json["error"]["code"] == "insufficient_permissions"
    assert b"<" not in answer.body


async def test_an_emulator_for_others_shows_the_page_under_loopback_names_alone() -> None:
    """Other machines may use the API; what they sent is for the people on this one."""
    async with (
        Emulator(host="0.0.0.0", allow_remote=True) as emulator,  # noqa: S104 - on purpose
        aiohttp.ClientSession() as session,
    ):
        port = emulator.issuer.rpartition(":")[2]
        url = f"http://127.0.0.1:{port}/_emulator"
        async with (
            session.get(url) as near,
            session.get(url, headers={"Host": f"10.0.0.7:{port}"}) as far,
        ):
            statuses = (near.status, far.status)

    assert statuses == (200, 403)


async def test_other_machines_are_refused(
    emulator: Emulator, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even when they call this one by a loopback name."""
    monkeypatch.setattr(aiohttp.web.BaseRequest, "remote", "10.0.0.7")
    answer = await send()

    assert answer.status == 403
    assert "for the machine that the emulator runs on" in answer.json["error"]["message"]


@pytest.mark.parametrize(
    ("data", "headers", "status"),
    [
        (b" " * 1_048_577, {}, 413),
        (gzip.compress(b"x")[:-4] + b"oops", {"Content-Encoding": "gzip"}, 400),
    ],
    ids=["too large", "broken"],
)
async def test_a_body_that_cannot_be_read_ends_the_connection(
    send: Send, data: bytes, headers: dict[str, str], status: int
) -> None:
    """What follows could be the rest of it."""
    answer = await send("POST", "/_emulator/redeliver", data=io.BytesIO(data), headers=headers)

    assert answer.status == status
    assert answer.headers["Connection"] == "close"
