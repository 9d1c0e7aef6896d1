"""A token in the keyring of the operating system (extra ``keyring``)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from cloudflow_async._core.auth.token import Token
from cloudflow_async._core.errors import CredentialError, InvalidArgumentError
from cloudflow_async._core.public import public
from cloudflow_async._core.support.files.paths import to_path
from cloudflow_async._core.support.log import log_of
from cloudflow_async._core.support.secret import Secret
from cloudflow_async._core.support.threads import finish
from cloudflow_async._core.support.validation import check_kind

from . import token_json
from .file_lock import FileLock
from .token_store import TokenStore, check_store

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

_LOG = log_of()


@public("cloudflow_async")
class KeyringTokenStore:
    """Keeps a token in the keyring of the operating system, as the password of a user name.

    Args:
        username: Tells several tokens apart, such as those of two profiles.
        service: Under which the keyring lists it.
        fallback: What is used instead where there is no keyring, as on most servers.  None: that
            is an error.  The choice is made once, at first use.
        lock_path: What processes that share the token lock; None: a path among the user's state.

    Raises:
        InvalidArgumentError: A name is empty, or the path is none.
    """

    def __init__(
        self,
        username: str = "default",
        *,
        service: str = "cloudflow-async",
        fallback: TokenStore | None = None,
        lock_path: str | os.PathLike[str] | None = None,
    ) -> None:
        check_kind("username", username, str, "a str")
        check_kind("service", service, str, "a str")
        if not username or not service:
            raise InvalidArgumentError("username and service must not be empty.")
        if fallback is not None:
            check_store("fallback", fallback)
        self._username = username
        self._service = service
        self._fallback = fallback
        self._lock_path = None if lock_path is None else to_path(lock_path)
        self._falls_back = False

    def __repr__(self) -> str:
        return f"KeyringTokenStore({self._username!r}, service={self._service!r})"

    async def load(self) -> Token | None:
        """Return the token; None when the keyring has none.

        Raises:
            CredentialError: There is no keyring and no fallback, the keyring is locked or
                failed, or what it has is no token that can be used.
        """
        other = await self._other_store()
        if other is not None:
            return await other.load()
        # A person may be asked to unlock it, which is not waited for when this is cancelled.
        return await asyncio.to_thread(self._load)

    async def save(self, token: Token | None) -> None:
        """Keep a token in the keyring, or with None remove it.

        Raises:
            CredentialError: As `load`; or the token is longer than this keyring takes.
        """
        other = await self._other_store()
        if other is None:
            await finish(self._save, token)
        else:
            await other.save(token)

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        """Keep out the others who share the token, on this machine.

        Raises:
            CredentialError: As `load`; or another holds the lock for a minute.
        """
        other = await self._other_store()
        lock = FileLock(await finish(self._path)) if other is None else other.locked()
        async with lock:
            yield

    async def _other_store(self) -> TokenStore | None:
        """Return the fallback if there is no keyring; None if there is one."""
        if self._falls_back:
            return self._fallback
        problem = await finish(_problem)
        if problem is None:
            return None
        if self._fallback is None:
            raise CredentialError(
                f"{problem}; give KeyringTokenStore a fallback= such as a FileTokenStore, "
                "if a token may be kept elsewhere."
            )
        _LOG.info("%s; the token is kept in %s", problem, repr(self._fallback))
        self._falls_back = True
        return self._fallback

    def _path(self) -> Path:
        if self._lock_path is not None:
            return self._lock_path
        import platformdirs  # noqa: PLC0415 - most programs never use it

        name = f"{quote(self._service, safe='')}-{quote(self._username, safe='')}"
        return platformdirs.user_state_path("cloudflow") / "keyring" / name

    def _load(self) -> Token | None:
        kept = self._get()
        if kept is None:
            return None
        # Text that no encoding takes is damaged like any other.
        return token_json.read(kept.reveal().encode(errors="replace"), f"{self!r}")

    def _get(self) -> Secret | None:
        try:
            text = _keyring().get_password(self._service, self._username)
            return None if text is None else Secret(text)
        except Exception as error:  # noqa: BLE001 - each keyring has errors of its own
            problem = type(error).__name__
        raise CredentialError(f"The keyring did not give what it keeps for {self!r} ({problem}).")

    def _save(self, token: Token | None) -> None:
        is_there = token is None and self._get() is not None
        try:
            if token is not None:
                _keyring().set_password(
                    self._service, self._username, token_json.write(token).decode()
                )
            elif is_there:
                _keyring().delete_password(self._service, self._username)
        except Exception as error:  # noqa: BLE001 - the same
            # Its name alone: its message, or what it holds, might show the token.
            problem = type(error).__name__
        else:
            return
        raise CredentialError(f"The keyring did not save {self!r} ({problem}).")


def _keyring() -> KeyringBackend:
    import keyring  # noqa: PLC0415 - an extra, and slow to import

    return keyring.get_keyring()


def _problem() -> str | None:
    """Return why there is no keyring; None if there is one."""
    try:
        from keyring.backends import fail, null  # noqa: PLC0415 - the same
    except ImportError:
        return "The package keyring is not installed (pip install 'cloudflow-async[keyring]')"
    try:
        backend = _keyring()
    except Exception as error:  # noqa: BLE001 - whatever the configured one raises
        return f"The keyring that is configured does not work ({type(error).__name__})"
    if isinstance(backend, fail.Keyring | null.Keyring):
        return "This system has no keyring that could keep a token, or it is switched off"
    return None
