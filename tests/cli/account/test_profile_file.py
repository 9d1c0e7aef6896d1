"""The config file gets another profile, and keeps what stood there."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cloudflow_async._core.auth.profiles.profiles import Profile, make_profile, read_profile
from cloudflow_async._core.errors import InsecureFileError
from cloudflow_async.cli.account.profile_file import add_profile, check_place
from cloudflow_async.cli.shared.console import CommandError

HAND_MADE = b"""\
# mine
[profiles.work]  # at work
auth = "anonymous"
tier = "standard" """


def _made(name: str = "default", **values: Any) -> Profile:
    return make_profile(name, {"auth": "oauth2", "client_id": "my-app", **values})


def _add(profile: Profile) -> None:
    asyncio.run(add_profile(profile))


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_first_profile(tmp_path: Path) -> None:
    """Folder and file are made for their owner alone; the file says what it is for."""
    profile = _made(scopes=["workflows:read", "admin:full"])
    _add(profile)

    assert read_profile("default") == profile
    assert tmp_path / "home" / "config" / "cloudflow" / "config.toml" == profile.path
    assert (0o600, 0o700) == (_mode(profile.path), _mode(profile.path.parent))
    assert profile.path.read_text().startswith("# Profiles of cloudflow-async. Secrets do not ")


@pytest.mark.parametrize(
    "before",
    [HAND_MADE, HAND_MADE + b"\n", HAND_MADE.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf# mine\n", b""],
)
def test_what_stands_there_stays_to_the_letter(config: Path, before: bytes) -> None:
    """Comments, order, line ends, a byte order mark and the file's mode."""
    config.write_bytes(before)
    config.chmod(0o640)
    _add(_made())

    assert config.read_bytes().startswith(before)
    assert _made() == read_profile("default")
    assert 0o640 == _mode(config)
    assert ["config.toml", "config.toml.lock"] == sorted(os.listdir(config.parent))


def test_a_link_stays_a_link(config: Path, tmp_path: Path) -> None:
    """Who keeps the file elsewhere finds the profile there."""
    elsewhere = tmp_path / "dotfiles.toml"
    elsewhere.write_bytes(HAND_MADE)
    config.symlink_to(elsewhere)
    _add(_made())

    assert config.is_symlink()
    assert b"[profiles.default]" in elsewhere.read_bytes()


def test_the_same_profile_twice_is_written_once(config: Path) -> None:
    """Two logins at the same time agree."""
    _add(_made())
    once = config.read_bytes()
    _add(_made())

    assert once == config.read_bytes()


def test_another_profile_of_that_name_is_not_replaced(config: Path) -> None:
    """The login that ends later is told."""
    _add(_made())
    once = config.read_bytes()
    with pytest.raises(CommandError, match=r"another profile default was .* meanwhile; log in a"):
        _add(_made(client_id="another"))

    assert once == config.read_bytes()


@pytest.mark.parametrize("work", [check_place, _add])
def test_a_file_that_cannot_be_extended_is_left_alone(
    config: Path, work: Callable[[Profile], None]
) -> None:
    """Profiles in one line take no further table; the way out is told."""
    before = 'profiles = {work = {auth = "anonymous"}}\n'
    config.write_text(before)
    with pytest.raises(CommandError, match=r"has its profiles in one line.*write each of them as"):
        work(_made())

    assert before == config.read_text()


def test_a_place_is_looked_at_before_it_is_needed(config: Path) -> None:
    """Nothing is left of the look."""
    config.parent.rmdir()
    check_place(_made())

    assert [] == os.listdir(config.parent)
    assert 0o700 == _mode(config.parent)


def test_a_place_where_nothing_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason and a way out are told."""
    monkeypatch.setenv("CLOUDFLOW_CONFIG", "/proc/cloudflow/config.toml")
    wanted = r"profile default cannot be written to '/proc/cloudflow/config.toml': No such file.*_C"
    with pytest.raises(CommandError, match=wanted) as caught:
        check_place(_made())

    assert 1 == caught.value.status


def test_a_folder_of_everybody_is_refused(config: Path) -> None:
    """Who replaces the file there sends the login elsewhere."""
    config.parent.chmod(0o777)

    with pytest.raises(InsecureFileError, match="Everybody may replace files"):
        check_place(_made())


def test_a_disk_that_is_full_later(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old file stays, and nothing is left of the new one."""

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    config.write_bytes(HAND_MADE)
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(CommandError, match="No space left on device"):
        _add(_made())

    assert HAND_MADE == config.read_bytes()
    assert ["config.toml", "config.toml.lock"] == sorted(os.listdir(config.parent))
