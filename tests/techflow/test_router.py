"""The router for TechFlow's events."""

from __future__ import annotations

import aiohttp
import pytest
from aiohttp import web

from cloudflow_async import InvalidArgumentError, WebhookEvent
from cloudflow_async.techflow import EVENTS, ExecutionFailed, WebhookRouter
from cloudflow_async.web import WebhookApp, webhook_handler
from tests.asgi_server import serving
from tests.deliveries import SECRET, delivery


@pytest.mark.parametrize("name", EVENTS)
async def test_each_event_comes_in_its_class(name: str) -> None:
    """The six documented events are heard by name, by kind and by ``*``."""
    router = WebhookRouter(SECRET)
    events: list[WebhookEvent] = []

    async def remember(event: WebhookEvent) -> None:
        events.append(event)

    for pattern in (name, f"{name.partition('.')[0]}.*", "*"):
        router.on(pattern)(remember)
    sent = delivery(name)

    assert 204 == await router.handle(sent.body, sent.headers)
    assert [EVENTS[name]] * 3 == [type(event) for event in events]


async def test_events_of_cloudflow() -> None:
    """They come as plain ones, to those who ask for them."""
    router = WebhookRouter(SECRET)
    events: list[WebhookEvent] = []

    @router.on("workflow.failed")
    async def remember(event: WebhookEvent) -> None:
        events.append(event)

    sent = delivery("workflow.failed")

    assert 204 == await router.handle(sent.body, sent.headers)
    assert [WebhookEvent] == [type(event) for event in events]


async def test_data_that_do_not_fit() -> None:
    """A handler that counts on the class of an event is not called with another."""
    router = WebhookRouter(SECRET)

    @router.on("execution.failed")
    async def never(event: ExecutionFailed) -> None:
        raise AssertionError

    sent = delivery("execution.failed", data={"execution_id": 5})

    assert 400 == await router.handle(sent.body, sent.headers)


async def test_the_adapters() -> None:
    """In aiohttp.web and as an ASGI app: each delivery once, a forged one never."""
    router = WebhookRouter(SECRET)
    seen: list[str] = []

    @router.on("execution.*")
    async def remember(event: WebhookEvent) -> None:
        seen.append(event.id)

    app = web.Application()
    app.router.add_post("/hook", webhook_handler(router))
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    first, second = (delivery("execution.failed", id=f"msg_{number}") for number in (1, 2))
    forged = delivery("execution.failed", id="msg_3", secret="whsec_" + "A" * 32)
    urls = [f"http://127.0.0.1:{runner.addresses[0][1]}/hook"]
    statuses = []
    async with serving(WebhookApp(router)) as url, aiohttp.ClientSession() as sender:
        for sent in (first, first, forged, second):
            for target in (*urls, url):
                async with sender.post(target, data=sent.body, headers=sent.headers) as answer:
                    statuses.append(answer.status)
    await runner.cleanup()

    assert [204] * 4 + [401] * 2 + [204] * 2 == statuses
    assert ["msg_1", "msg_2"] == seen


def test_a_decorator_without_names() -> None:
    """``@router.on()`` is a mistake and not "everything"."""
    with pytest.raises(InvalidArgumentError, match=r'"\*" stands for all'):
        WebhookRouter(SECRET).on()
