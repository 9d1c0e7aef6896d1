"""End a block from outside, or when it takes too long: `asyncio.timeout()` for the hot road.

`asyncio.timeout()` makes a timer for each block and cancels it when the block is done, which adds
almost a tenth to what aiohttp costs for a request; and of a hundred thousand requests hardly one
runs into it.  Here a block asks for its task and no more, and one timer serves all blocks of a
`Watch`: those with the same seconds end in the order in which they began, so only the first of
each line has to be looked at.
"""

from __future__ import annotations

import asyncio
from math import inf
from types import TracebackType
from typing import Self, TypeAlias

Line: TypeAlias = "dict[Scope, float]"
"""Scopes with the same seconds in the order in which they began, each with when it ends."""

_DUST = 1e-6
"""Seconds that a timer may ring early, by rounding."""


class Scope:
    """A block that raises TimeoutError once it was ended, like one of `asyncio.timeout()`.

    It serves one task, once.
    """

    __slots__ = ("_cancelling", "_line", "_task", "ended")

    def __init__(self, line: Line | None = None) -> None:
        self._line = line
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self.ended = False

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        # Cancellations that were asked for before are not this block's.
        self._cancelling = task.cancelling()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        task, self._task = self._task, None
        if self._line is not None:
            self._line.pop(self, None)
        if self.ended and task is not None:
            is_ours = task.uncancel() <= self._cancelling
            if is_ours and isinstance(error, asyncio.CancelledError):
                raise TimeoutError from error

    def end(self) -> None:
        """End the block if its task is in it; idempotent."""
        if self._task is not None and not self.ended:
            self.ended = True
            self._task.cancel()


class Watch:
    """Ends scopes that have been open for too long; belongs to one event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lines: dict[float, Line] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = inf

    def scope(self, seconds: float) -> Scope:
        """Return a scope that ends after so many seconds from now; to be entered at once."""
        line = self._lines.get(seconds)
        if line is None:
            line = self._lines[seconds] = {}
        scope = Scope(line)
        ends_at = line[scope] = self._loop.time() + seconds
        if ends_at < self._rings_at:
            self._ring(ends_at)
        return scope

    def stop(self) -> None:
        """Forget the timer: from now on nothing is ended."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        self._rings_at = inf

    def _ring(self, at: float) -> None:
        self.stop()
        self._timer = self._loop.call_at(at, self._on_timer)
        self._rings_at = at

    def _on_timer(self) -> None:
        self._timer = None
        self._rings_at = inf
        latest = self._loop.time() + _DUST
        for line in self._lines.values():
            _end_until(latest, line)
        self._lines = {seconds: line for seconds, line in self._lines.items() if line}
        if self._lines:
            self._ring(min(next(iter(line.values())) for line in self._lines.values()))


def _end_until(latest: float, line: Line) -> None:
    """End the first scopes of a line, up to a time, and take them out."""
    due = [scope for scope, ends_at in line.items() if ends_at <= latest]
    for scope in due:
        del line[scope]
        scope.end()
