"""Choose the credential of a command."""

from __future__ import annotations

import asyncio
import os
from typing import Final

from cloudflow_async._core.auth import AuthChain
from cloudflow_async._core.auth.discovery import DEFAULT_PROFILE, PROFILE_VARIABLE
from cloudflow_async._core.messages import Request
from cloudflow_async.techflow import BearerKeyAuth

from .warnings import warnings_held_back

_NOTHING: Final = Request(method="GET", path="/", target="/")
"""A request that is signed to see who signs, and never sent."""


def choose_profile(given: str | None) -> str:
    """Return the name of the profile that was given, or the environment's, or ``default``."""
    if given is not None:
        return given
    return os.environ.get(PROFILE_VARIABLE, "").strip() or DEFAULT_PROFILE


async def find_credential(profile: str | None, *, base_url: str | None = None) -> AuthChain:
    """Return a chain that has chosen its credential, so that its lack is told at the beginning.

    Args:
        profile: Only this profile; None: what a bare ``CloudFlow()`` finds.
        base_url: Where it goes, whatever it belongs to; None: where it belongs.

    Raises:
        CredentialError: There is none that can be used.
    """
    chain = await asyncio.to_thread(AuthChain.default, profile, base_url=base_url)
    with warnings_held_back():
        await chain.sign(_NOTHING)
    return chain


async def check_techflow_key() -> None:
    """Make sure that a bare ``TechFlow()`` finds a key, so that its lack is told at the beginning.

    Raises:
        CredentialError: There is none that can be used.
    """
    await BearerKeyAuth.from_environment().sign(_NOTHING)
