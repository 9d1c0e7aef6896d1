"""A lock between processes: one holder, however the others end."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import itertools
import os
import stat
import subprocess
import sys
import time
import types
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cloudflow_async._core.auth.stores import file_lock
from cloudflow_async._core.auth.stores.file_lock import FileLock
from cloudflow_async._core.errors import CredentialError, InsecureFileError

_NOBODY = 65534

_HOLD = """
import fcntl, sys
file = open(sys.argv[1], "a")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@asynccontextmanager
async def _held_by_another_process(path: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a program that holds the lock until it ends; it knows nothing of this package."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-S", "-c", _HOLD, f"{path}.lock"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert b"held\n" == await process.stdout.readline()
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def _descriptors(path: Path) -> int:
    """Return how often this process has the lock file open."""
    here = Path("/proc/self/fd")
    return sum(os.path.realpath(link) == f"{path}.lock" for link in here.iterdir())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return what is locked."""
    return tmp_path / "token.json"


async def test_one_at_a_time_holds_it(path: Path) -> None:
    """Also in one process."""
    inside = most = 0

    async def refresh() -> None:
        nonlocal inside, most
        async with FileLock(path):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.001)
            inside -= 1

    await asyncio.gather(*(refresh() for _ in range(5)))

    assert 1 == most
    assert 0 == _descriptors(path)


async def test_different_paths_are_locked_apart(path: Path) -> None:
    """One profile does not wait for another."""
    async with asyncio.timeout(1), FileLock(path), FileLock(path.with_name("other.json")):
        pass


async def test_a_process_that_is_killed_lets_go(path: Path) -> None:
    """The system releases what it held; until then the others wait, and the loop runs."""
    async with _held_by_another_process(path) as process:
        waiter = asyncio.create_task(_pass_through(path))
        await asyncio.sleep(0.02)

        assert not waiter.done()

        process.kill()
        async with asyncio.timeout(2):
            await waiter


async def _pass_through(path: Path) -> None:
    async with FileLock(path):
        pass


@pytest.mark.virtual_time
async def test_patience_ends_after_a_minute(path: Path) -> None:
    """A process that hangs stops the others for so long, not for ever."""
    now = asyncio.get_running_loop().time
    async with FileLock(path):
        began_at = now()
        with pytest.raises(CredentialError, match=r"token\.json\.lock' has been locked .* 60 sec"):
            await _pass_through(path)

    assert 60 <= now() - began_at <= 60.2
    assert 0 == _descriptors(path)


@pytest.mark.virtual_time
async def test_it_is_tried_less_and_less_often(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once when another holds it for a moment only; ten times a second when for long."""
    now = asyncio.get_running_loop().time
    tried_at: list[float] = []

    def fail(_descriptor: int) -> bool:
        tried_at.append(now())
        return False

    monkeypatch.setattr(file_lock, "lock", fail)
    with pytest.raises(CredentialError):
        async with FileLock(path, patience=0.5):
            pass
    pauses = [after - before for before, after in itertools.pairwise(tried_at)]

    assert pytest.approx([0.005, 0.01, 0.02, 0.04, 0.08, 0.1, 0.1, 0.1, 0.1]) == pauses


async def test_who_is_cancelled_while_waiting_leaves_nothing(path: Path) -> None:
    """No open file, no thread that waits on, and the next one is not kept out."""
    async with FileLock(path):
        waiters = [asyncio.create_task(_pass_through(path)) for _ in range(5)]
        await asyncio.sleep(0.01)
        for waiter in waiters:
            waiter.cancel()
        ends = await asyncio.gather(*waiters, return_exceptions=True)

        assert [asyncio.CancelledError] * 5 == [type(end) for end in ends]
        assert 1 == _descriptors(path)

    async with asyncio.timeout(1):
        await _pass_through(path)


async def test_who_is_cancelled_at_any_moment_leaves_nothing(path: Path) -> None:
    """While the file is opened, while it is locked, or just after."""
    for turns in range(12):
        task = asyncio.create_task(_pass_through(path))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

        assert 0 == _descriptors(path)

    async with asyncio.timeout(1):
        await _pass_through(path)


def test_a_loop_ends_at_once_although_somebody_waits(path: Path) -> None:
    """No thread hangs in the system's own wait for the lock."""

    async def main() -> None:
        task = asyncio.create_task(_pass_through(path))
        await asyncio.sleep(0.02)

        assert not task.done()

    with path.with_name(f"{path.name}.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        began_at = time.monotonic()
        asyncio.run(main())

    assert time.monotonic() - began_at < 2


async def test_a_child_that_was_forked_does_not_keep_it(path: Path) -> None:
    """It shares the open file, and closing that here is not what releases it."""
    lock = FileLock(path)
    async with lock:
        assert lock._descriptor is not None
        shared = os.dup(lock._descriptor)
    try:
        async with asyncio.timeout(1):
            await _pass_through(path)
    finally:
        os.close(shared)


async def test_its_file_is_private_and_stays(path: Path) -> None:
    """Removed, it would be another file for the next one than for those who wait."""
    before = os.umask(0)
    try:
        await _pass_through(path)
    finally:
        os.umask(before)
    file = path.with_name("token.json.lock")

    assert 0o600 == stat.S_IMODE(file.stat().st_mode)
    inode = file.stat().st_ino
    await _pass_through(path)

    assert inode == file.stat().st_ino


async def test_missing_directories_are_made(path: Path) -> None:
    """The first login locks before it saves."""
    await _pass_through(path.parent / "a" / "b" / "token.json")

    assert 0o700 == stat.S_IMODE((path.parent / "a").stat().st_mode)


async def test_a_link_in_its_place_is_not_followed(path: Path) -> None:
    """Nothing is made where it points to."""
    path.with_name("token.json.lock").symlink_to(path.with_name("victim"))

    with pytest.raises(CredentialError, match=r"lock' cannot be locked: .*symbolic links"):
        await _pass_through(path)

    assert not path.with_name("victim").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
async def test_a_file_of_another_user_is_refused(path: Path) -> None:
    """Who owns it could hold it for ever."""
    lock = path.with_name("token.json.lock")
    lock.touch()
    os.chown(lock, _NOBODY, _NOBODY)

    with pytest.raises(InsecureFileError, match="belongs to another user"):
        await _pass_through(path)

    assert 0 == _descriptors(path)


def _refuse(number: int) -> Callable[..., Any]:
    def refuse(*args: object, **options: object) -> Any:
        raise OSError(number, os.strerror(number))

    return refuse


@pytest.mark.parametrize(
    "number", [errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM]
)
async def test_where_nothing_can_be_written_nobody_is_kept_out(
    path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is refreshed there cannot be shared; it is used in memory alone."""
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", _refuse(number))
        async with FileLock(path), FileLock(path):
            pass

    assert [] == list(path.parent.iterdir())


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EMFILE])
async def test_a_file_that_is_there_and_cannot_be_opened_is_an_error(
    path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others hold it who can: going on without it would spend a refresh token twice."""
    path.with_name("token.json.lock").touch()
    monkeypatch.setattr(os, "open", _refuse(number))

    with pytest.raises(CredentialError, match=r"token\.json\.lock' cannot be locked") as caught:
        await _pass_through(path)

    assert os.strerror(number) in str(caught.value)
    assert caught.value.__context__ is None


def test_a_directory_that_is_none_is_an_error(path: Path) -> None:
    """The reason is the system's."""
    path.touch()

    with pytest.raises(CredentialError, match=r"be locked: (Not a directory|File exists)"):
        asyncio.run(_pass_through(path / "token.json"))


async def test_a_file_system_without_locks_is_an_error(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Waiting for it would never end."""
    monkeypatch.setattr(fcntl, "flock", lambda fd, how: _unlocked(how))

    with pytest.raises(CredentialError, match="cannot be locked: No locks available"):
        await _pass_through(path)

    assert 0 == _descriptors(path)


def _unlocked(how: int) -> None:
    if how != fcntl.LOCK_UN:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))


@pytest.mark.parametrize("number", [errno.EACCES, errno.EDEADLK])
async def test_windows_locks_the_first_byte(
    path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a call of its own, which says in two ways that another holds it."""
    asked: list[tuple[int, int]] = []

    def locking(descriptor: int, how: int, size: int) -> None:
        asked.append((how, size))
        if len(asked) < 3:
            raise OSError(number, "held")

    fake = types.SimpleNamespace(LK_NBLCK=2, locking=locking)
    monkeypatch.setitem(sys.modules, "msvcrt", fake)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "platform", "win32")
        await _pass_through(path)

    assert [(2, 1)] * 3 == asked
    assert 0 == _descriptors(path)
