"""The watch over every test, itself watched."""

from __future__ import annotations

import time
from pathlib import Path

import aiohttp
import aioresponses
import pytest
from blockbuster import BlockingError

import cloudflow_async

_LEAVES_A_TASK = """
import asyncio

async def test_leaves_a_task():
    asyncio.get_running_loop().left = asyncio.create_task(asyncio.sleep(3600))

async def test_ends_its_task():
    asyncio.create_task(asyncio.sleep(3600)).cancel()

def test_has_no_loop():
    pass
"""


def test_a_task_that_is_left_fails_the_test(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test passes only if its tasks have ended or were cancelled."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))
    pytester.makepyfile(_LEAVES_A_TASK)
    result = pytester.runpytest_subprocess("-p", "tests.conftest", "--asyncio-mode=auto")

    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(
        ["*ERROR at teardown of test_leaves_a_task*", "*Task pending*sleep*"]
    )


def _package_code(text: str) -> object:
    """Run text as if it stood in a file of the package."""
    return eval(compile(text, str(cloudflow_async.__file__), "eval"))  # noqa: S307  # our own text


async def test_a_blocking_call_of_the_package_fails() -> None:
    """Code of the package that blocks the loop raises; a test may block."""
    time.sleep(0)  # noqa: ASYNC251  # allowed here is what is to be seen
    with pytest.raises(BlockingError, match=r"time\.sleep"):
        _package_code("__import__('time').sleep(0)")


async def test_a_mocked_answer_is_read_like_a_real_one(
    mocked_aiohttp: aioresponses.aioresponses,
) -> None:
    """The library of mocks works with the installed aiohttp: status, headers and body."""
    mocked_aiohttp.get("http://api.test/", status=418, body=b'{"a": 1}', headers={"X-A": "b"})
    async with aiohttp.ClientSession() as session, session.get("http://api.test/") as response:
        seen = response.status, response.headers["X-A"], await response.json()

    assert (418, "b", {"a": 1}) == seen


async def test_a_mocked_failure_is_aiohttps_own(
    mocked_aiohttp: aioresponses.aioresponses,
) -> None:
    """The library of mocks raises the exception that it was given."""
    mocked_aiohttp.get("http://api.test/", exception=aiohttp.ServerDisconnectedError())
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await session.get("http://api.test/")
