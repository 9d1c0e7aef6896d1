"""Where an API key comes from, and when it is looked for again."""

from __future__ import annotations

import asyncio
import os
import warnings
from pathlib import Path
from typing import Any

import pytest

from cloudflow_async._core.auth.api_key import source as api_key_source
from cloudflow_async._core.auth.api_key.source import CalledKey, FileKey, GivenKey, read_key
from cloudflow_async._core.auth.stores.secret_file import SecretFile, read_secret_file
from cloudflow_async._core.errors import (
    CredentialError,
    InsecureFileError,
    InsecureKeyFileWarning,
)
from cloudflow_async._core.support.secret import Secret
from tests.core.auth.exposure import exposed_by
from tests.core.auth.leaks import shows

KEY = "cf_live_0123456789abcd"
NEXT = "cf_live_0123456789next"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a file with a key that only its owner can read."""
    path = tmp_path / "key.txt"
    write(path, KEY)
    return path


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows with each reading of a file."""
    labels: list[str] = []

    def count(path: Any, *, strict: bool, label: str) -> SecretFile:
        labels.append(label)
        return read_secret_file(path, strict=strict, label=label)

    monkeypatch.setattr(api_key_source, "read_secret_file", count)
    return labels


def write(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file that only its owner can read, or others too."""
    path.write_text(text)
    path.chmod(mode)


async def test_a_given_key_stays() -> None:
    """Only a request that was signed with another one is worth another try."""
    source = GivenKey(Secret(KEY))

    assert KEY == (await source.current()).reveal()
    assert [False, True] == [await source.has_other_than(it) for it in (KEY, "other")]
    assert "***abcd" == repr(source)


async def test_a_callable_is_asked_each_time() -> None:
    """What it gave last is remembered, for those who want to know what kind of key it is."""
    answers = iter([KEY, KEY, NEXT])
    source = CalledKey(lambda: next(answers))
    before = source.key
    current = await source.current()

    assert (None, Secret(KEY)) == (before, current)
    assert [False, True] == [await source.has_other_than(KEY) for _ in range(2)]
    assert Secret(NEXT) == source.key


@pytest.mark.parametrize("text", [KEY, f"{KEY}\n", f" \r\n\t{KEY}  \r\nA comment.\n"])
async def test_the_first_line_of_a_file_is_the_key(file: Path, text: str) -> None:
    """Editors and `echo` end a file with a line break."""
    write(file, text)

    assert KEY == (await FileKey(file, strict=True).current()).reveal()
    assert KEY == await FileKey(file, strict=True)()


async def test_a_file_is_read_once_by_a_thousand_tasks(file: Path, reads: list[str]) -> None:
    """In a thread, when the first of them needs the key."""
    source = FileKey(file, strict=True)
    keys = await asyncio.gather(*(source() for _ in range(1000)))
    await source.current()

    assert {KEY} == set(keys)
    assert [f"The file '{file}'"] == reads


async def test_a_thousand_refusals_read_a_file_once(file: Path, reads: list[str]) -> None:
    """Those that come later find the new key there."""
    source = FileKey(file, strict=True)
    await source.current()
    write(file, NEXT)
    together = await asyncio.gather(*(source.has_other_than(KEY) for _ in range(1000)))
    later = await source.has_other_than(KEY)

    assert {True} == {*together, later}
    assert 2 == len(reads)


async def test_a_file_that_is_not_rotated_has_no_other_key(file: Path) -> None:
    """It is looked for at each refusal, and the first time even if none was read."""
    assert not await FileKey(file, strict=True).has_other_than(KEY)
    assert await FileKey(file, strict=True).has_other_than(None)


def test_a_file_goes_on_from_loop_to_loop(file: Path, reads: list[str]) -> None:
    """Three `asyncio.run` in a row, with one reading."""
    source = FileKey(file, strict=True)

    assert [KEY] * 3 == [asyncio.run(source()) for _ in range(3)]
    assert 1 == len(reads)


@pytest.mark.parametrize("text", ["", " \n", "canary\x00", "canary \u20ac"])
async def test_a_file_without_a_key_is_a_credential_error(file: Path, text: str) -> None:
    """It is named, and what is in it is not shown."""
    write(file, text)

    with pytest.raises(CredentialError, match=r"key.txt' does not begin with an API key") as caught:
        await FileKey(file, strict=True).current()

    assert "canary" not in exposed_by(caught.value)


@pytest.mark.skipif(os.name == "nt", reason="permissions are not in the mode there")
async def test_an_exposed_file_is_warned_of_once_or_refused(file: Path) -> None:
    """At the line that awaits the call, not in the task that reads the file."""
    write(file, KEY, 0o644)
    source = FileKey(file, strict=False)

    with pytest.warns(InsecureKeyFileWarning, match=r"key.txt' is open to others.*0644") as caught:
        await source.current()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        await source.has_other_than(KEY)
        await source.current()
    with pytest.raises(InsecureFileError, match=r"key.txt' is open to others"):
        await FileKey(file, strict=True).current()

    assert [__file__] == [it.filename for it in caught]


async def test_no_source_shows_its_key(file: Path) -> None:
    """Neither printed nor to those who walk through its attributes."""
    sources = [GivenKey(Secret(KEY)), CalledKey(lambda: KEY), FileKey(file, strict=True)]
    for source in sources:
        await source.current()

    assert ["***abcd", "a callable", f"the file '{file}'"] == list(map(repr, sources))
    assert not shows(sources, KEY)


def test_what_is_wrong_with_a_key_is_told_without_an_error() -> None:
    """An error raised there would show the caller's variables, with the key among them."""
    assert Secret(KEY) == read_key(KEY)
    assert [str, str] == [type(read_key(it)) for it in (None, f"{KEY}\n")]
