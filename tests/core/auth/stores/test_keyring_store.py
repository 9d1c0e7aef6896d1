"""The store in the keyring of the operating system; here one in memory takes its place."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keyring.backend
import keyring.core
import keyring.errors
import pytest
from keyring.backends import fail, null

from cloudflow_async._core.auth.stores.keyring_store import KeyringTokenStore
from cloudflow_async._core.auth.stores.token_store import MemoryTokenStore, TokenStore
from cloudflow_async._core.auth.token import Token
from cloudflow_async._core.errors import CredentialError, InvalidArgumentError
from tests.core.auth.exposure import exposed_by

_TOKEN = Token(
    access_token="access-canary",
    refresh_token="refresh-canary",
    expires_at=1769251500.0,
    scopes=["workflows:read"],
)


class MemoryKeyring(keyring.backend.KeyringBackend):
    """A keyring that keeps passwords in a dict, or raises what it is told to."""

    priority = -1  # never chosen by itself

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.passwords: dict[tuple[str, str], str] = {}
        self.threads: set[threading.Thread] = set()
        self.error: Exception | None = None

    def get_password(self, service: str, username: str) -> str | None:
        """Return the password, or None."""
        self._note()
        return self.passwords.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep a password."""
        self._note(password)
        self.passwords[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        """Forget a password; that there is none is an error, as for real keyrings."""
        self._note()
        if (service, username) not in self.passwords:
            raise keyring.errors.PasswordDeleteError("not found")
        del self.passwords[service, username]

    def _note(self, password: str = "") -> None:
        self.threads.add(threading.current_thread())
        if self.error is not None:
            self.error.args = (f"cannot keep {password or list(self.passwords.values())}",)
            raise self.error


def _choose(monkeypatch: pytest.MonkeyPatch, backend: keyring.backend.KeyringBackend) -> None:
    monkeypatch.setattr(keyring.core, "_keyring_backend", backend)


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> MemoryKeyring:
    """Return the keyring of the test."""
    backend = MemoryKeyring()
    _choose(monkeypatch, backend)
    return backend


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory of the user's state."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


async def test_what_is_saved_is_loaded(ring: MemoryKeyring) -> None:
    """By another object too; and it can be removed, also twice."""
    store: TokenStore = KeyringTokenStore()

    assert await store.load() is None

    await store.save(_TOKEN)

    assert _TOKEN == await KeyringTokenStore().load()
    assert [("cloudflow-async", "default")] == list(ring.passwords)

    await store.save(None)
    await store.save(None)

    assert await store.load() is None
    assert {} == ring.passwords


async def test_names_tell_tokens_apart(ring: MemoryKeyring) -> None:
    """Each profile has its own."""
    await KeyringTokenStore("work", service="other").save(_TOKEN)

    assert [("other", "work")] == list(ring.passwords)
    assert await KeyringTokenStore("work").load() is None
    assert await KeyringTokenStore(service="other").load() is None


async def test_it_is_asked_in_a_thread(ring: MemoryKeyring) -> None:
    """A keyring may ask a person for a password, and the loop goes on meanwhile."""
    store = KeyringTokenStore()
    await store.save(_TOKEN)
    await store.load()
    await store.save(None)

    assert threading.main_thread() not in ring.threads


@pytest.mark.parametrize(
    "names", [{"username": ""}, {"service": ""}, {"lock_path": ""}, {"lock_path": "a\0"}]
)
def test_names_that_are_none_are_refused(names: dict[str, Any]) -> None:
    """When it is made, without asking a keyring."""
    with pytest.raises(InvalidArgumentError):
        KeyringTokenStore(**names)


@pytest.mark.parametrize("text", ["", "canary", '{"version": 2}', '"canary \ud800"'])
async def test_what_is_damaged_says_to_log_in_again(ring: MemoryKeyring, text: str) -> None:
    """It is not shown."""
    ring.passwords["cloudflow-async", "default"] = text

    with pytest.raises(CredentialError, match=r"KeyringTokenStore.* Log in again") as caught:
        await KeyringTokenStore().load()

    assert "canary" not in exposed_by(caught.value)


async def _load(store: KeyringTokenStore) -> None:
    await store.load()


async def _save(store: KeyringTokenStore) -> None:
    await store.save(_TOKEN)


async def _remove(store: KeyringTokenStore) -> None:
    await store.save(None)


async def _lock(store: KeyringTokenStore) -> None:
    async with store.locked():
        pass


@pytest.mark.parametrize("use", [_load, _save, _remove])
@pytest.mark.parametrize(
    "error", [keyring.errors.KeyringLocked(), keyring.errors.PasswordSetError(), OSError()]
)
async def test_a_keyring_that_fails_is_named_without_its_message(
    ring: MemoryKeyring, use: Callable[..., Any], error: Exception
) -> None:
    """What it says may hold the token.  A fallback is not for that: the token is in the keyring."""
    store = KeyringTokenStore(fallback=MemoryTokenStore())
    await store.save(_TOKEN)
    ring.error = error

    with pytest.raises(CredentialError, match=type(error).__name__) as caught:
        await use(store)

    assert "canary" not in exposed_by(caught.value)


def _no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring.backends", None)


def _no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    _choose(monkeypatch, fail.Keyring())  # type: ignore[no-untyped-call]


def _switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    _choose(monkeypatch, null.Keyring())  # type: ignore[no-untyped-call]


def _does_not_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "no_such_package.Keyring")


