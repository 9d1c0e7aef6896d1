"""Answers of token endpoints: which are tokens, and what the others are called."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cloudflow_async._core.auth.oauth2.token_response import (
    DOCUMENTED_LIFE,
    LONGEST_LIFE,
    read_token,
)
from cloudflow_async._core.auth.token import LONGEST_TOKEN, Token
from cloudflow_async._core.errors import (
    CredentialError,
    LoginError,
    ReauthenticationRequiredError,
    TokenRequestError,
)
from cloudflow_async._core.messages import Reply
from cloudflow_async._core.support.secret import Secret
from tests.core.auth.exposure import exposed_by, spellings
from tests.doubles import reply

NOW = 1_769_251_500.0
ACCESS = "access-canary.0123456789"
REFRESH = "refresh-canary/0123456789"
GOOD = {"access_token": ACCESS, "token_type": "Bearer", "expires_in": 1800}
PREVIOUS = Token(
    access_token="old-access", refresh_token="old-refresh", scopes=["workflows:read", "x"]
)
REQUESTED = frozenset({"pipelines:read"})


def redeemed(body: object = GOOD, **given: Any) -> Token:
    """Return the token out of an answer to a code."""
    arguments: dict[str, Any] = {"now": NOW, "requested": REQUESTED, "previous": None}
    return read_token(reply(200, body), **(arguments | given))


def refreshed(body: object = GOOD, **given: Any) -> Token:
    """Return the token out of an answer to a refresh."""
    return redeemed(body, previous=given.pop("previous", PREVIOUS), **given)


def refusal_of(answer: Reply, previous: Token | None = PREVIOUS, *secrets: str) -> CredentialError:
    """Return the error that an answer stands for, which shows no token."""
    with pytest.raises(CredentialError) as caught:
        read_token(
            answer,
            now=NOW,
            requested=REQUESTED,
            previous=previous,
            secrets=[Secret(secret) for secret in secrets],
        )
    shown = exposed_by(caught.value)
    for secret in (ACCESS, REFRESH, *secrets):
        assert not [text for text in spellings(secret) if text in shown]
    assert caught.value.__cause__ is caught.value.__context__ is None
    return caught.value


def failure_of(answer: Reply, previous: Token | None = PREVIOUS) -> TokenRequestError:
    """Return the error of an answer in which there is no token."""
    error = refusal_of(answer, previous)
    assert isinstance(error, TokenRequestError)
    return error


@pytest.mark.parametrize("status", [200, 201])
def test_a_token_is_read(status: int) -> None:
    """RFC 6749, 5.1; what else is in the answer is ignored."""
    body = GOOD | {"refresh_token": REFRESH, "scope": "a b", "id_token": "x", "error": None}
    token = read_token(reply(status, body), now=NOW, requested=REQUESTED, previous=None)

    assert (ACCESS, REFRESH) == (
        token.access_token.reveal(),
        token.refresh_token and token.refresh_token.reveal(),
    )
    assert NOW + 1800 == token.expires_at
    assert frozenset({"a", "b"}) == token.scopes


@pytest.mark.parametrize("kind", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_the_token_type_is_bearer_in_any_case(kind: str) -> None:
    """RFC 6749, 5.1: the value is case insensitive."""
    assert ACCESS == redeemed(GOOD | {"token_type": kind}).access_token.reveal()


@pytest.mark.parametrize("kind", [None, "", "mac", "DPoP", "N_A", "Bearer ", 7, ["Bearer"]])
def test_another_token_type_is_refused(kind: object) -> None:
    """It would have to be used in another way than it is."""
    error = failure_of(reply(200, GOOD | {"token_type": kind}))

    assert "token_type that is not Bearer" in str(error)
    assert (200, None, False) == (error.status, error.error, error.retryable)


def test_a_token_type_has_to_be_there() -> None:
    """RFC 6749, 5.1: REQUIRED."""
    body = {"access_token": ACCESS, "expires_in": 3600}

    assert "token_type" in str(failure_of(reply(200, body)))


@pytest.mark.parametrize("text", ["a", "a.b-c_d~e+f/g==", "x" * LONGEST_TOKEN])
def test_an_access_token_has_the_characters_of_one(text: str) -> None:
    """RFC 6750, 2.1; up to 16,384 of them."""
    assert text == redeemed(GOOD | {"access_token": text}).access_token.reveal()


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{ACCESS}\r\nX-Evil: 1",
        f"{ACCESS} x",
        f"{ACCESS}é",
        f"{ACCESS}\0",
        f'{ACCESS}"',
        f"=={ACCESS}",
        ACCESS * 1000,
        7,
        None,
        {"value": ACCESS},
    ],
)
def test_any_other_access_token_is_refused(text: object) -> None:
    """It could not be sent, or would say something else in a header; it is not shown."""
    error = failure_of(reply(200, GOOD | {"access_token": text}))

    assert "sent a token that cannot be used: access_token must be" in str(error)
    assert not error.retryable


@pytest.mark.parametrize(
    ("given", "life"),
    [
        (3600, 3600.0),
        (1800.5, 1800.5),
        (1, 1.0),
        ("1800", 1800.0),
        ("1800.5", 1800.5),
        (10**12, 31_536_000.0),
        ("5", 5.0),
        ("1.123456789", 1.123456789),
        ("1.1234567891", DOCUMENTED_LIFE),
        ("9" * 19, DOCUMENTED_LIFE),
        (10**30, LONGEST_LIFE),
        ("9" * 18, LONGEST_LIFE),
        (0, DOCUMENTED_LIFE),
        (-1, DOCUMENTED_LIFE),
        (0.0, DOCUMENTED_LIFE),
        ("0", DOCUMENTED_LIFE),
        ("-5", DOCUMENTED_LIFE),
        ("NaN", DOCUMENTED_LIFE),
        ("inf", DOCUMENTED_LIFE),
        ("soon", DOCUMENTED_LIFE),
        ("", DOCUMENTED_LIFE),
        ("9" * 5000, DOCUMENTED_LIFE),
        (True, DOCUMENTED_LIFE),
        (None, DOCUMENTED_LIFE),
        ([3600], DOCUMENTED_LIFE),
    ],
)
def test_what_is_no_positive_number_counts_as_the_documented_hour(
    given: object, life: float
) -> None:
    """API document: all tokens expire after 3600 seconds; more than a year is not believed."""
    assert NOW + life == redeemed(GOOD | {"expires_in": given}).expires_at


def test_without_a_life_it_is_the_documented_hour() -> None:
    """RFC 6749, 5.1: expires_in is recommended, no more."""
    assert NOW + 3600 == redeemed({"access_token": ACCESS, "token_type": "bearer"}).expires_at


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("workflows:read", {"workflows:read"}),
        (" b  a a ", {"a", "b"}),
        (["a", "b", 7], {"a", "b"}),
        ("", set()),
        (" ", set()),
        ([], set()),
    ],
)
def test_the_scopes_are_those_that_the_answer_names(scope: object, expected: set[str]) -> None:
    """A person may grant less than was asked for, and an empty scope grants nothing."""
    assert expected == redeemed(GOOD | {"scope": scope}).scopes
    assert expected == refreshed(GOOD | {"scope": scope}).scopes


@pytest.mark.parametrize("more", [{}, {"scope": None}, {"scope": 7}, {"scope": [7]}])
def test_without_scopes_they_are_those_that_were_asked_for(more: dict[str, object]) -> None:
    """RFC 6749, 5.1 and 6; the scopes of a token that was asked for without any are not known."""
    assert REQUESTED == redeemed(GOOD | more).scopes
    assert redeemed(GOOD | more, requested=frozenset()).scopes is None
    assert PREVIOUS.scopes == refreshed(GOOD | more).scopes


def test_a_refresh_does_not_make_unknown_scopes_known() -> None:
    """A call that worked an hour ago is not refused because the token was refreshed."""
    previous = Token(access_token="a", refresh_token="b")

    assert refreshed(previous=previous).scopes is None


def test_a_refresh_keeps_that_there_are_no_scopes() -> None:
    """RFC 6749, 6: an answer without ``scope`` has those of the last token, even if it had none."""
    previous = Token(access_token="a", refresh_token="b", scopes=[])

    assert frozenset() == refreshed(previous=previous).scopes


@pytest.mark.parametrize("more", [{}, {"refresh_token": None}, {"refresh_token": ""}])
def test_without_rotation_the_refresh_token_stays(more: dict[str, object]) -> None:
    """RFC 6749, 6: the server may issue a new one."""
    assert PREVIOUS.refresh_token == refreshed(GOOD | more).refresh_token
    assert redeemed(GOOD | more).refresh_token is None


def test_a_rotated_refresh_token_replaces_the_old_one() -> None:
    """The old one is spent."""
    assert Secret(REFRESH) == refreshed(GOOD | {"refresh_token": REFRESH}).refresh_token


@pytest.mark.parametrize("text", [f"{REFRESH}\n", f"{REFRESH}é", REFRESH * 1000, 7, [REFRESH]])
def test_a_refresh_token_that_none_can_be_is_an_error(text: object) -> None:
    """Better now than in an hour."""
    error = failure_of(reply(200, GOOD | {"refresh_token": text}))

    assert "refresh_token must be" in str(error)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>access-canary.0123456789</body></html>",
        b"access_token=access-canary.0123456789&token_type=bearer",
        b'{"access_token": "access-canary.0123456789", "token_ty',
        b'{"access_token": "access-canary.0123456789", "expires_in": NaN}',
        b'{"access_token": "access-canary.0123456789", "expires_in": 1e99999}',
        b'\xef\xbb\xbf{"access_token": "access-canary.0123456789"}',
        b"[" * 100_000,
        b"null",
        b'["access-canary.0123456789"]',
        b'"access-canary.0123456789"',
    ],
)
def test_what_is_no_json_object_is_no_token(body: bytes) -> None:
    """A page of a gateway, a form, a cut or careless answer; none of it is shown."""
    error = failure_of(reply(200, body))

    assert str(error) == (
        "The token endpoint answered 200 with what is not a JSON object: is token_url right?"
    )
    assert (200, False) == (error.status, error.retryable)


@pytest.mark.parametrize("body", [{}, {"token_type": "Bearer"}, {"data": GOOD}])
def test_an_object_without_an_access_token_is_no_token(body: object) -> None:
    """And it says so."""
    assert "200 without an access_token." in str(failure_of(reply(200, body)))


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308, 399])
def test_a_redirect_is_not_followed(status: int) -> None:
    """The secrets that were sent are for one place."""
    there = {"Location": f"https://evil.io/?{ACCESS}"}
    error = failure_of(reply(status, b"", there))

    assert f"answered {status} with a redirect" in str(error)
    assert "evil" not in str(error)
    assert not error.retryable


@pytest.mark.parametrize("status", [202, 204, 206, 400, 401, 403, 404, 418, 999])
def test_another_status_is_no_token(status: int) -> None:
    """Not even with a token in it."""
    error = failure_of(reply(status, GOOD))

    assert f"answered {status} without a reason." in str(error)
    assert (status, None, False) == (error.status, error.error, error.retryable)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 599])
def test_asking_again_later_can_help(status: int) -> None:
    """After what passes: a limit, a failure, maintenance."""
    assert failure_of(reply(status, b"<html>")).retryable


@pytest.mark.parametrize("status", [200, 400, 401, 403])
def test_a_refresh_token_that_is_not_accepted_ends_the_login(status: int) -> None:
    """A person has to log in; some servers say so with 401, and a few with 200."""
    error = refusal_of(
        reply(status, {"error": "invalid_grant", "error_description": "it was revoked"})
    )

    assert isinstance(error, ReauthenticationRequiredError)
    assert "(invalid_grant (it was revoked)). Log in again." in str(error)


def test_a_failing_server_does_not_end_the_login() -> None:
    """With a 500 it may say anything."""
    error = failure_of(reply(500, {"error": "invalid_grant"}))

    assert (500, "invalid_grant", True) == (error.status, error.error, error.retryable)


@pytest.mark.parametrize("status", [200, 400, 401])
def test_a_code_that_is_not_accepted_fails_the_login(status: int) -> None:
    """It was used, or is too old, or belongs to another redirect URI."""
    error = refusal_of(reply(status, {"error": "invalid_grant"}), None)

    assert isinstance(error, LoginError)
    assert "invalid_grant" == error.error
    assert "did not accept the code: invalid_grant. Start the login anew." in str(error)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "invalid_client"),
        (400, "invalid_client"),
        (400, "unauthorized_client"),
        (400, "invalid_scope"),
        (400, "invalid_request"),
        (400, "unsupported_grant_type"),
        (200, "bad_verification_code"),
        (302, "invalid_request"),
    ],
)
def test_any_other_refusal_is_a_token_request_error(status: int, code: str) -> None:
    """What is wrong is how the client was set up, and asking again does not help."""
    error = failure_of(reply(status, {"error": code}))

    assert (status, code, False) == (error.status, error.error, error.retryable)
    assert str(error) == f"The token endpoint answered {status}: {code}."


@pytest.mark.parametrize("code", ["server_error", "temporarily_unavailable"])
def test_some_refusals_pass(code: str) -> None:
    """Whatever status they come with."""
    assert failure_of(reply(400, {"error": code})).retryable


def test_an_answer_with_a_token_and_an_error_is_refused() -> None:
    """Which of the two is true cannot be known."""
    assert "odd" == failure_of(reply(200, GOOD | {"error": "odd"})).error


def test_the_envelope_of_the_api_is_understood() -> None:
    """API document, Error Response Format."""
    error = failure_of(
        reply(401, {"error": {"code": "authentication_failed", "message": "Invalid token"}})
    )

    assert "authentication_failed" == error.error
    assert str(error).endswith("answered 401: authentication_failed (Invalid token).")


@pytest.mark.parametrize("body", [b"<html>", {}, {"error": "invalid_client"}])
def test_a_failed_login_says_to_start_anew(body: object) -> None:
    """A code serves once, whatever became of it."""
    assert str(failure_of(reply(401, body), None)).endswith(". Start the login anew.")


@pytest.mark.parametrize("previous", [None, PREVIOUS], ids=["code", "refresh"])
@pytest.mark.parametrize("error", ["invalid_grant", "invalid_client", "server_error", "odd {}"])
def test_what_a_server_repeats_is_not_shown(error: str, previous: Token | None) -> None:
    """Neither a short secret nor a long one, in the sentence or in the code itself."""
    short, long = "pa ss%", "code-canary-0123456789"
    body = {
        "error": error.format(long),
        "error_description": f"{short} {ACCESS} " + " ".join(spellings(short) + spellings(long)),
    }
    for status in (200, 400, 500):
        refusal_of(reply(status, json.dumps(body).encode()), previous, short, long)


def test_a_servers_text_writes_no_lines() -> None:
    """Control characters are escaped, and it is shortened."""
    error = failure_of(reply(400, {"error": "x\ny", "error_description": "\x1b]0;" + "no " * 200}))

    assert "x\\u000ay (\\u001b]0;no no" in str(error)
    assert len(str(error)) < 400
