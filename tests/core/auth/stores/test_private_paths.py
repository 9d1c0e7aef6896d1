"""Files and directories of one owner: what is made, and what is refused."""

from __future__ import annotations

import os
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cloudflow_async._core.auth.stores.private_paths import (
    check_directory,
    check_own,
    check_private,
    make_directory,
)
from cloudflow_async._core.errors import InsecureFileError, InvalidArgumentError
from cloudflow_async._core.support.files.paths import reason, shown, to_path

_NOBODY = 65534

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a file of mode 0600."""
    path = tmp_path / "token.json"
    path.touch(mode=0o600)
    return path


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """Run the test under an umask."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.mark.parametrize("path", ["", "a\0b", None, 7, b"token.json"])
def test_what_is_no_path_is_refused(path: Any) -> None:
    """When the store is made, rather than when it is used."""
    with pytest.raises(InvalidArgumentError, match="A path is"):
        to_path(path)


def test_a_tilde_is_the_home_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a str and in a Path alike."""
    monkeypatch.setenv("HOME", "/home/ada")

    assert Path("/home/ada/token.json") == to_path("~/token.json")
    assert Path("/home/ada/token.json") == to_path(Path("~/token.json"))


def test_a_path_is_shown_without_control_characters() -> None:
    """A message cannot be made to look like two."""
    assert "'/a\\x1b[2J\\nb'" == shown(Path("/a\x1b[2J\nb"))


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (FileNotFoundError(2, "No such file or directory", "/x"), "No such file or directory"),
        (OSError("canary"), "OSError"),
    ],
)
def test_a_reason_is_the_systems_own(error: OSError, text: str) -> None:
    """An error that another than the system raised is named only."""
    assert text == reason(error)


def test_directories_are_made_for_their_owner_alone(tmp_path: Path, umask: int) -> None:
    """All that are missing, under any umask; those that exist are left as they are."""
    tmp_path.chmod(0o755)
    directory = tmp_path / "state" / "cloudflow" / "tokens"

    make_directory(directory)
    make_directory(directory)

    made = (directory, directory.parent, directory.parent.parent)
    assert [0o700] * 3 == [stat.S_IMODE(place.stat().st_mode) for place in made]
    assert 0o755 == stat.S_IMODE(tmp_path.stat().st_mode)


def test_a_directory_that_appears_meanwhile_is_as_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes may look at the same time, and find that it is missing."""
    directory = tmp_path / "tokens"
    directory.mkdir(mode=0o700)
    monkeypatch.setattr(Path, "exists", lambda path: path != directory)
    make_directory(directory)

    assert directory.is_dir()


@pytest.mark.parametrize(
    ("mode", "refused"), [(0o700, False), (0o775, False), (0o1777, False), (0o777, True)]
)
def test_a_directory_where_all_may_replace_files_is_refused(
    tmp_path: Path, mode: int, refused: bool
) -> None:
    """Unless it is sticky as ``/tmp`` is; a group may, as on systems with a group per user."""
    tmp_path.chmod(mode)

    if refused:
        with pytest.raises(InsecureFileError, match="chmod o-w"):
            check_directory(tmp_path)
    else:
        check_directory(tmp_path)


def test_a_private_file_is_accepted(file: Path) -> None:
    """Its owner's, mode 0600 or less, one name."""
    check_private(file, file.lstat())
    file.chmod(0o400)
    check_private(file, file.lstat())


@pytest.mark.parametrize("mode", [0o640, 0o644, 0o666, 0o604, 0o610, 0o602])
def test_rights_for_others_are_refused(file: Path, mode: int) -> None:
    """Any of them; the message says what to run."""
    file.chmod(mode)

    with pytest.raises(InsecureFileError, match=f"mode {mode:04o}.* chmod 600"):
        check_private(file, file.lstat())


def test_a_second_name_is_refused(file: Path) -> None:
    """A hard link somewhere else shares the content, and its directory is not ours to judge."""
    file.with_name("other").hardlink_to(file)

    with pytest.raises(InsecureFileError, match="hard link"):
        check_private(file, file.lstat())


@as_root
def test_a_file_of_another_user_is_refused(file: Path) -> None:
    """Its owner could change it at any time."""
    os.chown(file, _NOBODY, _NOBODY)

    with pytest.raises(InsecureFileError, match="belongs to another user"):
        check_own(file, file.lstat())


def test_a_symbolic_link_is_refused(file: Path) -> None:
    """Who may change where it points to is unknown."""
    link = file.with_name("link")
    link.symlink_to(file)

    with pytest.raises(InsecureFileError, match="symbolic link"):
        check_own(link, link.lstat())


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, _socket])
def test_what_is_no_regular_file_is_refused(
    tmp_path: Path, make: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory, a pipe, a socket."""
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    path = Path("other")
    make(path)

    with pytest.raises(InsecureFileError, match="not a regular file"):
        check_own(path, path.lstat())


@as_root
def test_owner_and_mode_say_nothing_on_windows(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second name does."""
    file.chmod(0o666)
    os.chown(file, _NOBODY, _NOBODY)
    file.parent.chmod(0o777)
    monkeypatch.setattr(sys, "platform", "win32")
    check_directory(file.parent)
    check_private(file, file.lstat())
    file.with_name("other").hardlink_to(file)

    with pytest.raises(InsecureFileError, match="hard link"):
        check_private(file, file.lstat())
