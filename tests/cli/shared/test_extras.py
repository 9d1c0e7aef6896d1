"""Libraries that only some options need."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cloudflow_async.cli.shared.console import CommandError
from cloudflow_async.cli.shared.extras import load


def test_a_module_that_is_there_is_loaded() -> None:
    """By its full name."""
    assert Path.cwd == load("pathlib", extra="none", wanted="--none").Path.cwd


def test_an_absent_library_is_one_line() -> None:
    """With what was asked for, and the command that brings it."""
    with pytest.raises(CommandError) as caught:
        load("no_such_library.part", extra="parquet", wanted="Parquet")

    assert "Parquet needs an extra: pip install 'cloudflow-async[parquet]'." == str(caught.value)


def test_a_library_that_misses_something_is_a_bug_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not told as if it were absent."""
    (tmp_path / "a_broken_library.py").write_text("import what_it_needs\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    with pytest.raises(ModuleNotFoundError, match="what_it_needs"):
        load("a_broken_library", extra="plot", wanted="--plot")
