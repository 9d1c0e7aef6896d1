"""Faults: which requests they hit, what they answer, and which make no sense."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest

from cloudflow_async.emulator import Fault
from cloudflow_async.emulator.faults import FaultPlan

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


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (
            Fault(status=503),
            {
                "code": "service_unavailable",
                "message": "Scheduled maintenance or temporary outage",
            },
        ),
        (
            Fault(status=409, code="quota_exceeded", message="m"),
            {"code": "quota_exceeded", "message": "m"},
        ),
        (
            Fault(status=429, retry_after=7),
            {
                "code": "rate_limit_exceeded",
                "message": "Rate limit exceeded. Please retry after 7 seconds.",
                "retry_after": 7,
            },
        ),
        (
            Fault(status=429, retry_after="7", message="m"),
            {"code": "rate_limit_exceeded", "message": "m", "retry_after": "7"},
        ),
    ],
)
def test_a_json_fault_answers_in_the_documented_envelope(
    fault: Fault, error: dict[str, Any]
) -> None:
    """Code and message go with the status unless they are given."""
    reply = fault.answer("req_1")

    assert reply.status == fault.status
    assert reply.body == {"error": {**error, "request_id": "req_1"}}


@pytest.mark.parametrize(
    ("body", "raw"),
    [("empty", b""), ("text", b"text"), (b"\xff", b"\xff"), ('{"data":', b'{"data":')],
)
def test_a_fault_can_answer_with_any_bytes(body: bytes | str, raw: bytes) -> None:
    """Text is sent as UTF-8; `empty` sends nothing."""
    reply = Fault(status=200, body=body).answer("req_1")

    assert (reply.raw, reply.body) == (raw, None)


def test_a_fault_can_answer_as_a_gateway_does() -> None:
    """HTML that says so."""
    reply = Fault(status=502, body="html").answer("req_1")

    assert reply.headers == {"Content-Type": "text/html"}
    assert b"<h1>502 Bad Gateway</h1>" in (reply.raw or b"")
    with pytest.raises(json.JSONDecodeError):
        json.loads(reply.raw or b"")


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ({}, "no effect"),
        ({"times": None, "route": "/workflows"}, "no effect"),
        ({"status": 500, "nth": 0}, "nth counts from 1"),
        ({"status": 500, "times": 0}, "times must be at least 1"),
        ({"status": 500, "probability": 0}, "probability"),
        ({"status": 500, "probability": 1.5}, "probability"),
        ({"delay": -1}, "delay"),
        ({"delay": float("nan")}, "delay"),
        ({"delay": float("inf")}, "delay"),
        ({"truncate": -1}, "truncate"),
        ({"status": 99}, "between 200 and 599"),
        ({"status": 600}, "between 200 and 599"),
        ({"status": 500, "route": "workflows"}, "begin with a slash"),
        ({"delay": 1, "body": "html"}, "need a status"),
        ({"delay": 1, "code": "x"}, "need a status"),
        ({"delay": 1, "message": "x"}, "need a status"),
        ({"delay": 1, "retry_after": 1}, "need a status"),
        ({"delay": 1, "processed": True}, "need a status"),
        ({"status": 502, "body": "html", "code": "x"}, "need body='json'"),
        ({"status": 200}, "400 or more"),
        ({"drop": "before", "status": 500}, "drop sends no answer"),
        ({"drop": "after", "truncate": 1}, "drop sends no answer"),
        ({"drop": "after", "headers": {"A": "b"}}, "drop sends no answer"),
        ({"drop": "after", "rate_limit_headers": False}, "drop sends no answer"),
    ],
)
def test_a_fault_that_cannot_have_been_meant_is_refused(
    options: dict[str, Any], advice: str
) -> None:
    """The error says what to do instead."""
    with pytest.raises(ValueError, match=advice):
        Fault(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"delay": 0.5},
        {"headers": {"Date": "x"}},
        {"rate_limit_headers": False},
        {"truncate": 0},
        {"before": print},
        {"drop": "after", "delay": 1, "before": print},
        {"status": 204, "body": "empty", "processed": True, "truncate": 3},
    ],
)
def test_every_effect_is_enough_for_a_fault(options: dict[str, Any]) -> None:
    """Alone or with those that go together."""
    assert isinstance(Fault(**options), Fault)


def test_headers_are_given_as_a_mapping_or_as_pairs() -> None:
    """Pairs can repeat a name."""
    pairs = [("A", "1"), ("A", "2")]

    assert Fault(headers={"A": "1"}).headers == (("A", "1"),)
    assert Fault(headers=pairs).headers == tuple(pairs)


def test_a_fault_cannot_be_changed() -> None:
    """It can be injected again and again."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Fault(status=500).status = 200  # type: ignore[misc]
