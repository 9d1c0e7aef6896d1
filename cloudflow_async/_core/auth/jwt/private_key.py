"""Where the private key of a `JWTAuth` comes from: a text, a file, or a callable."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

from cloudflow_async._core.auth.stores.secret_callable import Callback
from cloudflow_async._core.auth.stores.secret_file import (
    FileVersion,
    file_label,
    file_version,
    read_secret_file,
)
from cloudflow_async._core.auth.warn import warn_caller
from cloudflow_async._core.errors import (
    CredentialError,
    InsecureKeyFileWarning,
)
from cloudflow_async._core.support.secret import Secret

from .signing_key import SigningKey, load_signing_key

_LABEL = "The private key"
_BEGIN = "-----BEGIN"

KeyCallable: TypeAlias = Callable[[], str | bytes | Awaitable[str | bytes]]
"""Returns the PEM text of a private key, now or when awaited."""

PrivateKey: TypeAlias = str | bytes | os.PathLike[str] | KeyCallable
"""PEM text, the path of a file, or a callable."""


class KeySource(Protocol):
    """Gives the private key, again whenever a token is signed."""

    key: SigningKey | None
    """The last one that could be used; None: none yet."""

    def load(self) -> None:
        """Read and check the key where it is at hand already; this may block.

        Raises:
            CredentialError: It cannot be used.
        """
        ...

    async def current(self) -> SigningKey:
        """Return the key of now, without blocking the event loop.

        Raises:
            CredentialError: It cannot be used.
        """
        ...


def find_source(private_key: PrivateKey, password: str | None, *, strict: bool) -> KeySource | str:
    """Return the source of a key, of which nothing was read yet, or why there is none.

    It raises nothing, because the caller's variables still hold the key then.
    """
    if not (password is None or isinstance(password, str)):
        return f"password is a str or None, not {type(password).__name__}."
    hidden = None if password is None else Secret(password)
    if isinstance(private_key, bytes):
        return KeyText(Secret(private_key.decode("latin-1")), hidden)
    if isinstance(private_key, str) and _BEGIN in private_key:
        return KeyText(_pem(private_key), hidden)
    if isinstance(private_key, str | os.PathLike):
        return KeyFile(private_key, hidden, strict=strict)
    if callable(private_key):
        return KeyCall(private_key, hidden)
    return (
        "private_key is PEM text, the path of a file, or a callable, not "
        f"{type(private_key).__name__}."
    )


class KeyText:
    """A key that was given as it is."""

    def __init__(self, pem: Secret, password: Secret | None) -> None:
        self._pem = pem
        self._password = password
        self.key: SigningKey | None = None

    def load(self) -> None:
        """Check the key."""
        self.key = load_signing_key(self._pem, self._password, label=_LABEL)

    async def current(self) -> SigningKey:
        """Return the key."""
        assert self.key is not None, "load() comes first"
        return self.key


class KeyFile:
    """A key in a file, which is read again when it has changed."""

    def __init__(
        self, path: str | os.PathLike[str], password: Secret | None, *, strict: bool
    ) -> None:
        self._path = path
        self._label = file_label(path)
        self._password = password
        self._strict = strict
        self.key: SigningKey | None = None
        self._version: FileVersion | None = None

    def load(self) -> None:
        """Read the file; warn if others than its owner can read it."""
        self.key, exposure = self._read()
        if exposure is not None:
            warn_caller(exposure, InsecureKeyFileWarning)

    async def current(self) -> SigningKey:
        """Return the file's key; looked at in a thread."""
        return await asyncio.to_thread(self._look)

    def _look(self) -> SigningKey:
        if self.key is None or file_version(self._path) != self._version:
            self.key, _ = self._read()
        return self.key

    def _read(self) -> tuple[SigningKey, str | None]:
        file = read_secret_file(self._path, strict=self._strict, label=self._label)
        key = load_signing_key(file.content, self._password, label=self._label)
        # Noted only now, so that a file that is found half-written is read again.
        self._version = file.version
        return key, file.exposure


class KeyCall:
    """A key that a callable returns; parsed again only if it is another one."""

    def __init__(self, call: KeyCallable, password: Secret | None) -> None:
        self._callback = Callback(call)
        self._password = password
        self._pem: Secret | None = None
        self.key: SigningKey | None = None

    def load(self) -> None:
        """Do nothing: the callable is asked when the first token is signed."""

    async def current(self) -> SigningKey:
        """Return the key that the callable returns; what it raises is passed on."""
        pem = await _ask(self._callback)
        if pem is None:
            raise CredentialError(
                f"{_LABEL} was to come from a callable that gave no str or bytes."
            )
        if self.key is None or pem != self._pem:
            self.key = await asyncio.to_thread(load_signing_key, pem, self._password, label=_LABEL)
            self._pem = pem
        return self.key


async def _ask(callback: Callback) -> Secret | None:
    answer = await callback.ask()
    if isinstance(answer, bytes):
        return Secret(answer.decode("latin-1"))
    return _pem(answer) if isinstance(answer, str) else None


def _pem(text: str) -> Secret:
    # PEM is ASCII; what is not makes it unreadable, as it should, rather than an error here.
    return Secret(text.encode("ascii", "replace").decode("ascii"))
