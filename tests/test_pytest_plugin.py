"""The plugin as its users meet it: whole test suites, run by pytest here or in another process."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# A suite that runs in this process forgets in the end what it was the first to import, and the
# extension modules among it crash when they are imported a second time.
import cloudflow_async.cloudflow.client
import cloudflow_async.emulator  # noqa: F401

pytest_plugins = ["pytester"]

_ROOT = Path(__file__).parent.parent
_PLUGIN = "cloudflow_async.pytest_plugin"
_FIXTURES = {
    "cloudflow_emulator_options",
    "cloudflow_emulator_session",
    "cloudflow_emulator",
    "cloudflow_client_options",
    "cloudflow_client",
}

_IMPORT = f"""
import json, sys, threading
import pytest
before = set(sys.modules)
import {_PLUGIN}
print(json.dumps([sorted(set(sys.modules) - before), threading.active_count()]))
"""

_WATCH = """
    import socket
    import threading

    import pytest

    addresses = []

    @pytest.fixture(autouse=True, scope="session")
    def _note_address(cloudflow_emulator_session):
        port = int(cloudflow_emulator_session.base_url.split(":")[2].split("/")[0])
        addresses.append(("127.0.0.1", port))

    def pytest_unconfigure():
        assert [threading.main_thread()] == threading.enumerate()
        for address in addresses:
            with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
                probe.connect(address)
"""

_ASYNC_SUITE = """
    import asyncio

    import pytest
    import pytest_asyncio

    @pytest_asyncio.fixture
    async def loop_that_ends_late():
        yield

    @pytest_asyncio.fixture
    async def workflow_id(cloudflow_client, cloudflow_emulator):
        created = await cloudflow_client.request(
            "POST",
            "/workflows",
            json={"name": "Sync", "trigger": {"type": "webhook"}, "steps": [{"type": "x"}]},
        )
        workflow_id = created.json()["id"]
        yield workflow_id
        await cloudflow_client.request("DELETE", f"/workflows/{workflow_id}")

    async def read_at_once(client, count):
        await asyncio.gather(*(client.request("GET", "/workflows") for _ in range(count)))

    @pytest.mark.asyncio
    async def test_plain(cloudflow_client, cloudflow_emulator):
        await read_at_once(cloudflow_client, 12)
        assert len(cloudflow_emulator.requests) == 12

    @pytest.mark.asyncio
    async def test_entered(cloudflow_client):
        async with cloudflow_client as client:
            await read_at_once(client, 2)

    @pytest.mark.asyncio
    async def test_loop_still_open(loop_that_ends_late, cloudflow_client):
        await read_at_once(cloudflow_client, 2)

    @pytest.mark.asyncio
    async def test_fixture(workflow_id, cloudflow_client):
        await cloudflow_client.request("GET", f"/workflows/{workflow_id}")

    @pytest.mark.asyncio(loop_scope="session")
    @pytest.mark.parametrize("turn", range(3))
    async def test_one_loop_for_many_clients(cloudflow_client, turn):
        await read_at_once(cloudflow_client, 12)

    def test_sync(cloudflow_client):
        asyncio.run(read_at_once(cloudflow_client, 2))
"""

_HTTP = """
    import http.client
    from urllib.parse import urlsplit

    def get(emulator, path="/workflows"):
        base = urlsplit(emulator.base_url)
        connection = http.client.HTTPConnection(base.netloc)
        connection.request("GET", base.path + path, headers={"X-API-Key": emulator.api_key})
        response = connection.getresponse()
        response.read()
        connection.close()
        return response
