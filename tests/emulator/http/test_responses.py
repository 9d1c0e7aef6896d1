"""From a reply to a response."""

from __future__ import annotations

from multidict import CIMultiDict

from cloudflow_async.emulator import Fault
from cloudflow_async.emulator.base.problems import Reply
from cloudflow_async.emulator.base.rate_limiter import Verdict
from cloudflow_async.emulator.http.responses import make_response, response_headers, spoil

REFUSED = Verdict(allowed=False, limit=100, remaining=0, reset_at=1_768_473_042, retry_after=42)


def test_the_date_is_the_emulators() -> None:
    """And so is everything else that every answer carries."""
    headers = response_headers(
        now=1_768_473_000.9, request_id="req_1", verdict=REFUSED, retry_after=True
    )

    assert dict(headers) == {
        "Date": "Thu, 15 Jan 2026 10:30:00 GMT",
        "Server": "cloudflow-emulator",
        "X-Request-Id": "req_1",
        "X-RateLimit-Limit": "100",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": "1768473042",
        "Retry-After": "42",
    }


def test_where_there_is_no_limit_none_is_named() -> None:
    """A 429 that is made up there needs no `Retry-After` either."""
    headers = response_headers(now=0, request_id="req_1", verdict=None, retry_after=True)

    assert ["Date", "Server", "X-Request-Id"] == list(headers)


def test_json_is_announced_as_json() -> None:
    """An answer without a body announces nothing."""
    full = make_response(Reply(status=200, body={"a": "é"}), CIMultiDict())
    empty = make_response(Reply(status=204), CIMultiDict())

    assert (full.headers["Content-Type"], full.body) == ("application/json", b'{"a":"\\u00e9"}')
    assert ("Content-Type" in empty.headers, empty.body) == (False, None)


def test_the_headers_of_a_reply_win() -> None:
    """An HTML page is announced as one."""
    reply = Reply(status=502, raw=b"<html>", headers={"Content-Type": "text/html"})
    response = make_response(reply, CIMultiDict({"Content-Type": "application/json"}))

    assert (response.headers["Content-Type"], response.body) == ("text/html", b"<html>")


def test_a_fault_without_header_effects_leaves_the_headers() -> None:
    """Spoiling is done to order."""
    response = make_response(Reply(status=200, body=1), CIMultiDict({"X-RateLimit-Limit": "1"}))
    before = dict(response.headers)
    spoil(response, Fault(delay=1))

    assert before == dict(response.headers)
