"""A made-up past of TechFlow."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

import pytest

from cloudflow_async.cli.emulator.techflow_sample import make_up
from cloudflow_async.emulator import Emulator

_NOW = 1_768_903_200


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand at an instant."""
    monkeypatch.setattr("cloudflow_async.cli.emulator.techflow_sample.time.time", lambda: _NOW)


def _past(seed: int) -> list[dict[str, Any]]:
    techflow = Emulator().techflow
    make_up(techflow, seed=seed)
    return techflow.executions


def test_there_are_workflows_and_their_executions() -> None:
    """All of the past, most of which went well, newest first."""
    techflow = Emulator().techflow
    ids = make_up(techflow, seed=0)
    statuses = Counter(each["status"] for each in techflow.executions)
    starts = [datetime.fromisoformat(each["started_at"]) for each in techflow.executions]

    assert ids == [each["id"] for each in techflow.workflows]
    assert set(ids) == {each["workflow_id"] for each in techflow.executions}
    assert {"completed", "failed"} == statuses.keys()
    assert 0 < statuses["failed"] < statuses["completed"] / 4
    assert sorted(starts, reverse=True) == starts
    assert starts[0].timestamp() < _NOW


def test_it_follows_from_the_seed() -> None:
    """The same seed makes the same past, another one another."""
    assert _past(1) == _past(1)
    assert _past(1) != _past(2)
