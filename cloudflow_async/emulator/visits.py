"""What becomes known about one request while it is being handled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from aiohttp import web

from .identities import Identity
from .limits import Verdict
from .problems import Problem
from .routes import Match

if TYPE_CHECKING:
    from .apis import Api


@attrs.define(kw_only=True)
class Visit:
    """One request on its way."""

    request: web.BaseRequest
    request_id: str
    path: str
    """As on the wire, without the query."""

    number: int
    """Its number in the ledger."""

    api: Api
    """The service that it came to."""

    verdict: Verdict | None
    """What the limiter says; before the request is counted, how the budget of strangers stands.
    None where there is no limit."""

    match: Match | None
    caller: Identity | Problem
    """Who asks, or why that is not known."""

    body: bytes = b""
    unreadable: Problem | None = None
    """Why there is no body."""

    def identified(self) -> Identity:
        """Return who asks, or raise why that is not known."""
        if isinstance(self.caller, Problem):
            raise self.caller
        return self.caller

    def readable_body(self) -> bytes:
        """Return the body, or raise why there is none."""
        if self.unreadable is not None:
            raise self.unreadable
        return self.body
