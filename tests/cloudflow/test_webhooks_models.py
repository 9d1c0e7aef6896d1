"""The webhook model, of whose answer the document shows nothing."""

from __future__ import annotations

import pickle

import attrs

from cloudflow_async._core.codec.decode import decode, encode
from cloudflow_async.cloudflow.webhooks import Webhook
from tests.cloudflow.samples import document

REQUEST = document("create_webhook.request")


def test_an_answer_that_repeats_the_request() -> None:
    """URL and events are decoded."""
    assert Webhook(
        url="https://your-app.com/cloudflow-webhook",
        events=("workflow.completed", "workflow.failed"),
    ) == decode(Webhook, REQUEST)


def test_the_secret_is_nowhere() -> None:
    """A secret that the answer repeats is in no attribute, text, pickle or JSON."""
    for answer in (REQUEST, REQUEST | {"id": "wh_1", "active": True, "new": 1}):
        webhook = decode(Webhook, answer)
        seen = f"{webhook!r} {attrs.asdict(webhook)} {pickle.dumps(webhook)!r} {encode(webhook)}"

        assert "whsec" not in seen
        assert "secret" not in seen


def test_an_empty_answer() -> None:
    """An answer may have nothing of it."""
    assert Webhook() == decode(Webhook, {})
