"""The faults on duty: which requests they hit."""

from __future__ import annotations

import pytest

from cloudflow_async.emulator import Fault
from cloudflow_async.emulator.faults.plan import FaultPlan

LIST = ("/workflows", "/workflows")


def hits(plan: FaultPlan, count: int, method: str = "GET") -> list[int | None]:
    """Return the statuses of the faults that hit so many requests for the list."""
    chosen = [plan.choose(method, LIST) for _ in range(count)]
    return [None if fault is None else fault.status for fault in chosen]


def plan_of(*faults: Fault, seed: int = 0) -> FaultPlan:
    """Return a plan with these faults on duty."""
    plan = FaultPlan(seed)
    for fault in faults:
        plan.add(fault)
    return plan


def test_a_fault_hits_the_next_request_once() -> None:
    """Unless it says otherwise."""
    assert hits(plan_of(Fault(status=500)), 3) == [500, None, None]


def test_a_fault_hits_as_often_as_it_says() -> None:
    """None means always."""
    assert hits(plan_of(Fault(status=500, times=2)), 3) == [500, 500, None]
    assert hits(plan_of(Fault(status=500, times=None)), 3) == [500] * 3


def test_a_fault_can_wait_for_the_nth_request() -> None:
    """Counted from 1; with `times` it goes on from there."""
    assert hits(plan_of(Fault(status=500, nth=2)), 4) == [None, 500, None, None]
    assert hits(plan_of(Fault(status=500, nth=2, times=2)), 4) == [None, 500, 500, None]


def test_the_first_injected_wins_and_the_others_count_the_request() -> None:
    """So a script of nth requests can be written down fault by fault."""
    script = plan_of(Fault(status=500, nth=1), Fault(status=502, nth=2), Fault(status=503, nth=3))
    rivals = plan_of(Fault(status=500), Fault(status=502, times=2))

    assert hits(script, 4) == [500, 502, 503, None]
    assert hits(rivals, 4) == [500, 502, 502, None]


@pytest.mark.parametrize(
    ("fault", "hit"),
    [
        (Fault(status=500, method="get"), True),
        (Fault(status=500, method="POST"), False),
        (Fault(status=500, route="/workflows/{workflow_id}"), True),
        (Fault(status=500, route="/workflows/wf_1"), True),
        (Fault(status=500, route="/workflows/wf_2"), False),
        (Fault(status=500, route="/workflows"), False),
        (Fault(status=500, method="GET", route="/workflows/wf_1"), True),
    ],
)
def test_a_fault_is_for_a_method_a_template_or_a_path(fault: Fault, hit: bool) -> None:
    """All that it names must fit."""
    chosen = plan_of(fault).choose("GET", ("/workflows/{workflow_id}", "/workflows/wf_1"))

    assert hit == (chosen is fault)


def test_requests_that_do_not_match_are_not_counted() -> None:
    """The nth GET, however many POSTs come between."""
    plan = plan_of(Fault(status=500, method="GET", nth=2))

    assert hits(plan, 1) + hits(plan, 5, "POST") + hits(plan, 1) == [None] * 6 + [500]


def test_probable_faults_repeat_with_the_seed() -> None:
    """The same requests are hit in every run, about as many as the chance says."""
    fault = Fault(status=500, times=None, probability=0.3)
    first, same, other = (hits(plan_of(fault, seed=seed), 1000) for seed in (1, 1, 2))

    assert first == same
    assert first != other
    assert 250 < first.count(500) < 350


def test_clearing_takes_faults_off_and_chance_back_to_the_seed() -> None:
    """What comes next is as in a new emulator."""
    fault = Fault(status=500, times=None, probability=0.5)
    plan = plan_of(fault)
    before = hits(plan, 50)
    plan.clear()
    between = hits(plan, 5)
    plan.add(fault)

    assert between == [None] * 5
    assert before == hits(plan, 50)
