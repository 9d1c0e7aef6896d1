"""The secrets that a profile names: in the environment, in a file, in the system's keyring."""

from __future__ import annotations

import asyncio
import math
import os
import time
from pathlib import Path

import attrs

from cloudflow_async._core.auth.single_flight import SingleFlight
from cloudflow_async._core.auth.stores.secret_file import file_label, read_secret_file
from cloudflow_async._core.auth.warn import warn_caller
from cloudflow_async._core.errors import (
    CredentialError,
    InsecureKeyFileWarning,
    NoCredentialsError,
)
from cloudflow_async._core.support.secret import Secret

_KEPT = 5.0
"""Seconds; a keyring takes milliseconds to answer."""


@attrs.frozen(kw_only=True)
class Place:
    """Where a secret lies.

    What an environment variable or an entry of the keyring is called is not shown: a secret that
    was put there by mistake looks like a name.
    """

    way: str
    """``env``, ``file`` or ``keyring``."""

    value: str = attrs.field(repr=False)
    """The variable's name, the file's path, or ``service/username``."""

    where: str
    """What messages call the profile."""

    key: str
    """The key of the profile that names the place."""

    def read(self) -> Secret:
        """Return the secret; blocks unless it is in the environment.

        Raises:
            NoCredentialsError: There is nothing in that place.
            CredentialError: It cannot be read.
        """
        if self.way == "env":
            return self._nonempty(_read_variable(self.value), "variable of the environment")
        if self.way == "file":
            return self._nonempty(self._read_file(), "file")
        return self._nonempty(self._read_entry(), "entry of the keyring")

    def text(self) -> str:
        """Return the secret's own text, as `read` does."""
        return self.read().reveal()

    async def fetch_text(self) -> str:
        """Return the secret's own text without blocking the event loop."""
        return (await asyncio.to_thread(self.read)).reveal()

    def _nonempty(self, found: Secret | None, what: str) -> Secret:
        if found is None or not found.reveal():
            raise NoCredentialsError(
                f"{self.where}: the {what} that '{self.key}' names is missing or empty."
            )
        return found

    def _read_file(self) -> Secret:
        path = Path(self.value)
        file = read_secret_file(path, strict=False)
        if file.exposure is not None:
            warn_caller(file.exposure, InsecureKeyFileWarning)
        try:
            return Secret(file.content.reveal().encode("latin-1").decode().strip())
        except UnicodeDecodeError:
            problem = f"{file_label(path)} is no text in UTF-8."
        # Raised outside of the handler, because the error above holds the bytes.
        del file
        raise CredentialError(f"{self.where}: {problem}")

    def _read_entry(self) -> Secret | None:
        service, _, username = self.value.partition("/")
        try:
            import keyring  # noqa: PLC0415 - an extra, and slow to import

            text = keyring.get_password(service, username)
            return None if text is None else Secret(text.strip())
        except ImportError:
            problem = (
                "the package keyring is not installed (pip install 'cloudflow-async[keyring]')"
            )
        except Exception as error:  # noqa: BLE001 - each keyring has errors of its own
            problem = f"the keyring did not give what '{self.key}' names ({type(error).__name__})"
        raise CredentialError(f"{self.where}: {problem}.")


def _read_variable(name: str) -> Secret | None:
    text = os.environ.get(name)
    return None if text is None else Secret(text.strip())


class KeptSecret:
    """Gives a secret to those who ask for each request; the place is asked every few seconds."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._kept: Secret | None = None
        self._read_at = -math.inf
        self._reading = SingleFlight(self._read, name="reading of a key")

    async def __call__(self) -> str:
        """Return the text of the secret.

        Raises:
            CredentialError: As `Place.read`.
        """
        if self._kept is None or time.monotonic() - self._read_at >= _KEPT:
            return (await self._reading.run()).reveal()
        return self._kept.reveal()

    async def _read(self) -> Secret:
        self._kept = await asyncio.to_thread(self._place.read)
        self._read_at = time.monotonic()
        return self._kept
