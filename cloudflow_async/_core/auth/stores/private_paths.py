"""Files and directories that belong to their owner alone.

On Windows, owner and mode say nothing, and a profile's folders are private to begin with: there
those two are not looked at.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

from cloudflow_async._core.errors import InsecureFileError
from cloudflow_async._core.support.files.paths import shown

_OTHERS = 0o077
_WRITABLE_BY_ALL = 0o002


def make_directory(directory: Path) -> None:
    """Make a directory and those above it, each with mode 0700, where they are missing.

    Raises:
        OSError: It cannot be made.
        InsecureFileError: Everybody may replace what is in it.
    """
    missing = [place for place in (directory, *directory.parents) if not place.exists()]
    for place in reversed(missing):
        place.mkdir(mode=0o700, exist_ok=True)
    check_directory(directory)


def check_directory(directory: Path) -> None:
    """Refuse a directory in which everybody may replace files.

    Those of a group may: the file itself still has to be its owner's.

    Raises:
        OSError: There is none.
        InsecureFileError: It is writable by all, and not sticky as ``/tmp`` is.
    """
    mode = directory.stat().st_mode
    if sys.platform != "win32" and mode & _WRITABLE_BY_ALL and not mode & stat.S_ISVTX:
        raise InsecureFileError(
            f"Everybody may replace files in the directory {shown(directory)}; "
            "run chmod o-w on it, or choose another."
        )


def check_own(path: Path, status: os.stat_result) -> None:
    """Refuse what is no regular file of the user who runs this process.

    Raises:
        InsecureFileError: It is a symbolic link, no file at all, or somebody else's.
    """
    if stat.S_ISLNK(status.st_mode):
        raise InsecureFileError(
            f"{shown(path)} is a symbolic link, which is not followed; "
            "name the file that it points to, or remove the link."
        )
    if not stat.S_ISREG(status.st_mode):
        raise InsecureFileError(f"{shown(path)} is not a regular file; choose another path.")
    if sys.platform != "win32" and status.st_uid != os.geteuid():
        raise InsecureFileError(
            f"{shown(path)} belongs to another user; run chown on it, or choose another path."
        )


def check_private(path: Path, status: os.stat_result) -> None:
    """Refuse a file that others may have read or changed.

    Raises:
        InsecureFileError: As `check_own`; or it has a second name, or rights for others.
    """
    check_own(path, status)
    if status.st_nlink > 1:
        raise InsecureFileError(
            f"{shown(path)} has a second name (a hard link); remove both and log in again."
        )
    mode = stat.S_IMODE(status.st_mode)
    if sys.platform != "win32" and mode & _OTHERS:
        raise InsecureFileError(
            f"{shown(path)} has mode {mode:04o}, so that others may use it; run chmod 600 on it, "
            "and log in again if they did."
        )
