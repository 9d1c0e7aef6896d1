"""How a client is made, and its own rate limit."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cloudflow_async import (
    AnonymousAuth,
    AuthenticationError,
    CloudFlowError,
    InvalidArgumentError,
    NoCredentialsError,
    RateLimitedError,
    RetryPolicy,
    ServerError,
)
from cloudflow_async.techflow import BearerKeyAuth, TechFlow
from tests.raw_server import Peer, answer
from tests.techflow.conftest import KEY, WORKFLOW, Serve, as_json


async def test_key_of_the_environment(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bare client takes its key from the environment, when it is first needed."""
    served = await serve(as_json(WORKFLOW), api_key=None)
    monkeypatch.setenv("TECHFLOW_API_KEY", f" {KEY}\n")

    await served.tf.workflows.get("wf_123")

    assert f"Authorization: Bearer {KEY}\r\n".encode() in served.requests[0].head


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({}, "is not set"),
        ({"TECHFLOW_API_KEY": " "}, "is not set"),
        ({"CLOUDFLOW_API_KEY": "cf_live_0123456789"}, "is not set"),
        ({"TECHFLOW_API_KEY": "cf_live_0123456789"}, "holds a key of CloudFlow's"),
        ({"TECHFLOW_API_KEY": "cf_test_0123456789"}, "holds a key of CloudFlow's"),
    ],
)
async def test_no_key(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], reason: str
) -> None:
    """Without a key of TechFlow's nothing is sent, and the error says what was looked for."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    served = await serve(as_json(WORKFLOW), api_key=None)

    with pytest.raises(NoCredentialsError, match=f"TECHFLOW_API_KEY {reason}") as caught:
        await served.tf.workflows.get("wf_123")

    assert [] == served.requests
    assert "0123456789" not in str(caught.value)


def test_base_url_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes with a key that is looked for, and not with one that is given."""
    monkeypatch.setenv("CLOUDFLOW_BASE_URL", "https://cloudflow/v2")
    assert "https://api.techflow.com/v2" == TechFlow().base_url

    monkeypatch.setenv("TECHFLOW_BASE_URL", "https://e/v2")
    assert "https://e/v2" == TechFlow().base_url
    assert "https://b/v2" == TechFlow(base_url="https://b/v2").base_url
    assert "https://api.techflow.com/v2" == TechFlow(KEY).base_url
    assert "https://api.techflow.com/v2" == TechFlow(auth=AnonymousAuth()).base_url


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"api_key": KEY, "auth": AnonymousAuth()}, "not both"),
        ({"api_key": f"{KEY}\n"}, "line break"),
        ({"api_key": ""}, "not empty"),
        ({"api_key": 5}, "is a str"),
        ({"api_key": KEY, "base_url": "http://api.techflow.com/v2"}, "https"),
        ({"api_key": KEY, "timeout": 0}, "timeout"),
    ],
)
def test_what_is_refused(given: dict[str, Any], problem: str) -> None:
    """Arguments that cannot be used are refused at once, and the key is not shown."""
    with pytest.raises(InvalidArgumentError, match=problem) as caught:
        TechFlow(**given)

    assert KEY not in str(caught.value)


async def test_other_credential(serve: Serve) -> None:
    """A credential of one's own signs instead."""
    served = await serve(as_json(WORKFLOW), api_key=None, auth=AnonymousAuth())

    await served.tf.workflows.get("wf_123")

    assert b"authorization" not in served.requests[0].head.lower()


async def test_rotated_key(serve: Serve) -> None:
    """A refused key is replaced by the next one, once, and for good."""
    auth = BearerKeyAuth("old-key", next_key="new-key")
    served = await serve(answer(b"", status=401), as_json(WORKFLOW), api_key=None, auth=auth)

    await served.tf.workflows.get("wf_123")
    await served.tf.workflows.get("wf_123")

    keys = [sent.head.partition(b"Bearer ")[2].split()[0] for sent in served.requests]
    assert [b"old-key", b"new-key", b"new-key"] == keys


async def test_refused_key(serve: Serve) -> None:
    """A 401 is not repeated with the same key; the error does not show it."""
    served = await serve(answer(f"no such key: {KEY}".encode(), status=401))

    with pytest.raises(AuthenticationError) as caught:
        await served.tf.workflows.get("wf_123")

    assert 1 == len(served.requests)
    assert "no such key: ***" == caught.value.body
    assert KEY not in repr(served.tf)


@pytest.mark.parametrize(
    ("kind", "body", "message"),
    [
        ("text/html", "<html><title>502 Bad Gateway</title>", "Bad Gateway"),
        ("application/json", '{"error": "no such workflow"}', "no such workflow"),
        ("text/plain", "upstream timed out\n", "upstream timed out"),
    ],
)
async def test_error_messages(serve: Serve, kind: str, body: str, message: str) -> None:
    """No body of errors is documented: what can be read as a message is one, in lists too."""
    served = await serve(answer(body.encode(), status=502, headers={"Content-Type": kind}))
    view = served.tf.with_options(retry=RetryPolicy.never())

    for asking in (view.workflows.get("wf_123"), view.workflows.list()):
        with pytest.raises(ServerError, match=message) as caught:
            await asking
        assert (message, kind) == (
            caught.value.server_message,
            caught.value.headers["CONTENT-type"],
        )


async def test_views(serve: Serve) -> None:
    """A view sends by its own options through the same budget."""
    served = await serve(answer(b"", status=500))
    view = served.tf.with_options(retry=RetryPolicy.never())

    with pytest.raises(CloudFlowError):
        await view.workflows.get("wf_123")
    with pytest.raises(CloudFlowError):
        await view.executions.list()

    assert 2 == len(served.requests) == served.tf.statistics().requests


@pytest.mark.virtual_time
async def test_the_documented_limit(serve: Serve) -> None:
    """A hundred leave at once, and no more in any minute, though no answer tells of it."""
    served = await serve(as_json(WORKFLOW))
    loop = asyncio.get_running_loop()

    async def get() -> float:
        await served.tf.workflows.get("wf_123")
        return loop.time()

    ends = sorted(await asyncio.gather(*(get() for _ in range(150))))

    assert 100 == served.tf.rate_limit.limit
    assert ends[99] < 0.1
    assert 60.0 == pytest.approx(ends[100], abs=0.1)
    assert 60.0 == pytest.approx(ends[149], abs=0.1)


@pytest.mark.virtual_time
async def test_a_429_that_tells_nothing(serve: Serve) -> None:
    """It pauses everybody once, by a guess, and then all calls succeed."""
    loop = asyncio.get_running_loop()
    sent_at: list[float] = []
    free_at = 15.0

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            sent_at.append(loop.time())
            is_free = loop.time() >= free_at
            await peer.send(as_json(WORKFLOW) if is_free else answer(b"", status=429))

    served = await serve(script)
    found = await asyncio.gather(*(served.tf.workflows.get("wf_123") for _ in range(20)))

    early = [at for at in sent_at if at < free_at]
    assert 20 == len(found)
    # A handful before anything is known; then one asks, after pauses that grow.
    assert len(early) <= 15
    assert len(sent_at) == 20 + len(early)
    assert sent_at[-1] < 60


@pytest.mark.virtual_time
async def test_a_429_that_lasts(serve: Serve) -> None:
    """In the end it is the caller's."""
    served = await serve(answer(b"", status=429))

    with pytest.raises(RateLimitedError) as caught:
        await served.tf.workflows.get("wf_123")

    assert (5, None) == (caught.value.attempts, caught.value.retry_after)
    assert 5 == len(served.requests) == served.tf.statistics().throttled
