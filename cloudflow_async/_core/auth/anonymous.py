"""No credential."""

from __future__ import annotations

from collections.abc import Mapping

from cloudflow_async._core.messages import Request
from cloudflow_async._core.public import public

from .protocol import Refusal


@public("cloudflow_async")
class AnonymousAuth:
    """Sends no credential; the API then allows 20 requests a minute.

    (API document: Rate Limiting, Default Limits.)
    """

    def __repr__(self) -> str:
        return "AnonymousAuth()"

    async def sign(self, request: Request) -> Mapping[str, str]:  # noqa: ARG002 - protocol
        """Return no headers."""
        return {}

    async def renew(self, refusal: Refusal) -> bool:  # noqa: ARG002 - protocol
        """Return False: there is nothing to renew."""
        return False
