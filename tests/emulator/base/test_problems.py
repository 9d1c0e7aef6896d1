"""Errors in the documented envelope."""

from __future__ import annotations

from cloudflow_async.emulator.base.problems import Problem, envelope, invalid, missing, rate_limited


def test_the_documented_400_is_made_to_the_letter() -> None:
    """Code, message, field and request id as in "Error Response Format"."""
    message = "The 'limit' parameter must be between 1 and 100"
    reply = invalid("limit", message).reply("req_8k3m9x2p")

    assert reply.status == 400
    assert reply.body == {
        "error": {
            "code": "invalid_parameter",
            "message": message,
            "field": "limit",
            "request_id": "req_8k3m9x2p",
        }
    }


def test_the_documented_429_is_made_to_the_letter() -> None:
    """The wait stands in the body, as a number and in words."""
    problem = rate_limited(42)

    assert problem.status == 429
    assert problem.error == {
        "code": "rate_limit_exceeded",
        "message": "Rate limit exceeded. Please retry after 42 seconds.",
        "retry_after": 42,
    }


def test_a_missing_field_is_named() -> None:
    """Its code is another than that of a wrong one."""
    problem = missing("trigger.type")

    assert problem.error["code"] == "missing_required_field"
    assert problem.error["field"] == "trigger.type"


def test_headers_travel_with_the_problem() -> None:
    """A 405 says in `Allow` what would have been right."""
    reply = Problem(405, headers={"Allow": "GET"}).reply("req_1")

    assert reply.headers == {"Allow": "GET"}


def test_an_unknown_status_has_an_envelope_too() -> None:
    """Faults can ask for statuses that the document does not list."""
    assert envelope(418) == {"code": "unknown_error", "message": "Something went wrong"}
