"""What came over the wire becomes an answer or the error that it stands for."""

from __future__ import annotations

import contextlib
import copy
import json
import pickle
import re
from collections.abc import Mapping
from email.utils import formatdate
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from cloudflow_async._core.errors import (
    AuthenticationError,
    BadRequestError,
    CloudFlowError,
    ConflictError,
    DecodeError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    ServerError,
    StatusError,
    UnexpectedRedirectError,
)
from cloudflow_async._core.http.redaction import redactor
from cloudflow_async._core.http.response import Response, excerpt, printable, read, read_rate_limit
from cloudflow_async._core.messages import Json, RateLimitSeen, Reply, Request
from tests.core.auth.exposure import exposed_by

NOW = 1_769_251_500
DATE = formatdate(NOW, usegmt=True)
GET = Request(method="GET", path="/workflows/{workflow_id}", target="/workflows/wf_1")
DELETE = Request(method="DELETE", path="/w", target="/w", expects_json=False)
DOCUMENTED: Json = {
    "error": {
        "code": "invalid_parameter",
        "message": "The 'limit' parameter must be between 1 and 100",
        "field": "limit",
        "request_id": "req_abc123",
    }
}


def reply(
    status: int = 200, body: bytes | Json = b"{}", headers: Mapping[str, str] | None = None
) -> Reply:
    """Return what a transport returns."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status=status, headers=CIMultiDict(headers or {}), body=data, elapsed=0.25)


def failure(
    came: Reply, request: Request = GET, signed: Mapping[str, str] | None = None
) -> StatusError:
    """Return the error that an answer stands for."""
    with pytest.raises(StatusError) as caught:
        read(request, came, 2, signed)
    return caught.value


def test_a_success_carries_what_the_answer_said() -> None:
    """JSON, status, headers, request id, attempts and time."""
    response = read(GET, reply(201, {"id": "wf_1"}, {"X-Request-ID": "req_1"}), 2)
    expected: Json = {"id": "wf_1"}

    assert expected == response.json()
    assert (201, "req_1", 2, 0.25) == (
        response.status,
        response.request_id,
        response.attempts,
        response.elapsed,
    )
    assert "req_1" == response.headers["x-request-id"]


@pytest.mark.parametrize("status", [200, 202, 204, 205, 299])
def test_no_json_is_needed_where_none_is_due(status: int) -> None:
    """A deletion has happened whatever stands in the body, or nothing."""
    assert b"" == read(DELETE, reply(status, b""), 1).body
    assert b"<html>" == read(DELETE, reply(status, b"<html>"), 1).body


def test_a_body_that_was_not_due_can_be_read_as_json() -> None:
    """Parsing waits until somebody asks."""
    response = read(DELETE, reply(200, b"[1]"), 1)
    expected: Json = [1]

    assert expected == response.json()


@pytest.mark.parametrize(
    ("body", "retryable"),
    [
        (b"", True),
        (b"<html>", True),
        (b'{"a": ', True),
        (b"{} {}", True),
        (b'"\xff"', True),
        (b"\xef\xbb\xbf{}", False),
        ("{}".encode("utf-16"), False),
        (b"NaN", False),
        (b"1e99999", False),
        (b"[" * 100_000, False),
    ],
)
def test_a_success_without_json_is_a_decode_error(body: bytes, retryable: bool) -> None:
    """It names the request for the support, and whether damage on the way can be the cause."""
    with pytest.raises(DecodeError) as caught:
        read(GET, reply(200, body, {"X-Request-Id": "req_1"}), 1)

    assert ("req_1", retryable) == (caught.value.request_id, caught.value.retryable)


@pytest.mark.parametrize("kind", ["text/html", "application/json; charset=latin-1", None])
def test_the_content_type_is_not_trusted(kind: str | None) -> None:
    """JSON is JSON under any name."""
    headers = {} if kind is None else {"Content-Type": kind}

    assert {} == read(GET, reply(200, b"{}", headers), 1).json()


@pytest.mark.parametrize("body", [b"null", b"[]", b'"x"', b"1"])
def test_any_json_value_is_an_answer(body: bytes) -> None:
    """Whether its shape is right is not judged here."""
    assert json.loads(body) == read(GET, reply(200, body), 1).json()


@pytest.mark.parametrize("status", [-1, 0, 2, 99, 100, 101, 103, 199, 206, 600, 999])
def test_a_status_that_is_none_is_a_decode_error(status: int) -> None:
    """Partial content is not asked for, and the rest does not exist; trying again is no help."""
    with pytest.raises(DecodeError, match=f"status {status}") as caught:
        read(GET, reply(status), 1)

    assert (status, False) == (caught.value.status, caught.value.retryable)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308, 399])
def test_a_redirect_is_an_error_that_shows_the_origin_only(status: int) -> None:
    """The path and query it points to may hold a token."""
    location = "https://elsewhere.io/canary?token=canary"
    came = reply(status, b"", {"Location": location, "X-Request-Id": "req_1"})
    with pytest.raises(UnexpectedRedirectError, match=r"https://elsewhere\.io:443") as caught:
        read(GET, came, 1)

    assert (status, "https://elsewhere.io:443") == (caught.value.status, caught.value.origin)
    assert "req_1" == caught.value.request_id
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("method", "open_"),
    [("GET", False), ("PUT", False), ("DELETE", False), ("POST", True), ("PATCH", True)],
)
def test_a_redirect_says_what_to_do(method: str, *, open_: bool) -> None:
    """To look at the base URL, and after a POST or PATCH at what it may have done."""
    request = Request(method=method, path="/w", target="/w")
    with pytest.raises(UnexpectedRedirectError, match="Is the base URL right") as caught:
        read(request, reply(308), 1)

    assert open_ is ("may have been applied or not: look before you repeat it" in str(caught.value))


@pytest.mark.parametrize("place", [None, "", "/v2/x", "//evil", "https://[::1", "file:///x", "é"])
def test_a_redirect_without_an_origin_has_none(place: str | None) -> None:
    """A missing, relative or broken Location is still a redirect."""
    came = reply(302, b"", {} if place is None else {"Location": place})
    with pytest.raises(UnexpectedRedirectError, match="an address that is no absolute") as caught:
        read(GET, came, 1)

    assert caught.value.origin is None


@pytest.mark.parametrize(
    ("status", "cls"),
    [
        (400, BadRequestError),
        (401, AuthenticationError),
        (403, PermissionDeniedError),
        (404, NotFoundError),
        (405, BadRequestError),
        (408, BadRequestError),
        (409, ConflictError),
        (410, NotFoundError),
        (412, ConflictError),
        (418, BadRequestError),
        (422, BadRequestError),
        (429, RateLimitedError),
        (499, BadRequestError),
        (500, ServerError),
        (501, ServerError),
        (502, ServerError),
        (503, ServerError),
        (504, ServerError),
        (599, ServerError),
    ],
)
def test_the_status_decides_the_class(status: int, cls: type[StatusError]) -> None:
    """Known and unknown ones; the code does not change it."""
    error = failure(reply(status, b'{"error": {"code": "resource_not_found"}}'))

    assert cls is type(error)
    assert (status, "resource_not_found") == (error.status, error.code)


def test_an_error_carries_all_that_the_answer_says() -> None:
    """The documented error, with where it happened."""
    error = failure(reply(400, DOCUMENTED))

    assert "invalid_parameter" == error.code
    assert "The 'limit' parameter must be between 1 and 100" == error.server_message
    assert error.message == error.server_message
    assert "limit" == error.field
    assert "req_abc123" == error.request_id
    assert error.retry_after is None
    assert ("GET", "/workflows/{workflow_id}") == (error.method, error.path)
    assert (2, 0.25) == (error.attempts, error.elapsed)
    assert json.dumps(DOCUMENTED) == error.body
    assert (
        "GET /workflows/{workflow_id}: 400 invalid_parameter: "
        "The 'limit' parameter must be between 1 and 100" == str(error)
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>502 Bad Gateway</html>",
        b"<title></title><h1> </h1>",
        b"502 Bad Gateway",
        b"null",
        b"[]",
        b"7",
        b'" "',
        b'{"error": null}',
        b'{"error": []}',
        b'{"error": {"code": 7, "message": null, "field": [], "request_id": {}}}',
        b'{"error": ',
        b"\xff\xfe",
    ],
)
@pytest.mark.parametrize("status", [400, 429, 502])
def test_a_body_of_another_shape_does_not_hide_the_status(status: int, body: bytes) -> None:
    """A page, nothing, or JSON without a message: what the answer does not say is None."""
    error = failure(reply(status, body, {"X-Request-Id": "req_1"}))

    assert (status, "req_1") == (error.status, error.request_id)
    assert (None, None, None, None) == (
        error.code,
        error.server_message,
        error.field,
        error.retry_after,
    )
    assert f"GET /workflows/{{workflow_id}}: {status}" == str(error)


_HTML = "text/html; charset=utf-8"
_TEXT = "text/plain; charset=utf-8"
_PROBLEM = "application/problem+json"

_FOREIGN: list[tuple[str, str, str]] = [
    # Content type, body, message.
    (_HTML, "<html><head><title>502 Bad Gateway</title></head></html>", "Bad Gateway"),
    (_HTML, "\ufeff \r\n<!DOCTYPE html>\n<TITLE id=a>\n a\n  b </TITLE>", "a b"),
    (_HTML, "<title>a &amp; b &#8212; c</title>", "a & b — c"),
    (_HTML, "<html><body><h1>503 Service Unavailable</h1>No server", "503 Service Unavailable"),
    (_HTML, "<title> </title><h1>Bad Gateway</h1>", "Bad Gateway"),
    (_TEXT, "<title>Bad Gateway</title>", "Bad Gateway"),
    ("", "<title>Bad Gateway</title>", "Bad Gateway"),
    (_PROBLEM, '{"title": "Out of credit", "detail": "30 needed"}', "Out of credit: 30 needed"),
    (_PROBLEM, '{"type": "about:blank", "title": "Not Found"}', "Not Found"),
    ("", '{"message": "no Route matched"}', "no Route matched"),
    ("", '{"message": "", "error": "Internal Server Error"}', "Internal Server Error"),
    ("", '{"message": "a", "title": "b", "error": "c"}', "a"),
    ("", '{"detail": "Not found."}', "Not found."),
    ("", '{"detail": [{"loc": ["body"], "msg": "Field required"}]}', "Field required"),
    (
        "",
        '{"error": "invalid_token", "error_description": "It ended."}',
        "invalid_token: It ended.",
    ),
    ("", '{"error": "text"}', "text"),
    ("", '{"error": {"detail": "deeper"}}', "deeper"),
    ("", '{"errors": [{"message": "first"}, {"message": "second"}]}', "first"),
    ("", '{"errors": ["first", "second"]}', "first"),
    ("", '{"reason": "quota"}', "quota"),
    ("", '[{"message": "in a list"}]', "in a list"),
    ("", '"a string"', "a string"),
    ("", '{"message": {"error": {"detail": "at most three deep"}}}', "at most three deep"),
    (_TEXT, "\n upstream connect error \nmore\n", "upstream connect error"),
    ("text/plain", "404 page not found\n", "404 page not found"),
]


@pytest.mark.parametrize(("kind", "body", "message"), _FOREIGN)
def test_an_error_in_another_shape_says_what_is_wrong(kind: str, body: str, message: str) -> None:
    """Gateways and frameworks send pages, problem details, other JSON or plain text."""
    error = failure(reply(502, body.encode(), {"Content-Type": kind}))

    assert message == error.server_message == error.message
    assert f"GET /workflows/{{workflow_id}}: 502: {message}" == str(error)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("", "upstream connect error"),
        ("application/json", '{"message": "cut'),
        (_TEXT, " \n "),
        ("", '{"message": {"a": 1}, "errors": [], "detail": [[]]}'),
        ("", '{"message": [[[["at most three deep"]]]]}'),
        ("", '{"name": ["This field is required."]}'),
        (_HTML, "<html><h1><b>Bad Gateway</b></h1>"),
        (_HTML, "<p>" + "a" * 5000 + "<title>too late</title>"),
        (_HTML, "<title" + " " * 200 + ">too far</title>"),
    ],
)
def test_an_error_without_a_message_has_none(kind: str, body: str) -> None:
    """Neither text of an unknown type nor what lies too deep or too far is taken for one."""
    error = failure(reply(502, body.encode(), {"Content-Type": kind}))

    assert error.server_message is None
    assert "GET /workflows/{workflow_id}: 502" == str(error)


@pytest.mark.parametrize(
    "body",
    [
        b"<title" * 11_000,
        b"<h1>" * 16_000,
        b"<title>" + b" " * 65_000,
        b"<title>" + b"&" * 65_000,
        b"<" * 65_000,
        b'{"errors": ' + b"[" * 900 + b"]" * 900 + b"}",
    ],
)
def test_a_page_that_is_made_to_cost_time_has_no_message(body: bytes) -> None:
    """The search ends after the first 4 kB, and no pattern goes back over what it has read."""
    error = failure(reply(502, body, {"Content-Type": _HTML}))

    assert error.server_message in {None, "&" * 200}


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        (_HTML, "<title>{}</title>"),
        (_TEXT, "{}"),
        ("", '{{"message": "{}"}}'),
        (_PROBLEM, '{{"title": "{}"}}'),
    ],
)
def test_a_message_in_another_shape_is_one_short_line_without_secrets(kind: str, form: str) -> None:
    """Control characters are escaped, the credential is hidden, and 200 characters are enough."""
    body = form.format("cold-canary \u202e " + "x" * 1000).encode()
    error = failure(reply(400, body, {"Content-Type": kind}), signed={"X-API-Key": "cold-canary"})

    assert "*** \\u202e " + "x" * 189 == error.server_message
    assert "canary" not in f"{error} {vars(error)}"


def test_a_secret_in_a_title_is_hidden_in_any_spelling() -> None:
    """What a page writes with entities is as readable as the secret itself."""
    error = failure(
        reply(400, b"<title>&#99;old-canary</title>"), signed={"X-API-Key": "cold-canary"}
    )

    assert "***" == error.server_message


def test_a_page_instead_of_json_is_named_by_its_title() -> None:
    """A login page of a network answers 200: the `DecodeError` says so, with status and id."""
    page = b"<html><title>Sign in to\nthe Wi-Fi</title></html>"
    with pytest.raises(DecodeError, match="page with the title 'Sign in to the Wi-Fi'") as caught:
        read(GET, reply(200, page, {"X-Request-Id": "req_1"}), 1)

    assert (200, "req_1") == (caught.value.status, caught.value.request_id)


def test_an_error_has_the_headers_of_its_answer() -> None:
    """In any spelling of their names, repeated ones too, and they travel with it."""
    came = CIMultiDict({"Server": "nginx", "CF-Ray": "1-FRA", "Via": "a"})
    came.add("Via", "b")
    error = failure(reply(502, b"", came))
    arrived = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own

    assert ("nginx", "1-FRA", "a") == tuple(
        error.headers[name] for name in ("server", "cf-ray", "VIA")
    )
    assert [*came.items()] == [*error.headers.items()]
    assert error.headers == arrived.headers == copy.deepcopy(error).headers
    assert "nginx" == arrived.headers["SERVER"]


@pytest.mark.parametrize(
    "name",
    [
        "Set-Cookie",
        "Set-Cookie2",
        "WWW-Authenticate",
        "Proxy-Authenticate",
        "Authentication-Info",
        "Authorization",
        "X-API-Key",
        "X-Amz-Security-Token",
        "X-CSRF-Token",
        "X-Session-Id",
        "X-Client-Secret",
        "X-Hub-Signature-256",
        "DPoP-Nonce",
        "Location",
        "Content-Location",
        "Link",
        "refresh",
    ],
)
def test_a_header_that_may_carry_a_secret_is_not_shown(name: str) -> None:
    """That it was there is: its name."""
    error = failure(reply(401, b"", {name: "cold-canary"}))

    assert {name: "***"} == dict(error.headers)
    assert "canary" not in repr(vars(error))


def test_headers_of_an_error_are_safe_to_print_and_bounded() -> None:
    """64 of them, 512 characters of each; a credential that the server repeats is hidden."""
    many = CIMultiDict(
        {"X-A": "a\x1b\ud800", "X-Echo": "got cold-canary", "X-cold-canary": "1", "X-B": "x" * 9000}
    )
    for number in range(100):
        many.add(f"X-{number}", "")
    headers = failure(reply(400, b"", many), signed={"X-API-Key": "cold-canary"}).headers

    assert "a\\u001b\\ud800" == headers["X-A"]
    assert ("got ***", "1", "x" * 512) == (headers["X-Echo"], headers["X-***"], headers["X-B"])
    assert 64 == len(headers)


def test_a_500_says_what_the_support_needs() -> None:
    """API document: "contact support if persists"; without a request id there is nothing to say."""
    named = failure(reply(500, {"error": {"request_id": "req_7"}}))
    unnamed = failure(reply(500, b""))

    assert str(named).endswith("give support the request id req_7)")
    assert "support" not in str(unnamed)


def test_texts_of_the_server_are_made_safe_to_print() -> None:
    """Control characters, lone surrogates and characters that turn the text are escaped."""
    nasty = "\x1b[2J\r\n\0\x7f\x9b\u061c\u2028\u202e\ud800é"
    safe = "\\u001b[2J\\u000d\\u000a\\u0000\\u007f\\u009b\\u061c\\u2028\\u202e\\ud800é"
    error = failure(
        reply(
            400, {"error": {"code": nasty, "message": nasty, "field": nasty, "request_id": nasty}}
        )
    )

    assert safe == printable(nasty)
    assert [safe] * 4 == [error.code, error.server_message, error.field, error.request_id]
    assert str(error).isprintable()


def test_texts_of_the_server_are_cut() -> None:
    """A page of a megabyte does not fill the log."""
    long = "x" * 100_000
    error = failure(reply(400, {"error": {"code": long, "message": long}}, {"X-Request-Id": long}))

    assert [512, 512, 512] == [
        len(text or "") for text in (error.code, error.server_message, error.body)
    ]
    assert 128 == len(error.request_id or "")


@given(st.binary(max_size=3000))
def test_an_excerpt_is_short_and_printable_text(body: bytes) -> None:
    """Whatever the bytes are."""
    text = excerpt(body, redactor(()))

    assert 512 >= len(text)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", text)


@pytest.mark.parametrize(
    "header", [{"X-API-Key": "cf_live_canary"}, {"Authorization": "Bearer cf_live_canary"}]
)
@pytest.mark.parametrize("status", [400, 500, 302, 200])
def test_a_credential_that_the_server_echoes_is_not_shown(
    header: Mapping[str, str], status: int
) -> None:
    """Not in any attribute of any error, whatever its encoding makes of the rest of the body."""
    told = "é cf_live_canary"
    page = f"<p>{told}</p>" if status == 200 else f'{{"error": {{"message": "{told}"}}}}'
    body = page.encode()
    with pytest.raises(CloudFlowError) as caught:
        read(GET, reply(status, body), 1, header)

    assert "canary" not in f"{caught.value!r} {vars(caught.value)}"
    assert caught.value.__context__ is None


def test_a_token_of_any_form_is_not_shown() -> None:
    """What follows the scheme is the credential, whatever it looks like."""
    error = failure(reply(400, b"no such token: cold-canary"), signed={"A": "Bearer cold-canary"})

    assert "no such token: ***" == error.body


def test_the_traceback_does_not_show_what_signed() -> None:
    """Who records local variables does not record the credential."""
    error = failure(reply(400, DOCUMENTED), signed={"X-API-Key": "cold-canary"})

    assert "canary" not in exposed_by(error)


def test_a_very_short_credential_is_no_word_to_blot_out() -> None:
    """Every 'a' replaced would make an error unreadable and hide nothing."""
    error = failure(reply(400, DOCUMENTED), signed={"X-API-Key": "a"})

    assert json.dumps(DOCUMENTED) == error.body
    assert "***" == failure(reply(400, b"01234567"), signed={"X-API-Key": "01234567"}).body


def rate_limit(status: int = 200, body: bytes | Json = b"{}", **headers: str) -> RateLimitSeen:
    """Return what an answer says about the rate limit."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return read_rate_limit(reply(status, body, names))


