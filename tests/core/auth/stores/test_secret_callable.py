"""A callable that returns a credential: asked, and never shown."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Any

import pytest

from cloudflow_async._core.auth.stores.secret_callable import Callback
from tests.core.auth.leaks import shows

KEY = "cf_live_0123456789abcd"


async def _later() -> str:
    await asyncio.sleep(0)
    return KEY


def _future() -> asyncio.Future[str]:
    future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    future.set_result(KEY)
    return future


@pytest.mark.parametrize("call", [lambda: KEY, _later, _future])
async def test_it_returns_the_answer_itself(call: Callable[[], object]) -> None:
    """Whether it comes at once or has to be awaited."""
    assert KEY == await Callback(call).ask()


async def test_what_the_callable_raises_is_passed_on() -> None:
    """It is the caller's own error, about the caller's own vault."""

    def fail() -> Any:
        raise FileNotFoundError("vault")

    with pytest.raises(FileNotFoundError, match="vault"):
        await Callback(fail).ask()


def test_it_does_not_show_the_callables_arguments() -> None:
    """Neither printed nor to those who walk through attributes."""
    callback = Callback(functools.partial(str, KEY))

    assert "a callable" == repr(callback)
    assert not shows(callback, KEY)
