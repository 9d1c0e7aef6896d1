"""Faults that make no sense, and those that do."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import pytest

from cloudflow_async.emulator import Fault


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ({"raw": "text"}, "raw must be bytes, not str"),
        ({"piece_size": 1.5}, "piece_size must be int, not float"),
        ({"bandwidth": "10"}, "bandwidth must be int or float, not str"),
        ({"truncate": True}, "truncate must be int, not bool"),
        ({"status": "500"}, "status must be int, not str"),
        ({"status": 500, "nth": "1"}, "nth must be int, not str"),
        ({"status": 500, "method": 5}, "method must be str, not int"),
        ({"status": 500, "body": {}}, "body must be str or bytes, not dict"),
        ({"status": 500, "body": None}, "body must be str or bytes, not NoneType"),
        ({"status": 500, "processed": 1}, "processed must be bool, not int"),
        ({"drop": "later"}, "drop must be 'before' or 'after'"),
        ({"before": "later"}, "before must be a function"),
        ({"headers": {"A\r\n": "b"}}, "headers must be names with values"),
        ({"headers": {"A": "b\r\nC: d"}}, "headers must be names with values"),
        ({"headers": [("A", 3)]}, "headers must be names with values"),
        ({"headers": ["A"]}, "headers must be names with values"),
        ({"headers": 5}, "headers must be names with values"),
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
        {"status": HTTPStatus.BAD_GATEWAY, "retry_after": "soon"},
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
