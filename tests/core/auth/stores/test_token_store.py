"""The store in memory."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from cloudflow_async._core.auth.stores.token_store import MemoryTokenStore, TokenStore
from cloudflow_async._core.auth.token import Token

_TOKEN = Token(access_token="access-canary-0123456789", refresh_token="refresh-canary")


async def test_it_keeps_one_token() -> None:
    """What was given, then what was saved, then none."""
    store: TokenStore = MemoryTokenStore(_TOKEN)

    assert _TOKEN is await store.load()

    other = Token(access_token="other")
    await store.save(other)

    assert other is await store.load()

    await store.save(None)

    assert await store.load() is None


async def test_it_is_empty_at_first() -> None:
    """Until somebody logs in."""
    assert await MemoryTokenStore().load() is None


async def test_one_at_a_time_holds_the_lock() -> None:
    """Several credentials may share a store; reading does not ask for the lock."""
    store = MemoryTokenStore(_TOKEN)
    inside = most = 0

    async def refresh() -> None:
        nonlocal inside, most
        async with store.locked():
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            await store.load()
            inside -= 1

    await asyncio.gather(*(refresh() for _ in range(10)))

    assert 1 == most


async def test_a_lock_is_given_back_by_those_who_fail() -> None:
    """The next one finds it free."""
    store = MemoryTokenStore()
    with contextlib.suppress(LookupError):
        async with store.locked():
            raise LookupError

    async with asyncio.timeout(1), store.locked():
        pass


def test_a_lock_that_a_loop_left_held_does_not_stop_the_next_loop() -> None:
    """Its holder and those who waited for it ended with their loop."""
    store = MemoryTokenStore(_TOKEN)
    left = []

    async def hold() -> None:
        lock = store.locked()
        await lock.__aenter__()
        left.append(lock)

    async def use() -> Token | None:
        async with asyncio.timeout(1), store.locked():
            return await store.load()

    loop = asyncio.new_event_loop()
    loop.run_until_complete(hold())
    loop.close()

    assert _TOKEN is asyncio.run(use())
    assert _TOKEN is asyncio.run(use())


@pytest.mark.parametrize(
    ("token", "shown"), [(None, "MemoryTokenStore(empty)"), (_TOKEN, "MemoryTokenStore(a token)")]
)
def test_it_does_not_show_the_token(token: Token | None, shown: str) -> None:
    """Neither in its repr nor among its attributes."""
    store = MemoryTokenStore(token)

    assert shown == repr(store)
    assert "canary" not in str(vars(store))


@pytest.mark.parametrize("travel", [pickle.dumps, copy.deepcopy])
def test_it_does_not_travel(travel: Callable[[Any], Any]) -> None:
    """A token is not written anywhere but where its owner chose."""
    with pytest.raises(TypeError, match="make it anew"):
        travel(MemoryTokenStore(_TOKEN))
