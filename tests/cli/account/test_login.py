"""Logging in and out, with a person who pastes, at the emulator."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import threading
import tomllib
import urllib.request
from pathlib import Path

import pytest

from cloudflow_async._core.auth import OAuth2Auth
from cloudflow_async._core.auth.oauth2 import oauth2
from cloudflow_async._core.auth.profiles.profiles import token_path
from cloudflow_async.cli import main
from cloudflow_async.cli.account import login as logging_in
from cloudflow_async.emulator import Emulator
from tests.cli.conftest import Person, application

LOGIN = ["login", "--no-browser"]
READ = ["--scope", "workflows:read"]


def _document(path: Path) -> dict[str, dict[str, object]]:
    profiles: dict[str, dict[str, object]] = tomllib.loads(path.read_text())["profiles"]
    return profiles


def _failed(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line that was told."""
    out, err = capsys.readouterr()

    assert ("", 1) == (out, err.count("\n"))
    return err.removeprefix("error: ").rstrip("\n")


def test_a_first_login(person: Person, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The profile is written, the token kept for its owner alone, and both are told."""
    assert 0 == main([*LOGIN, *application(person.emulator), *READ])
    out, err = capsys.readouterr()
    lines = err.splitlines()
    kept = token_path("default")

    assert "" == out
    assert [
        f"Logged in: profile default of '{config}'",
        "  credential  OAuth 2.0, client cloudflow-cli",
        "  scopes      workflows:read",
    ] == lines[:3]
    assert lines[3].endswith("; renewed by itself")
    assert {
        "auth": "oauth2",
        "client_id": "cloudflow-cli",
        "scopes": ["workflows:read"],
        "base_url": person.emulator.base_url,
        "authorize_url": person.emulator.authorize_url,
        "token_url": person.emulator.token_url,
    } == _document(config)["default"]
    assert 0o600 == stat.S_IMODE(kept.stat().st_mode)


def test_the_next_login_needs_no_options(person: Person, config: Path) -> None:
    """The profile knows; the options of the first one may stand there too."""
    first = [*LOGIN, "--profile", "work", *application(person.emulator), *READ]
    assert 0 == main(first)
    before = config.read_bytes(), token_path("work").read_bytes()
    assert 0 == main([*LOGIN, "--profile", "work"])
    assert 0 == main(first)

    assert 3 == len(person.questions)
    assert before[0] == config.read_bytes()
    assert before[1] != token_path("work").read_bytes()


def test_other_options_do_not_change_a_profile(
    person: Person, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those that differ are named, and two ways out."""
    main([*LOGIN, *application(person.emulator), *READ])
    before = config.read_bytes()
    capsys.readouterr()
    assert 2 == main([*LOGIN, "--client-id", "another", "--scope", "admin:full", *READ])

    assert (
        "profile default is there already, with another client_id, scopes: change it in "
        f"'{config}', or give a new one another name by --profile."
    ) == _failed(capsys)
    assert before == config.read_bytes()
    assert 1 == len(person.questions)


def test_the_environment_names_a_profile(
    person: Person, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it does for a bare ``CloudFlow()``."""
    monkeypatch.setenv("CLOUDFLOW_PROFILE", "work")
    main([*LOGIN, *application(person.emulator)])

    assert ["work"] == list(_document(config))


def test_an_application_with_a_secret(
    person: Person,
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The profile says where the secret lies, and nobody is told what it is."""
    client = person.emulator.add_client(confidential=True)
    assert client.client_secret is not None
    monkeypatch.setenv("MY_SECRET", client.client_secret)
    where = [*application(person.emulator)[2:], "--client-id", client.client_id]
    assert 0 == main([*LOGIN, *where, "--client-secret-env", "MY_SECRET"])

    assert client.client_secret not in "".join(capsys.readouterr()) + config.read_text()
    assert "MY_SECRET" == _document(config)["default"]["client_secret_env"]


def test_a_secret_that_is_not_there(
    person: Person, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is told before anybody is asked to log in."""
    arguments = [*LOGIN, *application(person.emulator), "--client-secret-env", "MY_SECRET"]
    assert 2 == main(arguments)

    assert "'client_secret_env' names is missing or empty." in _failed(capsys)
    assert ([], False) == (person.questions, config.exists())


def test_without_a_profile_the_application_has_to_be_named(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message says how, and what needs none."""
    assert 2 == main(["login", "--scope", "admin:full"])

    assert (
        f"there is no profile default in '{config}': name the application by --client-id, and "
        "the profile is written; --emulator needs none."
    ) == _failed(capsys)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--profile", "a\x1bb"], "The name of a profile has 1 to 64 letters, digits, hyphens"),
        (["--base-url", "http://a/v2"], "profile 'default': 'base_url' must be an https URL"),
        (["--client-secret-env", "can/ary"], "'client_secret_env' must be the name of an environ"),
        (["--scope", "one two"], "A scope is a str of printable ASCII without spaces"),
        (["--timeout", "inf"], "timeout must be a number of more than 0 seconds, not inf."),
    ],
)
def test_an_option_that_cannot_be_used(
    options: list[str],
    told: str,
    person: Person,
    config: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nobody is asked to log in, and nothing is written."""
    assert 2 == main([*LOGIN, "--client-id", "my-app", *options])
    line = _failed(capsys)

    assert told in line
    assert "can/ary" not in line
    assert ([], False) == (person.questions, config.exists())


@pytest.mark.parametrize("command", [LOGIN, ["logout"]])
def test_a_profile_of_another_kind(
    command: list[str], config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An API key has no login; its secret is not even looked for."""
    config.write_text('[profiles.default]\nauth = "api_key"\napi_key_env = "NOT_SET"\n')
    assert 2 == main(command)

    assert "profile default has no login: it is of the kind api_key, not oauth2." == _failed(capsys)


@pytest.mark.parametrize("command", [LOGIN, ["logout"], ["whoami", "--profile", "default"]])
def test_a_file_that_is_no_toml(
    command: list[str], config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line is named, and the file is left as it is."""
    config.write_text("[profiles.default\n")
    assert 2 == main(command)

    assert f"'{config}' cannot be used: it is no TOML; see line 1." == _failed(capsys)
    assert "[profiles.default\n" == config.read_text()


def test_a_file_that_cannot_be_written(
    person: Person, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is told before anybody is asked to log in."""
    monkeypatch.setenv("CLOUDFLOW_CONFIG", "/proc/cloudflow/config.toml")
    assert 1 == main([*LOGIN, *application(person.emulator)])

    assert _failed(capsys).startswith("profile default cannot be written to '/proc/cloudflow/con")
    assert [] == person.questions


def test_a_login_that_is_denied(
    person: Person, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is written, neither profile nor token."""
    person.denies = True
    assert 1 == main([*LOGIN, *application(person.emulator)])

    assert _failed(capsys).startswith("The login was refused: access_denied")
    assert not config.exists()
    assert not token_path("default").exists()


def test_a_token_endpoint_that_is_not_there(
    person: Person, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The login has failed."""
    where = application(person.emulator)[:-1]
    assert 1 == main([*LOGIN, *where, "http://127.0.0.1:9/token"])

    assert "cannot connect" in _failed(capsys)
    assert not config.exists()


def test_the_question_of_a_login_without_a_browser(person: Person) -> None:
    """It has the address, and says what to do with the one at which the browser ends."""
    main([*LOGIN, *application(person.emulator), *READ])
    (question,) = person.questions

    assert "Open this address in a browser, on any machine:\n\n  http://127.0.0.1:" in question
    assert question.endswith(" Paste that address here:")


def test_a_login_in_the_browser(
    person: Person, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The address is shown as well, in case that none comes up."""
    opened: list[str] = []

    def arrive(url: str) -> None:
        with urllib.request.urlopen(person.emulator.approve(url)) as page:  # noqa: S310 - ours
            page.read()

    async def open_in_browser(url: str) -> bool:
        opened.append(url)
        threading.Thread(target=arrive, args=(url,)).start()
        return True

    monkeypatch.setattr(oauth2, "open_in_browser", open_in_browser)
    assert 0 == main(["login", *application(person.emulator), *READ])
    err = capsys.readouterr().err

    assert err.startswith("Opening the browser. If nothing happens, open this address on this ")
    assert f"\n\n  {opened[0]}\n\n" in err
    assert "add --no-browser.\nLogged in: profile default of" in err


def test_a_signal_during_a_login(
    person: Person,
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing is written and nothing said."""

    async def leave(_: str) -> str:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(logging_in, "ask", leave)
    assert 130 == main([*LOGIN, *application(person.emulator)])

    assert ("", "") == capsys.readouterr()
    assert not config.exists()


def test_logging_out(person: Person, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The token is gone and the profile stays; a second time does no harm."""
    main([*LOGIN, *application(person.emulator)])
    capsys.readouterr()
    assert [0, 0] == [main(["logout"]), main(["logout"])]
    told = capsys.readouterr().err
    status = main(["whoami"])

    assert "Logged out: profile default has no token any more.\n" * 2 == told
    assert not token_path("default").exists()
    assert 2 == status
    assert "profile default: Nobody is logged in" in _failed(capsys)


def test_logging_out_takes_no_secret(person: Person, config: Path) -> None:
    """Who has lost the application's secret can still have the token removed."""
    main([*LOGIN, *application(person.emulator)])
    where = 'client_secret_env = "NOT_SET"\ntoken_endpoint_auth_method = "client_secret_basic"\n'
    config.write_text(config.read_text() + where)
    assert 0 == main(["logout"])

    assert not token_path("default").exists()


def test_logging_out_of_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """There is no such profile."""
    assert 2 == main(["logout"])

    assert _failed(capsys).startswith("There is no profile 'default': the file ")


def test_a_token_that_cannot_be_removed(
    person: Person, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody is told that it was."""
    main([*LOGIN, *application(person.emulator)])
    kept = token_path("default")
    kept.unlink()
    kept.symlink_to(config)
    capsys.readouterr()
    assert 2 == main(["logout"])

    assert "is a symbolic link" in _failed(capsys)


def test_a_signal_while_logging_out(
    person: Person,
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nobody is told that it is done."""
    main([*LOGIN, *application(person.emulator)])
    capsys.readouterr()

    async def hang(_: OAuth2Auth) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.Event().wait()

    monkeypatch.setattr(OAuth2Auth, "logout", hang)

    assert 143 == main(["logout"])
    assert ("", "") == capsys.readouterr()


@pytest.mark.parametrize(
    ("scopes", "verdict"),
    [
        ([], "accepts it"),
        (["--scope", "analytics:read"], "accepts it, but not for reading workflows"),
    ],
)
def test_a_login_to_try(
    scopes: list[str],
    verdict: str,
    person: Person,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """At an emulator of its own, whose API is asked with the token; nothing is kept."""

    def make() -> Emulator:
        person.emulator = Emulator()
        return person.emulator

    monkeypatch.setattr(logging_in, "Emulator", make)
    assert 0 == main([*LOGIN, "--emulator", *scopes])
    err = capsys.readouterr().err

    assert err.startswith(f"Logged in on the emulator, whose API {verdict}\n  credential  OAuth")
    assert [] == list(tmp_path.iterdir())


def test_a_login_to_try_that_asks_for_too_much(
    person: Person, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The emulator's server answers as a real one does."""

    async def paste(question: str) -> str:
        url = next(line.strip() for line in question.splitlines() if "http" in line)
        return await asyncio.to_thread(_redirected, url)

    monkeypatch.setattr(logging_in, "ask", paste)
    assert 1 == main([*LOGIN, "--emulator", "--scope", "everything"])

    assert _failed(capsys).startswith("The login was refused: invalid_scope")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Follow none."""


def _redirected(url: str) -> str:
    try:
        urllib.request.build_opener(_NoRedirect).open(url)
    except urllib.error.HTTPError as answer:
        return str(answer.headers["Location"])
    raise AssertionError
