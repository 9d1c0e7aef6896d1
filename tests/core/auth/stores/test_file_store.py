"""The store in a file: private, replaced in one step, and never half written."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import resource
import secrets
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudflow_async._core.auth.stores import file_store, token_json
from cloudflow_async._core.auth.stores.file_store import FileTokenStore
from cloudflow_async._core.auth.stores.token_store import TokenStore
from cloudflow_async._core.auth.token import Token
from cloudflow_async._core.errors import CredentialError, InsecureFileError
from tests.core.auth.exposure import exposed_by

_NOBODY = 65534
_TOKEN = Token(
    access_token="access-canary",
    refresh_token="refresh-canary",
    expires_at=1769251500.0,
    scopes=["workflows:read"],
)
_OTHER = Token(access_token="access-other")

Use = Callable[[FileTokenStore], Coroutine[Any, Any, object]]


async def _load(store: FileTokenStore) -> object:
    return await store.load()


async def _save(store: FileTokenStore) -> None:
    await store.save(_OTHER)


async def _remove(store: FileTokenStore) -> None:
    await store.save(None)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the token is kept; nothing is there yet."""
    return tmp_path / "token.json"


@pytest.fixture
def saved(path: Path) -> Path:
    """Return where a token is kept."""
    asyncio.run(FileTokenStore(path).save(_TOKEN))
    return path


@pytest.fixture
def as_nobody() -> Iterator[Path]:
    """Return a directory of a user to whom modes apply, who runs the test."""
    directory = Path(tempfile.mkdtemp())
    if os.geteuid() == 0:
        os.chown(directory, _NOBODY, _NOBODY)
        os.seteuid(_NOBODY)
    yield directory
    if os.getuid() == 0:
        os.seteuid(0)
    directory.chmod(0o700)
    shutil.rmtree(directory)


async def test_what_is_saved_is_loaded(path: Path) -> None:
    """By another object too; and the last one that was saved wins."""
    store: TokenStore = FileTokenStore(path)

    assert await store.load() is None

    await store.save(_TOKEN)
    await store.save(_OTHER)
    await store.save(_TOKEN)

    assert _TOKEN == await FileTokenStore(str(path)).load()
    assert [path] == list(path.parent.iterdir())


async def test_removing_it_leaves_nothing(path: Path) -> None:
    """Neither does removing what is not there."""
    store = FileTokenStore(path.parent / "sub" / "token.json")
    await store.save(None)

    assert await store.load() is None
    assert [] == list(path.parent.iterdir())

    await store.save(_TOKEN)
    await store.save(None)

    assert await store.load() is None
    assert [] == list((path.parent / "sub").iterdir())


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_only_the_owner_may_use_it(path: Path, umask: int) -> None:
    """Whatever the umask is, also for the directories that had to be made."""
    path = path.parent / "state" / "token.json"
    before = os.umask(umask)
    try:
        asyncio.run(FileTokenStore(path).save(_TOKEN))
        asyncio.run(FileTokenStore(path).save(_OTHER))
    finally:
        os.umask(before)

    assert (0o700, 0o600) == (_mode(path.parent), _mode(path))


async def test_a_tilde_is_the_home_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As people write paths into configuration files."""
    monkeypatch.setenv("HOME", str(tmp_path))
    await FileTokenStore("~/token.json").save(_TOKEN)

    assert _TOKEN == await FileTokenStore(tmp_path / "token.json").load()


@pytest.mark.parametrize("use", [_load, _save, _remove])
def test_a_symbolic_link_is_not_followed(saved: Path, use: Use) -> None:
    """Who planted it would choose which file is read or written; removing it would hide that."""
    link = saved.with_name("link.json")
    link.symlink_to(saved)

    with pytest.raises(InsecureFileError, match="symbolic link"):
        asyncio.run(use(FileTokenStore(link)))
    assert link.is_symlink()
    assert _TOKEN == asyncio.run(FileTokenStore(saved).load())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("use", [_load, _save, _remove])
def test_a_file_of_another_user_is_left_alone(saved: Path, use: Use) -> None:
    """It may hold somebody else's login, in which we would then work."""
    os.chown(saved, _NOBODY, _NOBODY)

    with pytest.raises(InsecureFileError, match="belongs to another user"):
        asyncio.run(use(FileTokenStore(saved)))
    assert "access-canary" in saved.read_text()


