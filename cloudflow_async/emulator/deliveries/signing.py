"""Sign deliveries as the Standard Webhooks specification says, whose scheme the API is read to use.

The API document names a `secret` and no more.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

_PREFIX = "whsec_"
_KEY_SIZES = range(24, 65)


def delivery_headers(
    secret: str | None, *, message_id: str, timestamp: int, body: bytes
) -> dict[str, str]:
    """Return what a receiver verifies; without a secret there is no signature.

    Args:
        secret: As it was registered.
        message_id: The same each time the event is delivered.
        timestamp: Unix seconds of this attempt.
        body: What is signed with the two.
    """
    headers = {"webhook-id": message_id, "webhook-timestamp": str(timestamp)}
    if secret is not None:
        signed = f"{message_id}.{timestamp}.".encode() + body
        digest = hmac.digest(key_of(secret), signed, hashlib.sha256)
        headers["webhook-signature"] = "v1," + base64.b64encode(digest).decode()
    return headers


def key_of(secret: str) -> bytes:
    """Return the key: after `whsec_` base64 of 24 to 64 bytes, or else the bytes of the text.

    The document's own sample, `whsec_your_webhook_secret`, is not base64.
    """
    if secret.startswith(_PREFIX):
        key = _decoded(secret.removeprefix(_PREFIX))
        if len(key) in _KEY_SIZES:
            return key
    return secret.encode("utf-8", "surrogatepass")


def _decoded(text: str) -> bytes:
    """Return the bytes of base64 in its one canonical form; none of anything else."""
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:
        return b""
    return key if base64.b64encode(key).decode() == text else b""
