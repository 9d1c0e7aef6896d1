"""``cloudflow trigger``: what it takes."""

from __future__ import annotations

from .options import File, Name, Url


def trigger(
    workflow_id: str, /, *, payload: File = None, profile: Name = None, base_url: Url = None
) -> int:
    """Start a workflow whose trigger is a webhook, and print what the API answers.

    Args:
        workflow_id: Which, such as wf_8x7k2m9p.
        payload: File with JSON that is sent along; "-" is standard input.
        profile: Profile of the config file whose credential to use, and no other.
        base_url: Where the API is; also by the environment variable CLOUDFLOW_BASE_URL.
    """
    from .triggering import (  # noqa: PLC0415 - the engine takes longer to import than --help may
        trigger_workflow,
    )

    return trigger_workflow(workflow_id, payload, profile=profile, base_url=base_url)
