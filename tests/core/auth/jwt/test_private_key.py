"""Where a private key comes from, and when it is looked at again."""

from __future__ import annotations

import asyncio
import functools
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cloudflow_async._core.auth.jwt import private_key as private_key_source
from cloudflow_async._core.auth.jwt.private_key import (
    KeyCall,
    KeyFile,
    KeySource,
    KeyText,
    find_source,
)
from cloudflow_async._core.auth.jwt.signing_key import SigningKey, load_signing_key
from cloudflow_async._core.errors import (
    CredentialError,
    InsecureFileError,
    InsecureKeyFileWarning,
)
from cloudflow_async._core.support.secret import Secret
from tests.core.auth.exposure import exposed_by
from tests.core.auth.leaks import shows
from tests.core.auth.pems import PASSWORD, encrypted_pem, rsa_pem

FIRST, SECOND = rsa_pem(), rsa_pem(number=1)


def key_of(pem: bytes) -> SigningKey:
    """Return the key that a PEM text holds."""
    return load_signing_key(Secret(pem.decode()), None, label="it")


def found(private_key: Any, password: Any = None, *, strict: bool = False) -> KeySource:
    """Return the source of a key that is of an accepted type."""
    source = find_source(private_key, password, strict=strict)
    assert not isinstance(source, str)
    return source


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a file with the first key that only its owner can read."""
    path = tmp_path / "key.pem"
    path.write_bytes(FIRST)
    path.chmod(0o600)
    return path


@pytest.fixture
def loaded(file: Path) -> KeySource:
    """Return the source that reads the file, after its first look."""
    source = found(file, strict=True)
    source.load()
    return source


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows with each text that is parsed; the slowest part of all."""
    labels: list[str] = []

    def count(pem: Secret, password: Secret | None, *, label: str) -> SigningKey:
        labels.append(label)
        return load_signing_key(pem, password, label=label)

    monkeypatch.setattr(private_key_source, "load_signing_key", count)
    return labels


@pytest.mark.parametrize(
    ("private_key", "kind"),
    [
        (FIRST, KeyText),
        (FIRST.decode(), KeyText),
        ("/run/secrets/key.pem", KeyFile),
        ("key", KeyFile),
        (Path("key.pem"), KeyFile),
        (lambda: FIRST, KeyCall),
    ],
)
def test_a_str_with_begin_in_it_is_a_text_and_any_other_a_path(
    private_key: Any, kind: type
) -> None:
    """Bytes are a text, and what can be called is called."""
    assert kind is type(found(private_key))


@pytest.mark.parametrize(
    ("private_key", "password", "problem"),
    [
        (None, None, "private_key is PEM text, .* not NoneType"),
        (bytearray(FIRST), None, "private_key is PEM text, .* not bytearray"),
        (FIRST, b"hunter2", "password is a str or None, not bytes"),
    ],
)
def test_other_types_are_told_of_without_an_error(
    private_key: Any, password: Any, problem: str
) -> None:
    """An error raised there would show the caller's variables, with the key among them."""
    answer = find_source(private_key, password, strict=False)

    assert isinstance(answer, str)
    with pytest.raises(CredentialError, match=problem):
        raise CredentialError(answer)


@pytest.mark.parametrize("text", [encrypted_pem(), encrypted_pem().decode()])
async def test_a_text_is_parsed_once(text: Any, loads: list[str]) -> None:
    """With its password; it cannot change."""
    source = found(text, PASSWORD)
    source.load()

    assert key_of(FIRST) == await source.current()
    assert key_of(FIRST) == await source.current()
    assert ["The private key"] == loads


def test_a_text_that_is_not_ascii_is_refused() -> None:
    """By the check of the key, and not by an error of the encoding that shows the text."""
    source = found("-----BEGIN PRIVATE KEY-----\ncanary \u20ac\ud800")

    with pytest.raises(CredentialError, match="The private key cannot sign") as caught:
        source.load()
    assert "canary" not in exposed_by(caught.value)


async def test_a_file_that_stays_the_same_is_read_once(loaded: KeySource, loads: list[str]) -> None:
    """To look at its version is enough."""
    assert key_of(FIRST) == await loaded.current()
    assert [] == loads


