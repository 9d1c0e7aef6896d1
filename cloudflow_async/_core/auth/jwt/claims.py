"""What the JWTs of a credential say (API document: JWT Tokens); no I/O and no clock."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any, Final

import attrs

from cloudflow_async._core.errors import InvalidArgumentError
from cloudflow_async._core.support.validation import is_number, to_list

AUDIENCE: Final = "https://api.cloudflow.io"
"""API document, JWT Tokens: the claim ``aud``."""

LONGEST_LIFETIME: Final = 3600.0
"""Seconds; API document, JWT Tokens: "max 3600 seconds from iat"."""

BACK_DATED: Final = 30
"""Seconds by which the server's clock may be behind ours."""

_SHORTEST_LIFETIME = 60.0
_SPARE = 60.0
_SHARE = 2 / 3
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+", re.ASCII)


def _check_text(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise InvalidArgumentError(f"{attribute.name} is a str that is not empty, on one line.")


def _check_lifetime(_: object, __: attrs.Attribute[Any], value: object) -> None:
    if not (is_number(value) and _SHORTEST_LIFETIME < value <= LONGEST_LIFETIME):
        raise InvalidArgumentError(
            f"lifetime is more than {_SHORTEST_LIFETIME:.0f} and at most "
            f"{LONGEST_LIFETIME:.0f} seconds."
        )


def _scopes(value: Iterable[str]) -> tuple[str, ...]:
    scopes = to_list("scopes", value, "['workflows:read']")
    if not all(map(_is_scope, scopes)):
        raise InvalidArgumentError(
            "scopes is a list of str without spaces, such as ['workflows:read']."
        )
    return tuple(dict.fromkeys(scopes))


def _is_scope(value: object) -> bool:
    return isinstance(value, str) and _SCOPE.fullmatch(value) is not None


@attrs.frozen(kw_only=True)
class JWTClaims:
    """What is the same in all JWTs of a credential.

    Raises:
        InvalidArgumentError: A value cannot be used.
    """

    issuer: str = attrs.field(validator=_check_text)
    """``iss``: the application's identifier."""

    subject: str = attrs.field(validator=_check_text)
    """``sub``: the user or service account."""

    key_id: str | None = attrs.field(default=None, validator=attrs.validators.optional(_check_text))
    """``kid`` of the header; None: there is none."""

    scopes: tuple[str, ...] = attrs.field(default=(), converter=_scopes)
    """``scope``, in the order in which they were given."""

    audience: str = attrs.field(default=AUDIENCE, validator=_check_text)
    """``aud``."""

    lifetime: float = attrs.field(default=LONGEST_LIFETIME, validator=_check_lifetime)
    """Seconds from ``iat`` to ``exp``."""

    def __str__(self) -> str:
        return (
            f"issuer={self.issuer!r}, subject={self.subject!r}, key_id={self.key_id!r}, "
            f"scopes={list(self.scopes)!r}"
        )

    @property
    def headers(self) -> dict[str, str]:
        """What the header has beside algorithm and type."""
        return {} if self.key_id is None else {"kid": self.key_id}

    @property
    def spare(self) -> float:
        """Seconds before its end from which a token is not used any more.

        A minute, or less for tokens that live for a minute or two.
        """
        return min(_SPARE, (self.lifetime - BACK_DATED) * _SHARE)

    def at(self, now: float) -> tuple[int, int]:
        """Return ``iat`` and ``exp`` of a token that is made now, in whole Unix seconds."""
        issued_at = math.floor(now) - BACK_DATED
        return issued_at, issued_at + math.floor(self.lifetime)

    def payload(self, issued_at: int, expires_at: int) -> dict[str, object]:
        """Return all claims of a token, as the API document names them."""
        return {
            "iss": self.issuer,
            "sub": self.subject,
            "aud": self.audience,
            "exp": expires_at,
            "iat": issued_at,
            "scope": " ".join(self.scopes),
        }
