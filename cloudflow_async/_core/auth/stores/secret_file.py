"""Reading a file that holds a credential: who else can read or change it is looked at.

Secrets that a container platform mounts are symbolic links to files that everybody may read
(0644), so links are followed, and such a file is used with a warning unless that is refused.
"""

from __future__ import annotations

import os
import re
import stat
from typing import NamedTuple

import attrs

from cloudflow_async._core.errors import CredentialError, InsecureFileError
from cloudflow_async._core.http.response import printable
from cloudflow_async._core.support.secret import Secret

_LARGEST = 64 * 1024
_LONGEST_SHOWN = 255
_PATH = re.compile(r"(~|\.{0,2}[/\\]|[A-Za-z]:[/\\]).*|.*\.\w{1,5}", re.DOTALL)
_ADVICE = "; give it to its user alone (chown, chmod 600)"
# A named pipe is opened without waiting for somebody who writes into it.
_FLAGS = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


class FileVersion(NamedTuple):
    """What differs when a file was replaced or written."""

    modified_ns: int
    size: int
    inode: int
    device: int


@attrs.frozen(kw_only=True)
class SecretFile:
    """A file that was read."""

    content: Secret
    """Its bytes as characters, one for each (Latin-1)."""

    version: FileVersion
    """Of the very file that was read."""

    exposure: str | None
    """A sentence on who else can read or change it; None: nobody can."""


def read_secret_file(
    path: str | os.PathLike[str], *, strict: bool, label: str | None = None
) -> SecretFile:
    """Read a file of at most 64 KiB; this blocks.

    Args:
        path: ``~`` stands for the home folder.
        strict: Refuse a file that others than its owner can read or change.
        label: What messages call it; None: what `file_label` makes of the path.

    Raises:
        InsecureFileError: Everybody can change it; or it is exposed, and `strict` is set.
        CredentialError: It cannot be read, is no regular file or is too large.
    """
    name = file_label(path) if label is None else label
    found = _read(path)
    # From here on a traceback that shows variables shows no path, which may be a key by mistake.
    del path
    if isinstance(found, str):
        raise CredentialError(f"{name} {found}.")
    content, status = found
    exposure = find_exposure(status)
    if exposure is not None and (strict or _everybody_writes(status)):
        raise InsecureFileError(f"{name} {exposure}, so it was not used{_ADVICE}.")
    return SecretFile(
        content=content,
        version=_version(status),
        exposure=None if exposure is None else f"{name} {exposure}{_ADVICE}.",
    )


def file_version(path: str | os.PathLike[str]) -> FileVersion | None:
    """Return what tells whether a file changed; None when it cannot be found; this blocks."""
    try:
        return _version(os.stat(os.path.expanduser(path)))
    except (OSError, ValueError):
        return None


def find_exposure(status: os.stat_result) -> str | None:
    """Return how others than its owner can read or change a file; None: they cannot.

    On Windows always None: permissions are not in the mode there.
    """
    if os.name == "nt":
        return None
    mode = stat.S_IMODE(status.st_mode)
    if _everybody_writes(status):
        return f"can be changed by everybody (mode {mode:04o})"
    if status.st_uid not in {os.geteuid(), 0}:
        return f"belongs to another user (uid {status.st_uid})"
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        return f"is open to others than its owner (mode {mode:04o})"
    return None


def file_label(path: str | os.PathLike[str]) -> str:
    """Return what messages call a file.

    A `str` that does not look like a path is not shown: it may be a key of a form that was not
    recognized.
    """
    text = os.fspath(path)
    plausible = not isinstance(path, str) or _PATH.fullmatch(text)
    if not plausible or len(text) > _LONGEST_SHOWN:
        return "The file whose path was given"
    return f"The file '{printable(text)}'"


def _read(path: str | os.PathLike[str]) -> tuple[Secret, os.stat_result] | str:
    """Return a file's content and status, or what is wrong with it."""
    try:
        with open(os.path.expanduser(path), "rb", opener=_open) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST:
                return "is not a regular file of at most 64 KiB"
            return Secret(file.read(_LARGEST).decode("latin-1")), status
    except (OSError, ValueError) as error:
        return f"cannot be read: {_reason(error)}"


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | _FLAGS)


def _reason(error: OSError | ValueError) -> str:
    reason = error.strerror if isinstance(error, OSError) else None
    return (reason or "that is no path").lower()


def _version(status: os.stat_result) -> FileVersion:
    return FileVersion(status.st_mtime_ns, status.st_size, status.st_ino, status.st_dev)


def _everybody_writes(status: os.stat_result) -> bool:
    return os.name != "nt" and bool(status.st_mode & stat.S_IWOTH)