def test_the_documented_headers_are_read() -> None:
    """API document, Rate Limit Headers."""
    seen = rate_limit(
        X_RateLimit_Limit="100",
        X_RateLimit_Remaining="87",
        X_RateLimit_Reset="1640995200",
        Date=DATE,
    )

    assert RateLimitSeen(limit=100, remaining=87, reset=1_640_995_200.0, date=float(NOW)) == seen


def test_the_documented_429_says_how_long_to_wait() -> None:
    """It stands in the body only, and the error has it too."""
    body: Json = {"error": {"code": "rate_limit_exceeded", "retry_after": 42}}

    assert RateLimitSeen(throttled=True, retry_after=42.0) == rate_limit(429, body)
    assert 42.0 == failure(reply(429, body)).retry_after


def test_only_a_429_says_that_the_rate_limit_was_exceeded() -> None:
    """The wait of a 503 is not the rate limit's; the error has it."""
    came = reply(503, b"", {"Retry-After": "7"})

    assert RateLimitSeen(overloaded=True) == read_rate_limit(came)
    assert 7.0 == failure(came).retry_after


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "-1",
        "1.5",
        "1e3",
        "0x10",
        "nan",
        "inf",
        "٣",
        "1_000",
        "1, 2",
        "9" * 13,
        "1\xa0",
        "+1",
    ],
)
def test_counts_that_are_none_are_absent(text: str) -> None:
    """Only ASCII digits count."""
    seen = rate_limit(X_RateLimit_Limit=text, X_RateLimit_Remaining=text)

    assert (None, None) == (seen.limit, seen.remaining)


