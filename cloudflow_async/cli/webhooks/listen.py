"""Run a receiver on this machine until a signal ends it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from collections.abc import AsyncIterator, Coroutine, Sequence
from functools import partial
from typing import Any, Final

import attrs
from aiohttp import web

from cloudflow_async._core.support.secret import Secret
from cloudflow_async.cli.export.output.output import Output
from cloudflow_async.cli.export.output.sinks import open_stream
from cloudflow_async.cli.shared.console import FAILED, NOBODY_READS, CommandError, say
from cloudflow_async.cli.shared.errors import told
from cloudflow_async.cli.shared.signals import run
from cloudflow_async.cloudflow.events import EVENTS
from cloudflow_async.embedded import Embedded, embedded
from cloudflow_async.emulator.cloudflow.seeding import RunStatus

from .forward import Forwarder
from .receiver import Receiver, listener
from .secrets import SecretPlace, new_secret

_HOST: Final = "127.0.0.1"
_PATIENCE: Final = 0.5
"""Seconds that deliveries under way get to end."""

_RUN_EVERY: Final = 3.0
"""Seconds between two runs of the emulator's workflow."""

_OUTCOMES: Final[tuple[RunStatus, ...]] = ("completed", "failed")


@attrs.frozen(kw_only=True)
class Listening:
    """How to listen."""

    port: int
    """To listen on; 0 takes a free one."""

    place: SecretPlace
    """Where the secret lies."""

    forward: str | None = None
    """Where deliveries go on to; None: nowhere."""

    allow_remote: bool = False
    """Whether they may go to another machine."""

    patterns: Sequence[str] = ()
    """Which types of events are shown; empty: all."""

    as_json: bool = False
    """Whether a line is JSON."""

    emulator: bool = False
    """Whether an emulator is started that delivers something."""


def listen(options: Listening) -> int:
    """Show verified deliveries until a signal ends it, and return the exit status.

    Raises:
        CommandError: There is no secret, or the port cannot be listened on, or lines cannot be
            written.
    """
    with told():
        may_make = options.emulator and not options.place.is_given
        secret = new_secret() if may_make else options.place.read()
        with Output(open_stream(b"")) as output:
            try:
                run(partial(_listen, options, secret, output))
            except BrokenPipeError:
                return NOBODY_READS
    # A signal is how it is meant to end.
    return 0


async def _listen(options: Listening, secret: Secret, output: Output) -> None:
    forwarder = None
    if options.forward is not None:
        forwarder = Forwarder(options.forward, allow_remote=options.allow_remote)
    receiver = Receiver(
        secret,
        options.place.encoding,
        output,
        patterns=options.patterns,
        as_json=options.as_json,
        forwarder=forwarder,
    )
    async with _serving(receiver, options.port) as port:
        if forwarder is not None:
            await forwarder.check(port)
        url = f"http://{_HOST}:{port}/"
        say(f"Listening on {url} until Ctrl-C.")
        if options.emulator:
            await _until_either(receiver.broken, _deliver_for_ever(url, secret))
        else:
            say("The API reaches it through a tunnel only; `cloudflow webhooks create` registers.")
            await receiver.broken


@contextlib.asynccontextmanager
async def _serving(receiver: Receiver, port: int) -> AsyncIterator[int]:
    """Serve every path, and give the port."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", listener(receiver))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_PATIENCE)
    await runner.setup()
    try:
        await _start(web.TCPSite(runner, _HOST, port), port)
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def _start(site: web.TCPSite, port: int) -> None:
    try:
        await site.start()
    except OSError as error:
        # asyncio words it with the address, which is in the message already.
        why = str(error) if error.errno is None else os.strerror(error.errno)
        raise CommandError(
            f"cannot listen on port {port}: {why}; --port 0 takes a free one.", status=FAILED
        ) from error


async def _deliver_for_ever(url: str, secret: Secret) -> None:
    async with embedded() as local:
        await local.client.webhooks.create(url=url, events=[*EVENTS], secret=secret.reveal())
        workflow_id = local.emulator.add_workflow(trigger={"type": "webhook"})
        say(
            f"An emulator runs a workflow every {_RUN_EVERY:.0f} s, whose events it delivers here. "
            f"What it does is shown at {local.emulator.inspection_url}"
        )
        await _run_for_ever(local, workflow_id)


async def _run_for_ever(local: Embedded, workflow_id: str) -> None:
    outcomes = itertools.cycle(_OUTCOMES)
    while True:
        local.emulator.plan_runs(workflow_id, status=next(outcomes))
        await local.client.workflows.trigger(workflow_id)
        await asyncio.sleep(_RUN_EVERY)


async def _until_either(broken: asyncio.Future[None], work: Coroutine[Any, Any, None]) -> None:
    """Wait until one of two that never end by themselves fails, and raise its error."""
    task = asyncio.create_task(work)
    try:
        await asyncio.gather(broken, task)
    finally:
        task.cancel()
        await asyncio.wait({task})
