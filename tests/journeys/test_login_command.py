"""``cloudflow login`` as a process: from the address on the terminal to calls with the token."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pty
import re
import shlex
import signal
import stat
import sys
import termios
import time
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import attrs
import pytest

from cloudflow_async.emulator import Emulator
from tests.browser import Page, chromium
from tests.canaries import find

pytestmark = pytest.mark.slow

READ = ("--scope", "workflows:read", "--scope", "pipelines:read")


@attrs.define
class Command:
    """A command that runs, and what it has said so far."""

    process: asyncio.subprocess.Process
    said: str = ""
    """On standard error."""

    async def until(self, wanted: str) -> re.Match[str]:
        """Wait until standard error has a pattern; return the match."""
        assert self.process.stderr is not None
        while not (found := re.search(wanted, self.said)):
            async with asyncio.timeout(10):
                chunk = await self.process.stderr.read(4096)
            assert chunk, self.said
            self.said += chunk.decode()
        return found

    async def address(self) -> str:
        """Return the address at which a person is to log in."""
        return (await self.until(r"\n  (http://\S+)\n"))[1]

    async def end(self, answer: str | None = None) -> tuple[int, str]:
        """Wait for the end; return exit status and standard output."""
        async with asyncio.timeout(10):
            out, err = await self.process.communicate(None if answer is None else answer.encode())
        self.said += err.decode() if err else ""
        assert self.process.returncode is not None
        return self.process.returncode, out.decode()

    @property
    def arguments(self) -> str:
        """What every program of this machine can see."""
        return Path(f"/proc/{self.process.pid}/cmdline").read_text()


@attrs.frozen
class Machine:
    """Where commands run: a home of their own, and a browser that opens nothing."""

    home: Path
    running: contextlib.AsyncExitStack
    environment: dict[str, str]

    @property
    def opened(self) -> Path:
        """Where the browser writes what it was asked to open."""
        return self.home / "opened"

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.home / "config" / "cloudflow" / "config.toml"

    def token(self, profile: str) -> Path:
        """Return the file with the token of a profile."""
        return self.home / "state" / "cloudflow" / "tokens" / f"{profile}.json"

    async def start(self, *arguments: str, **streams: Any) -> Command:
        """Start a command; it does not outlive the test."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error", "-m", "cloudflow_async", *arguments),
            cwd=self.home,
            env=self.environment,
            **{"stdin": pipe, "stdout": pipe, "stderr": pipe, **streams},
        )
        self.running.push_async_callback(_end, process)
        return Command(process)

    async def run(self, *arguments: str) -> tuple[int, str, str]:
        """Run a command to its end; return exit status, standard output and standard error."""
        command = await self.start(*arguments)
        status, out = await command.end()
        return status, out, command.said


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
        await process.wait()


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Machine]:
    """Return where commands run."""
    browser = tmp_path / "browser"
    opened = shlex.quote(str(tmp_path / "opened"))
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {opened}.new && mv {opened}.new {opened}\n')
    browser.chmod(0o700)
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "BROWSER": shlex.join([str(browser), "%s"]),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    del environment["CLOUDFLOW_CONFIG"]
    async with contextlib.AsyncExitStack() as running:
        yield Machine(tmp_path, running, environment)


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """Return a running emulator."""
    async with Emulator() as emulator:
        yield emulator


def login(emulator: Emulator, *options: str, client_id: str | None = None) -> list[str]:
    """Return the arguments of a login at an emulator."""
    return [
        *("login", "--client-id", client_id or emulator.client_id),
        *("--base-url", emulator.base_url),
        *("--authorize-url", emulator.authorize_url),
        *("--token-url", emulator.token_url),
        *(options or READ),
    ]


async def arrive(callback: str) -> str:
    """Go where the browser is sent, and return the page that is there."""
    async with aiohttp.ClientSession() as http, http.get(callback) as page:
        return await page.text()


async def _open_page(machine: Machine, page: Page) -> str:
    """Open in Chromium what the command has asked the browser to open."""
    async with asyncio.timeout(10):
        while not machine.opened.exists():  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0.02)
    url = machine.opened.read_text()
    machine.opened.unlink()
    await page.goto(url)
    return url


