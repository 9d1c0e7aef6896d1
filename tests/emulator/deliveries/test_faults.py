"""Faults of deliveries: which they hit."""

from __future__ import annotations

from typing import Any

import pytest

from cloudflow_async.emulator import DeliveryFault
from cloudflow_async.emulator.deliveries.faults import DeliveryFaultPlan


def test_a_fault_hits_its_event_so_many_times() -> None:
    """By default the next delivery, whatever its event."""
    plan = DeliveryFaultPlan()
    any_event = DeliveryFault(copies=2)
    failed = DeliveryFault(event="workflow.failed", times=None, lose_answers=1)
    plan.add(failed)
    plan.add(any_event)
    events = ["workflow.failed", "workflow.started", "workflow.started", "workflow.failed"]

    assert [plan.choose(event) for event in events] == [failed, any_event, None, failed]

    plan.clear()

    assert plan.choose("workflow.failed") is None


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"copies": 0},
        {"copies": "2"},
        {"lose_answers": -1},
        {"lose_answers": True},
        {"copies": 2, "times": 0},
        {"copies": 2, "times": 1.5},
        {"copies": 1},
    ],
)
def test_what_cannot_have_been_meant_is_refused(fields: dict[str, Any]) -> None:
    """With advice."""
    with pytest.raises(ValueError, match=r"copies|times|lose_answers"):
        DeliveryFault(**fields)
