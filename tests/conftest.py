"""What every test gets: an event loop of its choice, and a watch over what it leaves behind."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any
from unittest.mock import Mock

import aiohttp
import aioresponses
import aioresponses.core
import pytest
from blockbuster import BlockBuster
from yarl import URL

from tests.virtual_time import VirtualTimeLoop

_TURNS_TO_END = 5
"""Turns of the loop in which a cancelled task, or the task of a closed connection, may end."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the choice of how tasks start, and on whose event loop."""
    parser.addoption(
        "--eager-tasks",
        action="store_true",
        help="run each task up to its first wait at once (Python 3.12 and later)",
    )
    parser.addoption(
        "--uvloop",
        action="store_true",
        help="run tests on uvloop, if it is installed; those of virtual time keep their loop",
    )


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Leave keys out of the names of tests: each process makes its own."""
    text = val.decode("latin-1") if isinstance(val, bytes) else val
    return argname if isinstance(text, str) and "-----BEGIN" in text else None


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run tests marked ``virtual_time`` on a loop that jumps to its next timer."""
    virtual = item.get_closest_marker("virtual_time")
    plain = _uvloop() if config.getoption("--uvloop") else asyncio.new_event_loop
    factory = VirtualTimeLoop if virtual else plain
    eager = config.getoption("--eager-tasks")
    return {"loop": (lambda: _eager(factory())) if eager else factory}


def _uvloop() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        return importlib.import_module("uvloop").new_event_loop  # type: ignore[no-any-return]
    except ImportError as error:
        raise pytest.UsageError("--uvloop: it is not installed") from error


def _eager(loop: asyncio.AbstractEventLoop) -> asyncio.AbstractEventLoop:
    loop.set_task_factory(getattr(asyncio, "eager_task_factory"))  # noqa: B009  # not in 3.11
    return loop


@pytest.fixture
async def virtual_clock() -> Callable[[], float]:
    """Return a clock of Unix seconds that moves with the loop of a ``virtual_time`` test."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop), "mark the test with @pytest.mark.virtual_time"
    return loop.unix_time


@pytest.fixture(autouse=True)
def _no_credentials_of_the_developer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide what the environment and the configuration of whoever runs the tests hold."""
    for name in [name for name in os.environ if name.startswith(("CLOUDFLOW_", "TECHFLOW_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CLOUDFLOW_CONFIG", "/nonexistent/cloudflow/config.toml")


@pytest.fixture(autouse=True)
def _no_task_left(request: pytest.FixtureRequest) -> None:
    """Fail an async test that leaves a task, once its fixtures are torn down."""
    if request.node.get_closest_marker("asyncio"):
        request.getfixturevalue("_watch_tasks")


@pytest.fixture
async def _watch_tasks() -> AsyncIterator[None]:
    yield
    for _ in range(_TURNS_TO_END):
        await asyncio.sleep(0)
    left = asyncio.all_tasks() - {asyncio.current_task()}

    assert set() == left


@pytest.fixture(autouse=True, scope="session")
def _no_blocking_call() -> Iterator[None]:
    """Fail when the package makes a call that blocks a running event loop."""
    blockbuster = BlockBuster("cloudflow_async")
    # A lock may be held for a moment by the emulator's thread, and coverage takes one at any line.
    for name in ("threading.Lock.acquire", "threading.Lock.acquire_lock"):
        del blockbuster.functions[name]
    for function in blockbuster.functions.values():
        # A client that has to look for credentials reads a profile when it is constructed.
        function.can_block_in("profiles/profiles.py", {"auth", "read_profile"})
        # What interrupts a test that hangs reports it on top of what it interrupts.
        function.can_block_in("pytest_timeout.py", "timeout_sigalrm")
    blockbuster.activate()
    yield
    blockbuster.deactivate()


class _ResponseWithoutWriter(aiohttp.ClientResponse):
    """A response as aioresponses 0.7 makes it, which knows nothing of ``stream_writer``."""

    def __init__(self, method: str, url: URL, **arguments: Any) -> None:
        super().__init__(method, url, stream_writer=Mock(output_size=0), **arguments)


@pytest.fixture
def mocked_aiohttp(monkeypatch: pytest.MonkeyPatch) -> Iterator[aioresponses.aioresponses]:
    """Answer aiohttp's requests without a socket, or raise aiohttp's own exceptions.

    It replaces `ClientSession._request`: nothing about connections, headers on the wire or
    timeouts is exercised.
    """
    if "stream_writer" in inspect.signature(aiohttp.ClientResponse).parameters:
        monkeypatch.setattr(aioresponses.core, "ClientResponse", _ResponseWithoutWriter)
    with aioresponses.aioresponses() as mocked:
        yield mocked
