"""API keys and what they may do."""

from __future__ import annotations

import hmac
from collections.abc import Iterable

import attrs

from .chance import letters, seeded

SCOPES = (
    "workflows:read",
    "workflows:write",
    "pipelines:read",
    "pipelines:write",
    "analytics:read",
    "admin:full",
)
"""The scopes of the API document ("Authentication", "OAuth 2.0")."""


@attrs.frozen
class ApiKey:
    """A key that the emulator has issued."""

    text: str = attrs.field(repr=False)
    scopes: frozenset[str]

    def allows(self, scope: str) -> bool:
        """Tell whether the key may use an endpoint that needs `scope`."""
        return scope in self.scopes or "admin:full" in self.scopes


class KeyRing:
    """All keys of one emulator, the same in every run with the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = seeded(seed, "keys")
        self._keys: list[ApiKey] = []

    def issue(self, scopes: Iterable[str]) -> ApiKey:
        """Return a new key.

        Raises:
            ValueError: A scope that the API document does not name.
        """
        granted = frozenset(scopes)
        if unknown := granted - set(SCOPES):
            raise ValueError(
                f"unknown scope {', '.join(sorted(unknown))}; known are {', '.join(SCOPES)}"
            )
        key = ApiKey("cf_test_" + letters(self._random, 20), granted)
        self._keys.append(key)
        return key

    def find(self, presented: str | None) -> ApiKey | None:
        """Return the key that equals `presented`, or None."""
        if presented is None:
            return None
        secret = presented.encode("utf-8", "surrogateescape")
        matches = [key for key in self._keys if hmac.compare_digest(key.text.encode(), secret)]
        return matches[0] if matches else None
