"""Run the emulator until a signal ends it."""

from __future__ import annotations

import asyncio
import os
from functools import partial

from cloudflow_async.emulator import Emulator
from cloudflow_async.emulator.limits import LimitsMode
from cloudflow_async.emulator.techflow.stage import TechFlowStage

from .console import FAILED, CommandError
from .running import run
from .techflow_past import make_up

_PIPELINES = 40


def serve(*, port: int, limits_mode: LimitsMode, seed: int, techflow: bool = False) -> int:
    """Run an emulator with made-up history, say how to use it, and return the exit status.

    Raises:
        CommandError: The port cannot be listened on.
    """
    emulator = Emulator(port=port, limits_mode=limits_mode, seed=seed)
    run(partial(_serve, emulator, port, techflow_seed=seed if techflow else None))
    # A signal is how it is meant to end.
    return 0


async def _serve(emulator: Emulator, port: int, *, techflow_seed: int | None) -> None:
    try:
        await emulator.start()
    except OSError as error:
        raise CommandError(
            f"cannot listen on port {port}: {_reason(error)}; --port 0 takes a free one.",
            status=FAILED,
        ) from error
    try:
        ids = emulator.seed_history(_PIPELINES)
        workflow_id = emulator.add_workflow(name="Nightly report", trigger={"type": "webhook"})
        text = _invitation(emulator, ids, workflow_id)
        if techflow_seed is not None:
            techflow_ids = make_up(emulator.techflow, seed=techflow_seed)
            text += _techflow_invitation(emulator.techflow, techflow_ids)
        print(text, flush=True)  # noqa: T201 - what the command is for
        await asyncio.Event().wait()
    finally:
        await emulator.stop()


def _reason(error: OSError) -> str:
    # asyncio words it with the address, which is in the message already.
    return str(error) if error.errno is None else os.strerror(error.errno)


def _invitation(emulator: Emulator, ids: list[str], workflow_id: str) -> str:
    return f"""\
CloudFlow emulator, until Ctrl-C
  base URL   {emulator.base_url}
  API key    {emulator.api_key}
  pipelines  {len(ids)}, such as {", ".join(ids[:3])}
  inspection {emulator.inspection_url}

Try it in another terminal:
  export CLOUDFLOW_API_KEY={emulator.api_key}
  cloudflow export --base-url {emulator.base_url} {" ".join(ids[:2])}
  cloudflow trigger --base-url {emulator.base_url} {workflow_id}

Or log in instead, as a person:
  cloudflow login --profile emulator --base-url {emulator.base_url} \\
    --authorize-url {emulator.authorize_url} \\
    --token-url {emulator.token_url} --client-id {emulator.client_id}
  cloudflow whoami --profile emulator --check
"""


def _techflow_invitation(techflow: TechFlowStage, ids: list[str]) -> str:
    return f"""
TechFlow, the older API, on the same port
  base URL   {techflow.base_url}
  API key    {techflow.api_key}
  workflows  {", ".join(ids)}

Try it in another terminal:
  export TECHFLOW_API_KEY={techflow.api_key}
  cloudflow trigger --techflow --base-url {techflow.base_url} {ids[0]}
  cloudflow export --techflow --base-url {techflow.base_url}

Or in Python (`python -m asyncio`):
  from cloudflow_async.techflow import TechFlow
  async with TechFlow("{techflow.api_key}", base_url="{techflow.base_url}") as tf:
      print(await tf.workflows.list().collect())
      print(len(await tf.executions.list().collect()), "executions")
"""
