"""Bodies that are no JSON, under every kind of status."""

from __future__ import annotations

import gzip

import pytest
from multidict import CIMultiDict

from cloudflow_async._core.errors import DecodeError, StatusError
from cloudflow_async._core.http.response import read
from cloudflow_async._core.messages import Reply, Request

_GET = Request(method="GET", path="/workflows", target="/workflows")
_NO_JSON = {
    "empty": b"",
    "space": b" \r\n",
    "html": b"<html><body>Welcome</body></html>",
    "text": b"OK",
    "cut": b'{"id": "wf_1", "na',
    "cut text": b'{"id": "wf_1',
    "trailing comma": b'{"id": "wf_1",}',
    "trailing data": b'{"id": "wf_1"} x',
    "two values": b'{"id": "wf_1"}{"id": "wf_2"}',
    "garbage before": b')]}\',\n{"id": "wf_1"}',
    "single quotes": b"{'id': 'wf_1'}",
    "comment": b'{"id": "wf_1"} // one',
    "NaN": b'{"value": NaN}',
    "Infinity": b'{"value": Infinity}',
    "-Infinity": b'{"value": -Infinity}',
    "beyond a double": b'{"value": 1e99999}',
    "5,000 digits": b'{"value": ' + b"9" * 5000 + b"}",
    "hexadecimal": b'{"value": 0x10}',
    "leading zero": b'{"value": 012}',
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "never closed": b"[" * 100_000,
    "bad UTF-8": b'{"id": "\xc3\x28"}',
    "surrogate in UTF-8": b'{"id": "\xed\xa0\x80"}',
    "UTF-16": '{"id": "wf_1"}'.encode("utf-16"),
    "UTF-16 without a mark": '{"id": "wf_1"}'.encode("utf-16-le"),
    "UTF-32": '{"id": "wf_1"}'.encode("utf-32"),
    "byte order mark": b'\xef\xbb\xbf{"id": "wf_1"}',
    "NUL": b'{"id": "a\x00b"}',
    "gzip": gzip.compress(b"{}", mtime=0),
}


def reply(status: int, body: bytes) -> Reply:
    """Return an answer that says it is JSON."""
    headers = {"Content-Type": "application/json", "X-Request-Id": "req_1"}
    return Reply(status=status, headers=CIMultiDict(headers), body=body, elapsed=0.0)


@pytest.mark.parametrize("body", _NO_JSON.values(), ids=_NO_JSON.keys())
@pytest.mark.parametrize("status", [200, 201])
def test_a_success_that_is_no_json_is_a_decode_error(status: int, body: bytes) -> None:
    """It is named by its request id, and shows little of the body."""
    with pytest.raises(DecodeError, match=r"^the answer is not JSON") as caught:
        read(_GET, reply(status, body), 1)

    assert "req_1" == caught.value.request_id
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("body", _NO_JSON.values(), ids=_NO_JSON.keys())
@pytest.mark.parametrize("status", [400, 429, 500])
def test_a_failure_that_is_no_json_keeps_its_status(status: int, body: bytes) -> None:
    """And the request id, with how the body begins."""
    with pytest.raises(StatusError) as caught:
        read(_GET, reply(status, body), 1)

    assert (status, "req_1") == (caught.value.status, caught.value.request_id)
    assert len(caught.value.body or "") <= 512
    assert bool(body) == bool(caught.value.body)
