"""An access token, with what is needed to get the next one."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable

import attrs

from cloudflow_async._core.errors import InvalidArgumentError
from cloudflow_async._core.public import public
from cloudflow_async._core.support.secret import Secret
from cloudflow_async._core.support.validation import is_number, to_list

LONGEST_TOKEN = 16 * 1024
"""Characters of a token that are accepted."""

_ACCESS_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*", re.ASCII)
_REFRESH_TOKEN = re.compile(r"[\x20-\x7e]+", re.ASCII)


def _access_token(value: str | Secret) -> Secret:
    return _checked("access_token", value, _ACCESS_TOKEN)


def _refresh_token(value: str | Secret | None) -> Secret | None:
    return None if value is None else _checked("refresh_token", value, _REFRESH_TOKEN)


def _checked(name: str, value: object, allowed: re.Pattern[str]) -> Secret:
    text = value.reveal() if isinstance(value, Secret) else value
    if not isinstance(text, str) or len(text) > LONGEST_TOKEN or not allowed.fullmatch(text):
        # The value is not shown: it may be most of a token.
        raise InvalidArgumentError(
            f"{name} must be a str of at most {LONGEST_TOKEN} of the characters that a token has."
        )
    return Secret(text)


def _instant(value: float | None) -> float | None:
    if value is None:
        return None
    if not _is_instant(value):
        raise InvalidArgumentError("expires_at must be a Unix time in seconds, or None.")
    return float(value)


def _is_instant(value: object) -> bool:
    # An int can be beyond every float; NaN is on neither side.
    return is_number(value) and abs(value) <= sys.float_info.max


def _scopes(value: Iterable[str] | None) -> frozenset[str] | None:
    if value is None:
        return None
    scopes = to_list("scopes", value, "['workflows:read'], or None")
    if not all(isinstance(scope, str) for scope in scopes):
        raise InvalidArgumentError("scopes is a list of str, such as ['workflows:read'], or None.")
    return frozenset(scopes)


@public("cloudflow_async")
@attrs.frozen(kw_only=True, init=False)
class Token:
    """An access token, with what is needed to get the next one.

    It shows neither token and cannot be pickled; ``token.access_token.reveal()`` gives the text.

    Raises:
        InvalidArgumentError: A token has characters that none has (RFC 6750, 2.1; RFC 6749, A.17),
            or more than 16,384 of them.
    """

    access_token: Secret = attrs.field(converter=_access_token)
    """What signs requests."""

    refresh_token: Secret | None = attrs.field(default=None, converter=_refresh_token)
    """What gets the next access token; None: a person has to log in again."""

    expires_at: float | None = attrs.field(default=None, converter=_instant)
    """Unix time in seconds; None: not known, it is used until the server refuses it."""

    scopes: frozenset[str] | None = attrs.field(default=None, converter=_scopes)
    """What it is allowed to do; empty: nothing that needs a scope; None: not known."""

    def __init__(
        self,
        *,
        access_token: str | Secret,
        refresh_token: str | Secret | None = None,
        expires_at: float | None = None,
        scopes: Iterable[str] | None = None,
    ) -> None:
        try:
            self.__attrs_init__(  # pyright: ignore[reportAttributeAccessIssue]  # attrs makes it
                access_token=access_token,
                refresh_token=refresh_token,
                expires_at=expires_at,
                scopes=scopes,
            )
        except InvalidArgumentError as error:
            problem = error.with_traceback(None)
        else:
            return
        # Error trackers record local variables, and the tokens are among these.
        del self, access_token, refresh_token
        raise problem
