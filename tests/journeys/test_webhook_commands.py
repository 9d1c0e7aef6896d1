"""``cloudflow webhooks`` and ``trigger`` as processes: from a new secret to the event's line."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pty
import re
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from aiohttp import web

from cloudflow_async import WebhookEvent, WebhookRouter
from cloudflow_async.emulator import DeliveryFault, Emulator
from cloudflow_async.web import webhook_handler

pytestmark = pytest.mark.slow

PROGRAM = ("-m", "cloudflow_async")
PROGRAM_OF_A_TERMINAL = (
    "-c",
    "import os, sys, cloudflow_async.cli as cli; os.login_tty(0); sys.exit(cli.main(sys.argv[1:]))",
)
"""What is typed there as Ctrl-C arrives as a signal."""


@attrs.define
class Command:
    """A command that runs, and what it has said so far on standard error."""

    process: asyncio.subprocess.Process
    said: str = ""

    async def until(self, wanted: str) -> None:
        """Wait until standard error has a pattern."""
        assert self.process.stderr is not None
        while not re.search(wanted, self.said):
            async with asyncio.timeout(10):
                chunk = await self.process.stderr.read(4096)
            assert chunk, self.said
            self.said += chunk.decode()

    async def line(self) -> str:
        """Return the next line of standard output."""
        assert self.process.stdout is not None
        async with asyncio.timeout(10):
            return (await self.process.stdout.readline()).decode()

    async def end(self) -> tuple[int | None, str]:
        """Wait for the end; return exit status and the rest of standard output."""
        async with asyncio.timeout(10):
            out, err = await self.process.communicate()
        self.said += err.decode()
        return self.process.returncode, out.decode()

    @property
    def arguments(self) -> str:
        """What every program of this machine can see."""
        return Path(f"/proc/{self.process.pid}/cmdline").read_text()


@attrs.frozen
class Machine:
    """Where commands run: a home of their own, and an emulator that is the API."""

    home: Path
    emulator: Emulator
    running: contextlib.AsyncExitStack

    async def start(
        self, *arguments: str, program: tuple[str, str] = PROGRAM, **streams: Any
    ) -> Command:
        """Start a command; it does not outlive the test."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error", *program, *arguments),
            cwd=self.home,
            env={
                **os.environ,
                "HOME": str(self.home),
                "PYTHONPATH": os.pathsep.join(sys.path),
                "CLOUDFLOW_API_KEY": self.emulator.api_key,
                "CLOUDFLOW_BASE_URL": self.emulator.base_url,
            },
            **{"stdin": asyncio.subprocess.DEVNULL, "stdout": pipe, "stderr": pipe, **streams},
        )
        self.running.push_async_callback(_end, process)
        return Command(process)

    async def run(self, *arguments: str) -> tuple[str, str]:
        """Run a command, which succeeds; return standard output and standard error."""
        command = await self.start(*arguments)
        status, out = await command.end()

        assert 0 == status, command.said
        return out, command.said

    def secret(self) -> str:
        """Return what is in the file of the new secret."""
        return (self.home / "hook").read_text().strip()


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
        await process.wait()


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Machine]:
    """Return where commands run."""
    async with Emulator() as emulator, contextlib.AsyncExitStack() as running:
        yield Machine(tmp_path, emulator, running)


@contextlib.asynccontextmanager
async def app_with(router: WebhookRouter) -> AsyncIterator[str]:
    """Run somebody's app, and give the address of its webhook."""
    app = web.Application()
    app.router.add_post("/hook", webhook_handler(router))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    await runner.cleanup()


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_from_a_new_secret_to_an_app_behind_the_listener(machine: Machine) -> None:
    """Register, listen, trigger: each copy is a line, the app handles it once, no secret shows."""
    port, got = free_port(), list[WebhookEvent]()
    workflow_id = machine.emulator.add_workflow(trigger={"type": "webhook"})
    machine.emulator.inject(DeliveryFault(event="workflow.completed", copies=3))
    created = await machine.run(
        *("webhooks", "create", "--url", f"http://127.0.0.1:{port}/", "--new-secret-file", "hook"),
        *("--event", "workflow.completed"),
    )
    secret = await asyncio.to_thread(machine.secret)
    router = WebhookRouter(secret)

    @router.on("*")
    async def keep(event: WebhookEvent) -> None:
        got.append(event)

    async with app_with(router) as url:
        listener = await machine.start(
            *("webhooks", "listen", "--port", str(port), "--secret-file", "hook"),
            *("--forward", url, "--json"),
        )
        await listener.until("Listening on ")
        arguments = await asyncio.to_thread(lambda: listener.arguments)
        answer, _ = await machine.run("trigger", workflow_id)
        lines = [json.loads(await listener.line()) for _ in range(3)]
        await machine.emulator.wait_for_deliveries()
        listener.process.terminate()
        ended = await listener.end()
    execution_id = json.loads(answer)["execution_id"]
    (event,) = got

    assert (0, "") == ended
    assert [execution_id] * 3 == [line["payload"]["data"]["execution_id"] for line in lines]
    assert [False, True, True] == sorted(line["repeated"] for line in lines)
    assert {event.id} == {line["id"] for line in lines}
    assert secret.startswith("whsec_")
    assert secret not in "".join((*created, arguments, listener.said, answer))


async def test_what_was_recorded_is_verified(machine: Machine) -> None:
    """A delivery of the emulator, kept as two files, is found to be what it is."""
    (delivery_id,) = await record(machine)
    out, err = await machine.run(
        *("webhooks", "verify", "body", "--headers-from", "headers", "--secret-file", "hook")
    )

    assert "" == err
    assert re.fullmatch(rf"\S+Z  workflow.failed  wf_1  {delivery_id}\n", out)


async def record(machine: Machine) -> list[str]:
    """Keep the body and the headers of one delivery in files; return its id."""

    async def keep(request: web.Request) -> web.Response:
        fields = "".join(f"{name}: {value}\n" for name, value in request.headers.items())
        body = await request.read()
        await asyncio.to_thread((machine.home / "body").write_bytes, body)
        await asyncio.to_thread((machine.home / "headers").write_text, fields)
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/", keep)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await machine.run(
        *("webhooks", "create", "--url", f"http://127.0.0.1:{runner.addresses[0][1]}/"),
        *("--event", "workflow.failed", "--new-secret-file", "hook"),
    )
    ids = machine.emulator.emit("workflow.failed", {"workflow_id": "wf_1"})
    await machine.emulator.wait_for_deliveries()
    await runner.cleanup()
    return ids


async def test_ctrl_c_in_a_terminal(machine: Machine) -> None:
    """What a person types there ends the listener and its emulator, with nothing more said."""
    person, terminal = pty.openpty()
    try:
        listener = await machine.start(
            *("webhooks", "listen", "--port", "0", "--emulator"),
            program=PROGRAM_OF_A_TERMINAL,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
        )
        shown = ""
        while "workflow.completed" not in shown:
            shown += (await asyncio.to_thread(os.read, person, 4096)).decode()
        os.write(person, b"\x03")
        async with asyncio.timeout(5):
            status = await listener.process.wait()
    finally:
        os.close(terminal)
        os.close(person)

    assert 0 == status
    assert "Traceback" not in shown
    assert re.search(r"Listening on http://127.0.0.1:\d+/ until Ctrl-C\.", shown)
    assert re.search(r"T\S+Z  workflow.started  wf_\w+  exec_\w+  running  msg_\w+\r\n", shown)
