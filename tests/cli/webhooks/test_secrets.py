"""Where the secret of a webhook lies, and a new one."""

from __future__ import annotations

import base64
import errno
import os
import stat
from pathlib import Path

import pytest

from cloudflow_async._core.errors import CredentialError, InsecureFileError, InsecureKeyFileWarning
from cloudflow_async.cli.shared.console import CommandError
from cloudflow_async.cli.webhooks.secrets import SecretPlace, new_secret, write_new_secret
from tests.deliveries import SECRET

TEXT = "whsec_your_webhook_secret"


def test_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """White space around it does not count."""
    monkeypatch.setenv("HOOK", f" {SECRET}\n")

    assert SECRET == SecretPlace(env="HOOK").read().reveal()


def test_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of its line does not count, and ``~`` is the home folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "hook").write_text(f"{SECRET}\n")
    (tmp_path / "hook").chmod(0o600)

    assert SECRET == SecretPlace(file="~/hook").read().reveal()


def test_a_file_for_all_to_read_is_warned_of(tmp_path: Path) -> None:
    """It is used all the same, as platforms mount secrets so."""
    (tmp_path / "hook").write_text(SECRET)
    (tmp_path / "hook").chmod(0o644)
    with pytest.warns(InsecureKeyFileWarning, match=r"open to others than its owner \(mode 0644\)"):
        assert SECRET == SecretPlace(file=str(tmp_path / "hook")).read().reveal()


def test_a_text_that_is_no_base64(monkeypatch: pytest.MonkeyPatch) -> None:
    """The document's own sample is one; the message names the option that takes it."""
    monkeypatch.setenv("HOOK", TEXT)
    with pytest.raises(CommandError, match="add --secret-encoding utf8") as caught:
        SecretPlace(env="HOOK").read()

    assert "your_webhook" not in str(caught.value)
    assert TEXT == SecretPlace(env="HOOK", encoding="utf8").read().reveal()


@pytest.mark.parametrize(
    ("place", "told"),
    [
        (SecretPlace(env="NOPE"), "the variable of the environment that '--secret-env' names is m"),
        (SecretPlace(env=""), "the variable of the environment that '--secret-env' names is missi"),
        (SecretPlace(file="no.where"), "The file 'no.where' cannot be read: no such file or dire"),
    ],
)
def test_nothing_is_there(place: SecretPlace, told: str) -> None:
    """What kind of place it is, is told."""
    with pytest.raises(CredentialError, match=told):
        place.read()


@pytest.mark.parametrize("place", [SecretPlace(), SecretPlace(env="HOOK", file="hook")])
def test_one_place_is_due(place: SecretPlace) -> None:
    """None and two are told alike, with the reason why it is no argument."""
    with pytest.raises(CommandError, match=r"^say where the secret lies, .* are never arguments"):
        place.read()


def test_a_place_is_not_printed() -> None:
    """A secret that was given by mistake looks like the name of a variable."""
    assert "SecretPlace(encoding='base64')" == repr(SecretPlace(env="canary"))
    assert [True, True, False] == [
        place.is_given for place in (SecretPlace(env="a"), SecretPlace(file="a"), SecretPlace())
    ]


def test_a_new_secret() -> None:
    """32 random bytes, in the form that verifies, and not shown."""
    one, other = new_secret(), new_secret()

    assert one != other
    assert 32 == len(base64.b64decode(one.reveal().removeprefix("whsec_"), validate=True))
    assert one.reveal() not in repr(one)


def test_a_new_file(tmp_path: Path) -> None:
    """Its owner's alone; the commands read it back; it can be removed, more than once."""
    new = write_new_secret("hook")
    path = tmp_path / "hook"

    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert SecretPlace(file=str(path)).read() == new.secret

    new.remove()
    new.remove()

    assert not path.exists()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("taken", "'taken' exists: to use the secret in it, say --secret-file."),
        ("link", "'link' exists: to use the secret in it, say --secret-file."),
        ("no/where", "cannot write 'no/where': No such file or directory."),
    ],
)
def test_a_file_that_cannot_be_made(tmp_path: Path, given: str, told: str) -> None:
    """What is there stays, and no link is followed."""
    (tmp_path / "taken").write_text("old")
    (tmp_path / "link").symlink_to("elsewhere")
    with pytest.raises(CommandError) as caught:
        write_new_secret(given)

    assert told == str(caught.value)
    assert "old" == (tmp_path / "taken").read_text()
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_for_all_to_write(tmp_path: Path) -> None:
    """Somebody could put another secret there."""
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(InsecureFileError, match="Everybody may replace files in the directory"):
        write_new_secret("open/hook")

    assert [] == list(folder.iterdir())


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a secret does not stay behind."""

    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(CommandError, match=r"^cannot write 'hook': No space left on") as full:
        write_new_secret("hook")

    assert 1 == full.value.status
    assert [] == list(tmp_path.iterdir())
