"""Where credentials are looked for when none were given, and where they may go."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final, TypeAlias

import attrs

from cloudflow_async._core.errors import CredentialError, NoCredentialsError
from cloudflow_async._core.http.response import printable
from cloudflow_async._core.rate_limit.limits import RateLimits

from .api_key.api_key import BASE_URL, ApiKeyAuth
from .api_key.api_key import VARIABLE as KEY_VARIABLE
from .jwt.jwt import JWTAuth
from .profiles.profiles import Profile, read_profile
from .protocol import Auth

BASE_URL_VARIABLE: Final = "CLOUDFLOW_BASE_URL"
PROFILE_VARIABLE: Final = "CLOUDFLOW_PROFILE"
DEFAULT_PROFILE: Final = "default"

Finder: TypeAlias = Callable[[], Awaitable[Auth]]
"""Finds a credential, or raises `CredentialError`."""

_JWT_VARIABLES = "CLOUDFLOW_JWT_*"
_JWT_NEEDS = ("CLOUDFLOW_JWT_ISSUER", "CLOUDFLOW_JWT_SUBJECT")
_JWT_KEYS = ("CLOUDFLOW_JWT_PRIVATE_KEY", "CLOUDFLOW_JWT_PRIVATE_KEY_FILE")


@attrs.frozen(kw_only=True)
class Discovery:
    """Where to look, in order."""

    finders: tuple[tuple[str, Finder], ...]
    """Each with its name."""

    base_url: str
    """Where what is found may go."""

    limits: RateLimits | None
    """Of the profile's tier; None: none was read, or it names none."""


def discover(base_url: str | None, network: Mapping[str, Any] | None = None) -> Discovery:
    """Return where credentials are looked for.

    A profile is read at once, which blocks for a moment, unless the environment has a
    credential: it may say where the client speaks to.

    Args:
        base_url: Where credentials may go, wherever they belong to; None: that follows from
            what is there, and what belongs elsewhere is refused.
        network: See `Profile.auth`.

    Raises:
        CredentialError: The profile that the environment names is missing or cannot be used.
    """
    named = _variable(PROFILE_VARIABLE)
    name = named or DEFAULT_PROFILE
    found = None if _environment_has_one() else _look_for(name, must_exist=named is not None)
    usual = _variable(BASE_URL_VARIABLE) or BASE_URL
    here = base_url or (found and found.base_url) or usual
    fits = partial(_check_place, here=None if base_url else here)
    return Discovery(
        finders=(
            (KEY_VARIABLE, partial(_find_key, usual, fits)),
            (_JWT_VARIABLES, partial(_find_jwt, usual, fits)),
            (title(name), partial(_find_profile, name, found, fits, network)),
        ),
        base_url=here,
        limits=None if found is None else found.limits,
    )


def title(profile: str) -> str:
    """Return what errors and logs call a profile."""
    return f"profile {profile}"


def _variable(name: str) -> str | None:
    return os.environ.get(name, "").strip() or None


def _environment_has_one() -> bool:
    has_jwt = all(map(_variable, _JWT_NEEDS)) and any(map(_variable, _JWT_KEYS))
    return _variable(KEY_VARIABLE) is not None or has_jwt


def _look_for(name: str, *, must_exist: bool) -> Profile | None:
    """Return a profile; None: it cannot be read, and why is told when it would be needed."""
    try:
        return read_profile(name)
    except CredentialError:
        if must_exist:
            raise
        return None


def _check_place(belongs: str | None, here: str | None) -> None:
    """Keep a credential from another place than it is meant for; None: any will do."""
    if belongs is None or here is None or belongs.rstrip("/") == here.rstrip("/"):
        return
    raise CredentialError(
        f"It belongs to the base URL {printable(belongs)}, and this client speaks to "
        f"{printable(here)}; give base_url= to use it there."
    )


async def _find_key(belongs: str, fits: Callable[[str | None], None]) -> Auth:
    if _variable(KEY_VARIABLE) is None:
        raise NoCredentialsError("It is not set.")
    fits(belongs)
    return ApiKeyAuth.from_environment()


async def _find_jwt(belongs: str, fits: Callable[[str | None], None]) -> Auth:
    auth = await asyncio.to_thread(JWTAuth.from_environment)
    fits(belongs)
    return auth


async def _find_profile(
    name: str,
    found: Profile | None,
    fits: Callable[[str | None], None],
    network: Mapping[str, Any] | None,
) -> Auth:
    profile = await asyncio.to_thread(read_profile, name) if found is None else found
    fits(profile.base_url)
    return await asyncio.to_thread(profile.auth, network)
