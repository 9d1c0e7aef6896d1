"""When a token is refreshed, and until when it is sent: no I/O and no clock."""

from __future__ import annotations

import math
import random

import attrs

from cloudflow_async._core.auth.token import Token

_EARLY = 60.0
_JITTER = 30.0
_LATE = 5.0


@attrs.frozen
class HeldToken:
    """A token, and what is done with it when; Unix times in seconds."""

    token: Token

    refresh_at: float
    """When its refresh begins in the background; infinite: never."""

    ends_at: float
    """When it is not sent any more; infinite: not before the server refuses it."""

    def is_due(self, now: float) -> bool:
        """Return whether another token is wanted."""
        return now >= min(self.refresh_at, self.ends_at)


def hold(token: Token, *, now: float, is_new: bool) -> HeldToken:
    """Return what is done with a token.

    The refresh begins 60 to 90 seconds before its end, drawn anew for each token, so that many
    processes do not ask at once.

    Args:
        token: A token.
        now: Unix time in seconds.
        is_new: Whether it was issued just now: then its whole life is known, and of a short one
            the last quarter and the last twentieth are the most that is given away.
    """
    if token.expires_at is None:
        return HeldToken(token, math.inf, math.inf)
    if token.refresh_token is None:
        return HeldToken(token, math.inf, token.expires_at)
    life = max(0.0, token.expires_at - now) if is_new else math.inf
    early = min(_EARLY + random.uniform(0.0, _JITTER), life / 4)  # noqa: S311 - spreads load only
    return HeldToken(token, token.expires_at - early, token.expires_at - min(_LATE, life / 20))


def is_alive(token: Token, now: float) -> bool:
    """Return whether a token out of the store can be sent."""
    return now < hold(token, now=now, is_new=False).ends_at
