"""Files that are replaced in one step; the token store's tests kill it at each of its lines."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from cloudflow_async._core.support.files.atomic import remove_leftovers, replace_file, sync_folder


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the file is."""
    return tmp_path / "file"


@pytest.mark.parametrize("before", [None, b"old"])
def test_the_new_content_takes_the_name(path: Path, before: bytes | None) -> None:
    """Readable by its owner alone, whatever the old one was; nothing else is left."""
    if before is not None:
        path.write_bytes(before)
        path.chmod(0o644)
    replace_file(path, b"new")

    assert b"new" == path.read_bytes()
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert [path] == list(path.parent.iterdir())


def test_a_failure_leaves_the_old_content(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing beside it."""
    path.write_bytes(b"old")

    def replace(source: Path, target: Path) -> None:
        raise OSError("no")

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(OSError, match="no"):
        replace_file(path, b"new")

    assert b"old" == path.read_bytes()
    assert [path] == list(path.parent.iterdir())


def test_leftovers_are_removed(path: Path) -> None:
    """Those of this file alone; a folder that has gone has none."""
    (path.parent / ".file.00.tmp").touch()
    (path.parent / ".other.00.tmp").touch()
    remove_leftovers(path)
    remove_leftovers(path.parent / "gone" / "file")

    assert [".other.00.tmp"] == [each.name for each in path.parent.iterdir()]


def test_a_replacement_that_another_makes_now_is_left_alone(path: Path) -> None:
    """Only what is older than a minute was left by one that died."""
    young, old = path.parent / ".file.01.tmp", path.parent / ".file.02.tmp"
    young.touch()
    old.touch()
    os.utime(old, (0, 0))
    replace_file(path, b"new")

    assert {path, young} == set(path.parent.iterdir())


def test_the_names_in_a_folder_get_to_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a system cannot do that with folders it is no failure, any other reason is one."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    sync_folder(tmp_path)

    assert 1 == len(synced)

    def fail(descriptor: int) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr(os, "fsync", fail)
    number = errno.EINVAL
    sync_folder(tmp_path)
    number = errno.EIO
    with pytest.raises(OSError, match="no"):
        sync_folder(tmp_path)
