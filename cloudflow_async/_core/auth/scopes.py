"""What a credential is allowed to do, where that is known (API document: OAuth 2.0)."""

from __future__ import annotations

from cloudflow_async._core.errors import MissingScopeError
from cloudflow_async._core.messages import Request

from .protocol import Auth

ADMIN = "admin:full"
"""Includes every other scope."""


def known_scopes(auth: Auth) -> frozenset[str] | None:
    """Return what a credential is allowed to do; None: it does not know."""
    scopes = getattr(auth, "scopes", None)
    return None if scopes is None else frozenset(scopes)


def check_scope(auth: Auth, request: Request) -> None:
    """Refuse a request that is known to be refused by the server.

    Raises:
        MissingScopeError: The credential lacks the scope that the request needs.
    """
    if request.scope is None:
        return
    scopes = known_scopes(auth)
    if scopes is None or request.scope in scopes or ADMIN in scopes:
        return
    raise MissingScopeError(
        f"{request.method} {request.path} needs the scope {request.scope}, and the credential has "
        f"{', '.join(sorted(scopes)) or 'none'}; nothing was sent.",
        scope=request.scope,
    )
