"""Base64 that can be written in one way only (RFC 4648, section 4)."""

from __future__ import annotations

import binascii
import re
from typing import Final

# The standard library's strict mode still takes "QUJD=" and bits behind the last byte.
_CANONICAL: Final = re.compile(
    r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=|[A-Za-z0-9+/][AQgw]==)?"
)


def decode_base64(text: str) -> bytes | None:
    """Return the bytes of padded base64 in the standard alphabet; None: it is something else."""
    return binascii.a2b_base64(text) if _CANONICAL.fullmatch(text) else None


def encode_base64(data: bytes) -> str:
    """Return padded base64 in the standard alphabet."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")
