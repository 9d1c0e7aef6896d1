"""Reading a file that holds a credential, and who else can read or change it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cloudflow_async._core.auth.stores.secret_file import (
    file_label,
    file_version,
    find_exposure,
    read_secret_file,
)
from cloudflow_async._core.errors import CredentialError, InsecureFileError
from tests.core.auth.exposure import exposed_by

CONTENT = "canary-5up3r-s3cr3t"
MOST = 64 * 1024

needs_modes = pytest.mark.skipif(os.name == "nt", reason="permissions are not in the mode there")
needs_root = pytest.mark.skipif(
    os.name == "nt" or os.geteuid() != 0, reason="only root can give files away"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a file that only its owner can read."""
    path = tmp_path / "secret.pem"
    path.write_text(CONTENT)
    path.chmod(0o600)
    return path


def test_all_bytes_come_back(file: Path) -> None:
    """Latin-1 has one character for each byte, so that nothing is lost on the way."""
    everything = bytes(range(256))
    file.write_bytes(everything)

    assert everything == read_secret_file(file, strict=True).content.reveal().encode("latin-1")


def test_it_does_not_show_what_it_read(file: Path) -> None:
    """A file that was read is printed without its content."""
    assert CONTENT not in repr(read_secret_file(file, strict=True))


@needs_modes
@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_the_owners_alone_is_not_exposed(file: Path, mode: int) -> None:
    """Nothing is said about modes without bits for others."""
    file.chmod(mode)

    assert read_secret_file(file, strict=True).exposure is None


@needs_modes
@pytest.mark.parametrize("mode", [0o640, 0o644, 0o604, 0o660, 0o610])
def test_what_others_can_read_is_used_unless_that_is_refused(file: Path, mode: int) -> None:
    """Mounted secrets often are 0644; the mode and what to do stand in the sentence."""
    file.chmod(mode)

    exposure = read_secret_file(file, strict=False).exposure
    with pytest.raises(InsecureFileError, match=rf"secret.pem' .*mode {mode:04o}.*not used.*chmod"):
        read_secret_file(file, strict=True)

    assert exposure is not None
    assert f"secret.pem' is open to others than its owner (mode {mode:04o}); give it" in exposure


@needs_modes
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("mode", [0o666, 0o602, 0o777])
def test_what_everybody_can_change_is_never_used(file: Path, mode: int, strict: bool) -> None:
    """The credential in it may be another's by now."""
    file.chmod(mode)

    with pytest.raises(InsecureFileError, match="can be changed by everybody") as caught:
        read_secret_file(file, strict=strict)

    assert CONTENT not in exposed_by(caught.value)


@needs_root
def test_a_file_of_another_user_is_exposed(file: Path) -> None:
    """Its owner can change it, whatever the mode says."""
    os.chown(file, 65534, -1)

    assert "belongs to another user (uid 65534)" in str(
        read_secret_file(file, strict=False).exposure
    )