_ABSENT = [
    (_no_package, r"The package keyring is not installed .*cloudflow-async\[keyring\]"),
    (_no_keyring, "This system has no keyring"),
    (_switched_off, "or it is switched off"),
    (_does_not_work, r"configured does not work \(ModuleNotFoundError\)"),
]


@pytest.mark.parametrize("use", [_load, _save, _remove, _lock])
@pytest.mark.parametrize(("take_away", "problem"), _ABSENT)
async def test_without_a_keyring_there_is_one_clear_error(
    monkeypatch: pytest.MonkeyPatch,
    take_away: Callable[[pytest.MonkeyPatch], None],
    problem: str,
    use: Callable[..., Any],
) -> None:
    """It says what is missing, and that a fallback has to be asked for."""
    take_away(monkeypatch)

    with pytest.raises(CredentialError, match=f"{problem}.*; give KeyringTokenStore a fallback="):
        await use(KeyringTokenStore())


@pytest.mark.parametrize(("take_away", "problem"), _ABSENT)
async def test_without_a_keyring_the_fallback_is_used(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    take_away: Callable[[pytest.MonkeyPatch], None],
    problem: str,
) -> None:
    """For everything, its lock included, with one line in the log."""
    take_away(monkeypatch)
    caplog.set_level(logging.INFO, "cloudflow_async")
    fallback = MemoryTokenStore()
    store = KeyringTokenStore(fallback=fallback)
    await store.save(_TOKEN)

    assert _TOKEN is await store.load()
    assert _TOKEN is await fallback.load()
    async with store.locked(), asyncio.timeout(1):
        waiter = asyncio.create_task(_lock_directly(fallback))
        await asyncio.sleep(0.01)

        assert not waiter.done()
    await waiter

    (record,) = caplog.records
    assert "the token is kept in MemoryTokenStore(empty)" in record.getMessage()


async def _lock_directly(store: TokenStore) -> None:
    async with store.locked():
        pass


async def test_the_choice_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A keyring that comes later has an older token, or none."""
    _no_keyring(monkeypatch)
    store = KeyringTokenStore(fallback=MemoryTokenStore())
    await store.save(_TOKEN)
    late = MemoryKeyring()
    _choose(monkeypatch, late)

    assert _TOKEN is await store.load()
    assert set() == late.threads


async def test_processes_that_share_a_token_lock_one_file(ring: MemoryKeyring, state: Path) -> None:
    """Among the user's state; one for each pair of names, whatever characters they have."""
    for store in (KeyringTokenStore(), KeyringTokenStore("../a b", service="/")):
        async with store.locked():
            pass

    names = await asyncio.to_thread(os.listdir, state / "cloudflow" / "keyring")
    assert ["%2F-..%2Fa%20b.lock", "cloudflow-async-default.lock"] == sorted(names)


async def test_its_lock_keeps_others_out(ring: MemoryKeyring, tmp_path: Path) -> None:
    """Of this process too, wherever the file is put."""
    path = tmp_path / "here" / "lock"
    async with KeyringTokenStore(lock_path=path).locked():
        waiter = asyncio.create_task(_lock(KeyringTokenStore(lock_path=str(path))))
        await asyncio.sleep(0.02)

        assert not waiter.done()
    async with asyncio.timeout(1):
        await waiter

    assert ["lock.lock"] == await asyncio.to_thread(os.listdir, path.parent)


async def test_nobody_waits_for_a_person_who_does_not_answer(
    ring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that is cancelled while the keyring asks to be unlocked ends at once."""
    asked, answered = threading.Event(), threading.Event()

    def ask(service: str, username: str) -> None:
        asked.set()
        answered.wait(5)

    monkeypatch.setattr(ring, "get_password", ask)
    task = asyncio.create_task(KeyringTokenStore().load())
    await asyncio.to_thread(asked.wait, 5)
    task.cancel()
    await asyncio.wait([task], timeout=1)
    answered.set()

    assert task.cancelled()


def test_it_shows_its_names() -> None:
    """Escaped, and nothing else."""
    assert "KeyringTokenStore('a\\nb', service='cloudflow-async')" == repr(
        KeyringTokenStore("a\nb")
    )
