"""Where the key of an `ApiKeyAuth` comes from: a text, a callable, or a file."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

from cloudflow_async._core.auth.single_flight import SingleFlight
from cloudflow_async._core.auth.stores.secret_callable import Callback
from cloudflow_async._core.auth.stores.secret_file import file_label, read_secret_file
from cloudflow_async._core.auth.warn import warn_caller
from cloudflow_async._core.errors import (
    CredentialError,
    InsecureKeyFileWarning,
    InvalidArgumentError,
)
from cloudflow_async._core.http.urls import check_header
from cloudflow_async._core.support.files.paths import to_path
from cloudflow_async._core.support.secret import Secret
from cloudflow_async._core.support.validation import check_flag

ApiKeyCallable: TypeAlias = Callable[[], str | Awaitable[str]]
"""Returns an API key, now or when awaited."""


class ApiKeySource(Protocol):
    """Gives the API key, again for each request."""

    key: Secret | None
    """The key that it gave last; None: none yet."""

    async def current(self) -> Secret:
        """Return the key of now.

        Raises:
            CredentialError: There is no usable one.
        """
        ...

    async def has_other_than(self, refused: str | None) -> bool:
        """Return whether it gives another key by now than the one that the server refused.

        Raises:
            CredentialError: There is no usable one.
        """
        ...


class GivenKey:
    """A key that was given as it is."""

    def __init__(self, key: Secret) -> None:
        self.key: Secret | None = key
        self._key = key

    def __repr__(self) -> str:
        return repr(self._key)

    async def current(self) -> Secret:
        """Return the key."""
        return self._key

    async def has_other_than(self, refused: str | None) -> bool:
        """Return whether the refused key was one of before."""
        return self._key.reveal() != refused


class CalledKey:
    """A key that a callable returns."""

    def __init__(self, call: ApiKeyCallable) -> None:
        self.key: Secret | None = None
        self._callback = Callback(call)

    def __repr__(self) -> str:
        return repr(self._callback)

    async def current(self) -> Secret:
        """Return the key that the callable returns; what it raises is passed on."""
        key = read_key(await self._callback.ask())
        if isinstance(key, str):
            raise CredentialError(f"The source of the API key gave none that is usable: {key}")
        self.key = key
        return key

    async def has_other_than(self, refused: str | None) -> bool:
        """Ask the callable again."""
        return (await self.current()).reveal() != refused


class FileKey:
    """The key in the first line of a file, which is read again when the key is refused."""

    def __init__(self, path: str | os.PathLike[str], *, strict: bool) -> None:
        self.key: Secret | None = None
        to_path(path)
        check_flag("strict", strict)
        self._path = path
        self._label = file_label(path)
        self._strict = strict
        self._exposure: str | None = None
        self._warned = False
        self._reading = SingleFlight(self._read, name="reading of an API key")

    def __repr__(self) -> str:
        return self._label.replace("The", "the", 1)

    async def __call__(self) -> str:
        """Return the text of `current`: a file can stand where a callable can."""
        return (await self.current()).reveal()

    async def current(self) -> Secret:
        """Return the key that was read last; the first time, read it in a thread."""
        key = await self._reading.run() if self.key is None else self.key
        if self._exposure is not None and not self._warned:
            self._warned = True
            warn_caller(self._exposure, InsecureKeyFileWarning)
        return key

    async def has_other_than(self, refused: str | None) -> bool:
        """Read the file again, unless that was done since the refused request was signed."""
        key = self.key
        if key is None or key.reveal() == refused:
            key = await self._reading.run()
        return key.reveal() != refused

    async def _read(self) -> Secret:
        file = await asyncio.to_thread(
            read_secret_file, self._path, strict=self._strict, label=self._label
        )
        key = read_key(file.content.reveal().strip().partition("\n")[0].rstrip())
        if isinstance(key, str):
            raise CredentialError(f"{self._label} does not begin with an API key: {key}")
        self.key, self._exposure = key, file.exposure
        return key


def read_key(text: object) -> Secret | str:
    """Return an API key, or what is wrong with it.

    It raises nothing, because the caller's variables still hold the text then.
    """
    if not isinstance(text, str) or not text.strip():
        return "An API key is a str that is not empty, such as 'cf_live_...'."
    try:
        return Secret(check_header("An API key", text))
    except InvalidArgumentError as error:
        return error.message
