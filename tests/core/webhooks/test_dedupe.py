"""Remembering which deliveries were handled."""

from __future__ import annotations

import asyncio
import sys

import pytest

from cloudflow_async._core.errors import InvalidArgumentError
from cloudflow_async._core.webhooks.dedupe import DedupeStore, MemoryDedupeStore


class Clock:
    """A clock that a test sets."""

    now = 1_769_251_500.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


async def finish(store: DedupeStore, *ids: str) -> None:
    """Claim and finish ids, one after another."""
    for name in ids:
        assert "new" == await store.claim(name)
        await store.finish(name)


async def test_an_id_is_claimed_once() -> None:
    """Between claim and end an id runs, and after its end it is done."""
    store = MemoryDedupeStore()

    assert ["new", "running"] == [await store.claim("a"), await store.claim("a")]
    await store.finish("a")
    assert ["done", "new"] == [await store.claim("a"), await store.claim("b")]


async def test_many_claims_at_once() -> None:
    """Of a thousand that claim an id at the same time, one gets it."""
    store = MemoryDedupeStore()
    claims = await asyncio.gather(*(store.claim("a") for _ in range(1000)))

    assert (1, 999) == (claims.count("new"), claims.count("running"))


async def test_a_released_id_is_new() -> None:
    """What was not done is handed out again."""
    store = MemoryDedupeStore()
    await store.claim("a")
    await store.release("a")

    assert "new" == await store.claim("a")


async def test_a_release_undoes_no_end() -> None:
    """An id that is done stays so, and one that nobody claimed may be released."""
    store = MemoryDedupeStore()
    await finish(store, "a")
    await store.release("a")
    await store.release("b")

    assert "done" == await store.claim("a")
    assert 1 == len(store)


async def test_it_is_bounded() -> None:
    """The oldest end is forgotten first; what runs counts apart, and is never forgotten."""
    store = MemoryDedupeStore(size=3)
    await store.claim("running")
    await finish(store, "a", "b", "c", "d")
    claims = {name: await store.claim(name) for name in ("running", "b", "d", "a")}

    assert {"running": "running", "b": "done", "d": "done", "a": "new"} == claims


async def test_one_id_for_an_instant() -> None:
    """Bounds may be as small as anybody likes, as long as they are some."""
    store = MemoryDedupeStore(size=1, expires_after=0.5, clock=Clock())
    await finish(store, "a", "b")

    assert ["new", "done"] == [await store.claim("a"), await store.claim("b")]


async def test_a_second_end_makes_it_young() -> None:
    """An id that was forgotten and is done again is kept as long as any other."""
    clock = Clock()
    store = MemoryDedupeStore(size=2, expires_after=60, clock=clock)
    await finish(store, "a", "b")
    await store.finish("a")
    await finish(store, "c")

    assert ["done", "new"] == [await store.claim("a"), await store.claim("b")]


async def test_the_default_size() -> None:
    """A hundred thousand ids are remembered, in less than 300 bytes each."""
    store = MemoryDedupeStore()
    await finish(store, *(f"msg_{number}" for number in range(100_001)))

    assert 100_000 == len(store)
    assert ["new", "done"] == [await store.claim("msg_0"), await store.claim("msg_1")]
    assert sys.getsizeof(store._done) < 100_000 * 200


async def test_an_id_expires() -> None:
    """An id that is done is remembered to the last moment of its time, and no longer."""
    clock = Clock()
    store = MemoryDedupeStore(expires_after=600, clock=clock)
    await finish(store, "a")
    clock.now += 300
    await finish(store, "b")
    clock.now += 300

    assert "done" == await store.claim("a")
    clock.now += 0.001
    assert ["done", "new"] == [await store.claim("b"), await store.claim("a")]
    assert 2 == len(store)


async def test_a_day_by_default() -> None:
    """Senders go on trying for hours, each time with a new timestamp under the old id."""
    clock = Clock()
    store = MemoryDedupeStore(clock=clock)
    await finish(store, "a")
    clock.now += 24 * 3600

    assert "done" == await store.claim("a")


async def test_a_clock_that_goes_back() -> None:
    """Ids are then remembered for longer, not for less."""
    clock = Clock()
    store = MemoryDedupeStore(expires_after=600, clock=clock)
    await finish(store, "a")
    clock.now -= 3600
    await finish(store, "b")
    clock.now += 601

    assert ["done", "done"] == [await store.claim("a"), await store.claim("b")]


def test_repr() -> None:
    """It shows how much it knows, and no id."""
    assert "MemoryDedupeStore(running=0, done=0)" == repr(MemoryDedupeStore())


@pytest.mark.parametrize("options", [{"size": 0}, {"expires_after": 0}, {"expires_after": -1.0}])
def test_what_cannot_be_used(options: dict[str, int]) -> None:
    """Bounds that would remember nothing are refused."""
    with pytest.raises(InvalidArgumentError, match=next(iter(options))):
        MemoryDedupeStore(**options)
