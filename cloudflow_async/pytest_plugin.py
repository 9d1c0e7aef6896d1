"""Fixtures for tests: an emulator of the API in a thread of its own, and a client on it.

A ladder, each rung of which can be overridden by a fixture of the same name:

- `cloudflow_emulator_options`: how the emulator is made,
- `cloudflow_emulator_session`: the one that runs for the whole session,
- `cloudflow_emulator`: the same, clean for each test,
- `cloudflow_client_options`: how the client is made,
- `cloudflow_client`: a `CloudFlow` on the emulator, for the test's own event loop.

They are plain fixtures: they need no plugin for asyncio and fit any of them.  The rest of the
package is imported when the first of them is asked for.

Example:
    ```python
    async def test_report(cloudflow_client, cloudflow_emulator):
        pipeline_id = cloudflow_emulator.add_pipeline()
        cloudflow_emulator.add_executions(pipeline_id, 250)

        assert await count_executions(cloudflow_client, pipeline_id) == 250
        assert len(cloudflow_emulator.requests) == 3
    ```
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .cloudflow.client import CloudFlow
    from .emulator import Emulator

_PATIENCE = 10.0
"""Seconds in which an event loop in another thread must have done what it was asked to."""

_PLENTY = 60_000
"""Requests a minute that no test uses up; the client believes the server that it has them."""

_RETRY_BASE = 0.01
"""Seconds; what remains random of the client's waits cannot be felt in a test."""

_MARKER = (
    "cloudflow(**options): give the test an emulator of its own, made with these arguments of "
    "cloudflow_async.emulator.Emulator; what is not given stays as in cloudflow_emulator_options."
)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", _MARKER)


@pytest.fixture(scope="session")
def cloudflow_emulator_options() -> dict[str, Any]:
    """Arguments of `cloudflow_async.emulator.Emulator`, as a dict.

    By default each key has so many requests that no test waits for a rate limit.  The documented
    limits are those of `{}`; a single test gets them by
    `@pytest.mark.cloudflow(rate_limits=None)`.

    The emulator of the session is made once: override this fixture in the topmost `conftest.py`,
    and use the marker for tests that need another one.
    """
    from .emulator import EmulatorLimits  # noqa: PLC0415 - only tests that use it pay for it

    return {"rate_limits": EmulatorLimits(requests=_PLENTY, burst=_PLENTY)}


@pytest.fixture(scope="session")
def cloudflow_emulator_session(cloudflow_emulator_options: Mapping[str, Any]) -> Iterator[Emulator]:
    """The emulator that runs, in a thread of its own, until the session ends.

    Its `base_url` and `api_key` stay the same, for programs that are started once for many tests.
    Each test that uses `cloudflow_emulator` empties it.  With pytest-xdist each worker has one.
    """
    with _serving(cloudflow_emulator_options) as emulator:
        yield emulator


@pytest.fixture
def cloudflow_emulator(
    request: pytest.FixtureRequest, cloudflow_emulator_options: Mapping[str, Any]
) -> Iterator[Emulator]:
    """A `cloudflow_async.emulator.Emulator` without data, requests, faults or spent budgets.

    It runs in a thread of its own and can be used by async and by sync tests: call its methods,
    and send requests to its `base_url`, from where you like.  Callables given to it (`clock`,
    `before` of a fault) are called in its thread.

    It is the emulator of the session, emptied; with `@pytest.mark.cloudflow(limits_mode="fixed")`
    it is another one, made for this test with these arguments.
    """
    marker = request.node.get_closest_marker("cloudflow")
    if marker is None:
        emulator: Emulator = request.getfixturevalue("cloudflow_emulator_session")
        emulator.reset()
        yield emulator
        return
    if marker.args:
        pytest.fail("The marker cloudflow takes keyword arguments only.", pytrace=False)
    with _serving({**cloudflow_emulator_options, **marker.kwargs}) as emulator:
        yield emulator


@pytest.fixture
def cloudflow_client_options(cloudflow_emulator: Emulator) -> dict[str, Any]:
    """Arguments of `cloudflow_async.CloudFlow`, as a dict: address and key of the emulator.

    Retries follow within hundredths of a second, unless an answer asks for a longer wait.
    """
    from ._core.http.retry import RetryPolicy  # noqa: PLC0415 - only tests that use it pay for it

    return {
        "api_key": cloudflow_emulator.api_key,
        "base_url": cloudflow_emulator.base_url,
        "retry": RetryPolicy(base=_RETRY_BASE),
    }


@pytest.fixture
def cloudflow_client(cloudflow_client_options: Mapping[str, Any]) -> Iterator[CloudFlow]:
    """A `cloudflow_async.CloudFlow` on the emulator, with a budget of its own.

    It belongs to the event loop on which the test first uses it, and is closed after the test:
    the test need neither enter nor close it, but may.
    """
    from .cloudflow.client import CloudFlow  # noqa: PLC0415 - only tests that use it pay for it

    client = CloudFlow(**cloudflow_client_options)
    yield client
    _close(client)


@contextlib.contextmanager
def _serving(options: Mapping[str, Any]) -> Iterator[Emulator]:
    """Run an emulator in a thread until the block ends."""
    import asyncio  # noqa: PLC0415 - only tests that use it pay for it

    from .emulator import Emulator  # noqa: PLC0415 - the same

    emulator = Emulator(**options)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="cloudflow-emulator", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(emulator.start(), loop).result(_PATIENCE)
        yield emulator
    finally:
        asyncio.run_coroutine_threadsafe(emulator.stop(), loop).result(_PATIENCE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_PATIENCE)
        loop.close()


def _close(client: CloudFlow) -> None:
    """Close a client after a test, when its event loop rests, has ended, or runs elsewhere."""
    import asyncio  # noqa: PLC0415 - only tests that use it pay for it

    # A plain fixture cannot know the loop of the test, but the session knows its own.
    loop = client._session._loop  # noqa: SLF001
    if loop is None:
        return
    if loop.is_closed():
        with contextlib.closing(asyncio.new_event_loop()) as another:
            another.run_until_complete(client.close())
    elif loop.is_running():
        asyncio.run_coroutine_threadsafe(client.close(), loop).result(_PATIENCE)
    else:
        loop.run_until_complete(client.close())
