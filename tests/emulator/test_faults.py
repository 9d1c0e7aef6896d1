"""Faults: what they answer, and which make no sense."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest

from cloudflow_async.emulator import Fault


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
        ({"delay": 1, "processed": True}, "needs a status or raw"),
        ({"status": 502, "body": "html", "code": "x"}, "need body='json'"),
        ({"status": 200}, "400 or more"),
        ({"drop": "before", "status": 500}, "drop sends no answer"),
        ({"drop": "after", "truncate": 1}, "drop sends no answer"),
        ({"drop": "after", "headers": {"A": "b"}}, "drop sends no answer"),
        ({"drop": "after", "rate_limit_headers": False}, "drop sends no answer"),
        ({"drop": "after", "raw": b"x"}, "drop sends no answer"),
        ({"drop": "after", "piece_size": 1}, "drop sends no answer"),
        ({"drop": "after", "bandwidth": 1}, "drop sends no answer"),
        ({"drop": "before", "stall": "before"}, "leaves the connection open"),
        ({"stall": -1}, "stall must be"),
        ({"stall": True}, "stall must be"),
        ({"stall": "later"}, "stall must be"),
        ({"stall": 1.5}, "stall must be"),
        ({"stall": "before", "status": 500}, "stall sends no answer"),
        ({"stall": "after", "truncate": 1}, "stall sends no answer"),
        ({"stall": "after", "headers": {"A": "b"}}, "stall sends no answer"),
        ({"stall": "after", "rate_limit_headers": False}, "stall sends no answer"),
        ({"stall": "after", "raw": b"x"}, "stall sends no answer"),
        ({"stall": "after", "piece_size": 1}, "stall sends no answer"),
        ({"stall": "after", "bandwidth": 1}, "stall sends no answer"),
        ({"stall": 5, "truncate": 1}, "leaves the connection open"),
        ({"stall": 5, "drop": "after"}, "leaves the connection open"),
        ({"stall": 5, "reset": True}, "no stall"),
        ({"reset": True}, "give it drop, truncate or raw"),
        ({"reset": True, "status": 500, "piece_size": 1}, "give it drop, truncate or raw"),
        ({"raw": b"x", "status": 500}, "raw is all that is sent"),
        ({"raw": b"x", "truncate": 1}, "raw is all that is sent"),
        ({"raw": b"x", "headers": {"A": "b"}}, "raw is all that is sent"),
        ({"raw": b"x", "rate_limit_headers": False}, "raw is all that is sent"),
        ({"raw": b"x", "body": "html"}, "need a status"),
        ({"piece_size": 0}, "piece_size must be"),
        ({"bandwidth": 0}, "bandwidth must be"),
        ({"bandwidth": float("inf")}, "bandwidth must be"),
        ({"bandwidth": float("nan")}, "bandwidth must be"),
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
        {"piece_size": 1},
        {"bandwidth": 0.5},
        {"raw": b""},
        {"raw": b"x", "processed": True, "stall": 0, "piece_size": 1, "bandwidth": 1},
        {"raw": b"x", "reset": True},
        {"stall": 0},
        {"stall": "before", "delay": 1, "before": print},
        {"stall": 3, "status": 500, "headers": {"A": "b"}, "piece_size": 1, "bandwidth": 1},
        {"drop": "before", "reset": True},
        {"truncate": 3, "reset": True, "piece_size": 1, "bandwidth": 1},
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