async def test_a_file_that_was_replaced_is_read_again(loaded: KeySource, file: Path) -> None:
    """So that a rotated key is picked up without a restart."""
    _replace(file, SECOND)

    assert key_of(SECOND) == await loaded.current()
    assert key_of(SECOND) == loaded.key


async def test_a_link_that_points_elsewhere_is_read_again(file: Path, tmp_path: Path) -> None:
    """That is how Kubernetes exchanges a mounted secret."""
    link, second = tmp_path / "link", tmp_path / "second"
    _replace(second, SECOND)
    link.symlink_to(file)
    source = found(link, strict=True)
    await asyncio.to_thread(source.load)
    link.unlink()
    link.symlink_to(second)

    assert key_of(SECOND) == await source.current()


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(FIRST[:900])])
async def test_a_file_that_became_unusable_is_an_error_until_it_is_mended(
    loaded: KeySource, file: Path, spoil: Callable[[Path], object]
) -> None:
    """It may be about to be written; the key that it held stays known."""
    spoil(file)

    with pytest.raises(CredentialError, match=r"The file '.*key.pem' cannot"):
        await loaded.current()
    assert key_of(FIRST) == loaded.key

    _replace(file, SECOND)
    assert key_of(SECOND) == await loaded.current()


@pytest.mark.skipif(os.name == "nt", reason="permissions are not in the mode there")
def test_an_exposed_file_is_warned_of_when_it_is_read_first(file: Path) -> None:
    """At the line that gave the path; with `strict` it is refused."""
    file.chmod(0o644)

    with pytest.warns(InsecureKeyFileWarning, match=r"key.pem' is open to others.*0644") as caught:
        found(file).load()
    with pytest.raises(InsecureFileError, match=r"key.pem' is open to others"):
        found(file, strict=True).load()

    assert [__file__] == [it.filename for it in caught]


@pytest.mark.skipif(os.name == "nt", reason="permissions are not in the mode there")
async def test_an_exposed_file_is_not_warned_of_again(file: Path) -> None:
    """No line of the program's own is at fault in a later look."""
    _replace(file, FIRST, mode=0o644)
    source = found(file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        await asyncio.to_thread(source.load)
    _replace(file, SECOND, mode=0o644)

    assert key_of(SECOND) == await source.current()


async def _later(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


@pytest.mark.parametrize(
    "call", [lambda: FIRST, FIRST.decode, lambda: _later(FIRST), lambda: _later(FIRST.decode())]
)
async def test_a_callable_may_be_a_coroutine_function(call: Callable[[], Any]) -> None:
    """And return bytes or a str; nothing is asked before the key is needed."""
    source = found(call)
    source.load()

    assert source.key is None
    assert key_of(FIRST) == await source.current()


async def test_a_callable_is_asked_each_time_and_parsed_when_it_changed(loads: list[str]) -> None:
    """To ask is the callable's own cost, to parse would be ours."""
    answers = iter([FIRST, FIRST, SECOND])
    source = found(lambda: next(answers))

    assert key_of(FIRST) == await source.current()
    assert key_of(FIRST) == await source.current()
    assert key_of(SECOND) == await source.current()
    assert 2 == len(loads)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (None, "a callable that gave no str or bytes"),
        (7, "a callable that gave no str or bytes"),
        ("canary, no key", "cannot sign: it is not the PEM text"),
        (b"canary, no key", "cannot sign: it is not the PEM text"),
    ],
)
async def test_a_callable_that_gives_no_key_is_a_credential_error(answer: Any, reason: str) -> None:
    """Found at its first use; what it gave is not shown."""
    with pytest.raises(CredentialError, match=reason) as caught:
        await found(lambda: answer).current()

    assert "canary" not in exposed_by(caught.value)


@pytest.mark.parametrize("private_key", [FIRST, functools.partial(bytes, FIRST)])
async def test_no_source_shows_the_key(private_key: Any) -> None:
    """Nor the password; not even one that is given among a callable's arguments."""
    source = found(private_key, PASSWORD)
    source.load()
    await source.current()

    assert not shows(source, FIRST.decode().splitlines()[1])
    assert not shows(source, PASSWORD)


def _replace(path: Path, content: bytes, mode: int = 0o600) -> None:
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.chmod(mode)
    os.replace(new, path)
