"""What an authorization server says of its refusal, as text that is safe to show."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import Self
from urllib.parse import quote, quote_plus

import attrs

from cloudflow_async._core.secret import Secret
from cloudflow_async._core.wire import printable

_LONGEST_ERROR = 64
_LONGEST_DESCRIPTION = 256
_SHORTEST_SECRET = 4

# So long a run is no word of a sentence: it may be a token or a secret in some encoding.  The
# codes of OAuth itself, such as unsupported_response_type, are small letters and underscores.
_MAYBE_A_SECRET = re.compile(
    r"(?![a-z_]+(?![A-Za-z0-9+/=_.~%-]))[A-Za-z0-9+/=_.~%-]{20,}", re.ASCII
)


@attrs.frozen
class OAuthError:
    """A refusal in OAuth's own words (RFC 6749, 4.1.2.1 and 5.2)."""

    error: str | None
    """Such as ``invalid_grant``, at most 64 characters; None when it is no text."""

    description: str | None = None
    """The server's sentence, at most 256 characters; None when it sent none."""

    @classmethod
    def read(cls, error: object, description: object, secrets: Iterable[Secret] = ()) -> Self:
        """Return what a server said, without the credentials that it may repeat."""
        hidden = _spellings(secrets)
        return cls(
            _shown(error, hidden, _LONGEST_ERROR),
            _shown(description, hidden, _LONGEST_DESCRIPTION),
        )

    def __str__(self) -> str:
        error = self.error or "an error without a name"
        return f"{error} ({self.description})" if self.description else error


def _shown(value: object, hidden: Iterable[str], longest: int) -> str | None:
    if not isinstance(value, str) or not value.strip():
        return None
    for text in hidden:
        value = value.replace(text, "***")
    return printable(_MAYBE_A_SECRET.sub("***", value))[:longest]


def _spellings(secrets: Iterable[Secret]) -> list[str]:
    """Return what to look for, the longest first, so that no part of one is left over."""
    found = {text for secret in secrets for text in _encodings(secret.reveal())}
    return sorted((text for text in found if len(text) >= _SHORTEST_SECRET), key=len, reverse=True)


def _encodings(text: str) -> Iterator[str]:
    data = text.encode("utf-8", "surrogatepass")
    yield text
    yield quote(data, safe="")
    yield quote_plus(data)
    yield b64encode(data).decode("ascii")
    yield data.hex()
