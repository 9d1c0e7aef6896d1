"""What an error knows; that all of them travel is tested with the public names."""

from __future__ import annotations

from typing import Any

import pytest

from cloudflow_async._core import errors


def test_an_error_made_from_its_message_alone_claims_nothing() -> None:
    """Without more, nothing was sent, nothing can have been applied, nothing is to be resumed."""
    error = errors.CloudFlowError("no")

    assert (0, False, None) == (error.attempts, error.may_have_been_applied, error.resume_at)
    assert "no" == error.message == str(error)


@pytest.mark.parametrize(
    ("cls", "builtin"),
    [
        (errors.InvalidArgumentError, ValueError),
        (errors.RequestTimeoutError, TimeoutError),
        (errors.DeadlineExceededError, TimeoutError),
    ],
)
def test_some_errors_are_builtin_ones_too(
    cls: type[errors.CloudFlowError], builtin: type[Exception]
) -> None:
    """Code that knows only the builtin exception catches ours, with its message."""
    with pytest.raises(builtin, match=r"^the message$"):
        raise cls("the message", attempts=2)


def test_a_failed_transport_is_taken_to_have_sent() -> None:
    """Unless somebody knows better, a request that failed may have reached the server."""
    error = errors.TransportError("cut")

    assert error.sent
    assert error.retryable


def test_a_status_error_keeps_all_that_it_is_told() -> None:
    """Every attribute of the answer stands where its name says."""
    told = {
        "status": 422,
        "code": "invalid_parameter",
        "server_message": "too big",
        "field": "limit",
        "request_id": "req_1",
        "retry_after": 1.5,
        "method": "GET",
        "path": "/workflows",
        "elapsed": 0.25,
        "body": "{}",
        "headers": {"Server": "nginx"},
        "attempts": 2,
    }
    error = errors.BadRequestError("GET /workflows: 422", **told)  # type: ignore[arg-type]

    assert told == {name: getattr(error, name) for name in told}


def test_a_status_error_without_an_answer_has_no_headers() -> None:
    """An error made from its message alone has an empty mapping."""
    assert {} == errors.StatusError("no").headers


def test_an_unknown_outcome_may_have_been_applied() -> None:
    """That is what the error is for, and it holds the failure that left it open."""
    cause = errors.TransportError("cut")
    error = errors.OutcomeUnknownError("who knows", error=cause, attempts=1)

    assert error.may_have_been_applied
    assert cause is error.error


def test_errors_with_attributes_of_their_own_keep_them() -> None:
    """Where in the JSON, how long the wait, where the redirect went."""
    told: dict[type[errors.CloudFlowError], dict[str, Any]] = {
        errors.DecodeError: {
            "path": "data[3].id",
            "status": 200,
            "request_id": "req_1",
            "retryable": True,
        },
        errors.ResponseMismatchError: {"path": "id", "status": 200, "request_id": "req_1"},
        errors.DeadlineExceededError: {
            "status": 429,
            "code": "rate_limit_exceeded",
            "request_id": "req_1",
            "retry_after": 42.0,
        },
        errors.UnexpectedRedirectError: {
            "status": 302,
            "origin": "https://x:443",
            "request_id": "req_1",
        },
    }
    for cls, attributes in told.items():
        error = cls("the message", **attributes)

        assert attributes == {name: getattr(error, name) for name in attributes}


def test_errors_of_credentials_keep_what_they_know() -> None:
    """Where one was looked for, what OAuth called it, which scope is missing."""
    nothing = errors.NoCredentialsError("none", tried=(("a key", "not set"),))
    login = errors.LoginError("denied", error="access_denied")
    request = errors.TokenRequestError("no", status=503, error="busy", retryable=True)
    scope = errors.MissingScopeError("no", scope="workflows:read")

    assert (("a key", "not set"),) == nothing.tried
    assert "access_denied" == login.error
    assert (503, "busy", True) == (request.status, request.error, request.retryable)
    assert "workflows:read" == scope.scope


def test_each_of_several_gets_an_error_of_its_own() -> None:
    """Equal in type, arguments and attributes; one that cannot be made anew is shared."""

    class Stubborn(Exception):  # noqa: N818 - somebody else's
        def __reduce__(self) -> str:
            raise TypeError("no")

    error, stubborn = errors.RateLimitedError("slow", retry_after=3.0), Stubborn()
    twin = errors.own(error)

    assert twin is not error
    assert (type(error), error.args, vars(error)) == (type(twin), twin.args, vars(twin))
    assert stubborn is errors.own(stubborn)
