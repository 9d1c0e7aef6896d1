"""Run the emulator until a signal ends it."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
from functools import partial

import attrs

from cloudflow_async.cli.shared.console import FAILED, CommandError
from cloudflow_async.cli.shared.signals import run
from cloudflow_async.emulator import Emulator
from cloudflow_async.emulator.base.rate_limiter import EmulatorLimits, Limits, LimitsMode
from cloudflow_async.emulator.techflow.seeding import TechFlowSeeding

from .techflow_sample import make_up

_PIPELINES = 40
_REDIRECT_URI = "http://127.0.0.1/callback"
_RATE = re.compile(r"(?P<requests>\d{1,9})/(?P<seconds>\d{1,9}(\.\d{1,3})?)", re.ASCII)


@attrs.frozen(kw_only=True)
class Served:
    """The options of the command."""

    port: int = 0
    rate_limit: str | None = None
    limits_mode: LimitsMode = "bucket"
    api_key: str | None = None
    client_id: str | None = None
    client_secret_env: str | None = None
    redirect_uri: str | None = None
    require_pkce: bool = True
    seed: int = 0
    techflow: bool = False


def serve(options: Served) -> int:
    """Run an emulator with sample data, say how to use it, and return the exit status.

    Raises:
        CommandError: An option cannot be used, or the port cannot be listened on.
    """
    limits = _limits(options.rate_limit)
    if options.api_key is not None and options.api_key.startswith("cf_live_"):
        raise CommandError(
            "--api-key is for a key made up for local use; this one looks like a key of the "
            "service, and other users of this machine can read the arguments of commands."
        )
    try:
        emulator = Emulator(
            port=options.port,
            rate_limits=limits,
            anonymous_limits="off" if limits == "off" else None,
            techflow_limits=limits,
            limits_mode=options.limits_mode,
            api_key=options.api_key,
            require_pkce=options.require_pkce,
            seed=options.seed,
        )
        client = _register(emulator, options)
    except ValueError as error:
        raise CommandError(f"{error}.") from error
    seed = options.seed if options.techflow else None
    run(partial(_serve, emulator, options.port, client=client, techflow_seed=seed))
    # A signal is how it is meant to end.
    return 0


def _limits(text: str | None) -> Limits | None:
    """Return what ``--rate-limit`` means."""
    if text is None or text == "off":
        return None if text is None else "off"
    found = _RATE.fullmatch(text)
    if found is None or not (requests := int(found["requests"])) or not float(found["seconds"]):
        raise CommandError(
            f"--rate-limit {text!r} must be requests/seconds, such as 1000/60, or off."
        )
    # The documented burst is one and a half times the documented rate.
    return EmulatorLimits(
        requests=requests, per=float(found["seconds"]), burst=requests * 3 // 2 or 1
    )


def _register(emulator: Emulator, options: Served) -> str:
    """Register a client if that is asked for; return the options by which `login` names it."""
    name = options.client_secret_env
    if options.client_id is None:
        if name is not None or options.redirect_uri is not None:
            raise CommandError("--client-secret-env and --redirect-uri need a --client-id.")
        return f"--client-id {emulator.client_id}"
    secret = None if name is None else os.environ.get(name)
    if name is not None and not secret:
        raise CommandError(f"--client-secret-env: the variable {name} is not set, or empty.")
    emulator.add_client(
        options.client_id,
        redirect_uris=[options.redirect_uri or _REDIRECT_URI],
        confidential=secret is not None,
        client_secret=secret,
    )
    named = f"--client-id {shlex.quote(options.client_id)}"
    return named if name is None else f"{named} --client-secret-env {name}"


async def _serve(emulator: Emulator, port: int, *, client: str, techflow_seed: int | None) -> None:
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
        text = _invitation(emulator, ids, workflow_id, client)
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


def _invitation(emulator: Emulator, ids: list[str], workflow_id: str, client: str) -> str:
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
    --token-url {emulator.token_url} {client}
  cloudflow whoami --profile emulator --check
"""


def _techflow_invitation(techflow: TechFlowSeeding, ids: list[str]) -> str:
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
