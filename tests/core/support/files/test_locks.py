"""Files that are made for the sake of their lock, and removed again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cloudflow_async._core.support.files import locks as file_locking
from cloudflow_async._core.support.files.locks import acquire, release


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the lock is."""
    return tmp_path / "run.lock"


def test_one_at_a_time_has_it(path: Path) -> None:
    """The second gets None, until the first lets go; then nothing is left."""
    first = acquire(path)

    assert first is not None
    assert acquire(path) is None

    release(path, first)

    assert not path.exists()
    second = acquire(path)
    assert second is not None
    release(path, second)


def test_a_file_that_a_dead_one_left_is_used(path: Path) -> None:
    """It is its lock that counts."""
    path.touch()
    descriptor = acquire(path)

    assert descriptor is not None
    release(path, descriptor)
    assert not path.exists()


@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_was_removed_meanwhile_is_no_lock(
    path: Path, replaced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its holder let go between our opening and our locking: the next file counts."""
    locks: list[int] = []
    real = file_locking.lock

    def lock(descriptor: int) -> bool:
        locks.append(descriptor)
        if len(locks) == 1:
            path.unlink()
            if replaced:
                path.touch()
        return real(descriptor)

    monkeypatch.setattr(file_locking, "lock", lock)
    descriptor = acquire(path)

    assert descriptor is not None
    assert 2 == len(locks)
    assert os.path.samestat(path.stat(), os.fstat(descriptor))
    release(path, descriptor)


def test_what_cannot_be_locked_is_not_left_open(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's error comes out."""

    def lock(descriptor: int) -> bool:
        raise OSError("no locks here")

    monkeypatch.setattr(file_locking, "lock", lock)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match="no locks here"):
        acquire(path)

    assert before == len(os.listdir("/proc/self/fd"))
