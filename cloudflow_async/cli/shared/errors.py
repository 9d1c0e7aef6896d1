"""Map errors of the engine to a message and an exit status."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from cloudflow_async._core.errors import (
    CloudFlowError,
    CredentialError,
    InvalidArgumentError,
    LoginError,
    NoCredentialsError,
    StatusError,
    TokenRequestError,
)

from .console import FAILED, MISUSED, CommandError

_CALL = re.compile(r"[A-Z]+ /\S*: ")


def exit_status(error: CloudFlowError) -> int:
    """Return whether the person has to change something, or whether something went wrong."""
    if isinstance(error, LoginError | TokenRequestError):
        return FAILED
    return MISUSED if isinstance(error, CredentialError | InvalidArgumentError) else FAILED


def explain(error: CloudFlowError) -> str:
    """Return what went wrong and what to do, in the words of a command line."""
    if not (isinstance(error, NoCredentialsError) and error.tried):
        return error.message
    tried = "; ".join(f"{name}: {why}" for name, why in error.tried)
    if len(error.tried) == 1:
        return f"{tried}."
    return f"no credential: set CLOUDFLOW_API_KEY, or run `cloudflow login`. Tried {tried}."


def problem(error: CloudFlowError) -> str:
    """Return what went wrong in a call that the person knows, without the full stop."""
    if isinstance(error, StatusError):
        said = [f"{error.status} {error.code or ''}".strip(), error.server_message or ""]
        text = ": ".join(part for part in said if part)
    else:
        call = _CALL.match(error.message)
        text = error.message[call.end() :] if call else error.message
    return text.rstrip(".")


@contextmanager
def told() -> Iterator[None]:
    """Turn errors of the engine into the line that the person gets to read."""
    try:
        yield
    except CloudFlowError as error:
        raise CommandError(explain(error), status=exit_status(error)) from error
