"""Signed deliveries of webhooks, as a sender would make them."""

from __future__ import annotations

import json
import time
from typing import Any

import attrs

from cloudflow_async._core.webhooks import sign_webhook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

_DATA = {"workflow_id": "wf_8x7k2m9p", "execution_id": "exec_9k3m7n2q"}


@attrs.frozen(kw_only=True)
class SignedDelivery:
    """What a sender posts."""

    body: bytes
    headers: dict[str, str]


def delivery(
    event: str = "workflow.failed",
    *,
    id: str = "msg_1",
    data: Any = _DATA,
    signed_at: float | None = None,
    secret: str = SECRET,
) -> SignedDelivery:
    """Return a delivery of an event, signed now or at a Unix time."""
    payload = {"event": event, "timestamp": "2026-01-24T10:45:00Z", "data": data}
    return signed(json.dumps(payload).encode(), id=id, signed_at=signed_at, secret=secret)


def signed(
    body: bytes, *, id: str = "msg_1", signed_at: float | None = None, secret: str = SECRET
) -> SignedDelivery:
    """Return a delivery of any bytes, signed now or at a Unix time."""
    timestamp = time.time() if signed_at is None else signed_at
    headers = sign_webhook(body, secret=secret, message_id=id, timestamp=timestamp)
    return SignedDelivery(body=body, headers=headers)
