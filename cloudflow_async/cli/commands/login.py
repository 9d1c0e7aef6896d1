"""Options and help of ``cloudflow login``, ``logout`` and ``whoami``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from cloudflow_async.cli.shared.console import CommandError
from cloudflow_async.cli.shared.options import File, Flag, Name, Url


def login(  # noqa: PLR0913 - each is an option of its own
    *,
    profile: Name = None,
    client_id: Annotated[str | None, Parameter(metavar="ID")] = None,
    client_secret_env: Name = None,
    client_secret_file: File = None,
    scope: Annotated[
        Sequence[str], Parameter(metavar="SCOPE", negative="", show_default=False)
    ] = (),
    base_url: Url = None,
    authorize_url: Url = None,
    token_url: Url = None,
    redirect_uri: Url = None,
    issuer: Url = None,
    no_browser: Flag = False,
    timeout: Annotated[float, Parameter(validator=Number(gt=0), metavar="SECONDS")] = 120.0,
    emulator: Flag = False,
) -> int:
    """Log in with OAuth 2.0 in the browser, and keep the token for later commands and programs.

    A profile of the config file says which application logs in, and where. Without such a profile
    --client-id has to be given, and the profile is written. Secrets are never arguments: say in
    which environment variable or file the client's secret lies, if it has one.

    Args:
        profile: Profile to log in with; also by CLOUDFLOW_PROFILE; else "default".
        client_id: For a new profile: the id that the application was registered with.
        client_secret_env: For a new profile: environment variable with the client's secret.
        client_secret_file: For a new profile: file with the client's secret.
        scope: For a new profile: what to ask for, such as workflows:read; may be repeated.
        base_url: For a new profile: where the API is.
        authorize_url: For a new profile: where a person logs in.
        token_url: For a new profile: where tokens are issued.
        redirect_uri: For a new profile: address on 127.0.0.1 that is registered, if it has to be
            exactly that one.
        issuer: For a new profile: what the server calls itself.
        no_browser: Open no browser here: open the address yourself, on any machine, and paste the
            one at which the browser ends.
        timeout: How long to wait for you.
        emulator: Try it on an emulator that is started for it; nothing is kept.
    """
    settings = {
        "client_id": client_id,
        "client_secret_env": client_secret_env,
        "client_secret_file": _from_here(client_secret_file),
        "scopes": list(scope) or None,
        "base_url": base_url,
        "authorize_url": authorize_url,
        "token_url": token_url,
        "redirect_uri": redirect_uri,
        "issuer": issuer,
    }
    given = {name: value for name, value in settings.items() if value is not None}
    if emulator and (profile is not None or given.keys() - {"scopes"}):
        raise CommandError("--emulator takes --scope, --no-browser and --timeout only.")
    from cloudflow_async.cli.account import login as logging_in  # noqa: PLC0415 - the engine takes longer to import than --help may

    if emulator:
        return logging_in.log_in_on_emulator(scope, browser=not no_browser, timeout=timeout)
    return logging_in.log_in(profile, given, browser=not no_browser, timeout=timeout)


def logout(*, profile: Name = None) -> int:
    """Forget the token of a login.

    The API documents no way to revoke it: a copy would be accepted until its end.

    Args:
        profile: Profile to log out of; also by CLOUDFLOW_PROFILE; else "default".
    """
    from cloudflow_async.cli.account import login as logging_in  # noqa: PLC0415 - the engine takes longer to import than --help may

    return logging_in.log_out(profile)


def whoami(*, profile: Name = None, check: Flag = False) -> int:
    """Show the credential in use, its scopes and its expiry; the secret is not shown.

    Args:
        profile: This profile alone. Without it, what a program would find: CLOUDFLOW_API_KEY,
            CLOUDFLOW_JWT_*, the profile of CLOUDFLOW_PROFILE or "default".
        check: Ask the API whether it accepts the credential, by one request for workflows.
    """
    from cloudflow_async.cli.account.whoami import tell_who  # noqa: PLC0415 - the engine takes longer to import than --help may

    return tell_who(profile, check=check)


def _from_here(path: str | None) -> str | None:
    # In the config file, a path is seen from its folder.
    return None if path is None else os.path.abspath(os.path.expanduser(path))
