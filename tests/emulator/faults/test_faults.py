"""Faults: what they answer."""

from __future__ import annotations

import functools
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


def test_headers_are_given_as_a_mapping_or_as_pairs() -> None:
    """Pairs can repeat a name."""
    pairs = [("A", "1"), ("A", "2")]

    assert Fault(headers={"A": "1"}).headers == (("A", "1"),)
    assert Fault(headers=pairs).headers == tuple(pairs)


def test_a_fault_cannot_be_changed() -> None:
    """It can be injected again and again."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Fault(status=500).status = 200  # type: ignore[misc]


def test_a_callable_is_shown_by_its_class_alone() -> None:
    """What a partial function is bound to may be a secret."""
    fault = Fault(before=functools.partial(print, "cf_live_canary"))

    assert "before=<partial>" in repr(fault)
    assert "canary" not in repr(fault)
