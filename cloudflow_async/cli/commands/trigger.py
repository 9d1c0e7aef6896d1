"""Options and help of ``cloudflow trigger``."""

from __future__ import annotations

from cloudflow_async.cli.shared.console import CommandError
from cloudflow_async.cli.shared.options import File, Flag, Name, Url


def trigger(
    workflow_id: str,
    /,
    *,
    payload: File = None,
    profile: Name = None,
    base_url: Url = None,
    techflow: Flag = False,
) -> int:
    """Start a workflow whose trigger is a webhook, and print what the API answers.

    At TechFlow, with --techflow, any workflow can be started. The key is that of the environment
    variable TECHFLOW_API_KEY.

    Args:
        workflow_id: Which, such as wf_8x7k2m9p.
        payload: File with JSON that is sent along; "-" is standard input.
        profile: Profile of the config file whose credential to use, and no other.
        base_url: Where the API is; also by the environment variable CLOUDFLOW_BASE_URL, or
            TECHFLOW_BASE_URL.
        techflow: The workflow is one of TechFlow's. There, nothing can be sent along, and there are
            no profiles.
    """
    if techflow and not (payload is None and profile is None):
        raise CommandError("--payload and --profile do not belong to --techflow.")
    from cloudflow_async.cli.workflows import trigger as triggering  # noqa: PLC0415 - the engine takes longer to import than --help may

    if techflow:
        return triggering.execute_workflow(workflow_id, base_url=base_url)
    return triggering.trigger_workflow(workflow_id, payload, profile=profile, base_url=base_url)
