"""The two ends of a login: the URL that a person opens, and the callback that comes back."""

from __future__ import annotations

import copy
import json
import pickle
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import attrs
import pytest

from cloudflow_async._core.auth.oauth2.authorization import (
    LIFETIME,
    AuthorizationRequest,
    challenge,
    check_client_id,
    check_scopes,
    new_request,
    read_callback,
)
from cloudflow_async._core.errors import InvalidArgumentError, LoginError
from cloudflow_async._core.support.secret import Secret
from tests.core.auth.exposure import exposed_by

NOW = 1_769_251_500.0
AUTHORIZE = "https://auth.cloudflow.io/oauth/authorize"
REDIRECT = "http://127.0.0.1:8787/callback"
CODE = "code-canary-0123456789"


def request_for(**given: Any) -> AuthorizationRequest:
    """Return a request, by default for two scopes."""
    arguments: dict[str, Any] = {
        "authorize_url": AUTHORIZE,
        "client_id": "my app",
        "redirect_uri": REDIRECT,
        "scopes": ["workflows:write", "workflows:read"],
        "now": NOW,
    }
    return new_request(**(arguments | given))


def parameters_of(url: str) -> dict[str, str]:
    """Return the query of a URL."""
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True, strict_parsing=True))


def test_the_challenge_is_that_of_the_rfc() -> None:
    """RFC 7636, appendix B."""
    verifier = Secret("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")

    assert "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" == challenge(verifier)


def test_a_url_asks_for_a_code_with_s256() -> None:
    """Each parameter stands there once, and the verifier is not among them."""
    request = request_for()

    assert {
        "response_type": "code",
        "client_id": "my app",
        "redirect_uri": REDIRECT,
        "scope": "workflows:read workflows:write",
        "state": request.state.reveal(),
        "code_challenge": challenge(request.verifier),
        "code_challenge_method": "S256",
    } == parameters_of(request.url)
    assert request.url.startswith(f"{AUTHORIZE}?response_type=code&client_id=my%20app&")
    assert request.verifier.reveal() not in request.url


def test_a_request_knows_what_the_exchange_needs() -> None:
    """The redirect URI as it was sent, the scopes as a set, and when it was made."""
    request = request_for()

    assert REDIRECT == request.redirect_uri
    assert frozenset({"workflows:read", "workflows:write"}) == request.scopes
    assert NOW == request.created_at


def test_without_scopes_none_are_asked_for() -> None:
    """An empty scope parameter is no scope (RFC 6749, 3.3)."""
    assert "scope" not in parameters_of(request_for(scopes=[]).url)


@pytest.mark.parametrize(
    ("given", "begins"),
    [
        (f"{AUTHORIZE}?prompt=consent&a=%2F", f"{AUTHORIZE}?prompt=consent&a=%2F&response_type="),
        (f"{AUTHORIZE}?", f"{AUTHORIZE}?response_type="),
    ],
)
def test_a_query_of_the_endpoint_is_kept(given: str, begins: str) -> None:
    """RFC 6749, 3.1: it must be retained when parameters are added."""
    assert request_for(authorize_url=given).url.startswith(begins)


def test_a_query_of_the_endpoint_sets_nothing_that_a_login_sets() -> None:
    """RFC 6749, 3.1: no parameter twice; one server takes the first, another the last."""
    with pytest.raises(InvalidArgumentError, match=r"already has client_id, state, which"):
        request_for(authorize_url=f"{AUTHORIZE}?state=1&x=2&client_id=")


@pytest.mark.slow
def test_ten_thousand_requests_have_nothing_in_common() -> None:
    """256 random bits each, in the characters that the RFCs allow."""
    requests = [request_for() for _ in range(10_000)]
    texts = {each.reveal() for it in requests for each in (it.state, it.verifier)}

    assert 20_000 == len(texts)
    assert all(re.fullmatch(r"[A-Za-z0-9\-._~]{43}", text) for text in texts)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("authorize_url", "http://auth.cloudflow.io/oauth/authorize"),
        ("authorize_url", f"{AUTHORIZE}#x"),
        ("redirect_uri", "http://app.example.com/callback"),
        ("redirect_uri", f"{REDIRECT}#x"),
        ("client_id", ""),
        ("client_id", None),
        ("client_id", "canary\r\n"),
        ("client_id", "canary\0"),
        ("client_id", "canary" * 200),
        ("scopes", "canary:read"),
        ("scopes", 7),
        ("scopes", ["canary read"]),
        ("scopes", ["canary\r\n"]),
        ("scopes", [""]),
        ("scopes", ['"canary"']),
        ("scopes", [7]),
        ("now", float("nan")),
    ],
)
def test_what_cannot_be_asked_is_refused(name: str, value: object) -> None:
    """Before a browser opens, and without the value."""
    with pytest.raises(InvalidArgumentError) as caught:
        request_for(**{name: value})

    assert "canary" not in str(caught.value)


