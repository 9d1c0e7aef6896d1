"""Replace files in one step: a reader sees the complete old or new content.

That holds after a crash or a loss of power too.  They are for their owner alone (mode 0600).
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from pathlib import Path

_STALE_AFTER = 60.0
_NOT_FOR_DIRECTORIES = {errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EBADF}
_FLAGS = (
    os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
)


def replace_file(path: Path, data: bytes) -> None:
    """Bring new content to the disk under the name of a file.

    Raises:
        OSError: It cannot be written; what was there before still is.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    descriptor = os.open(temporary, _FLAGS, 0o600)
    try:
        written_at = _write(descriptor, data)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(path.parent)
    _remove_temporary(path, before=written_at - _STALE_AFTER)


def remove_leftovers(path: Path) -> None:
    """Bring the removal of a file to the disk, and remove what interrupted replacements left."""
    with contextlib.suppress(FileNotFoundError):
        _remove_temporary(path, before=None)
        sync_folder(path.parent)


def _write(descriptor: int, data: bytes) -> float:
    """Write a new file to the disk and return when that was, on the file system's clock."""
    with open(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)
        return os.fstat(descriptor).st_mtime


def _remove_temporary(path: Path, before: float | None) -> None:
    """Remove what processes left that were killed while they saved; others may be saving now."""
    for other in path.parent.iterdir():
        if other.name.startswith(f".{path.name}.") and other.suffix == ".tmp":
            with contextlib.suppress(OSError):
                if before is None or other.lstat().st_mtime < before:
                    other.unlink()


def sync_folder(directory: Path) -> None:
    """Bring the names in a folder to the disk, where the system can do that."""
    try:
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _NOT_FOR_DIRECTORIES:
            raise
