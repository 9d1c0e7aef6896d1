"""What there is at TechFlow, and what it is called."""

from __future__ import annotations

from cloudflow_async.emulator.techflow.state import EVENTS, State
from tests.emulator.conftest import NOON, Clock


def test_ids_are_numbers_after_the_documents_prefix() -> None:
    """Each kind counts by itself, and leaves out what is taken."""
    state = State(Clock())
    state.add_workflow({}, "wf_102")
    state.add_execution("wf_1", id="exec_101", started_at=NOON)

    assert ["wf_101", "wf_103"] == [state.add_workflow({}).id for _ in range(2)]
    assert "exec_102" == state.add_execution("wf_1", started_at=NOON).id
    assert "wh_101" == state.add_webhook("http://a.b", None, EVENTS).id


def test_clearing_begins_anew() -> None:
    """Nothing is left, and ids repeat."""
    state = State(Clock())
    first = state.add_workflow({}), state.add_execution("wf_1", started_at=NOON)
    state.add_webhook("http://a.b", None, EVENTS)
    state.bare_executions = True
    state.clear()
    left = state.workflows, state.executions, state.webhooks, state.bare_executions

    assert ({}, {}, {}, False) == left
    assert first == (state.add_workflow({}), state.add_execution("wf_1", started_at=NOON))


def test_an_execution_with_a_duration_has_ended() -> None:
    """On a whole second, as the history shows no fractions."""
    state = State(Clock())
    execution = state.add_execution("wf_1", started_at=NOON, status="failed", duration_ms=1999)

    assert NOON + 1 == execution.completed_at


def test_times_are_the_clocks() -> None:
    """In whole seconds."""
    state = State(Clock(NOON + 0.9))

    assert NOON == state.now
    assert NOON == state.add_webhook("http://a.b", None, ()).created_at
