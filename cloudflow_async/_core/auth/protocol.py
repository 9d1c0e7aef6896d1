"""What the session asks of a credential."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from cloudflow_async._core.messages import Request


class Auth(Protocol):
    """Signs requests, and answers a 401.

    The session calls `sign` after the wait for the rate limit, which can outlast a token, and
    sends what it returns only to the origin of its base URL.
    """

    async def sign(self, request: Request) -> Mapping[str, str]:
        """Return the headers that carry the credential.

        Raises:
            CredentialError: There is none, or it cannot be used; nothing is sent.
        """
        ...

    async def renew(self, refused: Mapping[str, str]) -> bool:
        """Answer a 401: return whether another credential is at hand, worth one more attempt.

        Args:
            refused: The headers of `sign` that the server did not accept.
        """
        ...
