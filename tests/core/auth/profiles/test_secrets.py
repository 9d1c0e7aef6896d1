"""The secrets that a profile names: read where they lie, and shown nowhere."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import keyring
import keyring.backend
import keyring.errors
import pytest

from cloudflow_async._core.auth.profiles.secrets import KeptSecret, Place
from cloudflow_async._core.errors import (
    CredentialError,
    InsecureFileError,
    InsecureKeyFileWarning,
    NoCredentialsError,
)
from tests.core.auth.exposure import exposed_by
from tests.core.auth.leaks import shows

CANARY = "cf_live_canary0123456789"


class OneEntry(keyring.backend.KeyringBackend):
    """A keyring with one password, or an error."""

    priority = -1  # never chosen by itself

    def __init__(self, password: str | None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.password = password
        self.error: Exception | None = None
        self.asked: list[tuple[str, str]] = []

    def get_password(self, service: str, username: str) -> str | None:
        """Return the password, whoever it is for."""
        self.asked.append((service, username))
        if self.error is not None:
            raise self.error
        return self.password

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep nothing else."""
        raise keyring.errors.PasswordSetError


@pytest.fixture
def entry() -> Iterator[OneEntry]:
    """Return the keyring of the system for the time of a test."""
    before, backend = keyring.get_keyring(), OneEntry(CANARY)
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


def _place(way: str, value: object) -> Place:
    return Place(way=way, value=str(value), where="the profile", key=f"api_key_{way}")


@pytest.mark.parametrize("text", [CANARY, f"  {CANARY}\n"])
def test_in_the_environment(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Without the white space around it."""
    monkeypatch.setenv("MY_KEY", text)

    assert CANARY == _place("env", "MY_KEY").text()


@pytest.mark.parametrize("content", [CANARY, f"{CANARY}\r\n", f"\n{CANARY} \n"])
def test_in_a_file(tmp_path: Path, content: str) -> None:
    """Without the line break at its end."""
    path = tmp_path / "key"
    path.touch(mode=0o600)
    path.write_text(content)

    assert CANARY == _place("file", path).text()


async def test_in_the_keyring(entry: OneEntry) -> None:
    """What follows the first slash is the user's name."""
    assert CANARY == await _place("keyring", "service/user/name").fetch_text()
    assert [("service", "user/name")] == entry.asked


@pytest.mark.parametrize(
    ("way", "content", "what"),
    [
        ("env", None, "variable of the environment"),
        ("env", " ", "variable of the environment"),
        ("file", "\n", "file"),
        ("keyring", None, "entry of the keyring"),
        ("keyring", "", "entry of the keyring"),
    ],
)
def test_nothing_there(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    entry: OneEntry,
    way: str,
    content: str | None,
    what: str,
) -> None:
    """It is said which key names the place, but not how the place is called."""
    path = tmp_path / "canary"
    path.touch(mode=0o600)
    if way == "env" and content is not None:
        monkeypatch.setenv("canary", content)
    path.write_text(content or "")
    entry.password = content
    value = {"env": "canary", "file": path, "keyring": "canary/canary"}[way]

    with pytest.raises(NoCredentialsError) as caught:
        _place(way, value).read()

    assert (
        f"the profile: the {what} that 'api_key_{way}' names is missing or empty."
        == caught.value.message
    )


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are not in the mode there")
def test_a_file_of_others(tmp_path: Path) -> None:
    """One that others can read is used with a warning, one that all can change is not."""
    path = tmp_path / "key"
    path.write_text(CANARY)
    path.chmod(0o644)

    with pytest.warns(InsecureKeyFileWarning, match="mode 0644"):
        assert CANARY == _place("file", path).text()
    path.chmod(0o666)
    with pytest.raises(InsecureFileError, match="mode 0666"):
        _place("file", path).read()


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    """The error shows nothing of it."""
    path = tmp_path / "key"
    path.touch(mode=0o600)
    path.write_bytes(f"{CANARY}é".encode("latin-1"))

    with pytest.raises(CredentialError, match=r"the profile: .*key' is no text in UTF-8") as caught:
        _place("file", path).read()
    assert CANARY not in exposed_by(caught.value)


@pytest.mark.parametrize(
    "error", [keyring.errors.KeyringLocked("canary"), RuntimeError("canary")], ids=repr
)
def test_a_keyring_that_fails(entry: OneEntry, error: Exception) -> None:
    """Each backend has errors of its own; only their kind is told."""
    entry.error = error

    with pytest.raises(CredentialError, match=type(error).__name__) as caught:
        _place("keyring", "a/b").read()
    assert "canary" not in exposed_by(caught.value)


def test_no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra that is missing is named."""
    monkeypatch.setitem(sys.modules, "keyring", None)

    with pytest.raises(CredentialError, match=r"pip install 'cloudflow-async\[keyring\]'"):
        _place("keyring", "a/b").read()


def test_a_place_shows_no_name() -> None:
    """Somebody may have put the secret where its name belongs."""
    assert not shows(_place("env", CANARY), CANARY)


async def test_a_kept_secret_is_read_once_by_many(entry: OneEntry) -> None:
    """A keyring takes milliseconds to answer, and each request asks."""
    kept = KeptSecret(_place("keyring", "a/b"))

    assert {CANARY} == set(await asyncio.gather(*[kept() for _ in range(100)]))
    assert CANARY == await kept()
    assert 1 == len(entry.asked)
    assert not shows(kept, CANARY)


async def test_a_kept_secret_is_read_again(
    entry: OneEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After five seconds, so that a rotated key is picked up."""
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    kept = KeptSecret(_place("keyring", "a/b"))
    await kept()
    entry.password = "cf_live_rotated"
    now += 4.9

    assert CANARY == await kept()
    now += 0.1
    assert "cf_live_rotated" == await kept()
