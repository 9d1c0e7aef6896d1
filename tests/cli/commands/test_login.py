"""What ``cloudflow login``, ``logout`` and ``whoami`` take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cloudflow_async.cli import main
from cloudflow_async.cli.account import login as logging_in
from cloudflow_async.cli.account import whoami as who


class Calls:
    """Takes the place of a command's work, and remembers what was asked of it."""

    def __init__(self) -> None:
        self.made: list[tuple[Any, ...]] = []

    def __call__(self, *arguments: Any, **options: Any) -> int:
        """Remember, and succeed."""
        self.made.append((*arguments, options))
        return 0


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Return what was asked."""
    calls = Calls()
    for name in ("log_in", "log_out", "log_in_on_emulator"):
        monkeypatch.setattr(logging_in, name, calls)
    monkeypatch.setattr(who, "tell_who", calls)
    return calls


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (["login"], (None, {}, {"browser": True, "timeout": 120.0})),
        (
            ["login", "--profile", "work", "--no-browser", "--timeout", "5"],
            ("work", {}, {"browser": False, "timeout": 5.0}),
        ),
        (
            ["login", "--emulator", "--scope", "admin:full", "--no-browser"],
            (["admin:full"], {"browser": False, "timeout": 120.0}),
        ),
        (["login", "--emulator"], ((), {"browser": True, "timeout": 120.0})),
        (["logout"], (None, {})),
        (["logout", "--profile", "work"], ("work", {})),
        (["whoami"], (None, {"check": False})),
        (["whoami", "--profile", "work", "--check"], ("work", {"check": True})),
    ],
)
def test_options(arguments: list[str], asked: tuple[Any, ...], calls: Calls) -> None:
    """Each has a default."""
    assert 0 == main(arguments)
    assert [asked] == calls.made


def test_what_a_new_profile_says(calls: Calls, tmp_path: Path) -> None:
    """The keys are those of the config file; a path is seen from here, and one with ~ from home."""
    arguments = "login --client-id my-app --client-secret-env MY_SECRET --base-url https://a/v2"
    arguments += " --authorize-url https://b/authorize --token-url https://b/token --scope one"
    arguments += " --scope two --redirect-uri http://127.0.0.1:1/c --issuer https://b"
    assert 0 == main(arguments.split())
    assert 0 == main(["login", "--client-id", "my-app", "--client-secret-file", "secret"])
    assert 0 == main(["login", "--client-id", "my-app", "--client-secret-file", "~/secret"])

    assert [
        {
            "client_id": "my-app",
            "client_secret_env": "MY_SECRET",
            "scopes": ["one", "two"],
            "base_url": "https://a/v2",
            "authorize_url": "https://b/authorize",
            "token_url": "https://b/token",
            "redirect_uri": "http://127.0.0.1:1/c",
            "issuer": "https://b",
        },
        {"client_id": "my-app", "client_secret_file": str(tmp_path / "secret")},
        {"client_id": "my-app", "client_secret_file": str(tmp_path / "home" / "secret")},
    ] == [made[1] for made in calls.made]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["login", "--emulator", "--profile", "x"], "--emulator takes --scope, --no-browser and"),
        (["login", "--emulator", "--client-id", "x"], "--emulator takes --scope, --no-browser and"),
        (["login", "--timeout", "-1"], 'Invalid value "-1.0" for --timeout. Must be > 0.'),
        (["login", "--timeout", "nan"], 'Invalid value "nan" for --timeout. Must be > 0.'),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str], told: str, calls: Calls, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error, with exit status 2, and nothing is begun."""
    assert 2 == main(arguments)
    out, err = capsys.readouterr()

    assert ("", 1, []) == (out, err.count("\n"), calls.made)
    assert err.startswith(f"error: {told}")


@pytest.mark.parametrize(
    "arguments",
    [
        ["login", "--client-secret", "canary"],
        ["login", "--client-secret=canary"],
        ["login", "canary"],
        ["login", "--token", "canary"],
        ["login", "--password=canary"],
        ["whoami", "canary"],
        ["whoami", "--api-key", "canary"],
        ["logout", "--refresh-token", "canary"],
        ["export", "--api-key=canary"],
    ],
)
def test_secrets_are_no_arguments(
    arguments: list[str], calls: Calls, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are not repeated, and the help that is named says where they belong."""
    assert 2 == main(arguments)
    err = capsys.readouterr().err

    assert ([], 1) == (calls.made, err.count("\n"))
    assert "canary" not in err
    assert "--help" in err


def test_where_a_clients_secret_belongs_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Its option exists, for the place where the secret lies."""
    main(["login", "--client-secret", "canary"])

    assert (
        "error: Unknown option: --client-secret. Did you mean --client-secret-env? Secrets are "
        "never arguments, which all programs can see: see --help.\n"
    ) == capsys.readouterr().err
