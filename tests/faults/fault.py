"""A fault, and its cells: what has to come of it in each operation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal, TypeAlias

import attrs

from .operations import Trial
from .server import Way

OPERATIONS: Final = ("GET", "POST", "TOK", "PAGE", "HOOK")

NA: Final = "n/a"
"""Of a cell without a meaning; where that is not plain, with a colon and the reason."""

Play: TypeAlias = Callable[["Cell"], Awaitable[str]]
"""Tries a cell, and returns the outcome."""


@attrs.frozen(kw_only=True)
class Fault:
    """Something that goes wrong."""

    id: str
    words: str
    """What it is, in a few words."""

    cells: Mapping[str, str]
    """The outcome that is promised, by operation."""

    ways: tuple[Way, ...] = ()
    """Ways in which it shows; each has the same outcome."""

    options: Mapping[str, Any] = attrs.field(factory=dict)
    """Of the trial."""

    is_reused: bool = False
    """Whether it happens on a connection that was used before."""

    is_lax: bool = False
    """Whether aiohttp accepts it only as long as Python is not in development mode."""

    pause: float = 60.0
    """Seconds for which it may stop the client."""

    prepare: Callable[[Trial], None] | None = None
    play: Play | None = None
    """How requests are tried where no way of the server's does it."""

    plays: Mapping[str, Play] = attrs.field(factory=dict)
    """How operations are tried that need something else, by their name."""


@attrs.frozen
class Cell:
    """A fault in an operation."""

    fault: Fault
    operation: str

    @property
    def id(self) -> str:
        """The name of its test."""
        return f"{self.fault.id}-{self.operation}"

    @property
    def promised(self) -> str:
        """The outcome."""
        return self.fault.cells[self.operation]

    @property
    def kind(self) -> Literal["tested", "n/a"]:
        """What becomes of it."""
        return "n/a" if self.promised.startswith(NA) else "tested"

    @property
    def reason(self) -> str:
        """Why it has no meaning, where that is told."""
        return self.promised.removeprefix(NA).removeprefix(": ") if self.kind == "n/a" else ""

    @property
    def is_tested(self) -> bool:
        """Whether it is tried."""
        return self.kind == "tested"


def row(get: str, post: str, tok: str, page: str, hook: str = NA) -> dict[str, str]:
    """Return the outcomes of the five operations."""
    return dict(zip(OPERATIONS, (get, post, tok, page, hook), strict=True))


def same(outcome: str, *, tok: str | None = None, hook: str = NA) -> dict[str, str]:
    """Return the same outcome for all requests, but where tokens have another."""
    return row(outcome, outcome, outcome if tok is None else tok, outcome, hook)


def unsent(error: str = "TransportError") -> dict[str, str]:
    """Return the outcomes of a request that did not leave: it is sent again, whatever it is."""
    return same(f"R {error}", tok="R TokenRequestError")


def lost(error: str = "TransportError", *, hook: str = NA) -> dict[str, str]:
    """Return the outcomes of an answer that is lost."""
    return row(f"R {error}", f"U {error}", "R1 TokenRequestError", f"R {error}", hook)


def final(error: str, *, hook: str = NA) -> dict[str, str]:
    """Return the outcomes of an answer that another attempt would not change."""
    return row(f"E {error}", f"U {error}", "E TokenRequestError", f"E {error}", hook)


def refused(error: str) -> dict[str, str]:
    """Return the outcomes of what tells that nothing was done."""
    return same(f"E {error}", tok="E TokenRequestError")


def fine(*, hook: str = NA) -> dict[str, str]:
    """Return the outcomes of what is no more than unusual."""
    return same("ok", hook=hook)