@pytest.mark.parametrize("mode", [0o640, 0o644, 0o666])
def test_rights_for_others_are_refused_until_it_is_replaced(saved: Path, mode: int) -> None:
    """Others may know the token; a new login puts things right."""
    saved.chmod(mode)
    store = FileTokenStore(saved)

    with pytest.raises(InsecureFileError, match="chmod 600"):
        asyncio.run(store.load())

    asyncio.run(store.save(_OTHER))

    assert 0o600 == _mode(saved)
    assert _OTHER == asyncio.run(store.load())


def test_a_second_name_is_refused_until_it_is_replaced(saved: Path) -> None:
    """The other name keeps the old token only."""
    link = saved.with_name("link.json")
    link.hardlink_to(saved)
    store = FileTokenStore(saved)

    with pytest.raises(InsecureFileError, match="hard link"):
        asyncio.run(store.load())

    asyncio.run(store.save(_OTHER))

    assert _OTHER == asyncio.run(store.load())
    assert "access-canary" in link.read_text()


@pytest.mark.parametrize("use", [_load, _save])
def test_a_directory_where_all_may_replace_it_is_refused(saved: Path, use: Use) -> None:
    """Anybody could put an older token in its place."""
    saved.parent.chmod(0o777)

    with pytest.raises(InsecureFileError, match="chmod o-w"):
        asyncio.run(use(FileTokenStore(saved)))
    assert "access-canary" in saved.read_text()


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
async def test_what_is_no_file_neither_hangs_nor_is_replaced(
    path: Path, make: Callable[[Path], None]
) -> None:
    """A pipe without a writer would block the one who opens it."""
    make(path)

    async with asyncio.timeout(2):
        with pytest.raises(InsecureFileError, match="not a regular file"):
            await FileTokenStore(path).load()
        with pytest.raises(InsecureFileError, match="not a regular file"):
            await FileTokenStore(path).save(_TOKEN)


def _link_to_null(path: Path) -> None:
    path.symlink_to("/dev/null")