def test_scopes_that_are_not_documented_pass() -> None:
    """The server has the last word on what there is."""
    assert frozenset({"openid", "x:y/z"}) == check_scopes(iter(["openid", "x:y/z"]))


def test_a_client_id_may_have_any_printable_character() -> None:
    """RFC 6749, A.1; it is encoded where it goes."""
    assert "my app: é".replace("é", "%") == check_client_id("my app: %")


@pytest.mark.parametrize("length", [1, 1024])
def test_a_client_id_may_be_short_or_long(length: int) -> None:
    """And not longer: it is a part of a URL."""
    text = "x" * length

    assert text == check_client_id(text)
    with pytest.raises(InvalidArgumentError):
        check_client_id("x" * 1025)


@pytest.mark.parametrize("length", [1, 256])
def test_a_scope_may_be_short_or_long(length: int) -> None:
    """And not longer: it is a part of a URL."""
    text = "x" * length

    assert {text} == check_scopes([text])
    with pytest.raises(InvalidArgumentError):
        check_scopes(["x" * 257])


@pytest.mark.parametrize(("name", "least", "most"), [("state", 22, 512), ("verifier", 43, 128)])
def test_a_stored_secret_may_be_another_librarys(name: str, least: int, most: int) -> None:
    """128 bits make a state, and RFC 7636, 4.1, bounds a verifier."""
    stored = request_for().to_dict()
    for length in (least, most):
        request = AuthorizationRequest.from_dict(stored | {name: "x" * length})
        assert Secret("x" * length) == getattr(request, name)
    for length in (least - 1, most + 1):
        with pytest.raises(InvalidArgumentError):
            AuthorizationRequest.from_dict(stored | {name: "x" * length})


def test_a_request_survives_the_way_through_a_session() -> None:
    """As JSON, with what the application keeps beside it."""
    request = request_for()
    stored = json.loads(json.dumps(request.to_dict() | {"next": "/home"}))

    assert request == AuthorizationRequest.from_dict(stored)
    assert request.url == AuthorizationRequest.from_dict(stored).url


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("url", "canary"),
        ("url", None),
        ("state", "canary"),
        ("state", None),
        ("state", "canary\n" * 5),
        ("verifier", "canary"),
        ("verifier", "canary+" * 10),
        ("redirect_uri", "canary"),
        ("created_at", "canary"),
        ("created_at", True),
        ("created_at", float("inf")),
        ("scopes", "canary"),
        ("scopes", None),
    ],
)
def test_a_stored_request_that_was_changed_is_refused(name: str, value: object) -> None:
    """No value is shown: it may be most of a secret."""
    stored = request_for().to_dict()
    with pytest.raises(InvalidArgumentError, match=name) as caught:
        AuthorizationRequest.from_dict(stored | {name: value})

    assert "canary" not in exposed_by(caught.value).replace(repr(value), "")
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("data", [None, [], "canary", {}, {"state": "canary"}])
def test_what_is_no_stored_request_is_refused(data: Any) -> None:
    """The error says what it has to have."""
    with pytest.raises(InvalidArgumentError, match="url, state, verifier") as caught:
        AuthorizationRequest.from_dict(data)

    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("show", [repr, str, attrs.asdict, attrs.astuple])
def test_a_request_shows_no_secret(show: Callable[[Any], object]) -> None:
    """Neither state nor verifier, nor the URL, which has the state."""
    request = request_for()
    shown = str(show(request))

    assert request.state.reveal() not in shown
    assert request.verifier.reveal() not in shown
    assert "code_challenge" not in shown


