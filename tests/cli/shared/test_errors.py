"""Errors of the engine in the words of a command line."""

from __future__ import annotations

import pytest

from cloudflow_async._core.errors import (
    AuthenticationError,
    CloudFlowError,
    CredentialError,
    InsecureFileError,
    InvalidArgumentError,
    LoginError,
    MissingScopeError,
    NoCredentialsError,
    NotFoundError,
    ReauthenticationRequiredError,
    TokenRequestError,
    TransportError,
)
from cloudflow_async.cli.shared.console import CommandError
from cloudflow_async.cli.shared.errors import exit_status, explain, problem, told


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidArgumentError("..."), 2),
        (NoCredentialsError("..."), 2),
        (ReauthenticationRequiredError("..."), 2),
        (InsecureFileError("..."), 2),
        (MissingScopeError("..."), 2),
        (LoginError("..."), 1),
        (TokenRequestError("..."), 1),
        (AuthenticationError("...", status=401), 1),
        (TransportError("..."), 1),
    ],
)
def test_the_exit_status_tells_who_has_to_act(error: CloudFlowError, status: int) -> None:
    """2 where the person has to change something before it can work, else 1."""
    assert status == exit_status(error)


@pytest.mark.parametrize(
    ("error", "explained"),
    [
        (CredentialError("It is broken."), "It is broken."),
        (NoCredentialsError("There is no profile 'work'."), "There is no profile 'work'."),
        (NoCredentialsError("...", tried=(("profile work", "Gone"),)), "profile work: Gone."),
        (
            NoCredentialsError("...", tried=(("A", "It is not set"), ("profile default", "Gone"))),
            (
                "no credential: set CLOUDFLOW_API_KEY, or run `cloudflow login`. "
                "Tried A: It is not set; profile default: Gone."
            ),
        ),
    ],
)
def test_what_to_do_is_told_in_terms_of_commands(error: CloudFlowError, explained: str) -> None:
    """Arguments of a Python class are no help at a terminal."""
    assert explained == explain(error)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (NotFoundError("...", status=404), "404"),
        (NotFoundError("...", status=404, server_message="Gone."), "404: Gone"),
        (NotFoundError("...", status=404, code="resource_not_found"), "404 resource_not_found"),
        (
            TransportError("GET /pipelines/{pipeline_id}/executions: cannot connect (refused)."),
            "cannot connect (refused)",
        ),
        (TransportError("Too large."), "Too large"),
    ],
)
def test_a_problem_is_told_without_the_call(error: CloudFlowError, text: str) -> None:
    """Method and path are known, or the same in every line."""
    assert text == problem(error)


def test_errors_become_one_line() -> None:
    """It carries its exit status; other errors are left alone."""
    with pytest.raises(CommandError, match=r"^It was denied$") as caught, told():
        raise LoginError("It was denied")
    with pytest.raises(LookupError), told():
        raise LookupError

    assert 1 == caught.value.status
