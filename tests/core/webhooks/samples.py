"""Secrets, and a delivery that they sign, for all tests of webhooks."""

from __future__ import annotations

from typing import Any

from cloudflow_async._core.webhooks import Delivery, sign_webhook, verify_delivery
from tests.canaries import WEBHOOK_SECRET

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"""Standard Webhooks' own example."""

OTHERS = [f"whsec_{letter * 32}" for letter in "ABCD"]
"""Four more, so that there are five."""

CANARY = WEBHOOK_SECRET
"""One that is looked for afterwards."""

NOW = 1769251500
"""A moment of 2026, in Unix seconds."""

BODY = b'{"event":"workflow.completed","timestamp":"2026-01-24T10:45:00Z","data":{}}'


def signed(body: bytes = BODY, **changes: Any) -> dict[str, str]:
    """Return the headers of a delivery, signed at `NOW` with `SECRET` unless told otherwise."""
    told = {"secret": SECRET, "message_id": "msg_1", "timestamp": NOW} | changes
    return sign_webhook(body, **told)


def verified(headers: Any, body: Any = BODY, **changes: Any) -> Delivery:
    """Return a delivery, verified at `NOW` with `SECRET` unless told otherwise."""
    told = {"secrets": SECRET, "now": NOW} | changes
    return verify_delivery(body, headers, **told)
