"""Signature schemes: what binds the bytes of a delivery to a secret.

The API document names a ``secret`` and no scheme (API document: Webhooks).  We assume Standard
Webhooks 1.0: the headers ``webhook-id``, ``webhook-timestamp`` and ``webhook-signature``, the
last with ``v1,`` and the base64 of HMAC-SHA256 over ``id.timestamp.body``.  Where a server signs
otherwise, another `WebhookScheme` can be passed wherever deliveries are signed or verified.
"""

from __future__ import annotations

import binascii
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import attrs

from cloudflow_async._core.errors import InvalidArgumentError, WebhookVerificationError
from cloudflow_async._core.public import public

from .headers import DeliveryHeaders
from .secrets import WebhookKey
from .strict_base64 import encode_base64

_ID: Final = "webhook-id"
_TIMESTAMP: Final = "webhook-timestamp"
_SIGNATURE: Final = "webhook-signature"
_MOST_SIGNATURES: Final = 16

# A dot would let one id and time be read as another; a comma is what joined headers leave.
_MESSAGE_ID: Final = re.compile(r"[!-+\-/-~]{1,256}")
_UNIX_TIME: Final = re.compile(r"[0-9]{1,11}")  # up to the year 5138
# 32 bytes have one strict base64: the bits behind the last byte are zero.
_OURS: Final = re.compile(r"v1,([A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)")


@public("cloudflow_async")
@attrs.frozen(kw_only=True)
class Delivery:
    """A delivery that its sender signed, not yet read."""

    id: str
    """The same for every attempt to deliver it."""

    sent_at: int
    """When this attempt was signed, in Unix seconds."""

    body: bytes = attrs.field(repr=False)
    """As it came."""


@public("cloudflow_async")
class WebhookScheme(Protocol):
    """Signs deliveries and verifies them; does no I/O and reads no clock."""

    def sign(
        self, body: bytes, *, keys: Sequence[WebhookKey], message_id: str, timestamp: int
    ) -> Mapping[str, str]:
        """Return the headers that prove a delivery.

        Args:
            body: The bytes that are sent.
            keys: Each one signs.
            message_id: The delivery's id.
            timestamp: The time to sign it with, in Unix seconds.

        Raises:
            InvalidArgumentError: The id or the time cannot be signed.
        """
        ...

    def verify(
        self,
        body: bytes,
        headers: DeliveryHeaders,
        *,
        keys: Sequence[WebhookKey],
        now: float,
        tolerance: float,
    ) -> Delivery:
        """Return a delivery that was signed with one of the keys.

        Args:
            body: The bytes that came.
            headers: The headers that came.
            keys: Any one suffices.
            now: The time, in Unix seconds.
            tolerance: Most seconds between `now` and the signed time, either way.

        Raises:
            WebhookVerificationError: It cannot be trusted.
        """
        ...


@public("cloudflow_async")
@attrs.frozen
class StandardWebhooks:
    """Standard Webhooks with HMAC-SHA256 (version ``v1``).

    A delivery may carry up to 16 signatures, separated by spaces; those of other versions and
    those that are malformed count, and are skipped, as the scheme's own libraries do.  Ids have up
    to 256 visible ASCII characters without dot and comma.
    """

    def sign(
        self, body: bytes, *, keys: Sequence[WebhookKey], message_id: str, timestamp: int
    ) -> Mapping[str, str]:
        """Return the three headers, with one signature for each key.

        Raises:
            InvalidArgumentError: The id or the time cannot be signed.
        """
        if not _is_message_id(message_id):
            raise InvalidArgumentError(
                "message_id has 1 to 256 visible ASCII characters without dot and comma."
            )
        if not _UNIX_TIME.fullmatch(str(timestamp)):
            raise InvalidArgumentError("timestamp is a Unix time in seconds, not before 1970.")
        content = _signed_content(message_id, str(timestamp), body)
        signatures = [f"v1,{encode_base64(key.hmac_sha256(content))}" for key in keys]
        return {
            _ID: message_id,
            _TIMESTAMP: str(timestamp),
            _SIGNATURE: " ".join(signatures),
        }

    def verify(
        self,
        body: bytes,
        headers: DeliveryHeaders,
        *,
        keys: Sequence[WebhookKey],
        now: float,
        tolerance: float,
    ) -> Delivery:
        """Return a delivery that was signed with one of the keys.

        Raises:
            WebhookVerificationError: A header is missing or malformed, there are more than 16
                signatures or no well-formed one of version ``v1``, the time is too far from
                `now`, or no signature fits.
        """
        message_id = _matching(_MESSAGE_ID, headers, _ID)
        timestamp = _matching(_UNIX_TIME, headers, _TIMESTAMP)
        candidates = _read_signatures(headers.one(_SIGNATURE))
        _check_age(now - int(timestamp), tolerance)
        if not _is_signed(_signed_content(message_id, timestamp, body), keys, candidates):
            raise WebhookVerificationError(
                "No signature fits. Is the secret the sender's, and is the body what came, byte "
                "for byte?"
            )
        return Delivery(id=message_id, sent_at=int(timestamp), body=body)


def _is_message_id(value: object) -> bool:
    return isinstance(value, str) and _MESSAGE_ID.fullmatch(value) is not None


def _matching(pattern: re.Pattern[str], headers: DeliveryHeaders, name: str) -> str:
    value = headers.one(name)
    if not pattern.fullmatch(value):
        raise WebhookVerificationError(f"The header {name} is malformed.")
    return value


def _read_signatures(header: str) -> list[bytes]:
    """Return the well-formed signatures of our version."""
    entries = header.split(" ", _MOST_SIGNATURES)
    if len(entries) > _MOST_SIGNATURES:
        raise WebhookVerificationError(f"There are more than {_MOST_SIGNATURES} signatures.")
    signatures = [binascii.a2b_base64(ours[1]) for ours in map(_OURS.fullmatch, entries) if ours]
    if not signatures:
        raise WebhookVerificationError(
            f"The header {_SIGNATURE} is malformed, or has no signature of version v1."
        )
    return signatures


def _check_age(age: float, tolerance: float) -> None:
    if abs(age) > tolerance:
        way = "ago" if age > 0 else "ahead of now"
        raise WebhookVerificationError(
            f"The delivery was signed {abs(age):.0f} s {way}; {tolerance:.0f} s are allowed. It is "
            "an old one that was sent again, or one of the clocks is wrong."
        )


def _signed_content(message_id: str, timestamp: str, body: bytes) -> bytes:
    return f"{message_id}.{timestamp}.".encode("ascii") + body


def _is_signed(content: bytes, keys: Sequence[WebhookKey], candidates: Sequence[bytes]) -> bool:
    # Every pair is compared: how long it takes tells nobody which one fits.
    fits = False
    for key in keys:
        digest = key.hmac_sha256(content)
        for candidate in candidates:
            fits |= hmac.compare_digest(digest, candidate)
    return fits
