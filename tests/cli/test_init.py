"""`main`: from the arguments to the exit status."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import cloudflow_async.cli.app
from cloudflow_async.cli import main

_HELP = """
import json, sys
from cloudflow_async.cli import main
status = main([*sys.argv[1:], "--help"])
print(json.dumps([status, sorted(sys.modules)]), file=sys.stderr)
"""


def test_without_the_extra_its_name_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line says what to install."""
    monkeypatch.setitem(sys.modules, "cyclopts", None)
    monkeypatch.delitem(sys.modules, "cloudflow_async.cli.app")

    assert 2 == main(["--version"])
    assert (
        "",
        "error: the command line is an extra: pip install 'cloudflow-async[cli]'\n",
    ) == tuple(capsys.readouterr())


def test_another_missing_module_is_not_blamed_on_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A broken installation shows where it is broken."""
    monkeypatch.setitem(sys.modules, "cloudflow_async.cli.commands.export", None)
    monkeypatch.delitem(sys.modules, "cloudflow_async.cli.app")

    with pytest.raises(ModuleNotFoundError, match=r"cloudflow_async.cli.commands.export"):
        main(["--version"])


def test_an_interrupt_at_any_time_is_quiet(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the event loop runs, too, Ctrl-C gives no traceback."""

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cloudflow_async.cli.app, "run", interrupt)

    assert 130 == main(["export"])
    assert ("", "") == tuple(capsys.readouterr())


@pytest.mark.parametrize("command", [[], ["export"], ["login"], ["whoami"]])
def test_help_does_not_load_what_it_does_not_need(command: list[str]) -> None:
    """Neither engine nor emulator is imported to tell how to call a command."""
    arguments = [sys.executable, "-c", _HELP, *command]
    run = subprocess.run(arguments, capture_output=True, text=True, check=True)
    status, modules = json.loads(run.stderr)
    heavy = {
        "aiohttp",
        "asyncio",
        "cloudflow_async._core.auth",
        "cloudflow_async.cli.export.run",
        "cloudflow_async.cli.account.login",
        "cloudflow_async.cli.account.whoami",
        "cloudflow_async.emulator",
        "rich.live",
    }

    assert 0 == status
    assert set() == heavy & set(modules)
