"""``cloudflow emulator`` while it runs."""

from __future__ import annotations

import ast
import asyncio
import itertools
import json
import signal
import socket
import textwrap
import urllib.request
from pathlib import Path

import pytest

from cloudflow_async.cli import main
from tests.cli.conftest import Start


def test_it_tells_how_to_log_in(start: Start) -> None:
    """As one command, which is copied as it is, and the one that shows that it worked."""
    server = start("emulator", "--port", "0")
    assert server.stdout is not None
    said = "".join(server.stdout.readline() for _ in range(16))
    url = said.split()[6].removesuffix("/v2")
    login, who = said[said.index("  cloudflow login") :].replace("\\\n", "").splitlines()

    assert [
        *("cloudflow", "login", "--profile", "emulator", "--base-url", f"{url}/v2"),
        *("--authorize-url", f"{url}/oauth/authorize", "--token-url", f"{url}/oauth/token"),
        *("--client-id", "cloudflow-cli"),
    ] == login.split()
    assert "  cloudflow whoami --profile emulator --check" == who


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_a_signal(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """The lines that it prints work as they are in another terminal, and it ends quietly."""
    server = start("emulator", "--port", "0", "--seed", "3", "--limits-mode", "fixed")
    assert server.stdout is not None
    said = [server.stdout.readline().strip() for _ in range(10)]
    export, command, trigger = said[7:10]
    name, _, key = export.removeprefix("export ").partition("=")
    monkeypatch.setenv(name, key)

    assert f"API key    {key}" == said[2]
    assert 0 == main(command.split()[1:])
    assert 0 == main(trigger.split()[1:])
    assert (tmp_path / "executions.jsonl").stat().st_size > 0

    server.send_signal(number)
    _, err = server.communicate(timeout=5)

    assert (0, "") == (server.returncode, err)


def test_it_tells_how_to_use_techflow(
    start: Start,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """When asked to: the commands and the lines of Python that it prints work as they are."""
    server = start("emulator", "--port", "0", "--techflow")
    assert server.stdout is not None
    lines = iter(server.stdout.readline, "")
    said = "".join(itertools.takewhile(lambda line: "executions.list" not in line, lines))
    told = said[said.index("\nTechFlow") :]
    name, _, key = told[told.index("  export ") :].split()[1].partition("=")
    trigger, export = told[told.index("  cloudflow ") :].splitlines()[:2]
    program = textwrap.dedent(told[told.index("  from ") :])
    monkeypatch.setenv(name, key)

    assert "TECHFLOW_API_KEY" == name
    assert f"API key    {key}" in told
    assert 0 == main(trigger.split()[1:])
    assert "running" == json.loads(capsys.readouterr().out)["status"]
    assert 0 == main(export.split()[1:])
    assert 351 == len((tmp_path / "executions.jsonl").read_text().splitlines())

    work = eval(  # noqa: S307 - as `python -m asyncio` does
        compile(program, "said", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), {}
    )
    asyncio.run(work)

    assert "Nightly report" in capsys.readouterr().out


def test_it_can_be_asked_by_anything_that_speaks_http(start: Start) -> None:
    """The made-up pipelines are there, and counted in the mode that was asked for."""
    server = start("emulator", "--port", "0", "--limits-mode", "sliding")
    assert server.stdout is not None
    said = [server.stdout.readline().split() for _ in range(4)]
    url = f"{said[1][-1]}/pipelines/{said[3][-1]}/executions?limit=1"
    request = urllib.request.Request(url, headers={"X-API-Key": said[2][-1]})  # noqa: S310 - ours
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - ours
        page = json.load(answer)

    assert 1 == len(page["data"])
    assert "99" == answer.headers["X-RateLimit-Remaining"]


def test_a_port_that_is_taken_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """With the way out, and exit status 1."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert 1 == main(["emulator", "--port", str(port)])

    out, err = capsys.readouterr()

    assert "" == out
    assert f"error: cannot listen on port {port}: Address already in use; --port 0 " in err
    assert 1 == err.count("\n")


def test_limits_and_a_key_of_ones_own(
    start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A developer opens the limits, and the lines that are printed have the key and the client."""
    monkeypatch.setenv("APP_SECRET", "made-up-secret")
    options = ["--rate-limit", "off", "--api-key", "my-local-key", "--no-pkce"]
    client = ["--client-id", "my-app", "--client-secret-env", "APP_SECRET"]
    server = start("emulator", "--port", "0", *options, *client)
    assert server.stdout is not None
    said = "".join(server.stdout.readline() for _ in range(16))
    request = urllib.request.Request(  # noqa: S310 - of the emulator
        f"{said.split()[6]}/workflows", headers={"X-API-Key": "my-local-key"}
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - of the emulator
        names = list(answer.headers)

    assert "  API key    my-local-key\n" in said
    assert "--client-id my-app --client-secret-env APP_SECRET\n" in said
    assert "made-up-secret" not in said
    assert not [name for name in names if "RateLimit" in name]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--rate-limit", "100"], "--rate-limit '100' must be requests/seconds, such as 1000/60"),
        (["--rate-limit", "0/60"], "--rate-limit '0/60' must be requests/seconds"),
        (["--rate-limit", "100/0"], "--rate-limit '100/0' must be requests/seconds"),
        (["--api-key", "cf_live_canary"], "--api-key is for a key made up for local use;"),
        (["--api-key", "two words"], "api_key must be a str of 1 to 256 visible ASCII characters."),
        (["--redirect-uri", "http://127.0.0.1/a"], "and --redirect-uri need a --client-id."),
        (["--client-id", "a", "--client-secret-env", "NOT_SET"], "the variable NOT_SET is not set"),
        (["--client-id", "a", "--redirect-uri", "ftp://a"], "redirect URI 'ftp://a' must be https"),
    ],
)
def test_an_option_that_cannot_be_used(
    options: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Is one line, before anything listens, without the key."""
    assert 2 == main(["emulator", "--port", "0", *options])

    said = capsys.readouterr().err
    assert told in said
    assert "canary" not in said
    assert 1 == said.count("\n")
