"""``python -m cloudflow_async``."""

from __future__ import annotations

import importlib
import subprocess
import sys

from cloudflow_async._core.support.version import VERSION
from cloudflow_async.cli import main


def test_the_package_runs_as_the_command() -> None:
    """It is the same command, with its exit status."""
    good = subprocess.run(
        [sys.executable, "-m", "cloudflow_async", "--version"],
        capture_output=True,
        text=True,
        check=False,
    )
    bad = subprocess.run(
        [sys.executable, "-m", "cloudflow_async", "export"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, f"cloudflow-async {VERSION}\n", "") == (good.returncode, good.stdout, good.stderr)
    assert (2, "") == (bad.returncode, bad.stdout)


def test_importing_it_runs_nothing() -> None:
    """Tools that import every module of a package do not start the command."""
    module = importlib.import_module("cloudflow_async.__main__")

    assert module.main is main