async def test_from_the_terminal_to_the_browser_and_back(
    machine: Machine, emulator: Emulator
) -> None:
    """A person allows it; the profile is written, the token is theirs alone, no secret is told."""
    command = await machine.start(*login(emulator))
    async with chromium() as browser:
        page = await browser.open()
        url = await _open_page(machine, page)
        await page.screenshot(machine.home / "consent.png")
        await page.click("button.allow")
        await page.wait_for_text("You can close this window")
        await page.screenshot(machine.home / "done.png")
        errors, code = page.errors, _code(page)
    ended = await command.end()
    profile = tomllib.loads(machine.config.read_text())["profiles"]["default"]
    token = json.loads(machine.token("default").read_text())

    assert ((0, ""), []) == (ended, errors)
    assert f"\n\n  {url}\n\n" in command.said
    assert f"\nLogged in: profile default of '{machine.config}'\n  credential  OAu" in command.said
    assert ("oauth2", emulator.client_id) == (profile["auth"], profile["client_id"])
    assert 0o600 == stat.S_IMODE(machine.token("default").stat().st_mode)
    for secret in (token["access_token"], token["refresh_token"], code):
        assert find(command.said + machine.config.read_text(), secret) is None


def _code(page: Page) -> str:
    callback = next(url for url in page.requests if "code=" in urlsplit(url).query)
    return parse_qs(urlsplit(callback).query)["code"][0]


async def test_from_login_to_logout(machine: Machine, emulator: Emulator) -> None:
    """Other commands know who they are, and act as that person, until the logout."""
    (pipeline_id,) = emulator.seed_history(1)
    command = await machine.start(*login(emulator))
    await arrive(emulator.approve(await command.address(), subject="ada"))
    ended = await command.end()
    who = await machine.run("whoami", "--check")
    export = await machine.run("export", "--profile", "default", pipeline_id, "--out", "-")
    callers = {request.identity for request in emulator.requests if "/v2/" in request.path}
    out = await machine.run("logout")
    gone = await machine.run("whoami")

    assert (0, "") == ended
    assert (0, "") == (who[0], who[2])
    assert "  scopes      pipelines:read, workflows:read\n" in who[1]
    assert re.search(r"  expires     20.*Z, in (59 min|1 h 00 min).*; renewed by itself\n", who[1])
    assert who[1].endswith("  the API     accepts it\n")
    assert 0 == export[0]
    assert {pipeline_id} == {json.loads(line)["pipeline_id"] for line in export[1].splitlines()}
    assert {"ada via cloudflow-cli"} == callers
    assert (0, "") == out[:2]
    assert not machine.token("default").exists()
    assert (2, "") == gone[:2]
    assert "`cloudflow login`" in gone[2]


@pytest.mark.parametrize(
    ("button", "status", "page_says", "told"),
    [
        (
            "button.allow",
            0,
            "You can close this window",
            "Logged in on the emulator, whose API accepts it\n",
        ),
        ("button[value=deny]", 1, "failed", "error: The login was refused: access_denied"),
    ],
)
async def test_a_login_to_try(
    button: str, status: int, page_says: str, told: str, machine: Machine
) -> None:
    """At an emulator that is there for as long as it takes; allowed and denied, nothing is kept."""
    command = await machine.start("login", "--emulator")
    async with chromium() as browser:
        page = await browser.open()
        await _open_page(machine, page)
        await page.click(button)
        await page.wait_for_url("http://127.0.0.1:")
        await page.wait_for_url(lambda url: "/callback?" in url)
        shown = await page.text()
        await page.screenshot(machine.home / "end.png")
    ended = await command.end()

    assert (status, "") == ended
    assert page_says in shown
    assert told in command.said
    assert not machine.config.parent.exists()
    assert not machine.token("default").parent.exists()


async def test_the_login_that_the_emulator_prints(machine: Machine) -> None:
    """The two commands work as they are, in another terminal, and a second time."""
    server = await machine.start("emulator", "--port", "0")
    assert server.process.stdout is not None
    text = ""
    while "whoami" not in text:
        text += (await server.process.stdout.readline()).decode()
    printed = text[text.index("  cloudflow login") :].replace("\\\n", " ").splitlines()
    log_in, who_am_i = (shlex.split(line)[1:] for line in printed)
    statuses = []
    async with chromium() as browser:
        page = await browser.open()
        for _ in range(2):
            command = await machine.start(*log_in)
            await _open_page(machine, page)
            await page.click("button.allow")
            statuses.append((await command.end())[0])
    who = await machine.run(*who_am_i)

    assert [0, 0] == statuses
    assert (0, "") == (who[0], who[2])
    assert "found in    profile emulator\n" in who[1]
    assert who[1].endswith("  the API     accepts it\n")


