"""What the session asks of a credential."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import attrs

from cloudflow_async._core.messages import Request
from cloudflow_async._core.public import public
from cloudflow_async._core.support.validation import check_methods


@public("cloudflow_async")
@attrs.frozen(kw_only=True)
class Refusal:
    """What is known of a 401."""

    signed: Mapping[str, str] = attrs.field(repr=False)
    """The headers of `Auth.sign` that the server did not accept."""

    date: float | None = None
    """The server's clock as its ``Date`` told it, in Unix seconds; None when it did not."""


@public("cloudflow_async")
class Auth(Protocol):
    """Signs requests, and answers a 401.

    The session calls `sign` after the wait for the rate limit, which can outlast a token, and
    sends what it returns only to the origin of its base URL.

    A credential that knows what it is allowed to do says so in a property ``scopes``, a set of
    str, or None while it does not know; calls that need another scope are then not sent.  One that
    renews itself in the background may have a coroutine method ``settled``, which returns when no
    renewal is under way; the client awaits it when it is closed, for 5 seconds at most, and for
    one when it is closed by a cancellation.
    """

    async def sign(self, request: Request) -> Mapping[str, str]:
        """Return the headers that carry the credential.

        Raises:
            CredentialError: There is none, or it cannot be used; nothing is sent.
        """
        ...

    async def renew(self, refusal: Refusal) -> bool:
        """Answer a 401: return whether another credential is at hand, worth one more attempt.

        Raises:
            CredentialError: It could not be renewed; the call ends with this error.
        """
        ...


def check_auth(name: str, value: object) -> None:
    """Refuse an argument that is no credential.

    Raises:
        InvalidArgumentError: It is of another kind; a text, which may be a key, is not shown.
    """
    advice = "Did you mean api_key=?" if isinstance(value, str | bytes) else ""
    check_methods(name, value, ("sign", "renew"), "a credential, such as ApiKeyAuth(...)", advice)
