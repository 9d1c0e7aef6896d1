"""What is to be done at later instants of the emulator's clock, and the timer that does it.

The loop waits as if its time and the clock went at the same pace, which goes for the real clock
and for that of a loop with virtual time.  A clock that is turned by hand is looked at whenever
something happens: a request arrives, or somebody waits for deliveries.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import threading
from collections.abc import Callable

import attrs

_EARLY = 0.001
"""Seconds before its instant from which on something is due: timers are not that exact."""


@attrs.define(eq=False)
class Entry:
    """Something to do, once."""

    at: float
    """Unix seconds on the emulator's clock."""

    action: Callable[[], object]
    can_wait: bool
    """Whether those who wait for the emulator to be at rest leave this out until it is due."""

    cancelled: bool = False


class Scheduler:
    """Entries in the order of their instants; they may be added from any thread.

    Args:
        clock: Returns Unix seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: list[tuple[float, int, Entry]] = []
        self._numbers = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._watchers: list[asyncio.Future[None]] = []
        self.loop: asyncio.AbstractEventLoop | None = None
        """Where actions are run; None: nowhere at present, they wait."""

    def start(self) -> None:
        """Run what is due, from now on, on the running loop."""
        self.loop = asyncio.get_running_loop()
        self.catch_up()

    def stop(self) -> None:
        """Run nothing any more; entries stay."""
        self.loop = None
        self._set_timer()
        self.announce()

    def at(self, instant: float, action: Callable[[], object], *, can_wait: bool = False) -> Entry:
        """Have something done at an instant, or soon when that is over."""
        entry = Entry(instant, action, can_wait)
        with self._lock:
            heapq.heappush(self._entries, (instant, next(self._numbers), entry))
        self.wake()
        return entry

    def cancel(self, entry: Entry | None) -> None:
        """Have something not done; nothing happens when it was done already."""
        if entry is not None:
            entry.cancelled = True
            self.wake()

    def clear(self) -> None:
        """Forget all entries."""
        with self._lock:
            self._entries.clear()
        self.wake()

    def wake(self) -> None:
        """Have a look at the clock soon."""
        loop = self.loop
        if loop is not None:
            loop.call_soon_threadsafe(self.catch_up)

    def catch_up(self) -> None:
        """Do what is due; for the loop's own thread."""
        if self.loop is None:
            return
        for entry in self._take_due():
            # One of those before may have cancelled it.
            if not entry.cancelled:
                entry.action()
        self._set_timer()
        self.announce()

    def is_busy(self, *, patient: bool) -> bool:
        """Tell whether anything is left to do.

        Args:
            patient: Whether what can wait counts before it is due.
        """
        until = self._clock() + _EARLY
        with self._lock:
            return any(
                not entry.cancelled and (patient or not entry.can_wait or at <= until)
                for at, _, entry in self._entries
            )

    async def change(self) -> None:
        """Wait until something was done, or is not to be done any more."""
        watcher = asyncio.get_running_loop().create_future()
        self._watchers.append(watcher)
        await watcher

    def announce(self) -> None:
        """Let those go on who wait for a change."""
        watchers, self._watchers = self._watchers, []
        for watcher in watchers:
            if not watcher.done():
                watcher.set_result(None)

    def _take_due(self) -> list[Entry]:
        if not self._entries:
            return []
        until = self._clock() + _EARLY
        due = []
        with self._lock:
            while self._entries and (self._entries[0][0] <= until or self._entries[0][2].cancelled):
                due.append(heapq.heappop(self._entries)[2])
        return due

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        with self._lock:
            next_at = self._entries[0][0] if self._entries else None
        if self.loop is not None and next_at is not None:
            left = max(0.0, next_at - self._clock())
            self._timer = self.loop.call_later(left, self.catch_up)
