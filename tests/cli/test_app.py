"""The command line's grammar."""

from __future__ import annotations

import pytest

from cloudflow_async._core.support.version import VERSION
from cloudflow_async.cli import main


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The name of the distribution and its version are told."""
    assert 0 == main(["--version"])
    assert f"cloudflow-async {VERSION}\n" == capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_names_the_commands(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With a sentence for each; nothing at all is taken for a question too."""
    assert 0 == main(arguments)
    said = capsys.readouterr().out

    assert {"export", "emulator", "login", "logout", "whoami"} <= set(said.split())
    assert "Run an emulator of the API until Ctrl-C." in said


def test_the_help_of_a_command_names_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    """With what a person cannot guess: defaults, zones, what CSV leaves out."""
    assert 0 == main(["export", "--help"])
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())

    assert "CLOUDFLOW_API_KEY" in said
    assert "2026-01-20 (midnight UTC)" in said
    assert "undocumented fields are left out" in said
    assert "executions.jsonl" in said
    assert "--no-" not in said


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["exprot"], 'Unknown command "exprot". Did you mean "export"?'),
        (["export", "--foo", "1"], "Unknown option: --foo."),
        (["export", "--status", "done"], 'Invalid value "done" for --status. Choose from:'),
        (["export", "--concurrency", "0"], 'Invalid value "0" for --concurrency.'),
        (["export", "--start-date", "soon"], "'soon' is no ISO 8601 date"),
        (["export", "--api-key", "cf_live_1"], "Unknown option: --api-key."),
        (["export", "--key", "1"], "Unknown option: --key. Secrets are never arguments, which al"),
        (["--key=1"], 'Unknown command "--key". Available commands: export, emulator, login'),
        (["emulator", "now"], "there is an argument too many; --help tells what this"),
        (["emulator", "--port", "99999"], 'Invalid value "99999" for --port.'),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error, with exit status 2, and without a box around it."""
    assert 2 == main(arguments)
    out, err = capsys.readouterr()

    assert "" == out
    assert 1 == err.count("\n")
    assert err.startswith("error: ")
    assert told in err
