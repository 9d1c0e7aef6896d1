"""What an authorization server says of its refusal, as text that is safe to show."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Self

import attrs

from cloudflow_async._core.http.redaction import Redact, redactor
from cloudflow_async._core.http.response import printable
from cloudflow_async._core.support.secret import Secret

_LONGEST_ERROR = 64
_LONGEST_DESCRIPTION = 256

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
        redact = redactor(secret.reveal() for secret in secrets)
        return cls(
            _shown(error, redact, _LONGEST_ERROR),
            _shown(description, redact, _LONGEST_DESCRIPTION),
        )

    def __str__(self) -> str:
        error = self.error or "an error without a name"
        return f"{error} ({self.description})" if self.description else error


def _shown(value: object, redact: Redact, longest: int) -> str | None:
    if not isinstance(value, str) or not value.strip():
        return None
    return printable(_MAYBE_A_SECRET.sub("***", redact(value)))[:longest]
