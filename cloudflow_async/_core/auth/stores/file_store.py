"""A token in a file that many processes share."""

from __future__ import annotations

import asyncio
import contextlib
import os
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from cloudflow_async._core.auth.token import Token
from cloudflow_async._core.errors import CredentialError
from cloudflow_async._core.public import public
from cloudflow_async._core.support.files.atomic import remove_leftovers, replace_file
from cloudflow_async._core.support.files.paths import reason, shown, to_path
from cloudflow_async._core.support.threads import finish

from . import token_json
from .file_lock import FileLock
from .private_paths import (
    check_directory,
    check_own,
    check_private,
    make_directory,
)

_LARGEST = 1024 * 1024
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_BINARY = getattr(os, "O_BINARY", 0)


@public("cloudflow_async")
class FileTokenStore:
    """Keeps a token in a file that only its owner may read (mode 0600), as JSON.

    The file is replaced in one step, so that a reader finds the old token or the new one, also
    after a crash or a loss of power; a save that was begun is finished although its task is
    cancelled.  Any number of processes of one machine may share it: see `locked`.

    Args:
        path: Of the file; ``~`` is expanded.  Missing directories are made with mode 0700 when
            a token is first saved.

    Raises:
        InvalidArgumentError: The path is none.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = to_path(path)

    def __repr__(self) -> str:
        return f"FileTokenStore({str(self._path)!r})"

    async def load(self) -> Token | None:
        """Return the token; None when there is no file.

        Raises:
            InsecureFileError: It is a link, or others than its owner may use or replace it.
            CredentialError: It cannot be read, or holds no token that can be used.
        """
        return await asyncio.to_thread(_load, self._path)

    async def save(self, token: Token | None) -> None:
        """Write the token to the disk, or with None remove the file.

        Raises:
            InsecureFileError: There is a link or somebody else's file, or everybody may replace
                files in that directory.
            CredentialError: It cannot be written; what was there before still is.
        """
        await finish(_save, self._path, token)

    def locked(self) -> AbstractAsyncContextManager[None]:
        """Keep out all others who share the file, for which another beside it is locked.

        Raises:
            CredentialError: On entering: another holds it for a minute, or it cannot be had.
        """
        return FileLock(self._path)


def _load(path: Path) -> Token | None:
    try:
        return token_json.read(_read(path), f"The token file {shown(path)}")
    except FileNotFoundError:
        return None
    except OSError as error:
        problem = reason(error)
    raise CredentialError(f"The token file {shown(path)} cannot be read: {problem}.")


def _read(path: Path) -> bytes:
    check_directory(path.parent)
    check_own(path, path.lstat())
    # Not blocked by a pipe that took the file's place after it was looked at.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _NOFOLLOW | _BINARY
    with open(os.open(path, flags), "rb") as file:
        check_private(path, os.fstat(file.fileno()))
        return file.read(_LARGEST)


def _save(path: Path, token: Token | None) -> None:
    try:
        if token is None:
            _remove(path)
        else:
            _replace(path, token)
    except OSError as error:
        problem = reason(error)
    else:
        return
    raise CredentialError(f"The token file {shown(path)} cannot be written: {problem}.")


def _remove(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        check_own(path, path.lstat())
        path.unlink()
    remove_leftovers(path)


def _replace(path: Path, token: Token) -> None:
    make_directory(path.parent)
    with contextlib.suppress(FileNotFoundError):
        check_own(path, path.lstat())
    replace_file(path, token_json.write(token))
