"""The demo data of the export."""

from __future__ import annotations

from collections import Counter

import pytest

from cloudflow_async.emulator import Emulator
from cloudflow_async.emulator.cloudflow.state import Execution, Pipeline
from tests.emulator.conftest import NOON, Clock

DAY = 86_400


def seeded(seed: int, pipelines: int = 40) -> list[Pipeline]:
    """Return the pipelines that an emulator with this seed makes up."""
    emulator = Emulator(clock=Clock(), seed=seed)
    ids = emulator.seed_history(pipelines)
    known = emulator._app.state.pipelines

    assert list(known) == ids
    return list(known.values())


def rows(pipelines: list[Pipeline]) -> list[Execution]:
    """Return all executions."""
    return [execution for pipeline in pipelines for execution in pipeline.executions]


@pytest.mark.parametrize("seed", range(8))
def test_the_history_is_read_within_the_requests_of_a_minute(seed: int) -> None:
    """In pages of 100, each pipeline some dozens to a few hundred executions."""
    pipelines = seeded(seed)
    sizes = [len(pipeline.executions) for pipeline in pipelines]

    assert len(pipelines) == 40
    assert all(24 <= size <= 300 for size in sizes)
    assert max(sizes) > 150
    assert sum(-(-size // 100) for size in sizes) < 100


def test_many_pipelines_take_one_request_each() -> None:
    """Fewer than that is not possible."""
    pipelines = seeded(0, 120)

    assert max(len(pipeline.executions) for pipeline in pipelines) <= 100


def test_all_kinds_of_executions_are_among_them() -> None:
    """Most completed, some failed, a few running."""
    counts = Counter(execution.status for execution in rows(seeded(0)))

    assert counts["completed"] > counts["failed"] > counts["running"] > 0


@pytest.mark.parametrize("seed", range(4))
def test_the_past_is_plausible(seed: int) -> None:
    """Some weeks up to now: nothing ends in the future, only the newest can be running."""
    for pipeline in seeded(seed):
        *older, newest = pipeline.executions

        assert NOON - 30 * DAY < pipeline.executions[0].started_at
        assert NOON - 600 < newest.started_at <= NOON
        assert all(one.status != "running" for one in older)
        assert all((one.completed_at or 0) <= NOON for one in pipeline.executions)


def test_the_history_follows_from_the_seed() -> None:
    """The same rows in every run, other rows with another seed."""
    assert seeded(1) == seeded(1)
    assert rows(seeded(1)) != rows(seeded(2))
