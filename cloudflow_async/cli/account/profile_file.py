"""Write a new profile into the config file, and keep the rest of the file as it is."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import tomllib
from pathlib import Path

from cloudflow_async._core.auth.profiles.profiles import Profile, profile_names, read_profile
from cloudflow_async._core.auth.stores.file_lock import FileLock
from cloudflow_async._core.auth.stores.private_paths import make_directory
from cloudflow_async._core.support.files.paths import shown
from cloudflow_async.cli.shared.console import FAILED, CommandError

_HEADER = b"# Profiles of cloudflow-async. Secrets do not stand here, only where they lie.\n"


def check_place(profile: Profile) -> None:
    """See whether `add_profile` is going to succeed, before a person does their part.

    The folder of the config file is made.

    Raises:
        CommandError: It is not.
        InsecureFileError: Everybody may replace files in that folder.
    """
    path = _real_path(profile)
    try:
        make_directory(path.parent)
        with tempfile.TemporaryFile(dir=path.parent):
            _extended(path, profile)
    except OSError as error:
        raise _cannot_be_written(profile, error) from error


async def add_profile(profile: Profile) -> None:
    """Append a profile to the config file, which is made if there is none.

    The file is replaced as a whole: whoever reads it meanwhile sees the old or the new one.

    Raises:
        CommandError: It cannot be written, or another profile of that name has come meanwhile.
        CredentialError: What stands in the file cannot be used any more.
    """
    async with FileLock(await asyncio.to_thread(_real_path, profile)):
        await asyncio.to_thread(_add, profile)


def _add(profile: Profile) -> None:
    if profile.name in profile_names():
        _check_same(profile, read_profile(profile.name))
        return
    path = _real_path(profile)
    try:
        _replace(path, _extended(path, profile))
    except OSError as error:
        raise _cannot_be_written(profile, error) from error


def _real_path(profile: Profile) -> Path:
    # Through a link, where the file is one that is kept elsewhere.
    return profile.path.resolve()


def _check_same(profile: Profile, found: Profile) -> None:
    if found.values != profile.values:
        raise CommandError(
            f"another profile {profile.name} was written to {shown(profile.path)} meanwhile; "
            "log in again.",
            status=FAILED,
        )


def _extended(path: Path, profile: Profile) -> bytes:
    """Return what is to stand in the file."""
    import tomli_w  # noqa: PLC0415 - only a first login needs it

    # A table may stand anywhere in TOML, so that comments and order of the rest are kept.
    table = tomli_w.dumps({"profiles": {profile.name: dict(profile.values)}})
    data = b"%s\n%s" % (_read(path), table.encode())
    try:
        tomllib.loads(data.decode("utf-8-sig"))
    except tomllib.TOMLDecodeError:
        raise CommandError(
            f"{shown(path)} has its profiles in one line, to which none can be added; write each "
            "of them as a table such as [profiles.default]."
        ) from None
    return data


def _read(path: Path) -> bytes:
    data = path.read_bytes() if path.exists() else _HEADER
    return data if data.endswith(b"\n") or not data else data + b"\n"


def _replace(path: Path, data: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, name)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _cannot_be_written(profile: Profile, error: OSError) -> CommandError:
    return CommandError(
        f"profile {profile.name} cannot be written to {shown(profile.path)}: {error.strerror}; "
        "the environment variable CLOUDFLOW_CONFIG can name another file.",
        status=FAILED,
    )
