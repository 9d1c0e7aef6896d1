"""Bytes and headers in, a delivery that can be trusted out; and the way back, for tests."""

from __future__ import annotations

import math
from typing import Final

from cloudflow_async._core.errors import InvalidArgumentError
from cloudflow_async._core.public import public
from cloudflow_async._core.support.validation import check_methods, is_number

from .headers import DeliveryHeaders, WebhookHeaders
from .scheme import Delivery, StandardWebhooks, WebhookScheme
from .secrets import SecretEncoding, Secrets, check_keys, find_keys

TOLERANCE: Final = 300.0
"""Seconds between a delivery's signed time and ours, either way; Standard Webhooks' own."""

_FARTHEST: Final = 1e12  # seconds; NaN is on neither side of it
_STANDARD: Final = StandardWebhooks()


def verify_delivery(
    body: bytes,
    headers: WebhookHeaders,
    *,
    secrets: Secrets,
    now: float,
    tolerance: float = TOLERANCE,
    secret_encoding: SecretEncoding = "base64",  # noqa: S107 - no secret
    scheme: WebhookScheme | None = None,
) -> Delivery:
    """Return a delivery that was signed with one of the secrets; its body is not looked into.

    Args:
        body: The bytes that came, before anything decoded or parsed them.
        headers: The headers that came.
        secrets: One, or up to five while they are rotated.
        now: The time, in Unix seconds.
        tolerance: Most seconds between `now` and the signed time, either way.
        secret_encoding: How keys are made of the secrets.
        scheme: None: Standard Webhooks.

    Raises:
        WebhookVerificationError: It cannot be trusted.
        InvalidArgumentError: One of our own arguments cannot be used; no sender can cause that.
    """
    found = find_keys(secrets, secret_encoding)
    # From here on a traceback that shows variables shows no secret.
    del secrets
    return check_scheme(scheme).verify(
        check_body(body),
        DeliveryHeaders(headers),
        keys=check_keys(found),
        now=check_time("now", now),
        tolerance=check_tolerance(tolerance),
    )


@public("cloudflow_async")
def sign_webhook(
    body: bytes,
    *,
    secret: str,
    message_id: str,
    timestamp: float,
    secret_encoding: SecretEncoding = "base64",  # noqa: S107 - no secret
    scheme: WebhookScheme | None = None,
) -> dict[str, str]:
    """Return the headers with which a sender would deliver a body: for tests of a receiver.

    Args:
        body: The bytes that are sent.
        secret: What both sides know, such as ``whsec_...``.
        message_id: The delivery's id; the same whenever it is sent again.
        timestamp: The time, in Unix seconds; fractions are dropped.
        secret_encoding: How the key is made of the secret.
        scheme: None: Standard Webhooks.

    Raises:
        InvalidArgumentError: The secret is none, or the id or the time cannot be signed.
    """
    found = find_keys(secret, secret_encoding)
    # From here on a traceback that shows variables shows no secret.
    del secret
    headers = check_scheme(scheme).sign(
        check_body(body),
        keys=check_keys(found),
        message_id=message_id,
        timestamp=math.floor(check_time("timestamp", timestamp)),
    )
    return {**headers}


def check_scheme(scheme: WebhookScheme | None) -> WebhookScheme:
    """Return a scheme; for None, Standard Webhooks.

    Raises:
        InvalidArgumentError: It is none.
    """
    if scheme is None:
        return _STANDARD
    due = "a WebhookScheme, such as StandardWebhooks()"
    check_methods("scheme", scheme, ("sign", "verify"), due)
    return scheme


def check_body(body: bytes) -> bytes:
    """Return a body as bytes.

    Raises:
        InvalidArgumentError: It is text, or was parsed already.
    """
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body)
    raise InvalidArgumentError(
        f"body is the raw bytes as they came, not {type(body).__name__}: what was decoded or "
        "parsed is not what was signed. Use request.read() or request.body(), not text or json."
    )


def check_tolerance(tolerance: float) -> float:
    """Return a tolerance.

    Raises:
        InvalidArgumentError: It is not a positive number of seconds.
    """
    if not (_is_instant(tolerance) and tolerance > 0):
        raise InvalidArgumentError("tolerance is a number of seconds above 0.")
    return tolerance


def check_time(name: str, value: float) -> float:
    """Return a time.

    Raises:
        InvalidArgumentError: It is not a number; datetimes have `timestamp()`.
    """
    if not _is_instant(value):
        raise InvalidArgumentError(f"{name} is a Unix time in seconds, such as time.time() gives.")
    return value


def _is_instant(value: object) -> bool:
    return is_number(value) and -_FARTHEST < value < _FARTHEST
