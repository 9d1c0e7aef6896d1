"""Work in threads: finished whoever is cancelled."""

from __future__ import annotations

import asyncio
import threading

import pytest

from cloudflow_async._core.support.threads import finish


async def test_it_gives_what_the_function_gives() -> None:
    """With its arguments, from another thread."""

    def work(number: int) -> tuple[int, threading.Thread]:
        return number, threading.current_thread()

    number, thread = await finish(work, 7)

    assert 7 == number
    assert thread is not threading.current_thread()


async def test_it_raises_what_the_function_raises() -> None:
    """Nothing is changed on the way."""

    def work() -> None:
        raise FileNotFoundError("gone")

    with pytest.raises(FileNotFoundError, match="gone"):
        await finish(work)


@pytest.mark.parametrize("fails", [False, True])
async def test_a_cancelled_caller_waits_for_the_end(fails: bool) -> None:
    """However often it is cancelled, and whatever the end is; then it is cancelled indeed."""
    begun, may_end = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        may_end.wait(5)
        if fails:
            raise OSError("no room")

    task = asyncio.create_task(finish(work))
    await asyncio.to_thread(begun.wait, 5)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)

    assert not task.done()

    may_end.set()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()


async def test_a_time_limit_still_ends_in_a_timeout() -> None:
    """`asyncio.timeout` recognises its own cancellation."""
    may_end = threading.Event()
    asyncio.get_running_loop().call_later(0.02, may_end.set)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await finish(may_end.wait, 5)
