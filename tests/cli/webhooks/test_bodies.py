"""Bytes from files and standard input."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from cloudflow_async.cli.shared.console import CommandError
from cloudflow_async.cli.webhooks.bodies import names_a_secret, read_bytes

BYTES = b'\xff\r\n{"a": 1}\x00\n'


def test_no_byte_is_changed(tmp_path: Path) -> None:
    """Neither line ends nor what is no text."""
    (tmp_path / "body").write_bytes(BYTES)

    assert BYTES == read_bytes("body")


def test_a_hyphen_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read to its end, as bytes."""
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(BYTES)))

    assert BYTES == read_bytes("-")


def test_a_closed_standard_input_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python has no object for it then."""
    monkeypatch.setattr(sys, "stdin", None)

    assert b"" == read_bytes("-")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("nope", "cannot read nope: No such file or directory."),
        (".", "cannot read .: Is a directory."),
        ("--foo", "Unknown option: --foo."),
        ("-x=1", "Unknown option: -x."),
        ("--secret=canary", "Unknown option: --secret. Secrets are never arguments, which all pr"),
        ("--api-key=canary", "Unknown option: --api-key. Secrets are never arguments, which all "),
    ],
)
def test_what_cannot_be_read(source: str, told: str) -> None:
    """An option that is not there is no file; what it was given is not shown."""
    with pytest.raises(CommandError) as caught:
        read_bytes(source)

    assert str(caught.value).startswith(told)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("--secret", True),
        ("--secret=x", True),
        ("--webhook-secret", True),
        ("--token", True),
        ("--secret-env", False),
        ("--secret-file=secret", False),
        ("secret", False),
        ("--url", False),
    ],
)
def test_options_for_secrets(argument: str, *, expected: bool) -> None:
    """They are told by how their names end."""
    assert names_a_secret(argument) is expected
