"""Which deliveries were handled: a sender that got no answer sends them again."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Literal, Protocol, TypeAlias

from cloudflow_async._core.public import public
from cloudflow_async._core.support.validation import check_callable, check_int, check_seconds

Claim: TypeAlias = Literal["new", "running", "done"]
"""What becomes of a delivery: it is ours now, somebody handles it, or it was handled."""

DAY = 86_400.0


@public("cloudflow_async")
class DedupeStore(Protocol):
    """Remembers the ids of deliveries, so that each is handled once.

    Processes that share one share the work: `claim` has to be atomic between them.  A claim whose
    owner dies, or that is cancelled on its way, has to expire on its own; until then the delivery
    is answered 409, and the sender tries again.  What a store raises is answered 500.
    """

    async def claim(self, id: str, /) -> Claim:
        """Return ``new`` and remember `id` as running, unless it runs or is done."""
        ...

    async def finish(self, id: str, /) -> None:
        """Remember a claimed `id` as done, for longer than its sender goes on trying."""
        ...

    async def release(self, id: str, /) -> None:
        """Forget a claimed `id`: handling it failed, and the next delivery begins anew."""
        ...


@public("cloudflow_async")
class MemoryDedupeStore:
    """Remembers ids in this process, for a bounded time and in bounded number.

    Args:
        size: Most ids that are remembered as done; then the oldest is forgotten.  100,000 of
            them take about 25 MB.
        expires_after: Seconds for which an id that is done is remembered.  No less than twice
            the tolerance of the timestamps: else one recorded delivery could be handled twice.
        clock: Our clock, in Unix seconds: the one by which timestamps are judged.

    Raises:
        InvalidArgumentError: An argument is out of range.
    """

    def __init__(
        self,
        *,
        size: int = 100_000,
        expires_after: float = DAY,
        clock: Callable[[], float] = time.time,
    ) -> None:
        check_int("size", size, 1)
        check_seconds("expires_after", expires_after, endless=True)
        check_callable("clock", clock, "a callable that returns Unix seconds", arguments=0)
        self._size = size
        self._expires_after = expires_after
        self._clock = clock
        self._running: set[str] = set()
        # In the order in which they were done, which is the order in which they expire.  Taking
        # the first out of a plain dict steps over all that were taken out before.
        self._done: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._running) + len(self._done)

    def __repr__(self) -> str:
        return f"MemoryDedupeStore(running={len(self._running)}, done={len(self._done)})"

    async def claim(self, id: str, /) -> Claim:
        """Return ``new`` and remember `id` as running, unless it runs or is done."""
        self._forget_the_expired()
        if id in self._running:
            return "running"
        if id in self._done:
            return "done"
        self._running.add(id)
        return "new"

    async def finish(self, id: str, /) -> None:
        """Remember a claimed `id` as done."""
        self._running.discard(id)
        self._done[id] = self._clock() + self._expires_after
        self._done.move_to_end(id)
        if len(self._done) > self._size:
            self._done.popitem(last=False)

    async def release(self, id: str, /) -> None:
        """Forget a claimed `id`; one that is done stays so."""
        self._running.discard(id)

    def _forget_the_expired(self) -> None:
        now = self._clock()
        while self._done and self._done[next(iter(self._done))] < now:
            self._done.popitem(last=False)
