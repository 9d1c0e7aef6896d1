"""Who asks: what API keys, bearer tokens and JWTs all stand for."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import attrs

SCOPES = (
    "workflows:read",
    "workflows:write",
    "pipelines:read",
    "pipelines:write",
    "analytics:read",
    "admin:full",
)
"""The scopes of the API document ("Authentication", "OAuth 2.0")."""

DEFAULT_ACCOUNT = "default"
"""The account of everybody who was given no other."""


@attrs.frozen(kw_only=True)
class Identity:
    """A caller whose credential was accepted, and what it may do."""

    name: str
    """For people who read the request log; tells nothing secret."""

    scopes: frozenset[str]

    account: str = DEFAULT_ACCOUNT
    """Whose workflows and pipelines the caller sees."""

    budget: Hashable
    """Callers with equal ones share a rate limit, which is "per authenticated user"."""

    bearer: bool = True
    """Whether the credential came as a bearer token, to which RFC 6750 promises challenges."""

    def allows(self, scope: str) -> bool:
        """Tell whether the caller may use an endpoint that needs `scope`."""
        return includes(self.scopes, scope)


def includes(granted: Iterable[str], scope: str) -> bool:
    """Tell whether scopes include another one: full administration includes all."""
    return not {scope, "admin:full"}.isdisjoint(granted)


def known_scopes(scopes: Iterable[str]) -> frozenset[str]:
    """Return the scopes as a set.

    Raises:
        ValueError: A scope that the API document does not name.
    """
    granted = frozenset(scopes)
    if unknown := granted - set(SCOPES):
        raise ValueError(
            f"unknown scope {', '.join(sorted(unknown))}; known are {', '.join(SCOPES)}"
        )
    return granted
