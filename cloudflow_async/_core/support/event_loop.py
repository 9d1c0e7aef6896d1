"""The event loop that runs, or one clear error where asyncio does not."""

from __future__ import annotations

import asyncio

from cloudflow_async._core.errors import WrongLoopError


def running_loop() -> asyncio.AbstractEventLoop:
    """Return the running event loop.

    Raises:
        WrongLoopError: None of asyncio runs.
    """
    # The documented function without an exception: inside another library's loop it is None.
    loop = asyncio._get_running_loop()  # noqa: SLF001 - see above
    if loop is None:
        raise WrongLoopError(
            "This package needs asyncio, and no asyncio event loop is running here: use "
            "asyncio.run(main()), and under trio its trio_asyncio, or a thread of your own."
        )
    return loop