"""


@pytest.fixture(autouse=True)
def _only_these_plugins(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the suites see the package, installed or not, and no plugin that they do not name."""
    monkeypatch.setenv("PYTHONPATH", str(_ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


@pytest.fixture
def run_here(pytester: pytest.Pytester) -> Iterator[Callable[..., pytest.RunResult]]:
    """Return a function that runs a suite in this process; no thread may be left of it."""

    def run(suite: str, *arguments: str) -> pytest.RunResult:
        pytester.makepyfile(suite, helpers=_HTTP)
        pytester.syspathinsert()
        # The entry point has loaded the plugin in this process, of which older pytests warn.
        loaded = "ignore:Module already imported"
        return pytester.runpytest_inprocess(
            "-p", _PLUGIN, "-W", "error", "-W", loaded, "--strict-markers", *arguments
        )

    yield run

    assert "cloudflow-emulator" not in {thread.name for thread in threading.enumerate()}


@pytest.fixture
def run_apart(pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    """Return a function that runs a suite in a process of its own, in which all is reported."""

    def run(suite: str, *arguments: str) -> pytest.RunResult:
        pytester.makeconftest(_WATCH)
        pytester.makepyfile(suite)
        command = [sys.executable, "-X", "dev", "-m", "pytest", "-p", _PLUGIN, "-W", "error"]
        result = pytester.run(*command, *arguments)
        result.stderr.no_fnmatch_line("*Error*")
        result.stderr.no_fnmatch_line("*Warning*")
        return result

    return run


def test_it_costs_nothing_when_it_is_not_used() -> None:
    """Loading it imports no aiohttp, no asyncio, nothing of others, and starts no thread."""
    run = subprocess.run(
        [sys.executable, "-c", _IMPORT], cwd=_ROOT, capture_output=True, text=True, check=True
    )
    modules, threads = json.loads(run.stdout)

    assert _PLUGIN in modules
    assert {"cloudflow_async"} == {module.split(".")[0] for module in modules}
    assert 1 == threads


def test_pytest_finds_it_by_itself() -> None:
    """The distribution announces it under the name by which `-p no:cloudflow_async` blocks it."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]

    assert {"cloudflow_async": _PLUGIN} == project["entry-points"]["pytest11"]


def test_fixtures_and_marker_are_listed_with_what_they_do(
    run_here: Callable[..., pytest.RunResult],
) -> None:
    """`pytest --fixtures` and `pytest --markers` show the whole ladder, documented."""
    fixtures = run_here("", "--fixtures")
    markers = run_here("", "--markers")

    fixtures.stdout.no_fnmatch_line("*no docstring*")
    listed = {line.split()[0] for line in fixtures.outlines if line.startswith("cloudflow_")}
    assert _FIXTURES == listed
    markers.stdout.fnmatch_lines(["@pytest.mark.cloudflow(*"])


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_it_works_beside_pytest_asyncio(
    run_apart: Callable[..., pytest.RunResult], mode: str
) -> None:
    """Async tests and fixtures use one client on their own loop, and nothing of it is left."""
    result = run_apart(
        _ASYNC_SUITE,
        *("-p", "pytest_asyncio.plugin", "-o", f"asyncio_mode={mode}"),
        *("-o", "asyncio_default_fixture_loop_scope=function"),
    )

    result.assert_outcomes(passed=8)


@pytest.mark.slow
def test_it_works_beside_anyio(run_apart: Callable[..., pytest.RunResult]) -> None:
    """The plugin of anyio runs the tests and their fixtures, without pytest-asyncio."""
    pytest.importorskip("anyio")
    result = run_apart(
        """
        import pytest

        pytestmark = pytest.mark.anyio

        @pytest.fixture(params=["function", "module"])
        def anyio_backend():
            return "asyncio"

        @pytest.fixture
        async def answer(cloudflow_client):
            yield await cloudflow_client.request("GET", "/workflows")
            await cloudflow_client.request("GET", "/workflows")

        async def test_plain(cloudflow_client):
            await cloudflow_client.request("GET", "/workflows")

        async def test_fixture(answer):
            assert answer.status == 200
        """,
        *("-p", "anyio.pytest_plugin"),
    )

    result.assert_outcomes(passed=4)


@pytest.mark.slow
def test_each_worker_of_xdist_has_an_emulator(
    run_apart: Callable[..., pytest.RunResult], pytester: pytest.Pytester
) -> None:
    """Tests that run at the same time share nothing."""
    result = run_apart(
        """
        import pathlib

        import pytest

        @pytest.mark.parametrize("turn", range(6))
        def test_alone(cloudflow_emulator, worker_id, turn):
            assert cloudflow_emulator.requests == []
            pathlib.Path(worker_id).write_text(cloudflow_emulator.base_url)
        """,
        *("-p", "xdist.plugin", "-n", "2", "--dist", "each"),
    )

    result.assert_outcomes(passed=12)
    assert 2 == len({(pytester.path / name).read_text() for name in ("gw0", "gw1")})


def test_sync_tests_use_any_http_client(run_here: Callable[..., pytest.RunResult]) -> None:
    """The emulator answers a blocking client of the very thread that set it up."""
    result = run_here(
        """
        from helpers import get

        def test_blocking(cloudflow_emulator):
            pipeline_id = cloudflow_emulator.add_pipeline()
            assert get(cloudflow_emulator, f"/pipelines/{pipeline_id}/executions").status == 200
            assert [200] == [request.status for request in cloudflow_emulator.requests]
        """
    )

    result.assert_outcomes(passed=1)


def test_each_test_finds_it_clean(run_here: Callable[..., pytest.RunResult]) -> None:
    """Data, requests, faults and the spent budget of one test are gone in the next."""
    result = run_here(
        """
        import pytest
        from cloudflow_async.emulator import EmulatorLimits, Fault
        from helpers import get

        @pytest.fixture(scope="session")
        def cloudflow_emulator_options():
            return {"rate_limits": EmulatorLimits(requests=1, burst=1)}

        @pytest.fixture(scope="session")
        def addresses():
            return set()

        @pytest.mark.parametrize("turn", range(3))
        def test_fresh(cloudflow_emulator, addresses, turn):
            assert cloudflow_emulator.requests == []
            assert get(cloudflow_emulator, "/pipelines/pipe_1/executions").status == 404
            assert get(cloudflow_emulator).status == 429
            cloudflow_emulator.add_pipeline("pipe_1")
            cloudflow_emulator.inject(Fault(status=503, times=None))
            addresses.add(cloudflow_emulator.base_url)
            assert len(addresses) == 1
        """
    )

    result.assert_outcomes(passed=3)


def test_no_test_waits_for_the_rate_limit(run_here: Callable[..., pytest.RunResult]) -> None:
    """A client sends at once what would take more than a minute at the documented rate."""
    result = run_here(
        """
        import asyncio

        def test_many_requests(cloudflow_client):
            async def read_all():
                async with asyncio.timeout(15):
                    await asyncio.gather(
                        *(cloudflow_client.request("GET", "/workflows") for _ in range(300))
                    )

            asyncio.run(read_all())
            assert cloudflow_client.statistics().throttled == 0
        """
    )

    result.assert_outcomes(passed=1)


def test_a_failure_is_tried_again_without_a_noticeable_wait(
    run_here: Callable[..., pytest.RunResult],
) -> None:
    """The client retries as always, and its longest possible backoff is a twentieth of usual."""
    result = run_here(
        """
        import asyncio

        from cloudflow_async._core.http.retry import RetryPolicy
        from cloudflow_async.emulator import Fault

        def test_retry(cloudflow_client, cloudflow_client_options, cloudflow_emulator):
            cloudflow_emulator.inject(Fault(status=502))
            asyncio.run(cloudflow_client.request("GET", "/workflows"))
            assert [502, 200] == [request.status for request in cloudflow_emulator.requests]
            assert cloudflow_client_options["retry"].base <= RetryPolicy().base / 20
            assert cloudflow_client_options["retry"].attempts == RetryPolicy().attempts
        """
    )

    result.assert_outcomes(passed=1)


def test_a_marked_test_has_an_emulator_of_its_own(
    run_here: Callable[..., pytest.RunResult],
) -> None:
    """The marker's arguments go before the options of the session, which others keep."""
    result = run_here(
        """
        import pytest
        from helpers import get

        def limit_of(emulator):
            return int(get(emulator).headers["X-RateLimit-Limit"])

        @pytest.mark.cloudflow(rate_limits=None)
        def test_documented_limits(cloudflow_emulator, cloudflow_emulator_session):
            assert cloudflow_emulator.base_url != cloudflow_emulator_session.base_url
            assert limit_of(cloudflow_emulator) == 100

        @pytest.mark.cloudflow(clock=lambda: 1_769_256_000.0)
        def test_another_clock(cloudflow_emulator):
            assert get(cloudflow_emulator).headers["Date"] == "Sat, 24 Jan 2026 12:00:00 GMT"
            assert limit_of(cloudflow_emulator) > 10_000

        def test_unmarked(cloudflow_emulator, cloudflow_emulator_session):
            assert cloudflow_emulator is cloudflow_emulator_session
        """
    )

    result.assert_outcomes(passed=3)


def test_a_marker_that_cannot_be_used_fails_its_test(
    run_here: Callable[..., pytest.RunResult],
) -> None:
    """What the emulator does not know is an error before the test, not ignored."""
    result = run_here(
        """
        import pytest

        @pytest.mark.cloudflow("fixed")
        def test_positional(cloudflow_emulator):
            pass

        @pytest.mark.cloudflow(limit_mode="fixed")
        def test_misspelt(cloudflow_emulator):
            pass
        """
    )

    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(
        ["*The marker cloudflow takes keyword arguments only.", "*TypeError*limit_mode*"]
    )


def test_every_rung_can_be_overridden(run_here: Callable[..., pytest.RunResult]) -> None:
    """A fixture of the same name takes the place of one rung, and the others build on it."""
    result = run_here(
        """
        import asyncio

        import pytest

        @pytest.fixture(scope="session")
        def cloudflow_emulator_options(cloudflow_emulator_options):
            return {**cloudflow_emulator_options, "retry_after_header": True, "seed": 7}

        @pytest.fixture(scope="session")
        def cloudflow_emulator_session(cloudflow_emulator_session):
            cloudflow_emulator_session.team_key = cloudflow_emulator_session.add_key()
            return cloudflow_emulator_session

        @pytest.fixture
        def cloudflow_emulator(cloudflow_emulator):
            cloudflow_emulator.add_pipeline("pipe_mine")
            return cloudflow_emulator

        @pytest.fixture
        def cloudflow_client_options(cloudflow_client_options):
            return {**cloudflow_client_options, "user_agent": "mine/1"}

        @pytest.fixture
        def cloudflow_client(cloudflow_client):
            asyncio.run(cloudflow_client.request("GET", "/workflows"))
            return cloudflow_client

        def test_all(cloudflow_client, cloudflow_emulator):
            asyncio.run(cloudflow_client.request("GET", "/pipelines/pipe_mine/executions"))
            assert ["mine/1"] * 2 == [
                request.headers["User-Agent"] for request in cloudflow_emulator.requests
            ]
            assert cloudflow_emulator.team_key != cloudflow_emulator.api_key
        """
    )

    result.assert_outcomes(passed=1)


_READ = """
        import asyncio
        import threading

        import pytest

        def read(client):
            return client.request("GET", "/workflows")

        @pytest.fixture
        def client(cloudflow_client_options):
            from cloudflow_async.cloudflow.client import CloudFlow
            return CloudFlow(**cloudflow_client_options)
"""


@pytest.mark.parametrize(
    "suite",
    [
        pytest.param(
            """
        def test_none(cloudflow_client):
            pass
            """,
            id="no loop at all",
        ),
        pytest.param(
            """
        def test_ended(cloudflow_client):
            asyncio.run(read(cloudflow_client))
            """,
            id="a loop that has ended",
        ),
        pytest.param(
            """
        @pytest.fixture
        def loop(client):
            loop = asyncio.new_event_loop()
            yield loop
            # What was closed before left nothing that a new connection could run into.
            loop.run_until_complete(read(client))
            loop.run_until_complete(client.close())
            loop.close()

        def test_resting(loop, cloudflow_client):
            loop.run_until_complete(read(cloudflow_client))
            """,
            id="a loop that rests",
        ),
        pytest.param(
            """
        @pytest.fixture
        def loop():
            loop = asyncio.new_event_loop()
            thread = threading.Thread(target=loop.run_forever)
            thread.start()
            yield loop
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

        def test_elsewhere(loop, cloudflow_client):
            asyncio.run_coroutine_threadsafe(read(cloudflow_client), loop).result(5)
            """,
            id="a loop that runs in another thread",
        ),
    ],
)
def test_the_client_is_closed_wherever_it_was_used(
    run_here: Callable[..., pytest.RunResult], suite: str
) -> None:
    """Closing follows the client to the loop that it belongs to; warnings would be errors."""
    result = run_here(_READ + suite)

    result.assert_outcomes(passed=1)


def test_an_emulator_that_cannot_start_leaves_no_thread(
    run_here: Callable[..., pytest.RunResult],
) -> None:
    """A port that is taken, or an argument that is refused, is an error of the test's set-up."""
    result = run_here(
        """
        import pytest

        @pytest.mark.parametrize("turn", range(2))
        def test_taken(request, cloudflow_emulator_session, turn):
            port = int(cloudflow_emulator_session.base_url.split(":")[2].split("/")[0])
            request.node.add_marker(pytest.mark.cloudflow(port=port))
            with pytest.raises(OSError):
                request.getfixturevalue("cloudflow_emulator")

        @pytest.mark.cloudflow(host="0.0.0.0")
        def test_refused(cloudflow_emulator):
            pass
        """
    )

    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*ValueError*could be reached by other machines*"])
