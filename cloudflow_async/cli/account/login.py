"""Log in and out: the person's part of OAuth 2.0 at a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import attrs

from cloudflow_async._core.auth import OAuth2Auth
from cloudflow_async._core.auth.profiles.config_file import config_path
from cloudflow_async._core.auth.profiles.format import check_name
from cloudflow_async._core.auth.profiles.profiles import (
    Profile,
    make_profile,
    profile_names,
    read_profile,
)
from cloudflow_async._core.support.files.paths import shown
from cloudflow_async.cli.shared.console import CommandError, say
from cloudflow_async.cli.shared.credentials import choose_profile
from cloudflow_async.cli.shared.errors import told
from cloudflow_async.cli.shared.signals import run
from cloudflow_async.cloudflow.client import CloudFlow
from cloudflow_async.emulator import Emulator

from .profile_file import add_profile, check_place
from .prompt import ask
from .whoami import ask_api, describe

_EMULATOR_SCOPES: Final = ("workflows:read", "pipelines:read", "analytics:read")


def log_in(name: str | None, settings: Mapping[str, Any], *, browser: bool, timeout: float) -> int:
    """Log in with a profile, and keep the token where the profile says.

    Args:
        name: Of the profile; None: the environment's, or ``default``.
        settings: What a new profile says, without the kind of its credential.  Where it is there
            already, it has to say the same.
        browser: Open it and listen for its answer; else the person pastes that.
        timeout: Seconds to wait for the person.

    Returns:
        0; 130 and 143 where a signal ended it.

    Raises:
        CommandError: There is no such profile, or the login did not succeed.
    """
    with told():
        profile, is_new = _choose(check_name(choose_profile(name)), settings)
        auth = _oauth2(profile)
        if is_new:
            check_place(profile)
        return run(
            partial(_log_in_with, profile, auth, is_new=is_new, browser=browser, timeout=timeout)
        )


def log_out(name: str | None) -> int:
    """Forget the token of a profile.

    Args:
        name: Of the profile; None: the environment's, or ``default``.

    Raises:
        CommandError: There is no such profile, or its token cannot be removed.
    """
    with told():
        profile = read_profile(choose_profile(name))
        if status := run(_oauth2(_without_secret(profile)).logout):
            return status
    say(f"Logged out: profile {profile.name} has no token any more.")
    return 0


def log_in_on_emulator(scopes: Sequence[str], *, browser: bool, timeout: float) -> int:
    """Log in on an emulator that runs for as long as this takes; nothing is kept.

    Raises:
        CommandError: The login did not succeed.
    """
    with told():
        return run(partial(_log_in_on_emulator, scopes, browser=browser, timeout=timeout))


async def _log_in_with(
    profile: Profile, auth: OAuth2Auth, *, is_new: bool, browser: bool, timeout: float
) -> None:
    await _log_in(auth, browser=browser, timeout=timeout)
    if is_new:
        await add_profile(profile)
    say(f"Logged in: profile {profile.name} of {shown(profile.path)}\n{await describe(auth)}")


async def _log_in_on_emulator(scopes: Sequence[str], *, browser: bool, timeout: float) -> None:
    async with Emulator() as emulator:
        auth = OAuth2Auth(
            emulator.client_id,
            scopes=scopes or _EMULATOR_SCOPES,
            authorize_url=emulator.authorize_url,
            token_url=emulator.token_url,
            issuer=emulator.issuer,
        )
        await _log_in(auth, browser=browser, timeout=timeout)
        async with CloudFlow(auth=auth, base_url=emulator.base_url) as client:
            verdict = await ask_api(client)
        say(f"Logged in on the emulator, whose API {verdict}\n{await describe(auth)}")


async def _log_in(auth: OAuth2Auth, *, browser: bool, timeout: float) -> None:
    if browser:
        await auth.login(show_url=_show, timeout=timeout)
    else:
        await auth.login(ask=_ask, timeout=timeout)


def _show(url: str) -> None:
    say(
        "Opening the browser. If nothing happens, open this address on this machine:\n\n"
        f"  {url}\n\n"
        "For a browser on another machine, stop this by Ctrl-C and add --no-browser."
    )


async def _ask(url: str) -> str:
    return await ask(
        f"Open this address in a browser, on any machine:\n\n  {url}\n\n"
        "It ends at an address that cannot be shown. Paste that address here:"
    )


def _choose(name: str, settings: Mapping[str, Any]) -> tuple[Profile, bool]:
    """Return the profile, and whether it is a new one."""
    if name in profile_names():
        profile = read_profile(name)
        _check_same(profile, settings)
        return profile, False
    if "client_id" not in settings:
        raise CommandError(
            f"there is no profile {name} in {shown(config_path())}: name the application by "
            "--client-id, and the profile is written; --emulator needs none."
        )
    return make_profile(name, {"auth": "oauth2", **settings}), True


def _check_same(profile: Profile, settings: Mapping[str, Any]) -> None:
    others = [key for key, value in settings.items() if profile.values.get(key) != value]
    if others:
        raise CommandError(
            f"profile {profile.name} is there already, with another {', '.join(others)}: change "
            f"it in {shown(profile.path)}, or give a new one another name by --profile."
        )


def _without_secret(profile: Profile) -> Profile:
    # Nothing is sent to forget a token, and the secret may be gone.
    kept = {k: v for k, v in profile.values.items() if not k.startswith("client_secret_")}
    return attrs.evolve(profile, values=kept)


def _oauth2(profile: Profile) -> OAuth2Auth:
    if profile.kind != "oauth2":
        raise CommandError(
            f"profile {profile.name} has no login: it is of the kind {profile.kind}, not oauth2."
        )
    auth = profile.auth()
    assert isinstance(auth, OAuth2Auth), "its kind says so"
    return auth
