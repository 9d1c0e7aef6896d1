"""The requests that arrived last, in the order in which they arrived."""

from __future__ import annotations

from typing import Any

import attrs
from multidict import CIMultiDictProxy, MultiMapping


def _names(headers: CIMultiDictProxy[str]) -> str:
    return f"<{', '.join(headers)}>"


def _size(body: bytes) -> str:
    return f"<{len(body)} bytes>"


@attrs.frozen(kw_only=True)
class RecordedRequest:
    """One request as the emulator saw it."""

    method: str
    """Upper case."""

    path: str
    """As on the wire, still percent-encoded, without the query."""

    query: MultiMapping[str]
    """Decoded; a name can stand in it more than once (`getall`)."""

    headers: CIMultiDictProxy[str] = attrs.field(repr=_names)
    """As on the wire; names compare without regard to case.  The repr shows names only."""

    body: bytes = attrs.field(default=b"", repr=_size)
    """After decompression; empty while it is still being read, and when it was too large."""

    received_at: float
    """Unix seconds on the emulator's clock when the headers had arrived."""

    connection: int
    """Tells client connections apart; the first one since the start is 1."""

    route: str | None = None
    """Path template such as `/workflows/{workflow_id}`; None for an unknown path.  Those of the
    TechFlow API begin with `/techflow/v2`."""

    identity: str | None = None
    """Who asked, such as `key 1` or `user-12345 via demo-app`; None without a valid credential."""

    request_id: str
    """What `X-Request-Id` of the answer says."""

    status: int | None = None
    """Of the answer; None before it is sent, and when a fault sends none: the connection is
    dropped, left in silence, or gets `raw` bytes."""

    rate_limit_remaining: int | None = None
    """What `X-RateLimit-Remaining` says, or would say if TechFlow sent it; None for a request that
    was refused before counting, or is not counted."""


class RequestLog:
    """The list of recorded requests; an entry is replaced as more becomes known about it.

    Args:
        size: Entries that are kept at most; the oldest is dropped for a new one.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: dict[int, RecordedRequest] = {}
        self._next = 0

    def open(self, entry: RecordedRequest) -> int:
        """Append an entry and return the number to change it by."""
        self._next += 1
        self._entries[self._next] = entry
        if len(self._entries) > self._size:
            del self._entries[next(iter(self._entries))]
        return self._next

    def knows(self, number: int) -> bool:
        """Return whether an entry is still there."""
        return number in self._entries

    def note(self, number: int, **changes: Any) -> None:
        """Change an entry; one that was dropped meanwhile stays away."""
        if number in self._entries:
            self._entries[number] = attrs.evolve(self._entries[number], **changes)

    def entries(self) -> list[RecordedRequest]:
        """Return all entries, oldest first."""
        return list(self._entries.values())

    def clear(self) -> None:
        """Forget all entries."""
        self._entries.clear()
