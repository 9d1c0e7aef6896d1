"""What servers of ours are sent over a socket: the emulator, and the receiver of webhooks."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
import re
import socket
from collections.abc import AsyncIterator
from typing import Final, NoReturn
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from cloudflow_async._core.webhooks import WebhookEvent
from cloudflow_async.cloudflow.router import WebhookRouter
from cloudflow_async.emulator import Emulator, EmulatorLimits
from cloudflow_async.web import webhook_handler
from tests.core.webhooks.samples import SECRET, signed
from tests.virtual_time import EPOCH

from .campaign import AsyncTry, Campaign
from .entering import talk
from .mutating import ODD_BYTES, changed_bytes, changed_json


@contextlib.asynccontextmanager
async def _emulating() -> AsyncIterator[AsyncTry]:
    limits = EmulatorLimits(requests=10**9, burst=10**9)
    loop = asyncio.get_running_loop()
    emulator = Emulator(
        rate_limits=limits,
        anonymous_limits=limits,
        techflow_limits=limits,
        clock=lambda: EPOCH + loop.time(),
    )

    async def look_up(*_: object, **__: object) -> NoReturn:
        raise socket.gaierror(socket.EAI_NONAME, "no names here")

    async with emulator:
        setattr(loop, "getaddrinfo", look_up)  # noqa: B010 - only of this loop
        known = _requests(emulator)
        port = urlsplit(emulator.base_url).port or 0

        async def attempt(chance: random.Random) -> str:
            if len(emulator.requests) > _MOST_REQUESTS:
                emulator.reset()
            data = chance.choice(known)
            if chance.random() < 0.98:
                data = _changed_request(data, known, chance)
            found = await talk(port, data, chance)
            statuses = statuses_in(found)
            assert not [status for status in statuses if status >= 500], (
                f"{data!a:.500}: {found!a:.300}"
            )
            return _class(statuses)

        yield attempt


_STATUS: Final = re.compile(rb"(?:\A|\n\r\n|\}|\n)HTTP/1\.[01] ([0-9]{3}) ")
_MOST_REQUESTS: Final = 500
_PATIENCE: Final = 100.0


def _changed_request(data: bytes, known: list[bytes], chance: random.Random) -> bytes:
    head, _, body = data.partition(b"\r\n\r\n")
    if body.startswith(b"{") and chance.random() < 0.5:
        # With a length that fits, a body gets through to those who read it.
        value = json.dumps(changed_json(json.loads(body), chance)).encode()
        value = changed_bytes(value, chance) if chance.random() < 0.4 else value
        head = re.sub(rb"Content-Length: [0-9]+", b"Content-Length: %d" % len(value), head)
        return head + b"\r\n\r\n" + value
    if chance.random() < 0.1:
        data += chance.choice(known)
    return changed_bytes(data, chance, odd=_ODD_REQUESTS)


_ODD_REQUESTS: Final = (
    *ODD_BYTES,
    *(b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n"),
    *(b"Content-Encoding: gzip\r\n", b"Content-Encoding: deflate\r\n", b"Content-Encoding: br\r\n"),
    *(
        b"Connection: upgrade\r\nUpgrade: websocket\r\n",
        b"Upgrade: h2c\r\n",
        b"HTTP/2.0",
        b"HTTP/1.0",
    ),
    *(b"Content-Type: multipart/form-data; boundary=x\r\n", b"Content-Type: text/html\r\n"),
    *(b"Authorization: Basic !!!\r\n", b"Authorization: Bearer a.b.c\r\n", b"Cookie: a=\xff\r\n"),
    *(b"limit=99999999999999999999", b"offset=-1", b"start_date=2026-13-01", b"&&==", b"%ff%fe"),
    *(b"PUT", b"HEAD", b"OPTIONS", b"CONNECT", b"TRACE", b"PRI", b"*", b"http://evil.io/v2"),
    *(b" http://[::1]@/ ", b"http://[", b"http://[::1]:99999/v2", b"//", b"http:/v2"),
    *(b"Range: bytes=0-", b"X: y\r\n" * 120, b"Origin: https://evil.io\r\n", b"Host: evil.io\r\n"),
)


def _requests(emulator: Emulator) -> list[bytes]:
    """Return good requests to each endpoint."""
    place = urlsplit(emulator.base_url)
    workflow_id = emulator.add_workflow()
    key = f"X-API-Key: {emulator.api_key}"
    bearer = f"Authorization: Bearer {emulator.add_token('workflows:read')}"
    techflow = f"Authorization: Bearer {emulator.techflow.api_key}"
    new = {"name": "New", "trigger": {"type": "webhook"}, "steps": [{"id": "s", "type": "x"}]}
    hook = {
        "url": "http://127.0.0.1:9/hook",
        "events": ["workflow.completed"],
        "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    }
    login = {
        "response_type": "code",
        "client_id": emulator.client_id,
        "redirect_uri": "http://127.0.0.1:1234/callback",
        "scope": "workflows:read",
        "state": "s" * 30,
        "code_challenge": "c" * 43,
        "code_challenge_method": "S256",
    }
    form = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": emulator.client_id}
    one = f"/v2/workflows/{workflow_id}"
    dates = "start_date=2026-01-01T00:00:00Z&end_date=2026-01-24T00:00:00Z"

    def ask(line: str, *fields: str, body: object = None) -> bytes:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"{line} HTTP/1.1", f"Host: {place.netloc}", *fields]
        if body is not None:
            lines.append(f"Content-Length: {len(data)}")
        return "\r\n".join([*lines, "", ""]).encode() + (b"" if body is None else data)

    of_forms = "Content-Type: application/x-www-form-urlencoded"
    of_json = "Content-Type: application/json"
    return [
        ask("GET /v2/workflows?limit=5&offset=0&status=active", key),
        ask(f"GET {one}", bearer),
        ask("POST /v2/workflows", key, of_json, body=new),
        ask(f"PATCH {one}", key, of_json, body={"name": "Other", "status": "paused"}),
        ask(f"DELETE {one}", key),
        ask(f"GET /v2/pipelines/pipe_1/executions?limit=5&status=failed&{dates}", key),
        ask(f"GET /v2/analytics/workflows/{workflow_id}?metrics=executions&{dates}", key),
        ask("POST /v2/webhooks", key, of_json, body=hook),
        ask(f"POST /v2/webhooks/{workflow_id}/trigger", key, of_json, body={"a": [1]}),
        ask(f"GET /oauth/authorize?{urlencode(login)}"),
        ask("POST /oauth/authorize", of_forms, body=urlencode(login).encode()),
        ask("POST /oauth/token", of_forms, body=urlencode(form).encode()),
        ask("GET /.well-known/oauth-authorization-server"),
        ask("GET /_emulator"),
        ask("POST /_emulator/redeliver", of_forms, body=b"id=x"),
        ask("GET /techflow/v2/workflows", techflow),
        ask("POST /techflow/v2/workflows", techflow, of_json, body=new),
        ask("PUT /techflow/v2/workflows/wf_1", techflow, of_json, body={"name": "x"}),
        ask("POST /techflow/v2/workflows/wf_1/execute", techflow, of_json, body={}),
        ask("GET /techflow/v2/executions", techflow),
    ]


@contextlib.asynccontextmanager
async def _receiving() -> AsyncIterator[AsyncTry]:
    router = WebhookRouter(SECRET, clock=lambda: EPOCH)
    events: list[WebhookEvent] = []

    @router.on("*")
    async def take(event: WebhookEvent) -> None:
        events.append(event)

    app = web.Application()
    app.router.add_route("*", "/hooks", webhook_handler(router))
    quiet = logging.getLogger("tests.fuzz.receiver")
    quiet.disabled = True  # aiohttp logs each head that is none
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, logger=quiet)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]

    async def attempt(chance: random.Random) -> str:
        events.clear()
        number = chance.randrange(2**60)
        data = _delivery(number)
        if chance.random() < 0.9:
            data = changed_bytes(data, chance, odd=_ODD_REQUESTS)
        # A head that does not end is the server's to be tired of, and this one has no limit.
        found = await talk(port, data, chance, patience=_PATIENCE)
        statuses = statuses_in(found)
        assert not [status for status in statuses if status >= 500], f"{data!a:.500}: {found!a}"
        assert len(events) <= 1, "one delivery was handled twice"
        for event in events:
            assert {"number": number} == event.data, "a damaged delivery was handled"
            assert f"msg_{number}" == event.id
        return _class(statuses)

    try:
        yield attempt
    finally:
        await asyncio.sleep(60)
        await runner.cleanup()


def _delivery(number: int) -> bytes:
    body = json.dumps({"event": "new.event", "data": {"number": number}}).encode()
    fields = signed(body, message_id=f"msg_{number}", timestamp=int(EPOCH))
    lines = [
        "POST /hooks HTTP/1.1",
        "Host: x",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in fields.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def statuses_in(answers: bytes) -> list[int]:
    """Return the statuses of all answers on a connection."""
    return [int(status) for status in _STATUS.findall(answers)]


def _class(statuses: list[int]) -> str:
    return f"{statuses[0] // 100}xx" if statuses else "no answer"


CAMPAIGNS: Final[list[Campaign]] = [
    Campaign(
        name="requests",
        words="damaged requests to the emulator: no 5xx, nothing logged",
        quick=1_000,
        deep=100_000,
        outcomes=frozenset({"2xx", "4xx", "no answer"}),
        serve=_emulating,
    ),
    Campaign(
        name="receiver",
        words="damaged deliveries to the receiver of webhooks: none is handled that was not signed",
        quick=150,
        deep=50_000,
        outcomes=frozenset({"2xx", "4xx"}),
        serve=_receiving,
    ),
]
