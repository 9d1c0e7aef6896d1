"""What holds for whatever comes out."""

from __future__ import annotations

import unicodedata
from typing import Final

TURNING: Final = frozenset(
    "\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
"""What turns the text around it, or begins a line."""

_LONGEST: Final = 5_000


def check_message(text: object, *secrets: str) -> None:
    """Fail if a message could do something to a terminal or a log, or tells a secret."""
    message = str(text)
    odd = [
        char for char in message if char in TURNING or unicodedata.category(char) in {"Cc", "Cs"}
    ]
    assert not odd, f"the message shows {odd[:3]!a}: {message!a:.300}"
    assert len(message) < _LONGEST, f"the message has {len(message)} characters"
    assert not any(secret in message for secret in secrets), "the message shows a secret"