@pytest.mark.parametrize("travel", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_request_is_not_pickled(travel: Callable[[Any], object]) -> None:
    """A session that pickles what it is given hears of the way that there is."""
    with pytest.raises(TypeError, match="to_dict"):
        travel(request_for())


# The state is part of the names of tests, which have to be the same in each process.
STATE = "state-canary_0123456789-0123456789-0123456789"
REQUEST = AuthorizationRequest.from_dict({**request_for().to_dict(), "state": STATE})


def read(callback: str, **given: Any) -> str:
    """Return the code of a callback, by default one minute after the request."""
    arguments: dict[str, Any] = {"now": NOW + 60, "issuer": None, "authorize_url": AUTHORIZE}
    return read_callback(callback, REQUEST, **(arguments | given)).reveal()


def refusal_of(callback: Any, **given: Any) -> LoginError:
    """Return the error with which a callback is refused, which never shows the code."""
    with pytest.raises(LoginError) as caught:
        read(callback, **given)
    assert CODE not in exposed_by(caught.value)
    return caught.value


def query(**parameters: str) -> str:
    """Return the query of a callback with a code and the right state."""
    return urlencode({"code": CODE, "state": STATE} | parameters)


@pytest.mark.parametrize(
    "form",
    [
        "{}",
        "?{}",
        "/callback?{}",
        "callback?{}",
        "http://127.0.0.1:8787/callback?{}",
        "https://app.example.com/behind/a/proxy?{}",
        " http://127.0.0.1:8787/callback?{}\n",
        "{}&session_state=a&session_state=b&other=",
        "x=http://y/?z&{}",
    ],
)
def test_a_callback_may_be_a_url_a_path_or_a_query(form: str) -> None:
    """What comes before the query differs behind a proxy; what is not known is ignored."""
    assert CODE == read(form.format(query()))


@pytest.mark.parametrize("code", ["a", "4/0AX4XfWh-x_y", "a b+c/d=e?f&g", "x" * 4096])
def test_a_code_is_decoded(code: str) -> None:
    """RFC 6749, A.11: any printable character."""
    assert code == read(f"/cb?{query(code=code)}")


@pytest.mark.parametrize(
    "callback",
    [f"{query()}{'&x=y' * 48}", f"{query()}&x=".ljust(8192, "y")],
    ids=["50 parameters", "8192 characters"],
)
def test_a_callback_may_be_long(callback: str) -> None:
    """Longer than those of any server that is known."""
    assert CODE == read(callback)


@pytest.mark.parametrize(
    ("callback", "problem"),
    [
        (f"code={CODE}", "has no state"),
        (f"code={CODE}&state=", "state of another login"),
        (f"code={CODE}&state={STATE[:-1]}", "state of another login"),
        (f"code={CODE}&state={STATE}x", "state of another login"),
        (f"code={CODE}&state=%C3%A9", "state of another login"),
        (f"code={CODE}&state={STATE}&state={STATE}", "more than one state"),
        (f"code={CODE}&state=x&error=access_denied", "state of another login"),
        (f"code={CODE}&error=access_denied", "has no state"),
        (f"code={CODE}&code={CODE}&state={STATE}", "more than one code"),
        (f"{query()}&iss=https://auth.cloudflow.io&iss=https://evil.io", "more than one iss"),
        (f"state={STATE}&error=a&error=b", "more than one error"),
        (
            f"state={STATE}&error=a&error_description=b&error_description=c",
            "more than one error_description",
        ),
        (f"state={STATE}", "has no code"),
        (f"state={STATE}&code=", "has a code that none can be"),
        (f"state={STATE}&code=a%00b", "has a code that none can be"),
        (f"state={STATE}&code=%C3%A9", "has a code that none can be"),
        (f"/cb?{query()}#", "has a fragment"),
        (f"/cb#{query()}", "has a fragment"),
        (f"/cb?{query()}&x=é", "characters that no URL has"),
        (f"/cb?{query()}&x=a b", "characters that no URL has"),
        (f"/cb?{query()}&x=\x00", "characters that no URL has"),
        (f"/cb?{query()}&x=%FF", "cannot be decoded"),
        (f"{query()}{'&x=y' * 49}", "cannot be decoded"),
        (f"{query()}&x=".ljust(8193, "y"), "longer than 8192"),
        (REDIRECT, "has no state"),
        ("", "has no state"),
        (None, "must be a str, not NoneType"),
        (query().encode(), "must be a str, not bytes"),
    ],
)
def test_a_callback_that_cannot_be_trusted_is_refused(callback: Any, problem: str) -> None:
    """Each with the one thing that is wrong, and what to do about it; the state comes first."""
    error = refusal_of(callback)

    assert problem in str(error)
    assert str(error).endswith("Start the login anew.")
    assert error.error is None


@pytest.mark.parametrize("age", [-60.0, 0.0, LIFETIME])
def test_a_login_may_take_ten_minutes(age: float) -> None:
    """The clock of the process that began it may be a little ahead."""
    assert CODE == read(query(), now=NOW + age)


@pytest.mark.parametrize(
    ("age", "problem"),
    [
        (LIFETIME + 1, "more than 600 seconds after"),
        (-61.0, "is the clock right"),
        (float("nan"), "is the clock right"),
    ],
)
def test_a_callback_comes_in_its_time(age: float, problem: str) -> None:
    """After ten minutes, or before the login began, it is not that login's."""
    assert problem in str(refusal_of(query(), now=NOW + age))


@pytest.mark.parametrize(
    ("iss", "issuer"),
    [
        (None, None),
        ("https://auth.cloudflow.io", None),
        ("https://auth.cloudflow.io/tenant/7", None),
        ("https://AUTH.cloudflow.io:443", None),
        ("https://accounts.example.com/7", "https://accounts.example.com/7"),
    ],
)
def test_an_issuer_that_fits_is_accepted(iss: str | None, issuer: str | None) -> None:
    """As configured, to the letter (RFC 9207, 2.4); else by where the person was sent."""
    given = query() if iss is None else query(iss=iss)

    assert CODE == read(given, issuer=issuer)


@pytest.mark.parametrize(
    ("iss", "issuer"),
    [
        ("https://evil.io", None),
        ("https://auth.cloudflow.io.evil.io", None),
        ("http://auth.cloudflow.io", None),
        ("https://auth.cloudflow.io:8443", None),
        ("auth.cloudflow.io", None),
        ("", None),
        ("https://auth.cloudflow.io/", "https://auth.cloudflow.io"),
        ("https://auth.cloudflow.io", "https://accounts.example.com"),
        (None, "https://auth.cloudflow.io"),
    ],
)
def test_another_issuer_is_refused(iss: str | None, issuer: str | None) -> None:
    """A code of one server is not taken to another (RFC 9207, 1)."""
    given = query() if iss is None else query(iss=iss)

    assert "(iss)" in str(refusal_of(given, issuer=issuer))


def test_a_refusal_by_another_issuer_is_not_believed() -> None:
    """Its words are not shown either."""
    error = refusal_of(query(error="access_denied", iss="https://evil.io"))

    assert error.error is None
    assert "access_denied" not in str(error)


def test_a_refusal_need_not_name_its_issuer() -> None:
    """Nothing is lost by believing it, and the person hears why."""
    error = refusal_of(f"state={STATE}&error=access_denied", issuer="https://auth.cloudflow.io")

    assert "access_denied" == error.error


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"error": "access_denied"}, "access_denied", "The login was refused: access_denied."),
        (
            {"error": "invalid_scope", "error_description": "No such scope"},
            "invalid_scope",
            "The login was refused: invalid_scope (No such scope).",
        ),
        ({"error": ""}, None, "The login was refused: an error without a name."),
        (
            {"error": "x\r\ny", "error_description": "\x1b[2J" + "é" * 9},
            "x\\u000d\\u000ay",
            "The login was refused: x\\u000d\\u000ay (\\u001b[2Jééééééééé).",
        ),
    ],
)
def test_a_refusal_is_told_in_the_servers_words(
    parameters: dict[str, str], error: str | None, message: str
) -> None:
    """Its code is kept, even where a code to redeem came with it; its text is made safe."""
    told = refusal_of(query(**parameters))

    assert (error, message) == (told.error, str(told))


def test_a_refusal_that_repeats_the_code_does_not_show_it() -> None:
    """A server that is confused, or hostile, does not write it into our logs."""
    refusal_of(query(error="server_error", error_description=f"code {CODE} is odd"))
