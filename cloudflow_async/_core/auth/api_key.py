"""API keys (API document: Authentication, API Keys)."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from cloudflow_async._core.errors import (
    CredentialError,
    InvalidArgumentError,
    NoCredentialsError,
)
from cloudflow_async._core.messages import Request
from cloudflow_async._core.secret import Secret
from cloudflow_async._core.urls import check_header

from .protocol import Refusal

HEADER = "X-API-Key"
VARIABLE = "CLOUDFLOW_API_KEY"


class ApiKeyAuth:
    """Signs requests with an API key in the ``X-API-Key`` header.

    Args:
        key: The key, such as ``cf_live_...``, or a callable that returns it.  A callable is
            asked before each request, so that a rotated key is picked up; it must not block.
            What it raises reaches the caller; what it returns is checked like a key.

    Raises:
        InvalidArgumentError: The key is empty, or no header can carry it.
    """

    def __init__(self, key: str | Callable[[], str]) -> None:
        self._key = key if callable(key) else _check(key)

    @classmethod
    def from_environment(cls) -> ApiKeyAuth:
        """Return the key of the environment variable ``CLOUDFLOW_API_KEY``, read when used."""
        return cls(_read_environment)

    def __repr__(self) -> str:
        # A callable may show the key among its arguments, as functools.partial does.
        return f"ApiKeyAuth({self._key if isinstance(self._key, Secret) else 'a callable'})"

    async def sign(self, request: Request) -> Mapping[str, str]:  # noqa: ARG002 - protocol
        """Return the header with the key.

        Raises:
            CredentialError: The callable gave no usable key.
        """
        key = self._key if isinstance(self._key, Secret) else _ask(self._key)
        return {HEADER: key.reveal()}

    async def renew(self, refusal: Refusal) -> bool:
        """Return whether the callable has another key by now than the refused one."""
        if isinstance(self._key, Secret):
            return False
        return _ask(self._key).reveal() != refusal.signed.get(HEADER)


def _ask(source: Callable[[], str]) -> Secret:
    try:
        return _check(source())
    except InvalidArgumentError as error:
        problem = error.message
    raise CredentialError(f"The source of the API key gave none that is usable: {problem}")


def _check(key: object) -> Secret:
    if not isinstance(key, str) or not key.strip():
        raise InvalidArgumentError("An API key is a str that is not empty, such as 'cf_live_...'.")
    return Secret(check_header("An API key", key))


def _read_environment() -> str:
    key = os.environ.get(VARIABLE, "")
    if not key.strip():
        raise NoCredentialsError(
            f"No credentials: no api_key= and no auth= was given, and {VARIABLE} is not set."
        )
    return key
