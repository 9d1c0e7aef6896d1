"""The configuration file: where it is, and what becomes of one that cannot be used."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from cloudflow_async._core.auth.profiles.config_file import (
    config_path,
    read_config,
    usual_config_path,
)
from cloudflow_async._core.errors import CredentialError, InsecureFileError
from tests.core.auth.exposure import exposed_by

CANARY = "cf_live_canary0123456789"


def _as_it_is(document: dict[str, Any]) -> dict[str, Any]:
    return document


def test_its_usual_place() -> None:
    """The platform's folder for configuration, unless the environment names a path."""
    usual = platformdirs.user_config_path("cloudflow") / "config.toml"

    assert usual == usual_config_path()
    assert usual == config_path({})
    assert usual == config_path({"CLOUDFLOW_CONFIG": " "})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("~/c.toml", Path.home() / "c.toml"),
        ("c.toml", Path.cwd() / "c.toml"),
        ("/etc/../etc/c.toml", Path("/etc/c.toml")),
    ],
)
def test_a_place_of_ones_own(given: str, expected: Path) -> None:
    """A path that does not depend on the folder in which a program later works."""
    assert expected == config_path({"CLOUDFLOW_CONFIG": given})


def test_a_document(tmp_path: Path) -> None:
    """TOML in UTF-8; editors on Windows put a mark before it."""
    path = tmp_path / "c.toml"
    path.write_bytes(b'\xef\xbb\xbfa = "\xc3\xa9"\n')

    assert {"a": "é"} == read_config(path, _as_it_is)


def test_there_is_none(tmp_path: Path) -> None:
    """A missing file is no error, nor is a path below something that is no folder."""
    (tmp_path / "file").touch()

    assert read_config(tmp_path / "missing" / "c.toml", _as_it_is) is None
    assert read_config(tmp_path / "file" / "c.toml", _as_it_is) is None
    assert {} == read_config(Path(os.devnull), _as_it_is)


def test_a_file_of_one_mib_is_read(tmp_path: Path) -> None:
    """A larger one is no configuration that anybody wrote."""
    path = tmp_path / "c.toml"
    path.write_bytes(b"#" * 2**20)

    assert {} == read_config(path, _as_it_is)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (f'a = 1\nb = "{CANARY}\n', "it is no TOML; see line 2"),
        (f'a = "{CANARY}"\n[a]\n', "it is no TOML; see line 2"),
        (f"{CANARY} = [[[[", "it is no TOML"),
        ("a = " + "[" * 5000, "it is no TOML"),
        ("a = " + "1" * 5000, "it is no TOML"),
        ("a = 2026-02-30", "it is no TOML"),
        (f"{CANARY} = '\xe9'".encode("latin-1"), "it is no text in UTF-8"),
        (f"#{CANARY}".ljust(2**20 + 1, "#"), "it is larger than 1 MiB"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_what_is_no_toml(tmp_path: Path, content: str | bytes, problem: str) -> None:
    """The message has the line's number, and none of the content; neither have its frames."""
    path = tmp_path / "c.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(CredentialError) as caught:
        read_config(path, _as_it_is)

    assert caught.value.message.startswith(f"'{path}' cannot be used: {problem}")
    assert CANARY not in exposed_by(caught.value)


def test_what_the_reader_refuses(tmp_path: Path) -> None:
    """Its error comes through, without the frames in which the document could be seen."""
    path = tmp_path / "c.toml"
    path.write_text(f'a = "{CANARY}"')

    def refuse(document: dict[str, Any]) -> None:
        raise CredentialError("No.")

    with pytest.raises(CredentialError, match=r"No\.") as caught:
        read_config(path, refuse)

    assert CANARY not in exposed_by(caught.value)
    assert refuse.__code__ not in [entry.frame.code.raw for entry in caught.traceback]


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.symlink_to(path)])
def test_what_cannot_be_read(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """The system's reason, and the path."""
    path = tmp_path / "c.toml"
    make(path)

    with pytest.raises(CredentialError, match=r"c\.toml' cannot be read: [A-Z][a-z ]+"):
        read_config(path, _as_it_is)


def test_a_path_with_a_nul() -> None:
    """It names no file, which is no reason for another kind of error."""
    with pytest.raises(CredentialError, match="cannot be used"):
        read_config(Path("a\0b"), _as_it_is)


@pytest.mark.skipif(os.name == "nt", reason="permissions are not in the mode there")
def test_others_may_read_but_not_change_it(tmp_path: Path) -> None:
    """Who changes a base URL has the credential sent to himself."""
    path = tmp_path / "c.toml"
    path.touch()
    path.chmod(0o664)

    assert {} == read_config(path, _as_it_is)
    path.chmod(0o646)
    with pytest.raises(InsecureFileError, match=r"Everybody can change .*c\.toml'.*chmod o-w"):
        read_config(path, _as_it_is)