@pytest.mark.parametrize(
    ("text", "reset"),
    [
        ("1640995200", 1_640_995_200.0),
        (" 1640995200.5\t", 1_640_995_200.5),
        ("0", 0.0),
        ("60", 60.0),
        ("-60", None),
        ("9999999999", 9_999_999_999.0),
        ("10000000000", None),
        ("999999999999", None),
        ("nan", None),
    ],
)
def test_a_reset_is_a_number_of_seconds(text: str, reset: float | None) -> None:
    """Up to the year 2286; other units and dates are in `test_rate_limit_headers`."""
    assert reset == rate_limit(X_RateLimit_Reset=text).reset


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("Sat, 24 Jan 2026 10:45:00 GMT", NOW),
        ("Saturday, 24-Jan-26 10:45:00 GMT", NOW),
        ("Sat Jan 24 10:45:00 2026", NOW),
        ("Sat, 24 Jan 2026 11:45:00 +0100", NOW),
        ("Sat, 24 Jan 2026 10:45:00 -0000", NOW),
        ("Fri, 31 Dec 9999 23:59:59 GMT", None),
        ("Wed, 01 Jan 1000 00:00:00 GMT", None),
        ("Sat, 99 Jan 2026 10:45:00 GMT", None),
        ("Sat, 24 Jan 99999999999999999999 10:45:00 GMT", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_date_is_read_in_all_three_forms(text: str, date: int | None) -> None:
    """RFC 9110, 5.6.7; what is none, or beyond 2286, is absent."""
    assert date == rate_limit(Date=text).date


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("0", 0.0),
        ("1", 1.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("+5", 5.0),
        ("1000000000", 1e9),
        ("99999999999", 1e9),
        ("-5", None),
        ("nan", None),
        ("inf", None),
        ("1e9", None),
        ("9" * 18, 1e9),
        ("9" * 19, None),
        ("9" * 26, None),
        ("1.123456789", 1.123456789),
        ("1.1234567891", None),
        ("abc", None),
        ("", None),
        ("0x10", None),
        ("٣", None),
        ("1_000", None),
        ("1, 2", None),
        ("5;q=1", None),
        ("5\xa0", None),
        ("Sat, 24 Jan 2026 10:45:42 GMT", 42.0),
        ("Sat, 24 Jan 2026 10:44:00 GMT", 0.0),
        ("Sat, 24 Jan 2027 10:45:00 GMT", 31_536_000.0),
        ("Sat, 99 Jan 2026 10:45:00 GMT", None),
    ],
)
def test_the_wait_of_a_header_is_read(text: str, wait: float | None) -> None:
    """Seconds or a date, compared with the server's own clock; anything else is absent."""
    came = reply(429, b"", {"Retry-After": text, "Date": DATE})

    assert wait == read_rate_limit(came).retry_after
    assert wait == failure(came).retry_after


