"""Every endpoint of webhooks, over real sockets against the emulator."""

from __future__ import annotations

import json

import pytest

from cloudflow_async import CloudFlow, ConflictError, InvalidArgumentError
from cloudflow_async.emulator import Emulator

URL = "https://your-app.com/cloudflow-webhook"


async def test_create(cf: CloudFlow, emulator: Emulator) -> None:
    """The body is the document's; the secret is in nothing that comes back."""
    hook = await cf.webhooks.create(
        url=URL, events=["workflow.failed"], secret="whsec_your_webhook_secret"
    )

    assert {
        "url": URL,
        "events": ["workflow.failed"],
        "secret": "whsec_your_webhook_secret",
    } == json.loads(emulator.requests[-1].body)
    assert (URL, ("workflow.failed",)) == (hook.url, hook.events)
    assert "whsec" not in repr(hook)


async def test_twice(cf: CloudFlow) -> None:
    """What is registered already is a conflict, and is not tried again."""
    await cf.webhooks.create(url=URL, events=["workflow.failed"])

    with pytest.raises(ConflictError, match="duplicate_resource") as caught:
        await cf.webhooks.create(url=URL, events=["workflow.failed"])

    assert 1 == caught.value.attempts


async def test_events_as_one_str(cf: CloudFlow, emulator: Emulator) -> None:
    """A single str instead of a list is refused with what was meant."""
    with pytest.raises(InvalidArgumentError, match=r'such as \["workflow.failed"\], not str'):
        await cf.webhooks.create(url=URL, events="workflow.failed")

    assert [] == emulator.requests
