"""Sample data of TechFlow: workflows that ran for some weeks, with occasional failures."""

from __future__ import annotations

import random
import time
from typing import Final

from cloudflow_async.emulator.techflow.seeding import TechFlowSeeding

_WORKFLOWS: Final = (
    ("Nightly report", ("schedule",), 86_400, 60),
    ("Import orders", ("webhook", "manual"), 7200, 240),
    ("Clean up", ("manual",), 43_200, 50),
)
"""Name, triggers, seconds between two executions, and how many there were."""

_FAILED_SHARE: Final = 0.08


def make_up(stage: TechFlowSeeding, *, seed: int) -> list[str]:
    """Add workflows and their executions behind the API's back, and return the workflows' ids.

    Args:
        stage: Where.
        seed: Statuses and durations follow from it; times are counted back from now.
    """
    chance = random.Random(seed)  # noqa: S311 - no secret
    now = time.time()
    ids: list[str] = []
    for name, triggers, interval, count in _WORKFLOWS:
        workflow_id = stage.add_workflow(name=name, triggers=[*triggers])
        ids.append(workflow_id)
        for left in range(count, 0, -1):
            failed = chance.random() < _FAILED_SHARE
            stage.add_execution(
                workflow_id,
                status="failed" if failed else "completed",
                started_at=now - left * interval,
                duration_ms=chance.randint(5, 600) * 1000,
            )
    return ids