def test_a_wait_until_a_date_needs_the_servers_date() -> None:
    """Our own clock may be wrong by minutes."""
    assert rate_limit(429, Retry_After="Sat, 24 Jan 2026 10:45:42 GMT").retry_after is None


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        (42, 42.0),
        (1.5, 1.5),
        ("42", 42.0),
        (0, 0.0),
        (1e30, 1e9),
        (-1, None),
        (True, None),
        (None, None),
        ([], None),
        ({}, None),
        ("soon", None),
        (10**400, None),
    ],
)
def test_the_wait_of_a_body_is_read(value: Json, wait: float | None) -> None:
    """A number or a numeric string; anything else is absent."""
    assert wait == rate_limit(429, {"error": {"retry_after": value}}).retry_after


def test_the_header_goes_before_the_body_and_the_body_before_the_reset() -> None:
    """The first that says something usable counts."""
    body: Json = {"error": {"retry_after": 2}}
    unusable: Json = {"error": {"retry_after": "?"}}

    assert 1.0 == rate_limit(429, body, Retry_After="1", X_RateLimit_Reset="3").retry_after
    assert 2.0 == rate_limit(429, body, Retry_After="?", X_RateLimit_Reset="3").retry_after
    assert 3.0 == rate_limit(429, unusable, X_RateLimit_Reset="3").retry_after


