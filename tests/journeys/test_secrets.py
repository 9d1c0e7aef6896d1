"""Planted credentials are found in nothing that calls of the API show, however they end."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import warnings
from base64 import b64encode
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

import attrs
import pytest

from cloudflow_async import CloudFlow, CloudFlowError, LocalLimiter, RateLimits, RetryPolicy
from cloudflow_async._core.auth import Auth, Refusal
from cloudflow_async._core.auth.api_key.api_key import ApiKeyAuth
from cloudflow_async._core.auth.jwt.jwt import JWTAuth
from cloudflow_async._core.auth.oauth2.oauth2 import OAuth2Auth
from cloudflow_async._core.auth.stores.token_store import MemoryTokenStore
from cloudflow_async._core.auth.token import Token
from cloudflow_async._core.support.secret import Secret
from tests.canaries import (
    ACCESS_TOKEN,
    API_KEY,
    CLIENT_SECRET,
    NEXT_KEY,
    PACKAGE,
    PLANTED,
    REFRESH_TOKEN,
    WEBHOOK_SECRET,
    Lookout,
    pem_body,
)
from tests.canary_server import (
    Answer,
    CanaryServer,
    as_cut_json,
    as_error,
    as_error_encoded,
    as_error_escaped,
    as_page,
    as_wrong_types,
    dropping,
    refusing,
    repeating,
    resetting,
    saying,
    stalling,
    working,
)
from tests.core.auth.pems import rsa_key, rsa_pem
from tests.virtual_time import EPOCH

pytestmark = pytest.mark.virtual_time

Call = Callable[[CloudFlow], Awaitable[object]]


async def _read_all(rows: Any) -> list[object]:
    return [row async for row in rows]


async def _fan_out(client: CloudFlow) -> list[object]:
    async with client.pipelines.fan_out(["pipe_1", "pipe_2"]) as history:
        return await _read_all(history)


OPERATIONS: dict[str, Call] = {
    "list": lambda client: _read_all(client.workflows.list()),
    "collect": lambda client: client.workflows.list().collect(),
    "get": lambda client: client.workflows.get("wf_1"),
    "create": lambda client: client.workflows.create(
        name="x", trigger={"type": "webhook"}, steps=[]
    ),
    "update": lambda client: client.workflows.update("wf_1", name="y"),
    "delete": lambda client: client.workflows.delete("wf_1"),
    "trigger": lambda client: client.workflows.trigger("wf_1", {"a": 1}),
    "executions": lambda client: _read_all(client.pipelines.executions("pipe_1")),
    "fan_out": _fan_out,
    "metrics": lambda client: client.analytics.workflow_metrics("wf_1", period="7d"),
    "webhooks.create": lambda client: client.webhooks.create(
        url="https://example.com", events=["workflow.failed"], secret=WEBHOOK_SECRET
    ),
    "request GET": lambda client: client.request("GET", "/anything"),
    "request POST": lambda client: client.request("POST", "/anything", json={"a": 1}),
}


async def _finish(call: Awaitable[object], server: CanaryServer, client: CloudFlow) -> object:
    return await call


async def _cancel(call: Awaitable[object], server: CanaryServer, client: CloudFlow) -> object:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().call_later(1.0, task.cancel)
    try:
        return await call
    finally:
        task.uncancel()


async def _time_out(call: Awaitable[object], server: CanaryServer, client: CloudFlow) -> object:
    async with asyncio.timeout(1.0):
        return await call


async def _close_before(call: Awaitable[object], server: CanaryServer, client: CloudFlow) -> object:
    await client.close()
    return await call


async def _close_meanwhile(
    call: Awaitable[object], server: CanaryServer, client: CloudFlow
) -> object:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_close_when(server.asked, client))
        return await call


async def _close_when(asked: asyncio.Event, client: CloudFlow) -> None:
    await asked.wait()
    await client.close()


Way = Callable[[Awaitable[object], CanaryServer, CloudFlow], Awaitable[object]]


@attrs.frozen
class Fault:
    """What goes wrong."""

    api: Answer = working
    options: dict[str, Any] = attrs.field(factory=dict)
    way: Way = _finish


FAULTS: dict[str, Fault] = {
    "none": Fault(),
    "refused": Fault(options={"base_url": "http://127.0.0.1:1/v2"}),
    "dropped": Fault(dropping),
    "reset": Fault(resetting),
    "timeout": Fault(stalling),
    "deadline": Fault(stalling, {"deadline": 1.0}),
    "their timeout": Fault(stalling, way=_time_out),
    "cancelled": Fault(stalling, way=_cancel),
    "closed": Fault(way=_close_before),
    "closed meanwhile": Fault(stalling, way=_close_meanwhile),
    "400": Fault(refusing(400, "invalid_parameter")),
    "400 repeating": Fault(repeating(400, as_error)),
    "401": Fault(refusing(401, "invalid_token")),
    "401 repeating": Fault(repeating(401, as_error)),
    "401 escaped": Fault(repeating(401, as_error_escaped)),
    "401 encoded": Fault(repeating(401, as_error_encoded)),
    "401 page": Fault(repeating(401, as_page)),
    "403": Fault(repeating(403, as_error)),
    "404": Fault(refusing(404, "not_found")),
    "409": Fault(refusing(409, "duplicate_resource")),
    "429": Fault(refusing(429, "rate_limit_exceeded"), {"max_wait": 0.5}),
    "500 page": Fault(repeating(500, as_page)),
    "cut JSON": Fault(repeating(200, as_cut_json)),
    "page": Fault(repeating(200, as_page)),
    "wrong types": Fault(repeating(200, as_wrong_types)),
    "status 600": Fault(repeating(600, as_error)),
    "redirect": Fault(repeating(307, as_page)),
    "followed redirect": Fault(repeating(307, as_page), {"follow_redirects": True}),
    "other origin": Fault(
        saying(307, headers={"Location": "http://127.0.0.1:1/v2/x"}), {"follow_redirects": True}
    ),
    "too large": Fault(repeating(200, as_page), {"max_response_bytes": 10}),
}


def _api_key(server_url: str, clock: Callable[[], float]) -> Auth:
    return ApiKeyAuth(API_KEY, next_key=NEXT_KEY)


def _oauth2(server_url: str, clock: Callable[[], float]) -> Auth:
    token = Token(
        access_token=ACCESS_TOKEN, refresh_token=REFRESH_TOKEN, expires_at=clock() + 3600.0
    )
    return OAuth2Auth(
        "an app",
        client_secret=CLIENT_SECRET,
        store=MemoryTokenStore(token),
        token_url=f"{server_url}/token",
        clock=clock,
    )


def _jwt(server_url: str, clock: Callable[[], float]) -> Auth:
    return _signing()


@functools.cache
def _signing() -> JWTAuth:
    # It takes 40 ms to read a private key, and a credential serves one event loop after another.
    return JWTAuth("an app", "me", rsa_pem(), scopes=["admin:full"], clock=lambda: EPOCH)


CREDENTIALS = {"API key": _api_key, "OAuth 2.0": _oauth2, "JWT": _jwt}

CELLS = [
    (operation, fault, list(CREDENTIALS)[(row + column) % len(CREDENTIALS)])
    for row, operation in enumerate(OPERATIONS)
    for column, fault in enumerate(FAULTS)
]
"""Each operation with each fault; the credentials take turns."""


@pytest.mark.parametrize(
    ("operation", "fault", "credential"), CELLS, ids=[" x ".join(cell) for cell in CELLS]
)
async def test_calls_show_no_credential(
    lookout: Lookout,
    capfd: pytest.CaptureFixture[str],
    virtual_clock: Callable[[], float],
    operation: str,
    fault: str,
    credential: str,
) -> None:
    """However a call ends: result, error, logs, tasks, client and credential have none."""
    lookout.plant("private key", pem_body(rsa_pem()))
    lookout.plant("private exponent", str(rsa_key().private_numbers().d))
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    if operation == "request POST":
        loop.slow_callback_duration = 0.0  # asyncio logs every callback
    server = CanaryServer(lookout, api=FAULTS[fault].api)
    async with server.server() as raw:
        auth = CREDENTIALS[credential](raw.url, virtual_clock)
        await _call(lookout, server, raw.url, auth, OPERATIONS[operation], FAULTS[fault])
    lookout.read("output", "".join(capfd.readouterr()))

    assert server.requests or fault in {"refused", "closed"}
    assert [] == lookout.finds()


async def _call(
    lookout: Lookout, server: CanaryServer, url: str, auth: Auth, operation: Call, fault: Fault
) -> None:
    limiter = LocalLimiter(RateLimits(requests=10_000, burst=10_000))
    options: dict[str, Any] = {"base_url": f"{url}/v2", "retry": RetryPolicy(attempts=2)}
    client = CloudFlow(auth=auth, limiter=limiter, **{**options, **fault.options})
    server.watched = {"client": client, "credential": auth}
    async with client:
        await lookout.watch(fault.way(operation(client), server, client))
    lookout.see("client", client)
    lookout.see("credential", auth)


def _raise_in_package(secret: str) -> ValueError:
    """Return an error that went through a frame of the package with a secret in a variable."""
    source = "def fail(secret):\n    raise ValueError('no')"
    space: dict[str, Any] = {}
    exec(compile(source, f"{PACKAGE}leak.py", "exec"), space)  # noqa: S102 - a frame to look at
    try:
        space["fail"](secret)
    except ValueError as error:
        return error
    raise AssertionError("it was raised")


def _with_note(secret: str) -> ValueError:
    error = ValueError("no")
    error.add_note(f"see {quote(secret, safe='')}")
    return error


def _chained(secret: str) -> ValueError:
    error = ValueError("no")
    error.__context__ = KeyError({"key": [secret.encode()]})
    error.__suppress_context__ = True
    return error


def _with_attribute(secret: str) -> CloudFlowError:
    error = CloudFlowError("no")
    error.reply = {"headers": [("Authorization", b64encode(f"me:{secret}".encode()))]}  # type: ignore[attr-defined]
    return error


LEAKS: dict[str, Callable[[Lookout, str], object]] = {
    "message": lambda lookout, secret: lookout.see("error", ValueError(f"bad key {secret[:12]}")),
    "attribute in base64": lambda lookout, secret: lookout.see("error", _with_attribute(secret)),
    "variable": lambda lookout, secret: lookout.see("error", _raise_in_package(secret)),
    "note in a URL": lambda lookout, secret: lookout.see("error", _with_note(secret)),
    "context": lambda lookout, secret: lookout.see("error", _chained(secret)),
    "hidden attribute": lambda lookout, secret: lookout.see("it", Refusal(signed={"X": secret})),
    "pickle": lambda lookout, secret: lookout.copies("it", ValueError(secret)),
    "hex in a log": lambda lookout, secret: logging.getLogger("x.y").debug(
        "%s", secret.encode().hex()
    ),
    "argument of a log": lambda lookout, secret: logging.getLogger("aiohttp").info("%.1s", secret),
    "warning": lambda lookout, secret: warnings.warn(f"old: {secret}", stacklevel=1),
    "output": lambda lookout, secret: lookout.read("output", f"x{json.dumps(secret)}"),
}


@pytest.mark.parametrize("leak", LEAKS)
@pytest.mark.parametrize("name", PLANTED)
def test_what_leaks_is_found(lookout: Lookout, name: str, leak: str) -> None:
    """The search finds what it is for: the other tests can fail."""
    LEAKS[leak](lookout, PLANTED[name])

    assert [] != [find for find in lookout.finds() if f": {name} (" in find]


async def test_the_name_of_a_task_is_looked_at(lookout: Lookout) -> None:
    """Together with what its coroutine is called."""
    task = asyncio.create_task(asyncio.sleep(0), name=f"refresh of {API_KEY}")
    lookout.tasks()
    await task

    assert [] != lookout.finds()


def test_the_end_that_a_secret_shows_is_no_find(lookout: Lookout) -> None:
    """Its last four characters tell keys apart."""
    lookout.see("secret", Secret(API_KEY))
    lookout.see("text", f"key ***{API_KEY[-4:]}, {API_KEY[:11]}...")

    assert [] == lookout.finds()
