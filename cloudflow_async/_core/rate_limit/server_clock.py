"""Where the server's clock stands, so that a time in a header can be waited for."""

from __future__ import annotations

_CACHED = 2.0
"""Seconds by which a ``Date`` can lag: it has whole seconds, and servers cache it for one."""


class ServerClock:
    """Translates the server's Unix times into times of our monotonic clock.

    ``Date`` says that the server's clock had reached it when the answer was made, so each
    answer gives a lower bound of the offset between the two clocks; the highest of the bounds
    is within a fraction of a second of the truth after a few answers.  Our own wall clock is not
    asked: it may be wrong by minutes, and it can jump.
    """

    __slots__ = ("_offset",)

    def __init__(self) -> None:
        self._offset: float | None = None

    def observe(self, date: float, sent_at: float, received_at: float) -> None:
        """Take note of an answer's ``Date``; the other two are times of our monotonic clock."""
        lowest, highest = date - received_at, date + _CACHED - sent_at
        if self._offset is None or not lowest <= self._offset <= highest:
            self._offset = lowest

    def local(self, unix: float, now: float, wall: float) -> float:
        """Return when, on our monotonic clock, the server's clock will surely show `unix`.

        Args:
            unix: A Unix time of the server.
            now: Our monotonic clock.
            wall: Our wall clock, used only while no ``Date`` was seen.
        """
        offset = wall - now if self._offset is None else self._offset
        return unix - offset
