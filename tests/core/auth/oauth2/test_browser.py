"""Opening a browser: which addresses, on which machines, and how quietly."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
import webbrowser
from pathlib import Path
from typing import Any

import pytest

from cloudflow_async._core.auth.oauth2 import browser
from cloudflow_async._core.auth.oauth2.browser import open_in_browser

URL = "https://auth.cloudflow.io/oauth/authorize?client_id=x&state=SECRETSTATE"

VARIABLES = ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION")


@pytest.fixture(autouse=True)
def _bare_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take screen and browsers away, and let the standard library look for browsers anew."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(webbrowser, "_tryorder", None)
    monkeypatch.setattr(webbrowser, "_browsers", {})


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a program that the person prefers as browser; it notes what it is called with."""
    path = tmp_path / "surfer"
    write(path, 'printf "%s" "$1" > "$0.called"')
    monkeypatch.setenv("BROWSER", str(path))
    return path


def write(path: Path, script: str) -> None:
    """Write a shell script."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def called(path: Path) -> str | None:
    """Return what a program was called with; None: it was not called."""
    noted = Path(f"{path}.called")
    return noted.read_text() if noted.exists() else None


class Registered(webbrowser.BaseBrowser):
    """A browser that a program registered itself."""

    def __init__(self, answer: Any) -> None:
        super().__init__("registered")
        self.answer = answer
        self.opened: list[str] = []

    def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
        """Note the address and do as told."""
        self.opened.append(url)
        if isinstance(self.answer, Exception):
            raise self.answer
        return bool(self.answer)


def register(answer: Any) -> Registered:
    """Make a browser the preferred one."""
    registered = Registered(answer)
    webbrowser.register("registered", None, registered, preferred=True)
    return registered


async def test_the_preferred_browser_opens_the_url(program: Path) -> None:
    """The person's own, and it gets the URL as one argument, `&` and all."""
    assert await open_in_browser(URL)
    assert URL == called(program)


async def test_a_preferred_command_line_keeps_its_own_arguments(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`BROWSER` may say where the URL goes."""
    monkeypatch.setenv("BROWSER", f"{program} %s --new-window")

    assert await open_in_browser(URL)
    assert URL == called(program)


async def test_nothing_that_it_writes_reaches_the_terminal(
    program: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """There the person reads what to do next, or a program's output goes into a pipe."""
    write(program, "echo noise; echo noise >&2; cat")

    assert await open_in_browser(URL)
    assert ("", "") == capfd.readouterr()


@pytest.mark.parametrize("script", ["exit 3", "sleep 0.05; exit 1"])
async def test_a_program_that_fails_is_no_browser(program: Path, script: str) -> None:
    """At once or a moment later; then the URL has to be shown."""
    write(program, script)

    assert not await open_in_browser(URL)


async def test_a_browser_that_the_standard_library_knows_may_fail_later_too(program: Path) -> None:
    """Its own way would take what has not failed at once for a success."""
    write(program, "sleep 0.05; exit 1")
    webbrowser.register("known", None, webbrowser.Mozilla(str(program)), preferred=True)

    assert not await open_in_browser(URL)


async def test_a_missing_program_is_no_browser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is raised for it."""
    monkeypatch.setenv("BROWSER", str(tmp_path / "missing"))

    assert not await open_in_browser(URL)


async def test_a_program_that_goes_on_running_is_the_browser_itself(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not waited for, and when it ends it leaves no zombie."""
    write(program, 'trap "exit 0" TERM; echo $$ > "$0.called"; while :; do sleep 0.01; done')
    monkeypatch.setattr(browser, "_SECONDS_TO_FAIL", 0.2)

    assert await open_in_browser(URL)
    pid = int(called(program) or 0)
    waiting = next(one for one in threading.enumerate() if one.name == "cloudflow browser")
    assert waiting.daemon
    os.kill(pid, 15)
    await asyncio.to_thread(waiting.join, 5)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize("name", ["w3m", "lynx", "elinks", "www-browser"])
async def test_a_text_browser_does_not_take_the_terminal(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would come up where somebody reads what to do next."""
    path = tmp_path / name
    write(path, 'printf "%s" "$1" > "$0.called"')
    monkeypatch.setenv("BROWSER", str(path))

    assert not await open_in_browser(URL)
    assert called(path) is None


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, False),
        ("linux", {"DISPLAY": ""}, False),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("linux", {"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}, False),
        ("linux", {"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22", "DISPLAY": "localhost:10"}, True),
        ("freebsd14", {}, False),
        ("darwin", {}, True),
        ("darwin", {"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}, False),
        ("win32", {}, True),
        ("win32", {"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}, False),
    ],
)
async def test_without_a_screen_in_front_of_the_person_nothing_is_opened(
    platform: str, variables: dict[str, str], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over SSH the screen is somewhere else, unless it is forwarded."""
    registered = register(True)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)

    assert expected == await open_in_browser(URL)
    assert [URL] * expected == registered.opened


@pytest.mark.parametrize("answer", [False, webbrowser.Error("none"), RuntimeError(URL)])
async def test_a_broken_browser_raises_nothing(
    answer: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer is an honest False, and the URL, which has the state, is not logged."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("DISPLAY", ":0")
    register(answer)

    assert not await open_in_browser(URL)
    assert "SECRETSTATE" not in caplog.text


async def test_a_system_without_any_browser_raises_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even one to ask."""
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(webbrowser, "_tryorder", [])

    assert not await open_in_browser(URL)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://auth.cloudflow.io/oauth/authorize?a=b", True),
        ("http://127.0.0.1:8787/oauth/authorize?a=b", True),
        ("http://localhost:8787/", True),
        ("http://auth.cloudflow.io/", False),
        ("file:///etc/passwd", False),
        ("javascript:alert(1)", False),
        ("--version", False),
        ("https://user:password@auth.cloudflow.io/", False),
        ("https://auth.cloudflow.io/ --new-window", False),
        ("https://auth.cloudflow.io/\n", False),
        ("", False),
    ],
)
async def test_only_web_addresses_are_opened(
    url: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """https, and http on this machine; nothing that a program could take for something else."""
    monkeypatch.setenv("DISPLAY", ":0")
    registered = register(True)

    assert expected == await open_in_browser(url)
    assert [url] * expected == registered.opened


async def test_a_slow_browser_does_not_hold_up_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked in a thread."""
    monkeypatch.setenv("DISPLAY", ":0")
    asked, go_on = threading.Event(), threading.Event()
    registered = register(True)

    def slowly(url: str) -> bool:
        asked.set()
        return go_on.wait(5)

    monkeypatch.setattr(registered, "open", slowly)
    begun = time.monotonic()
    opening = asyncio.create_task(open_in_browser(URL))
    await asyncio.to_thread(asked.wait, 5)
    go_on.set()

    assert await opening
    assert time.monotonic() - begun < 4
