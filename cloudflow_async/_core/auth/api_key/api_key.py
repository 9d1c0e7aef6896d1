"""API keys (API document: Authentication, API Keys)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, Literal, NoReturn, TypeAlias, cast

from cloudflow_async._core.auth.protocol import Refusal
from cloudflow_async._core.auth.warn import warn_caller
from cloudflow_async._core.errors import (
    CredentialWarning,
    InvalidArgumentError,
    NoCredentialsError,
)
from cloudflow_async._core.messages import Request
from cloudflow_async._core.public import public
from cloudflow_async._core.support.log import log_of
from cloudflow_async._core.support.validation import check_callable, is_finite

from .source import (
    ApiKeyCallable,
    ApiKeySource,
    CalledKey,
    FileKey,
    GivenKey,
    read_key,
)

BASE_URL: Final = "https://api.cloudflow.io/v2"
"""Where keys, and all other credentials, go unless told otherwise (API document: Overview)."""

HEADER = "X-API-Key"
VARIABLE = "CLOUDFLOW_API_KEY"

KeyKind: TypeAlias = Literal["live", "test"]
"""API document, Security Notes: "separate keys for development and production"."""

LIFETIME_DAYS: Final = 90
"""API document, Security Notes: "Rotate keys every 90 days"."""

_LOG = log_of()
_KINDS: Final[dict[str, KeyKind]] = {"cf_live_": "live", "cf_test_": "test"}
_WARNED_AFTER_DAYS = 80
_DAY = 86_400.0


@public("cloudflow_async")
class ApiKeyAuth:
    """Signs requests with an API key in the ``X-API-Key`` header.

    Args:
        key: The key, such as ``cf_live_...``, or a callable that returns it, now or when
            awaited.  A callable is asked before each request, so that a rotated key is picked
            up; it must not block.  What it raises reaches the caller; what it returns is checked
            like a key.
        next_key: During a rotation: what is used, for good, once `key` is refused.
        created_at: When `key` was made, as an aware datetime or in Unix seconds.  Once it is
            more than 80 days old, there is one `CredentialWarning`.
        clock: Our clock, in Unix seconds.

    Raises:
        InvalidArgumentError: A key is empty, or no header can carry it; or `created_at` is no
            instant.
    """

    def __init__(
        self,
        key: str | ApiKeyCallable,
        *,
        next_key: str | ApiKeyCallable | None = None,
        created_at: datetime | float | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._sources: list[ApiKeySource] = []
        found = [_find_source(key)]
        if next_key is not None:
            found.append(_find_source(next_key))
        # From here on a traceback that shows variables shows no key.
        del key, next_key
        self._sources = [_check(source) for source in found]
        check_callable("clock", clock, "a callable that returns Unix seconds", arguments=0)
        self._created_at = None if created_at is None else _instant(created_at)
        self._clock = clock
        self._warn_of_age()

    @classmethod
    def from_environment(cls) -> ApiKeyAuth:
        """Return the key of the environment variable ``CLOUDFLOW_API_KEY``, read when used."""
        return cls(_read_environment)

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike[str],
        *,
        strict: bool = False,
        created_at: datetime | float | None = None,
        clock: Callable[[], float] = time.time,
    ) -> ApiKeyAuth:
        """Return the key in the first line of a file, read when it is first used.

        When the key is refused, the file is read once more: it may have been rotated.  If others
        than its owner may read the file, there is one `InsecureKeyFileWarning` at its first use
        (mounted secrets often are so); one that everybody may change is always refused.

        Args:
            path: ``~`` stands for the home folder.
            strict: Refuse a file that others than its owner may read.
            created_at: When the key was made, as for the class.
            clock: Our clock, in Unix seconds.

        Raises:
            InvalidArgumentError: An argument cannot be used.
        """
        return cls(FileKey(path, strict=strict), created_at=created_at, clock=clock)

    def __repr__(self) -> str:
        return f"ApiKeyAuth({', next_key='.join(map(repr, self._sources))})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A credential cannot be pickled; make it anew where it is needed.")

    @property
    def environment(self) -> KeyKind | None:
        """What the key is for; None: it was not asked for yet, or it does not say."""
        key = self._sources[0].key
        text = "" if key is None else key.reveal()
        return next((kind for prefix, kind in _KINDS.items() if text.startswith(prefix)), None)

    async def sign(self, request: Request) -> Mapping[str, str]:  # noqa: ARG002 - protocol
        """Return the header with the key.

        Raises:
            CredentialError: The callable or the file gave no usable key.
        """
        key = await self._sources[0].current()
        self._warn_of_age()
        return {HEADER: key.reveal()}

    async def renew(self, refusal: Refusal) -> bool:
        """Return whether there is another key by now than the refused one.

        The callable is asked, or the file read, once more; after that it is `next_key`'s turn.

        Raises:
            CredentialError: The callable or the file gives no usable key any more.
        """
        source = self._sources[0]
        if await source.has_other_than(refusal.signed.get(HEADER)):
            return True
        if len(self._sources) > 1:
            self._sources, self._created_at = self._sources[1:], None
            _LOG.info("The API key was refused; from now on the next one is used")
        # Others may have come first during the wait.
        return source is not self._sources[0]

    def _warn_of_age(self) -> None:
        if self._created_at is None:
            return
        days = (self._clock() - self._created_at) / _DAY
        if days > _WARNED_AFTER_DAYS:
            self._created_at = None
            warn_caller(_age(days), CredentialWarning)


def _find_source(key: object) -> ApiKeySource | str:
    """Return where a key comes from, or what is wrong with it; it raises nothing."""
    if isinstance(key, FileKey):
        return key
    if callable(key):
        return CalledKey(cast(ApiKeyCallable, key))
    found = read_key(key)
    return found if isinstance(found, str) else GivenKey(found)


def _check(source: ApiKeySource | str) -> ApiKeySource:
    if isinstance(source, str):
        raise InvalidArgumentError(source)
    return source


def _instant(value: datetime | float) -> float:
    if isinstance(value, datetime) and value.utcoffset() is not None:
        return value.timestamp()
    if is_finite(value):
        return float(value)
    raise InvalidArgumentError(
        "created_at is a datetime with a time zone, or a Unix time in seconds."
    )


def _age(days: float) -> str:
    left = LIFETIME_DAYS - int(days)
    rest = f"{left} days are left" if left > 0 else "it is overdue"
    return (
        f"The API key is {int(days)} days old; keys are to be rotated every {LIFETIME_DAYS} days, "
        f"{rest}."
    )


def _read_environment() -> str:
    key = os.environ.get(VARIABLE, "")
    if not key.strip():
        raise NoCredentialsError(
            f"No credentials: no api_key= and no auth= was given, and {VARIABLE} is not set."
        )
    return key