@needs_modes
def test_a_file_of_root_is_not_exposed(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mounted secrets belong to root, who could do anything anyway."""
    status = os.stat_result((0o100600, 0, 0, 1, 0, 0, 0, 0, 0, 0))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert find_exposure(status) is None


def test_on_windows_the_mode_says_nothing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file looks as if everybody could change it there."""
    file.chmod(0o666)
    status = file.stat()
    with monkeypatch.context() as patch:
        patch.setattr(os, "name", "nt")
        exposure = find_exposure(status)

    assert exposure is None


@needs_modes
def test_links_are_followed(file: Path, tmp_path: Path) -> None:
    """Kubernetes mounts a secret as a link to a file in a folder that it exchanges."""
    link = tmp_path / "link"
    link.symlink_to(file)

    assert CONTENT == read_secret_file(link, strict=True).content.reveal()


def test_a_tilde_is_the_home_folder(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a shell would have it, in a path from an environment variable or a config file too."""
    monkeypatch.setenv("HOME", str(file.parent))
    monkeypatch.setenv("USERPROFILE", str(file.parent))

    assert CONTENT == read_secret_file("~/secret.pem", strict=True).content.reveal()
    assert file_version(file) == file_version("~/secret.pem")


def test_a_file_of_64_kib_is_read_and_no_larger_one(file: Path) -> None:
    """No key is longer; a log file given by mistake is not read to its end."""
    file.write_bytes(b"x" * MOST)
    read = read_secret_file(file, strict=True)
    file.write_bytes(b"x" * (MOST + 1))

    with pytest.raises(CredentialError, match=r"secret.pem' is not a regular file of at most 64 K"):
        read_secret_file(file, strict=True)
    assert MOST == len(read.content.reveal())


@pytest.mark.skipif(os.name == "nt", reason="there are no named pipes in folders there")
def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    """Nobody is waited for who would write into it."""
    os.mkfifo(tmp_path / "pipe", 0o600)

    with pytest.raises(CredentialError, match="is not a regular file"):
        read_secret_file(tmp_path / "pipe", strict=True)


@pytest.mark.skipif(os.name == "nt", reason="a folder is not even opened there")
def test_a_folder_is_refused(tmp_path: Path) -> None:
    """In the same words."""
    with pytest.raises(CredentialError, match=r"(is not a regular file|is a directory)"):
        read_secret_file(tmp_path, strict=True)


def test_a_missing_file_is_named_with_the_reason(tmp_path: Path) -> None:
    """In the system's words; the system's error does not hang on ours."""
    with pytest.raises(
        CredentialError, match=r"missing.pem' cannot be read: no such file"
    ) as error:
        read_secret_file(tmp_path / "missing.pem", strict=True)

    assert error.value.__context__ is None


@pytest.mark.parametrize("path", [f"{CONTENT}\0", CONTENT, CONTENT * 30, f"{CONTENT}\ud800", ""])
def test_what_is_no_path_is_not_shown(path: str) -> None:
    """It may be a key whose form was not recognized."""
    with pytest.raises(CredentialError, match="The file whose path was given cannot be") as caught:
        read_secret_file(path, strict=True)

    assert CONTENT not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("key.pem", "The file 'key.pem'"),
        ("/run/secrets/key", "The file '/run/secrets/key'"),
        ("./key", "The file './key'"),
        ("..\\key", "The file '..\\key'"),
        ("key.k", "The file 'key.k'"),
        ("key.store", "The file 'key.store'"),
        ("key.secret", "The file whose path was given"),
        (".../key", "The file whose path was given"),
        ("~/key", "The file '~/key'"),
        ("C:\\key", "The file 'C:\\key'"),
        (Path("key"), "The file 'key'"),
        ("/a\nb\x1b[1m", "The file '/a\\u000ab\\u001b[1m'"),
        ("key", "The file whose path was given"),
        ("/" + "a" * 255, "The file whose path was given"),
    ],
)
def test_a_path_is_shown_if_it_looks_like_one(path: str | Path, label: str) -> None:
    """With control characters escaped, and never a long one."""
    assert label == file_label(path)


def test_a_label_takes_the_place_of_the_path(tmp_path: Path) -> None:
    """For callers who know better what to call it."""
    with pytest.raises(CredentialError, match=r"^The key of profile x cannot be read: "):
        read_secret_file(tmp_path / "missing", strict=True, label="The key of profile x")


def test_a_version_is_that_of_the_file_that_was_read(file: Path, tmp_path: Path) -> None:
    """It differs once the file is written or another takes its place; no file has none."""
    first = read_secret_file(file, strict=True).version
    same = file_version(file)
    other = tmp_path / "other"
    other.write_text(CONTENT)
    os.replace(other, file)
    second = file_version(file)
    file.unlink()

    assert first == same
    assert first != second
    assert file_version(file) is None
    assert file_version("\0") is None
