"""What exists and what happened."""

from __future__ import annotations

from cloudflow_async.emulator.cloudflow.state import State, numbered
from tests.emulator.conftest import NOON, Clock


def test_ids_have_the_documented_form_and_repeat_with_the_seed() -> None:
    """Prefix and eight characters, never the same twice."""
    first, same, other = (State(Clock(), seed).new_id("wf_") for seed in (1, 1, 2))
    state = State(Clock(), 1)
    many = {state.new_id("x", 1) for _ in range(36)}

    assert first == same
    assert first != other
    assert (first[:3], len(first)) == ("wf_", 11)
    assert len(many) == 36


def test_accounts_with_one_seed_have_ids_of_their_own() -> None:
    """So that what exists in one does not happen to exist in another."""
    accounts = [State(Clock(), 1), State(Clock(), 1, "acme"), State(Clock(), 1, "other")]
    identifiers = {state.new_id("wf_") for state in accounts}
    figures = {state.chance.random() for state in accounts}

    assert (3, 3) == (len(identifiers), len(figures))
    assert State(Clock(), 1, "acme").new_id("wf_") in identifiers


def test_time_is_in_whole_seconds() -> None:
    """The API writes no fractions, so none are kept."""
    assert State(Clock(NOON + 0.9), 0).now == NOON


def test_executions_are_kept_in_order_of_time() -> None:
    """The newest comes first; among equal times the one added later."""
    state = State(Clock(), 0)
    pipeline = state.add_pipeline("pipe_1")
    times = [NOON, NOON - 60, NOON + 60, NOON]
    added = [state.add_execution(pipeline, started_at=instant).id for instant in times]
    order = [execution.id for execution in pipeline.newest_first()]

    assert order == [added[2], added[3], added[0], added[1]]


def test_a_finished_execution_ends_after_its_duration() -> None:
    """What is not given is made up; a running one has neither end nor duration."""
    state = State(Clock(), 0)
    pipeline = state.add_pipeline()
    done = state.add_execution(pipeline, started_at=NOON, duration_ms=222_000)
    failed = state.add_execution(
        pipeline, started_at=NOON, status="failed", records_processed=15_420
    )
    running = state.add_execution(pipeline, started_at=NOON, status="running", duration_ms=5)

    assert done.completed_at == NOON + 222
    assert 0 <= done.records_failed <= 3
    assert failed.records_failed == 15_420 // 4
    assert (running.completed_at, running.duration_ms) == (None, None)


def test_no_more_records_fail_than_are_processed() -> None:
    """Made-up figures fit each other."""
    state = State(Clock(), 0)
    pipeline = state.add_pipeline()
    failed = [
        state.add_execution(pipeline, started_at=NOON, records_processed=0).records_failed
        for _ in range(20)
    ]

    assert failed == [0] * 20


def test_a_failed_run_has_an_error_and_a_completed_one_has_none() -> None:
    """Also when an error is given for a run that completed."""
    state = State(Clock(), 0)
    workflow = state.add_workflow(name="w", trigger={"type": "webhook"}, steps=[])
    failed = state.add_run(workflow, started_at=NOON, status="failed")
    told = state.add_run(workflow, started_at=NOON, status="failed", error="disk full")
    completed = state.add_run(workflow, started_at=NOON, error="no")

    assert (failed.error, told.error) == ("Step 'step_1' failed", "disk full")
    assert completed.error is None


def test_a_run_has_its_figures_when_it_has_ended() -> None:
    """They are made up, except for the time."""
    state = State(Clock(), 0)
    workflow = state.add_workflow(name="w", trigger={"type": "webhook"}, steps=[])
    runs = [state.start_run(workflow) for _ in range(3)]
    for run, status in zip(runs, ("completed", "failed"), strict=False):
        state.end_run(run, status=status, duration_ms=70)

    assert workflow.runs == runs
    assert [run.status for run in runs] == ["completed", "failed", "running"]
    assert [run.duration_ms for run in runs] == [70, 70, 0]
    assert [run.error for run in runs] == [None, "Step 'step_1' failed", None]
    assert 0 <= runs[0].records_processed <= 2000
    assert runs[2].records_processed == 0


def test_steps_are_numbered_unless_they_have_an_id() -> None:
    """So a list of steps from an answer can be sent back."""
    steps = numbered([{"type": "a"}, {"type": "b", "id": "mine"}, {"type": "c"}])

    assert [step["id"] for step in steps] == ["step_1", "mine", "step_3"]


def test_clearing_begins_again_at_the_seed() -> None:
    """The same ids and the same figures come again."""
    state = State(Clock(), 5)
    before = state.add_execution(state.add_pipeline(), started_at=NOON)
    state.clear()
    after = state.add_execution(state.add_pipeline(), started_at=NOON)

    assert before == after
    assert len(state.pipelines) == 1
