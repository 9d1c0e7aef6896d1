"""Start a workflow."""

from __future__ import annotations

import json
from functools import partial

from cloudflow_async._core.codec.decode import encode
from cloudflow_async._core.codec.json import loads
from cloudflow_async._core.errors import DecodeError
from cloudflow_async._core.messages import UNSET, Json, Unset
from cloudflow_async.cli.shared.console import CommandError
from cloudflow_async.cli.shared.credentials import find_credential
from cloudflow_async.cli.shared.errors import told
from cloudflow_async.cli.shared.signals import run
from cloudflow_async.cli.webhooks.bodies import read_bytes
from cloudflow_async.cloudflow.client import CloudFlow
from cloudflow_async.techflow import TechFlow


def trigger_workflow(
    workflow_id: str, payload_from: str | None, *, profile: str | None, base_url: str | None
) -> int:
    """Start a workflow and print what the API answers.

    Args:
        workflow_id: Which.
        payload_from: File with JSON to send, or ``-``; None: nothing is sent.
        profile: Whose credential to use; None: what a bare ``CloudFlow()`` finds.
        base_url: None: the profile's, the environment's, or the documented one.

    Returns:
        0; 130 and 143 where a signal ended it.

    Raises:
        CommandError: It was not started, or nobody knows whether it was.
    """
    payload = UNSET if payload_from is None else _read_json(payload_from)
    with told():
        return run(partial(_trigger, workflow_id, payload, profile, base_url))


def execute_workflow(workflow_id: str, *, base_url: str | None) -> int:
    """Start a workflow of TechFlow's and print what the API answers.

    Args:
        workflow_id: Which.
        base_url: None: the environment's, or the documented one.

    Returns:
        0; 130 and 143 where a signal ended it.

    Raises:
        CommandError: It was not started, or nobody knows whether it was.
    """
    with told():
        return run(partial(_execute, workflow_id, base_url))


async def _execute(workflow_id: str, base_url: str | None) -> None:
    async with TechFlow(base_url=base_url) as client:
        execution = await client.workflows.execute(workflow_id)
    _show(encode(execution))


async def _trigger(
    workflow_id: str, payload: Json | Unset, profile: str | None, base_url: str | None
) -> None:
    chain = await find_credential(profile, base_url=base_url)
    async with CloudFlow(auth=chain) as client:
        answer = await client.workflows.trigger(workflow_id, payload)
    _show(answer)


def _show(answer: Json) -> None:
    print(json.dumps(answer), flush=True)  # noqa: T201 - what the command is for


def _read_json(source: str) -> Json:
    try:
        return loads(read_bytes(source))
    except DecodeError as error:
        raise CommandError(f"{source}: {error.message}") from None
