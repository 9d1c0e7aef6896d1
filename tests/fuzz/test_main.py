"""The command."""

from __future__ import annotations

import sys

import pytest

from . import __main__ as command
from .campaigns import CAMPAIGNS


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command, and return its exit code."""
    monkeypatch.setattr(sys, "argv", ["fuzz", *arguments])
    with pytest.raises(SystemExit) as caught:
        command.main()
    return int(caught.value.code or 0)


def test_it_prints_what_became_of_a_campaign(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its inputs, and how many ended as they must not."""
    code = run(monkeypatch, "--only", "bookmarks", "--count", "200")

    assert 0 == code
    assert "bookmarks: 200 inputs in" in capsys.readouterr().out


def test_it_names_all_campaigns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the number of inputs of a long run."""
    code = run(monkeypatch, "--list")
    lines = capsys.readouterr().out.splitlines()

    assert 0 == code
    assert [each.name for each in CAMPAIGNS] == [line.split()[0] for line in lines]


def test_it_fails_when_something_was_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two inputs are too few for all outcomes to occur, and one that is tried again is shown."""
    assert 1 == run(monkeypatch, "--only", "models", "--count", "2")
    assert "never" in capsys.readouterr().out
    assert 0 == run(monkeypatch, "--only", "models", "--first", "5", "--count", "1")
