"""Resources: what goes into a request, and what comes out of its answer."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudflow_async._core.codec.fields import unknown_fields
from cloudflow_async._core.errors import (
    CloudFlowError,
    DecodeError,
    DriftError,
    InvalidArgumentError,
    OutcomeUnknownError,
    PaginationError,
    PermissionDeniedError,
    RateLimitedError,
    ResponseMismatchError,
    ServerError,
    TransportError,
    UnexpectedRedirectError,
)
from cloudflow_async._core.http.retry import RetryPolicy
from cloudflow_async._core.messages import UNSET, Json, Request
from cloudflow_async._core.options import Options
from cloudflow_async._core.resource import Resource, encode_query, json_of, make_request
from cloudflow_async._core.session import Session
from tests.doubles import FakeAuth, FakeTransport, OpenLimiter, Step, reply


@attrs.frozen(kw_only=True, weakref_slot=False)
class Thing:
    """What the endpoints under test return."""

    id: str
    extra: Mapping[str, Json] = unknown_fields()


@attrs.frozen(kw_only=True, weakref_slot=False)
class Owned:
    """A row of a list that belongs to something."""

    id: str
    owner: str
    extra: Mapping[str, Json] = unknown_fields()


def a_resource(*steps: Step, retry: RetryPolicy | None = None) -> tuple[Resource, FakeTransport]:
    """Return a resource, and the transport that it sends by; it tries once unless told."""
    transport = FakeTransport(*steps)
    session = Session(
        base_url="https://host/v2", transport=transport, limiter=OpenLimiter(), auth=FakeAuth()
    )
    return Resource(session, Options(retry=retry or RetryPolicy.never())), transport


def sent(transport: FakeTransport) -> list[Request]:
    """Return the requests that were sent."""
    return [exchange.request for exchange in transport.exchanges]


NAIVE = datetime(2026, 1, 20, tzinfo=UTC).replace(tzinfo=None)


async def test_asking_fills_the_path_and_decodes_the_answer() -> None:
    """Path parameters and query are encoded; errors and logs see the template."""
    resource, transport = a_resource(reply(200, {"id": "a/b"}))
    thing = await resource._ask(
        Thing, "GET", "/things/{id}", segments={"id": "a/b"}, query=[("q", "x y"), ("none", None)]
    )
    (request,) = sent(transport)

    assert Thing(id="a/b") == thing
    assert ("/things/{id}", "/things/a%2Fb?q=x%20y") == (request.path, request.target)
    assert (None, {}) == (request.body, request.headers)


async def test_a_body_is_json() -> None:
    """It is written once, with its content type; null is a body, UNSET is none."""
    resource, transport = a_resource(reply(200, {"id": "a"}))
    await resource._ask(Thing, "POST", "/things", body={"name": "é"})
    await resource._tell("POST", "/things", body=None)
    await resource._tell("POST", "/things", body=UNSET)
    first, second, third = sent(transport)

    assert ('{"name":"é"}'.encode(), {"Content-Type": "application/json"}) == (
        first.body,
        first.headers,
    )
    assert b"null" == second.body
    assert (None, {}) == (third.body, third.headers)


async def test_telling_expects_no_json() -> None:
    """An empty answer is fine, and its JSON is None; a body is read."""
    resource, _ = a_resource(reply(204, b""), reply(200, {"a": 1}))
    empty = await resource._tell("DELETE", "/things/{id}", segments={"id": "1"})
    full = await resource._tell("DELETE", "/things/{id}", segments={"id": "1"})

    assert (204, None, {"a": 1}) == (empty.status, json_of(empty), json_of(full))


@pytest.mark.parametrize(
    ("method", "applied"),
    [("GET", False), ("PUT", True), ("DELETE", True), ("POST", True), ("PATCH", True)],
)
async def test_an_answer_of_another_shape_is_an_error(method: str, *, applied: bool) -> None:
    """It names the place, the request, and whether something was done all the same."""
    resource, _ = a_resource(reply(200, {}, {"X-Request-Id": "req_1"}))
    with pytest.raises(DecodeError) as caught:
        await resource._ask(Thing, method, "/things")
    error = caught.value

    assert ("id", 200, "req_1", 1, applied) == (
        error.path,
        error.status,
        error.request_id,
        error.attempts,
        error.may_have_been_applied,
    )


async def test_an_answer_that_is_no_json_leaves_a_post_open() -> None:
    """Whether it was applied is not known."""
    resource, _ = a_resource(reply(200, b"<html>"))
    with pytest.raises(OutcomeUnknownError):
        await resource._ask(Thing, "POST", "/things")


def a_page(*ids: str, total: int, offset: int = 0) -> Any:
    """Return the JSON of a page."""
    more = offset + len(ids) < total
    return {
        "data": [{"id": each} for each in ids],
        "pagination": {"total": total, "limit": 2, "offset": offset, "has_more": more},
    }


async def test_a_list_asks_page_by_page() -> None:
    """Filters are in every request, together with limit and offset; pages overlap by a row."""
    resource, transport = a_resource(
        reply(200, a_page("a", "b", total=3)), reply(200, a_page("b", "c", total=3, offset=1))
    )
    pages = resource._list(
        Thing, "/things", query=[("status", "active"), ("after", None)], page_size=2
    )
    rows = [thing.id async for thing in pages]

    assert ["a", "b", "c"] == rows
    assert [
        "/things?status=active&limit=2&offset=0",
        "/things?status=active&limit=3&offset=1",
    ] == [request.target for request in sent(transport)]


async def test_a_list_passes_its_bounds_on() -> None:
    """`start` and `max_items` are kept."""
    resource, transport = a_resource(reply(200, a_page("c", total=9, offset=7)))
    rows = await resource._list(
        Thing, "/things/{id}", segments={"id": "x"}, start=7, max_items=1, prefetch=0
    ).collect()

    assert [Thing(id="c")] == rows
    assert ["/things/x?limit=1&offset=7"] == [request.target for request in sent(transport)]


async def test_a_page_knows_how_often_it_was_asked_for() -> None:
    """A failed attempt counts."""
    answers = reply(503), reply(200, a_page("a", total=1))
    resource, _ = a_resource(*answers, retry=RetryPolicy(base=0.001))
    page = await resource._list(Thing, "/things")

    assert 2 == page.attempts


async def test_a_bad_row_is_named_with_its_request() -> None:
    """The error of a page says where to go on, too."""
    page = {"data": [{"id": "a"}, {"id": None}]}
    resource, _ = a_resource(reply(200, page, {"X-Request-Id": "req_1"}))
    with pytest.raises(DecodeError) as caught:
        await resource._list(Thing, "/things")
    error = caught.value

    assert ("data[1].id", "req_1", 1, 0, False) == (
        error.path,
        error.request_id,
        error.attempts,
        error.resume_at,
        error.may_have_been_applied,
    )


_A = {"id": "a", "owner": "x"}
_B = {"id": "b", "owner": "x"}
_PAGE_2 = {"X-Request-Id": "req_2"}
_SECOND_PAGES: dict[str, tuple[Any, type[CloudFlowError], int]] = {
    # What comes instead of the second page, the error, and how often that page is asked for.
    "refused": (reply(403, b""), PermissionDeniedError, 1),
    "failed": (reply(500, b""), ServerError, 3),
    "throttled": (reply(429, b""), RateLimitedError, 5),
    "lost": (TransportError("cut"), TransportError, 3),
    "redirected": (reply(302, b"", _PAGE_2), UnexpectedRedirectError, 1),
    "no JSON": (reply(200, b"<html>", _PAGE_2), DecodeError, 2),
    "no list": (reply(200, {}, _PAGE_2), DecodeError, 1),
    "bad row": (reply(200, {"data": [_B, {"id": None, "owner": "x"}]}, _PAGE_2), DecodeError, 1),
    "other row": (
        reply(200, {"data": [_B, {"id": "c", "owner": "y"}]}, _PAGE_2),
        ResponseMismatchError,
        1,
    ),
    "other offset": (
        reply(200, {"data": [_B], "pagination": {"offset": 7}}),
        PaginationError,
        1,
    ),
    "changed": (
        reply(200, {"data": [_B], "pagination": {"total": 3, "offset": 1}}),
        DriftError,
        1,
    ),
}


@pytest.mark.parametrize("way", ["rows", "collect"])
@pytest.mark.parametrize("fate", _SECOND_PAGES)
async def test_any_error_out_of_a_list_tells_where_to_go_on(fate: str, way: str) -> None:
    """And how often its page was asked for, its request id and status where an answer came."""
    step, kind, attempts = _SECOND_PAGES[fate]
    first = reply(200, {"data": [_A, _B], "pagination": {"total": 4, "has_more": True}})
    resource, transport = a_resource(first, step, retry=RetryPolicy(base=1e-6))
    pages = resource._list(
        Owned, "/things", page_size=2, prefetch=0, on_drift="raise", echoes={"owner": "x"}
    )
    with pytest.raises(CloudFlowError) as caught:
        _ = await pages.collect() if way == "collect" else [row async for row in pages]
    error = caught.value

    assert kind is type(error)
    assert (attempts, 0 if way == "collect" else 2) == (error.attempts, error.resume_at)
    assert not error.may_have_been_applied
    if isinstance(error, DecodeError | ResponseMismatchError | UnexpectedRedirectError):
        assert (step.status, "req_2") == (error.status, error.request_id)
    if way == "rows":
        assert 1 + attempts == len(transport.exchanges)


@pytest.mark.parametrize("id", ["", ".", "..", "a\nb", "x" * 257, 7])
async def test_bad_ids_are_refused_where_the_list_is_asked_for(id: Any) -> None:
    """Not at its first iteration; nothing is sent."""
    resource, transport = a_resource()
    with pytest.raises(InvalidArgumentError):
        resource._list(Thing, "/things/{id}", segments={"id": id})

    assert [] == transport.exchanges


class Color(str, enum.Enum):  # noqa: UP042 - what users still write
    """An enum as it was made before StrEnum."""

    RED = "red"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a b", "a b"),
        (Color.RED, "red"),
        (7, "7"),
        (0, "0"),
        (True, "true"),
        (False, "false"),
        (datetime(2026, 1, 20, tzinfo=UTC), "2026-01-20T00:00:00Z"),
        (datetime(2026, 1, 20, 1, tzinfo=timezone(timedelta(hours=1))), "2026-01-20T00:00:00Z"),
        (["a", "b"], "a,b"),
        ((Color.RED, "b"), "red,b"),
        ([], ""),
    ],
)
def test_values_of_the_query(value: Any, text: str) -> None:
    """Each type has one way to be written."""
    assert [("name", text)] == encode_query([("name", value)])


def test_none_leaves_a_parameter_out() -> None:
    """There is no way to send a null in a query."""
    assert [("b", "")] == encode_query([("a", None), ("b", "")])


@pytest.mark.parametrize("value", [1.5, b"a", {"a": 1}, {"a"}, [1], ["a", None], object(), NAIVE])
def test_other_values_are_refused(value: Any) -> None:
    """A naive datetime names no instant, and nobody knows how to write the rest."""
    with pytest.raises(InvalidArgumentError):
        encode_query([("name", value)])


@given(st.dictionaries(st.text(min_size=1), st.text(), max_size=5))
def test_any_query_arrives_as_it_was(query: dict[str, str]) -> None:
    """What a server parses is what was given; what cannot be encoded is refused."""
    try:
        request = make_request("GET", "/things", segments={}, query=query.items())
    except CloudFlowError:
        assert any(0xD800 <= ord(c) <= 0xDFFF for c in "".join([*query, *query.values()]))
        return

    assert request.target.isascii()
    found = parse_qsl(urlsplit(request.target).query, keep_blank_values=True, strict_parsing=False)
    assert list(query.items()) == found


def test_further_headers_come_after_our_own() -> None:
    """A content type can be replaced."""
    request = make_request(
        "POST", "/x", segments={}, body=1, headers={"Content-Type": "application/merge-patch+json"}
    )

    assert {"Content-Type": "application/merge-patch+json"} == request.headers


def test_a_resource_shows_its_name() -> None:
    """Nothing of the client is in it."""
    assert "<Resource>" == repr(a_resource()[0])


@pytest.mark.parametrize(("method", "applied"), [("GET", False), ("PATCH", True)])
async def test_an_answer_about_another_resource_is_an_error(method: str, *, applied: bool) -> None:
    """It is not handed out; ids are shown short and escaped."""
    resource, transport = a_resource(reply(200, {"id": "\x1b" * 41}, {"X-Request-Id": "req_1"}))
    with pytest.raises(ResponseMismatchError, match="asked for 'a', the answer is of") as caught:
        await resource._ask(Thing, method, "/things/{id}", segments={"id": "a"}, echoes={"id": "a"})
    error = caught.value

    assert "'" + r"\x1b" * 40 + "'...; for a mock server" in error.message
    assert error.message.endswith("set check_response_ids=False")
    assert ("id", "req_1", applied) == (error.path, error.request_id, error.may_have_been_applied)
    assert 1 == error.attempts == len(transport.exchanges)


async def test_a_row_of_another_list_is_an_error() -> None:
    """It is named with its place; where to go on is known."""
    resource, _ = a_resource(reply(200, a_page("a", "a", "b", total=3), {"X-Request-Id": "req_1"}))
    rows = resource._list(Thing, "/things", echoes={"id": "a"})
    with pytest.raises(
        ResponseMismatchError, match="asked for 'a', the answer is of 'b'"
    ) as caught:
        await rows.collect()

    assert ("data[2].id", "req_1", 0) == (
        caught.value.path,
        caught.value.request_id,
        caught.value.resume_at,
    )
