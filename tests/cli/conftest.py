"""The command as a process, and an emulator for it that runs in a thread."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cloudflow_async.cli.account import login as logging_in
from cloudflow_async.emulator import Emulator, EmulatorLimits

EXECUTIONS = "/pipelines/{pipeline_id}/executions"

Start = Callable[..., "subprocess.Popen[str]"]
Serve = Callable[..., Emulator]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an empty folder, and without the environment of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    for name in ("CLOUDFLOW_CONFIG", "NO_COLOR", "FORCE_COLOR", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    for name, folder in (("HOME", "."), ("XDG_CONFIG_HOME", "config"), ("XDG_STATE_HOME", "state")):
        monkeypatch.setenv(name, str(home / folder))
    monkeypatch.setenv("BROWSER", "true")


@pytest.fixture
def loop_in_thread() -> Iterator[asyncio.AbstractEventLoop]:
    """Return an event loop that runs beside the test."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def serve(
    loop_in_thread: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Serve]:
    """Return a function that starts an emulator and points the command's environment to it."""
    started: list[Emulator] = []

    def wait(work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, loop_in_thread).result(timeout=10)

    def start(**options: Any) -> Emulator:
        options.setdefault("rate_limits", EmulatorLimits(requests=1000, burst=1000))
        emulator = Emulator(**options)
        wait(emulator.start())
        started.append(emulator)
        monkeypatch.setenv("CLOUDFLOW_API_KEY", emulator.api_key)
        monkeypatch.setenv("CLOUDFLOW_BASE_URL", emulator.base_url)
        return emulator

    yield start
    for emulator in started:
        wait(emulator.stop())


@pytest.fixture
def emulator(serve: Serve) -> Emulator:
    """Return a running emulator to which the command's environment points."""
    return serve()


@pytest.fixture
def authority(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """Return a running emulator at which a person has to log in: the environment has no key."""
    monkeypatch.delenv("CLOUDFLOW_API_KEY")
    monkeypatch.delenv("CLOUDFLOW_BASE_URL")
    return emulator


class Person:
    """Answers the question that ``--no-browser`` asks, as a browser elsewhere would let them."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.denies = False
        self.questions: list[str] = []

    async def answer(self, question: str) -> str:
        """Return the address at which the browser ended."""
        self.questions.append(question)
        return self.emulator.approve(address_in(question), deny=self.denies)


@pytest.fixture
def person(authority: Emulator, monkeypatch: pytest.MonkeyPatch) -> Person:
    """Return who is asked."""
    person = Person(authority)
    monkeypatch.setattr(logging_in, "ask", person.answer)
    return person


def address_in(text: str) -> str:
    """Return the first address in a text."""
    found = re.search(r"http://\S+", text)

    assert found is not None, text
    return found[0]


def application(emulator: Emulator) -> list[str]:
    """Return the arguments that say which application logs in, and where."""
    return [
        *("--client-id", emulator.client_id),
        *("--base-url", emulator.base_url),
        *("--authorize-url", emulator.authorize_url),
        *("--token-url", emulator.token_url),
    ]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return the path of the configuration file, in a folder that is there."""
    path = tmp_path / "home" / "config" / "cloudflow" / "config.toml"
    path.parent.mkdir(parents=True, mode=0o700)
    return path


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts the command as a process of its own."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str, **options: Any) -> subprocess.Popen[str]:
        settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "cloudflow_async", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            **settings,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def eventually(condition: Callable[[], object], *, within: float = 10.0) -> None:
    """Wait until a condition holds; fail when it does not in so many seconds."""
    until = time.monotonic() + within
    while not condition():
        assert time.monotonic() < until, "it did not come to hold"
        time.sleep(0.01)
