"""Every example runs as a user would run it, with warnings as errors."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import aiohttp
import pytest
from aiohttp import web

from cloudflow_async import CloudFlow
from cloudflow_async.emulator import Emulator, Fault

EXAMPLES = Path(__file__).parent.parent / "examples"

PRINTED = {
    "create_and_pause": [
        "created 'Welcome mail', active",
        "gone: resource_not_found",
        "now paused",
        "runs: 1, steps: ['fetch_data', 'send_email']",
    ],
    "fan_out": [
        "1502 executions of 12 pipelines in 21 pages",
        "completed: 1374, failed: 121, running: 7",
        (
            "pipe_unknown: GET /pipelines/{pipeline_id}/executions: 404 resource_not_found: "
            "Pipeline 'pipe_unknown' does not exist or has been deleted"
        ),
    ],
    "list_and_page": ["collected: 25", "first page: 10 of 25", "rows 21 to 25"],
    "worker": [
        "active: done",
        (
            "no-such-status: PATCH /workflows/{workflow_id}: 400 invalid_parameter: "
            "The 'status' field must be one of active, paused, archived"
        ),
        "paused: done",
    ],
}


@pytest.mark.parametrize("name", sorted(PRINTED))
def test_script(name: str) -> None:
    """A script ends well, prints what it should and warns of nothing."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "") == (done.returncode, done.stderr)
    assert set() == set(PRINTED[name]) - set(done.stdout.splitlines())


def test_all_examples_are_tested() -> None:
    """No example is left out here."""
    assert {*PRINTED, "web_app"} == {path.stem for path in EXAMPLES.glob("*.py")}


async def test_web_app() -> None:
    """The app shows a workflow, knows an unknown one, and bounds the wait of a visitor."""
    module = load("web_app")
    async with Emulator() as emulator:
        workflow_id = emulator.add_workflow(name="Nightly report")
        cf = CloudFlow(emulator.api_key, base_url=emulator.base_url)
        runner = web.AppRunner(module.make_app(cf))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}/workflows/") as visitor:
            async with visitor.get(workflow_id) as answer:
                shown = await answer.json()
            async with visitor.get("wf_unknown") as answer:
                unknown = answer.status
            emulator.inject(Fault(status=429, retry_after=42))
            async with visitor.get(workflow_id) as answer:
                busy = answer.status
        await runner.cleanup()

    assert {"name": "Nightly report", "status": "active"} == shown
    assert (404, 503) == (unknown, busy)
    with pytest.raises(Exception, match="closed"):
        await cf.workflows.get(workflow_id)


def load(name: str) -> ModuleType:
    """Return an example as a module."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
