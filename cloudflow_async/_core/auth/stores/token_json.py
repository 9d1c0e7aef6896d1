"""A token as the JSON text that is kept outside of the process."""

from __future__ import annotations

import json

from cloudflow_async._core.auth.token import Token
from cloudflow_async._core.codec.json import loads
from cloudflow_async._core.errors import CredentialError, DecodeError, InvalidArgumentError
from cloudflow_async._core.messages import Json

VERSION = 1
"""Of the format; another one is not guessed at."""


def write(token: Token) -> bytes:
    """Return a token as one line of JSON."""
    refresh, scopes = token.refresh_token, token.scopes
    content = {
        "version": VERSION,
        "access_token": token.access_token.reveal(),
        "refresh_token": None if refresh is None else refresh.reveal(),
        "expires_at": token.expires_at,
        "scopes": None if scopes is None else sorted(scopes),
    }
    return json.dumps(content).encode() + b"\n"


def read(data: bytes, place: str) -> Token:
    """Return the token that `write` wrote.

    Args:
        data: What was kept.
        place: Where, as the beginning of the error's sentence.

    Raises:
        CredentialError: It is damaged, or of a version that is not known.  It is not shown.
    """
    try:
        return _token(loads(data))
    except DecodeError:
        problem = "it is not JSON."
    except InvalidArgumentError as error:
        problem = error.message
    del data
    raise CredentialError(f"{place} holds no token that can be used: {problem} Log in again.")


def _token(content: Json) -> Token:
    if not isinstance(content, dict):
        raise InvalidArgumentError("it is not a JSON object.")
    version, scopes = content.get("version"), content.get("scopes")
    if isinstance(version, bool) or version != VERSION:
        raise InvalidArgumentError(f"its version is not {VERSION}.")
    if not isinstance(scopes, list | None):
        raise InvalidArgumentError("scopes is neither a list nor null.")
    return Token(
        access_token=content.get("access_token"),  # type: ignore[arg-type]  # it checks them
        refresh_token=content.get("refresh_token"),  # type: ignore[arg-type]
        expires_at=content.get("expires_at"),  # type: ignore[arg-type]
        scopes=scopes,  # type: ignore[arg-type]
    )
