"""Where a token is kept between uses, and a store that keeps it in memory."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from cloudflow_async._core.auth.token import Token
from cloudflow_async._core.public import public
from cloudflow_async._core.support.validation import check_methods


def check_store(name: str, value: object) -> None:
    """Refuse an argument that keeps no token.

    Raises:
        InvalidArgumentError: It lacks a method of `TokenStore`.
    """
    due = "a TokenStore, such as FileTokenStore(path)"
    check_methods(name, value, ("load", "save", "locked"), due)


@public("cloudflow_async")
class TokenStore(Protocol):
    """Keeps one token.

    A refresh loads, asks the token endpoint and saves while it holds `locked()`, so that those
    who share a store use each refresh token once.
    """

    async def load(self) -> Token | None:
        """Return the token; None when there is none.

        Raises:
            CredentialError: There is something, and it cannot be read or trusted.
        """
        ...

    async def save(self, token: Token | None) -> None:
        """Keep a token, or with None remove the one that is kept.

        When it returns, the token outlives the process, if the store is one that does.

        Raises:
            CredentialError: It cannot be written; what was kept before still is.
        """
        ...

    def locked(self) -> AbstractAsyncContextManager[None]:
        """Keep out the others who share this store, while a token is refreshed.

        `load` and `save` do not ask for it.

        Raises:
            CredentialError: On entering: another holds it for too long, or it cannot be had.
        """
        ...


@public("cloudflow_async")
class MemoryTokenStore:
    """Keeps a token for as long as the process runs.

    It may be shared by several credentials, and used by one event loop after another.

    Args:
        token: What is kept at first.
    """

    def __init__(self, token: Token | None = None) -> None:
        self._token = token
        self._locks = weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]()

    def __repr__(self) -> str:
        return f"MemoryTokenStore({'empty' if self._token is None else 'a token'})"

    async def load(self) -> Token | None:
        """Return the token; None when there is none."""
        return self._token

    async def save(self, token: Token | None) -> None:
        """Keep a token, or with None forget the one that is kept."""
        self._token = token

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        """Keep out the others of this event loop."""
        # One for each loop: the lock of a loop that has ended may never have been released.
        lock = self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())
        async with lock:
            yield
