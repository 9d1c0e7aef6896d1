"""A lock between processes."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

from cloudflow_async._core.errors import CredentialError
from cloudflow_async._core.support.files.locks import lock, unlock
from cloudflow_async._core.support.files.paths import reason, shown
from cloudflow_async._core.support.log import log_of
from cloudflow_async._core.support.threads import finish

from .private_paths import check_own, make_directory

_LOG = log_of()
_PATIENCE = 60.0
_SHORTEST_PAUSE = 0.005
_LONGEST_PAUSE = 0.1
_NO_ROOM = {errno.EROFS, errno.ENOSPC, errno.EDQUOT}
_NO_RIGHT = {errno.EACCES, errno.EPERM}


class FileLock:
    """Keeps out all others who lock the same path, in this process and in others.

    The system releases it when a process dies, however it does.  Where nothing can be written it
    keeps nobody out, for there is nothing to be kept.  One object is one turn: each
    ``async with`` needs its own.

    Args:
        path: What is locked, by a file beside it whose name has ``.lock`` appended.  That file
            is never removed: whoever waits for the old one would not see the new one.
        patience: Seconds to wait while another holds it.

    Raises:
        CredentialError: On entering: another held it all that time, or it cannot be had.
    """

    def __init__(self, path: Path, *, patience: float = _PATIENCE) -> None:
        self._path = path.with_name(f"{path.name}.lock")
        self._patience = patience
        self._descriptor: int | None = None

    async def __aenter__(self) -> None:
        try:
            await finish(self._open)
            await self._wait()
        except OSError as error:
            problem = reason(error)
        except BaseException:
            self._close()
            raise
        else:
            return
        self._close()
        raise CredentialError(f"{shown(self._path)} cannot be locked: {problem}.")

    async def __aexit__(self, *exc_info: object) -> None:
        self._close()

    def _open(self) -> None:
        try:
            make_directory(self._path.parent)
            flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
            self._descriptor = os.open(self._path, flags, 0o600)
            check_own(self._path, os.fstat(self._descriptor))
        except OSError as error:
            if not _cannot_be_made(self._path, error):
                raise
            _LOG.debug("no lock: %s cannot be made: %s", self._path, reason(error))

    async def _wait(self) -> None:
        now = asyncio.get_running_loop().time
        until, pause = now() + self._patience, _SHORTEST_PAUSE
        while not await finish(self._try):
            if now() >= until:
                raise CredentialError(
                    f"{shown(self._path)} has been locked by another for {self._patience:g} "
                    "seconds; end the process that holds it, or try again."
                )
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _try(self) -> bool:
        return self._descriptor is None or lock(self._descriptor)

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            unlock(descriptor)
            os.close(descriptor)


def _cannot_be_made(path: Path, error: OSError) -> bool:
    """Return whether nothing at all can be written there, rather than this file."""
    return error.errno in _NO_ROOM or (error.errno in _NO_RIGHT and not os.path.lexists(path))
