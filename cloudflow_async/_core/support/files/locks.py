"""Locks on open files, which keep out other processes and other openings of the same file.

The system releases them when the process ends, even after a crash.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from pathlib import Path

_HELD = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}


def lock(descriptor: int) -> bool:
    """Lock an open file, and return whether that could be done at once.

    Raises:
        OSError: Not because another holds it.
    """
    try:
        _lock(descriptor)
    except OSError as error:
        if error.errno not in _HELD:
            raise
        return False
    return True


def unlock(descriptor: int) -> None:
    """Let go of an open file; closing is not enough where a forked child has it open too."""
    if sys.platform == "win32":
        return  # Closing is enough: there are no forked children.
    import fcntl  # noqa: PLC0415 - not of Windows

    fcntl.flock(descriptor, fcntl.LOCK_UN)


def acquire(path: Path) -> int | None:
    """Make a file for the sake of its lock and return its descriptor; None: another holds it.

    Raises:
        OSError: It cannot be made.
    """
    while True:
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        descriptor = os.open(path, flags, 0o600)
        held = False
        try:
            if not lock(descriptor):
                return None
            # Who had it before may have removed it meanwhile, and another be at a new one.
            held = _is_at(path, descriptor)
        finally:
            if not held:
                os.close(descriptor)
        if held:
            return descriptor


def release(path: Path, descriptor: int) -> None:
    """Remove a file that `acquire` made, and let go of it."""
    with contextlib.suppress(OSError):  # Windows removes no open file: there it stays.
        path.unlink()
    unlock(descriptor)
    os.close(descriptor)


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 - of Windows only

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl  # noqa: PLC0415 - not of Windows

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