@pytest.mark.parametrize(
    ("ahead", "wait"),
    [(42, 42.0), (120, 120.0), (-5, 0.0), (121, None), (86_400 * 3650, None)],
)
def test_the_wait_until_a_reset_goes_by_the_servers_clock(ahead: int, wait: float | None) -> None:
    """A past one is no wait; one farther off than a minute's limit can be is a mistake."""
    assert wait == rate_limit(429, X_RateLimit_Reset=str(NOW + ahead), Date=DATE).retry_after


def test_the_wait_until_a_reset_needs_the_servers_date_unless_it_is_relative() -> None:
    """Below 10^9 the number is seconds from now."""
    assert rate_limit(429, X_RateLimit_Reset=str(NOW)).retry_after is None
    assert 30.0 == rate_limit(429, X_RateLimit_Reset="30").retry_after
    assert rate_limit(429, X_RateLimit_Reset="3600").retry_after is None
    assert 0.0 == rate_limit(429, X_RateLimit_Reset="1000000000", Date=DATE).retry_after


@given(
    status=st.integers(-1, 1000),
    body=st.binary()
    | st.recursive(st.none() | st.text() | st.floats(), st.lists).map(
        lambda value: json.dumps({"error": {"retry_after": value, "code": value}}).encode()
    ),
    headers=st.dictionaries(
        st.sampled_from(
            ["Date", "Retry-After", "Location", "X-RateLimit-Reset", "X-RateLimit-Remaining"]
        ),
        st.text(max_size=40)
        | st.integers().map(str)
        | st.dates().map(lambda day: f"{day:%a, %d %b %Y}"),
    ),
)
def test_whatever_comes_is_an_answer_or_one_of_our_errors(
    status: int, body: bytes, headers: Mapping[str, str]
) -> None:
    """Nothing else gets out, and no wait is negative or endless."""
    came = reply(status, body, headers)
    seen = read_rate_limit(came)

    assert seen.retry_after is None or 0 <= seen.retry_after <= 1e9
    with contextlib.suppress(CloudFlowError):
        assert isinstance(read(GET, came, 1, {"X-API-Key": "cf_live_canary"}), Response)


def test_every_status_that_http_knows_is_judged() -> None:
    """Successes are returned, all others raised."""
    for status in HTTPStatus:
        came = reply(status.value)
        if 200 <= status <= 299 and status != HTTPStatus.PARTIAL_CONTENT:
            assert status == read(GET, came, 1).status
        else:
            with pytest.raises(CloudFlowError):
                read(GET, came, 1)