async def test_an_address_that_is_piped_in(machine: Machine, emulator: Emulator) -> None:
    """With --no-browser nothing is opened and nothing listens; the answer may come by a pipe."""
    command = await machine.start(*login(emulator, "--no-browser"))
    callback = emulator.approve(await command.address())
    ended = await command.end(f"  {callback}\n")

    assert (0, "") == ended
    assert "Paste that address here:\nLogged in: profile default of" in command.said
    assert callback not in command.said
    assert not machine.opened.exists()


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("", "error: nothing was pasted.\n"),
        ("hello\n", "error: The callback has no state. Start the login anew.\n"),
        ("http://127.0.0.1/callback?code=canary&state=wrong\n", "error: The callback has the stat"),
    ],
)
async def test_an_answer_that_is_none(
    answer: str, told: str, machine: Machine, emulator: Emulator
) -> None:
    """One line; nothing of it is repeated, and the token endpoint is not asked."""
    command = await machine.start(*login(emulator, "--no-browser"))
    await command.until("Paste that address here:\n")
    status, out = await command.end(answer)

    assert (1 if answer else 2, "") == (status, out)
    assert f"here:\n{told}" in command.said
    assert "canary" not in command.said
    assert [] == emulator.requests


async def test_an_address_that_is_pasted(machine: Machine, emulator: Emulator) -> None:
    """In a terminal, where the person sees what they type and nothing else of it."""
    person, terminal = pty.openpty()
    try:
        command = await machine.start(*login(emulator, "--no-browser"), stdin=terminal)
        os.write(person, f"{emulator.approve(await command.address())}\n".encode())
        ended = await command.end()
        settings = termios.tcgetattr(terminal)
    finally:
        os.close(person)
        os.close(terminal)

    assert (0, "") == ended
    assert "Logged in: profile default" in command.said
    assert settings[3] & termios.ECHO


@pytest.mark.parametrize("options", [[], ["--no-browser"]])
async def test_ctrl_c_while_waiting(
    options: list[str], machine: Machine, emulator: Emulator
) -> None:
    """It ends at once and quietly, nothing is kept, and nothing listens any more."""
    command = await machine.start(*login(emulator, *options))
    address = await command.address()
    place = urlsplit(parse_qs(urlsplit(address).query)["redirect_uri"][0])
    await command.until(r"--no-browser\.\n|here:\n")
    before, since = command.said, time.monotonic()
    command.process.send_signal(signal.SIGINT)
    # Not yet end(), which closes the standard input: that would be an answer.
    await command.process.wait()
    took = time.monotonic() - since
    ended = await command.end()

    assert took < 2
    assert (130, "") == ended
    assert before == command.said
    assert not machine.config.exists()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", place.port or 80)


async def test_two_logins_at_the_same_time(machine: Machine, emulator: Emulator) -> None:
    """Each listens on a port of its own, both succeed, and the profile stands there once."""
    commands = [await machine.start(*login(emulator)) for _ in range(2)]
    callbacks = [emulator.approve(await command.address()) for command in commands]
    pages = await asyncio.gather(*map(arrive, callbacks))
    ended = [await command.end() for command in commands]
    who = await machine.run("whoami", "--check")

    assert [(0, ""), (0, "")] == ended
    assert all("<html" in page for page in pages)
    assert 1 == machine.config.read_text().count("[profiles.default]")
    assert 0 == who[0]


async def test_a_secret_is_seen_nowhere(machine: Machine, emulator: Emulator) -> None:
    """Neither among the arguments of the process nor in what it says or writes down."""
    client = emulator.add_client(confidential=True)
    assert client.client_secret is not None
    machine.environment["MY_SECRET"] = client.client_secret
    options = ("--client-secret-env", "MY_SECRET", *READ)
    command = await machine.start(*login(emulator, *options, client_id=client.client_id))
    callback = emulator.approve(await command.address())
    arguments = command.arguments
    page = await arrive(callback)
    ended = await command.end()
    token = json.loads(machine.token("default").read_text())
    who = await machine.run("whoami")
    code = parse_qs(urlsplit(callback).query)["code"][0]

    assert (0, "") == ended
    assert "--client-secret-env" in arguments
    seen = arguments + command.said + page + who[1] + who[2] + machine.config.read_text()
    for secret in (client.client_secret, code, token["access_token"], token["refresh_token"]):
        assert find(seen, secret) is None
