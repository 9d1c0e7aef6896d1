"""``cloudflow webhooks listen`` while it runs."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from cloudflow_async.cli import main
from cloudflow_async.cli.webhooks import listen as listening
from cloudflow_async.embedded import embedded
from tests.cli.conftest import Start, eventually
from tests.deliveries import SECRET, SignedDelivery, delivery
from tests.raw_server import answer, answering, in_thread

LINE = "2026-01-24T10:45:00Z  workflow.failed  wf_8x7k2m9p  exec_9k3m7n2q  msg_1\n"
LISTEN = ("webhooks", "listen", "--port", "0", "--secret-env", "HOOK")


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", SECRET)


def address(listener: subprocess.Popen[str]) -> str:
    """Return where it listens, once it does."""
    assert listener.stderr is not None
    found = re.search(r"http://\S+", listener.stderr.readline())

    assert found is not None
    return found[0]


def post(url: str, sent: SignedDelivery) -> int:
    """Deliver, and return the status."""
    request = urllib.request.Request(url, data=sent.body, headers=sent.headers)  # noqa: S310 - ours
    try:
        with urllib.request.urlopen(request, timeout=10) as answered:  # noqa: S310 - ours
            status: int = answered.status
    except urllib.error.HTTPError as error:
        with error:
            status = error.code
    return status


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_shows_what_comes_until_a_signal(start: Start, number: signal.Signals) -> None:
    """On every path; each line is out before the sender is answered, and it ends quietly."""
    process = start(*LISTEN)
    assert process.stdout is not None
    assert process.stderr is not None
    url = address(process)
    hint = process.stderr.readline()
    statuses = [post(f"{url}any/path", delivery()), post(url, delivery(secret="A" * 32))]
    line, rejection = process.stdout.readline(), process.stderr.readline()

    assert "The API reaches it through a tunnel only; `cloudflow webhooks create` reg" in hint
    assert ([204, 401], LINE) == (statuses, line)
    assert rejection.startswith("rejected with 401: No signature fits.")

    process.send_signal(number)

    assert ("", "", 0) == (*process.communicate(timeout=5), process.returncode)


def test_it_passes_deliveries_on(start: Start) -> None:
    """To an address of this machine, whose answer is the sender's."""
    with in_thread(answering(answer(status=202))) as app:
        process = start(*LISTEN, "--forward", f"{app.url}/hook", "--json")
        assert process.stdout is not None

        assert 202 == post(address(process), delivery())
        assert "msg_1" == json.loads(process.stdout.readline())["id"]
        assert "/hook" == app.requests[0].target


def test_an_emulator_shows_how_it_works(start: Start) -> None:
    """No secret is needed; a run's events are there at once."""
    process = start("webhooks", "listen", "--port", "0", "--emulator", "--event", "workflow.*")
    assert process.stdout is not None
    assert process.stderr is not None
    address(process)
    told = process.stderr.readline()
    types = [process.stdout.readline().split()[1] for _ in range(2)]

    assert re.search(r"An emulator runs a workflow every 3 s, .* at http://\S+/_emulator\n", told)
    assert ["workflow.started", "workflow.completed"] == types

    process.send_signal(signal.SIGINT)

    assert ("", "", 0) == (*process.communicate(timeout=5), process.returncode)


async def test_the_outcomes_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs fail, too, so that both can be seen."""
    monkeypatch.setattr(listening, "_RUN_EVERY", 0.01)
    async with embedded() as local:
        workflow_id = local.emulator.add_workflow(trigger={"type": "webhook"})
        task = asyncio.create_task(listening._run_for_ever(local, workflow_id))
        await asyncio.to_thread(eventually, lambda: len(local.emulator.requests) >= 2)
        task.cancel()
        await asyncio.wait({task})
        await local.emulator.wait_for_deliveries()
        pipeline_id = local.emulator.pipeline_of(workflow_id)
        executions = local.emulator._state.pipelines[pipeline_id].executions

    assert ["completed", "failed"] == [execution.status for execution in executions[:2]]


def test_no_reader_of_the_lines(start: Start) -> None:
    """It ends as other commands do in a pipe."""
    process = start(*LISTEN)
    assert process.stdout is not None
    url = address(process)
    process.stdout.close()

    assert 500 == post(url, delivery())
    assert 141 == process.wait(5)


def test_a_full_disk_is_one_line(start: Start) -> None:
    """Lines that cannot be written are not taken for shown."""
    with Path("/dev/full").open("w") as full:
        process = start(*LISTEN, stdout=full)
        post(address(process), delivery())
        _, err = process.communicate(timeout=5)

    assert 1 == process.returncode
    assert "error: cannot write standard output: No space left on device." == err.splitlines()[-1]


def test_an_emulator_that_fails_is_told(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The command does not go on in silence."""
    monkeypatch.setattr(listening, "EVENTS", {"no.event": None})
    assert 1 == main(["webhooks", "listen", "--port", "0", "--emulator"])
    last = capfd.readouterr().err.splitlines()[-1]

    assert last.startswith("error: ")
    assert "events" in last


def test_a_port_that_is_taken_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    """With the way out, and exit status 1."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert 1 == main([*LISTEN[:3], str(port), *LISTEN[4:]])

    assert (
        f"error: cannot listen on port {port}: Address already in use; --port 0 takes a free one.\n"
    ) == capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (LISTEN[:4], "say where the secret lies, by --secret-env or --secret-file."),
        ((*LISTEN, "--secret-file", "x"), "say where the secret lies, by --secret-env or --secret"),
        ((*LISTEN, "--forward", "http://10.0.0.1/"), "--forward: 10.0.0.1 is a private address"),
        ((*LISTEN[:5], "NOPE"), "the webhook: the variable of the environment that '--secret-env"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: tuple[str, ...], told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """On standard error, with exit status 2."""
    assert 2 == main(arguments)
    out, err = capfd.readouterr()

    assert ("", 1) == (out, err.count("\n"))
    assert err.startswith(f"error: {told}")
