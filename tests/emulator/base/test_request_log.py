"""The record of what arrived."""

from __future__ import annotations

import attrs
import pytest
from multidict import CIMultiDict, CIMultiDictProxy, MultiDict, MultiDictProxy

from cloudflow_async.emulator.base.request_log import RecordedRequest, RequestLog


def entry(path: str) -> RecordedRequest:
    """Return a record of some request."""
    return RecordedRequest(
        method="GET",
        path=path,
        query=MultiDictProxy(MultiDict[str]()),
        headers=CIMultiDictProxy(CIMultiDict[str]()),
        received_at=0.0,
        connection=1,
        request_id="req_1",
    )


def test_entries_keep_the_order_of_arrival_while_more_becomes_known() -> None:
    """A later answer does not move its request."""
    request_log = RequestLog(100)
    first, _second = request_log.open(entry("/a")), request_log.open(entry("/b"))
    request_log.note(first, status=200)

    assert [(one.path, one.status) for one in request_log.entries()] == [("/a", 200), ("/b", None)]


def test_a_request_that_ends_after_the_request_log_was_cleared_stays_away() -> None:
    """Its number is not given to another one."""
    request_log = RequestLog(100)
    old = request_log.open(entry("/old"))
    request_log.clear()
    request_log.open(entry("/new"))
    request_log.note(old, status=200)

    assert [(one.path, one.status) for one in request_log.entries()] == [("/new", None)]


def test_the_oldest_entry_is_dropped_for_a_new_one() -> None:
    """When there are as many as are kept; what becomes known of it later is dropped too."""
    request_log = RequestLog(2)
    first = request_log.open(entry("/a"))
    request_log.open(entry("/b"))
    request_log.open(entry("/c"))
    request_log.note(first, status=200)

    assert ["/b", "/c"] == [one.path for one in request_log.entries()]
    assert not request_log.knows(first)


def test_entries_cannot_be_changed() -> None:
    """A test that looks at the request log cannot spoil it."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        entry("/a").status = 500  # type: ignore[misc]


def test_a_record_shows_no_credentials() -> None:
    """Values of headers and bodies are for those who ask for them."""
    headers = CIMultiDictProxy(CIMultiDict({"X-API-Key": "cf_test_secret", "Accept": "*/*"}))
    shown = repr(attrs.evolve(entry("/a"), headers=headers, body=b"client_secret=secret"))

    assert "headers=<X-API-Key, Accept>, body=<20 bytes>, received_at=0.0" in shown
    assert "secret" not in shown