@pytest.mark.parametrize(
    ("make", "problem"), [(os.mkfifo, "not a regular file"), (_link_to_null, "symbolic links")]
)
def test_what_takes_its_place_at_the_last_moment_is_refused(
    saved: Path, make: Callable[[Path], None], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link or a pipe that comes after the first look is neither followed nor waited for."""
    real = os.open

    def exchange_and_open(name: Path, flags: int) -> int:
        name.unlink()
        make(name)
        return real(name, flags)

    monkeypatch.setattr(os, "open", exchange_and_open)

    with pytest.raises(CredentialError, match=problem):
        file_store._load(saved)


def test_a_link_at_the_temporary_name_is_not_followed(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if somebody guessed the name: nothing is written through it, nothing replaced."""
    monkeypatch.setattr(secrets, "token_hex", lambda size: "0" * 2 * size)
    victim = saved.with_name("victim")
    link = saved.with_name(".token.json.0000000000000000.tmp")
    link.symlink_to(victim)

    with pytest.raises(CredentialError, match="cannot be written: File exists"):
        asyncio.run(FileTokenStore(saved).save(_OTHER))
    assert not victim.exists()
    assert _TOKEN == asyncio.run(FileTokenStore(saved).load())


def test_a_full_disk_leaves_the_old_token(saved: Path) -> None:
    """The error says why; what was half written is gone, and no secret is in the error."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, hard))
    try:
        with pytest.raises(CredentialError, match="cannot be written: File too large") as caught:
            asyncio.run(FileTokenStore(saved).save(_OTHER))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert _TOKEN == asyncio.run(FileTokenStore(saved).load())
    assert [saved] == list(saved.parent.iterdir())
    assert "access-other" not in exposed_by(caught.value)


def test_a_directory_without_the_right_to_write_leaves_the_old_token(as_nobody: Path) -> None:
    """A refresh can still lock it, and go on in memory."""
    store = FileTokenStore(as_nobody / "token.json")
    asyncio.run(store.save(_TOKEN))
    as_nobody.chmod(0o500)

    async def refresh() -> None:
        async with store.locked():
            assert _TOKEN == await store.load()
            await store.save(_OTHER)

    with pytest.raises(CredentialError, match="cannot be written: Permission denied"):
        asyncio.run(refresh())
    with pytest.raises(CredentialError, match="cannot be written: Permission denied"):
        asyncio.run(store.save(None))
    assert _TOKEN == asyncio.run(store.load())


def test_a_file_without_the_right_to_read_is_an_error(as_nobody: Path) -> None:
    """It is not taken for no token, or a login would follow."""
    store = FileTokenStore(as_nobody / "token.json")
    asyncio.run(store.save(_TOKEN))
    (as_nobody / "token.json").chmod(0)

    with pytest.raises(CredentialError, match=r"token\.json' cannot be read: Permission denied"):
        asyncio.run(store.load())


@pytest.mark.parametrize("content", [b"", b'{"version": 2, "access_token": "canary"}', b"canary"])
def test_what_is_damaged_names_the_file_until_it_is_replaced(saved: Path, content: bytes) -> None:
    """It says to log in again, which saves over it; the content is not shown."""
    saved.write_bytes(content)
    store = FileTokenStore(saved)

    with pytest.raises(CredentialError, match=r"The token file '/.*token\.json' .*Log in") as it:
        asyncio.run(store.load())

    assert "canary" not in exposed_by(it.value)

    asyncio.run(store.save(_TOKEN))

    assert _TOKEN == asyncio.run(store.load())


def test_a_file_that_is_no_token_file_is_not_read_to_its_end(saved: Path) -> None:
    """A path that leads to something huge costs a mebibyte at most."""
    with saved.open("ab") as file:
        file.truncate(1 << 40)

    with pytest.raises(CredentialError, match="Log in again"):
        asyncio.run(FileTokenStore(saved).load())


def test_what_lies_beyond_a_mebibyte_is_not_seen(saved: Path) -> None:
    """Not even a token that follows it."""
    saved.write_bytes(b" " * 2**20 + saved.read_bytes())

    with pytest.raises(CredentialError, match="Log in again"):
        asyncio.run(FileTokenStore(saved).load())


@given(content=st.binary(max_size=200))
def test_any_bytes_end_in_a_token_or_in_one_error(content: bytes) -> None:
    """No other exception escapes, and nothing hangs."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "token.json")
        path.touch(mode=0o600)
        path.write_bytes(content)
        with contextlib.suppress(CredentialError):
            assert isinstance(file_store._load(path), Token)


def test_what_killed_processes_left_is_removed(saved: Path) -> None:
    """A minute later, by the next save: until then a living process may be at it."""
    old = saved.with_name(".token.json.0123456789abcdef.tmp")
    old.write_text("half a tok")
    os.utime(old, (0, 0))
    link = saved.with_name(".token.json.fedcba9876543210.tmp")
    link.symlink_to(saved)
    os.utime(link, (0, 0), follow_symlinks=False)
    young = saved.with_name(".token.json.00000000000000aa.tmp")
    young.touch()
    others = [saved.with_name(".other.json.0.tmp"), saved.with_name(".token.json.bak")]
    for other in others:
        other.touch()
        os.utime(other, (0, 0))

    asyncio.run(FileTokenStore(saved).save(_OTHER))

    assert sorted([saved, young, *others]) == sorted(saved.parent.iterdir())
    assert _OTHER == asyncio.run(FileTokenStore(saved).load())


def test_a_logout_removes_all_that_was_left(saved: Path) -> None:
    """No token outlives it in a file that was never finished; also when there is no other."""
    left = saved.with_name(".token.json.0123456789abcdef.tmp")
    for _ in range(2):
        left.write_text("half a tok")
        asyncio.run(FileTokenStore(saved).save(None))

        assert [] == list(saved.parent.iterdir())


def test_what_cannot_be_removed_does_not_stop_a_save(saved: Path) -> None:
    """The new token is on the disk by then."""
    left = saved.with_name(".token.json.0123456789abcdef.tmp")
    left.mkdir()
    os.utime(left, (0, 0))

    asyncio.run(FileTokenStore(saved).save(_OTHER))

    assert left.exists()
    assert _OTHER == asyncio.run(FileTokenStore(saved).load())


def test_it_is_on_the_disk_before_it_takes_the_name(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First the content, then the name, then the directory: a loss of power finds one of two."""
    steps: list[str] = []

    def follow(name: str, real: Callable[..., Any]) -> None:
        def step(*args: Any) -> Any:
            of = _kind(args[0]) if isinstance(args[0], int) else "the name"
            steps.append(f"{name} of {of}")
            return real(*args)

        monkeypatch.setattr(os, name, step)

    follow("fsync", os.fsync)
    follow("replace", os.replace)
    asyncio.run(FileTokenStore(path).save(_TOKEN))

    assert ["fsync of all bytes", "replace of the name", "fsync of the directory"] == steps


def _kind(descriptor: int) -> str:
    status = os.fstat(descriptor)
    if stat.S_ISDIR(status.st_mode):
        return "the directory"
    size = len(token_json.write(_TOKEN))
    return "all bytes" if size == status.st_size else f"{status.st_size} of {size} bytes"


@pytest.mark.parametrize(("number", "is_error"), [(errno.EINVAL, False), (errno.EIO, True)])
def test_a_directory_that_cannot_be_synced_is_no_error(
    path: Path, number: int, is_error: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some file systems do not know how; a disk that fails is another thing."""

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    expectation: Any = contextlib.nullcontext()
    if is_error:
        expectation = pytest.raises(CredentialError, match="Input/output error")
    with expectation:
        asyncio.run(FileTokenStore(path).save(_TOKEN))


async def test_a_save_that_was_begun_is_finished(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its task may be cancelled: the lock is held until the token is on the disk."""
    begun, may_go_on = threading.Event(), threading.Event()
    real = os.fsync

    def fsync(descriptor: int) -> None:
        begun.set()
        may_go_on.wait(5)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    store = FileTokenStore(path)

    async def refresh() -> None:
        async with store.locked():
            await store.save(_TOKEN)

    async def wait_for_lock() -> Token | None:
        async with FileTokenStore(path).locked():
            return await store.load()

    first = asyncio.create_task(refresh())
    await asyncio.to_thread(begun.wait, 5)
    second = asyncio.create_task(wait_for_lock())
    first.cancel()
    await asyncio.sleep(0.02)

    assert not first.done()
    assert not second.done()

    may_go_on.set()

    assert _TOKEN == await second
    assert first.cancelled()


async def test_who_reads_meanwhile_finds_one_token_or_the_other(path: Path) -> None:
    """Never half of one, never none."""
    store = FileTokenStore(path)
    tokens = [
        Token(access_token=letter * size, refresh_token=f"of-{letter}")
        for letter, size in (("a", 10), ("b", 9000))
    ]
    await store.save(tokens[0])

    async def write() -> None:
        for turn in range(30):
            await store.save(tokens[turn % 2])

    writer = asyncio.create_task(write())
    seen = []
    while not writer.done():
        seen.append(await store.load())
    await writer

    assert len(seen) > 10
    assert all(token in tokens for token in seen)


_CRASH = """
import os, pathlib, signal, sys
from cloudflow_async._core.auth.stores import file_store, token_json
from cloudflow_async._core.auth.token import Token
from cloudflow_async._core.support.files import atomic

path = pathlib.Path(sys.argv[1])
sources = {atomic.__file__, file_store.__file__, token_json.__file__}

def save_and_die(step, token):
    left = step

    def trace(frame, event, arg):
        nonlocal left
        if frame.f_code.co_filename not in sources:
            return None
        left -= event == "line"
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)
    file_store._save(path, token)
    os._exit(0)

def state():
    token = file_store._load(path)
    return token.refresh_token.reveal()

killed, found = 0, set()
for step in range(1, 500):
    old, new = (Token(access_token="a" * 99, refresh_token=f"{w}-{step}") for w in ("old", "new"))
    file_store._save(path, old)
    child = os.fork()
    if not child:
        save_and_die(step, new)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        break
    killed += 1
    assert state() in {old.refresh_token.reveal(), new.refresh_token.reveal()}, (step, state())
    found.add(state().split("-")[0])
print(killed, *sorted(found))
"""


@pytest.mark.slow
def test_a_process_killed_at_any_line_leaves_the_old_token_or_the_new_one(path: Path) -> None:
    """Killed before each line that a save runs: the file can always be read."""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", _CRASH, str(path)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert "" == run.stderr
    killed, *found = run.stdout.split()
    assert int(killed) >= 50
    assert ["new", "old"] == found
    assert {"version", "access_token", "refresh_token", "expires_at", "scopes"} == set(
        json.loads(path.read_text())
    )


def test_it_shows_where_it_keeps_the_token(path: Path) -> None:
    """And nothing of what is in it."""
    assert f"FileTokenStore('{path}')" == repr(FileTokenStore(path))
