"""Show which credential is in use, without the secret."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from cloudflow_async._core.auth import ApiKeyAuth, Auth, JWTAuth, OAuth2Auth, known_scopes
from cloudflow_async._core.errors import (
    AuthenticationError,
    CloudFlowError,
    PermissionDeniedError,
)
from cloudflow_async.cli.shared.console import FAILED, CommandError, duration
from cloudflow_async.cli.shared.credentials import find_credential
from cloudflow_async.cli.shared.errors import problem, told
from cloudflow_async.cli.shared.signals import run
from cloudflow_async.cloudflow.client import CloudFlow


def tell_who(profile: str | None, *, check: bool) -> int:
    """Print which credential is used, its scopes and its end; nothing of the credential itself.

    Args:
        profile: Only this profile; None: what a bare ``CloudFlow()`` finds.
        check: Ask the API whether it is accepted, by one request.

    Returns:
        0; 130 and 143 where a signal ended it.

    Raises:
        CommandError: There is no credential, or the API refuses it or does not answer.
    """
    with told():
        return run(partial(_tell, profile, check=check))


async def describe(auth: Auth) -> str:
    """Return lines about a credential that has signed, without its secret."""
    facts = {"credential": _kind(auth), "scopes": _scopes(auth)}
    if isinstance(auth, OAuth2Auth):
        token = await auth.token()
        facts["expires"] = _end(token.expires_at, renews=token.refresh_token is not None)
    elif isinstance(auth, JWTAuth):
        facts["expires"] = _end(auth.expires_at, renews=True)
    return "\n".join(_row(name, text) for name, text in facts.items())


async def ask_api(client: CloudFlow) -> str:
    """Return whether the API accepts the credential of a client, by one request.

    Raises:
        CommandError: It does not, or none can tell.
    """
    try:
        await client.request("GET", "/workflows", params={"limit": 1})
    except PermissionDeniedError:
        return "accepts it, but not for reading workflows"
    except AuthenticationError as error:
        text = f"{client.base_url} refuses this credential: {problem(error)}."
    except CloudFlowError as error:
        text = f"{client.base_url} cannot tell: {problem(error)}."
    else:
        return "accepts it"
    raise CommandError(text, status=FAILED)


async def _tell(profile: str | None, *, check: bool) -> None:
    chain = await find_credential(profile)
    assert chain.chosen is not None, "it has signed"
    async with CloudFlow(auth=chain) as client:
        _write(_row("found in", chain.chosen_name or ""))
        _write(await describe(chain.chosen))
        _write(_row("base URL", client.base_url))
        if check:
            _write(_row("the API", await ask_api(client)))


def _write(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - what the command is for


def _kind(auth: Auth) -> str:
    if isinstance(auth, ApiKeyAuth):
        use = {"live": ", for production", "test": ", for development", None: ""}
        return f"API key{use[auth.environment]}"
    if isinstance(auth, OAuth2Auth):
        return f"OAuth 2.0, client {auth.client_id}"
    if isinstance(auth, JWTAuth):
        return f"JWT of {auth.issuer} for {auth.subject}"
    return "none: requests are anonymous"


def _scopes(auth: Auth) -> str:
    scopes = known_scopes(auth)
    return "not known" if scopes is None else ", ".join(sorted(scopes)) or "none"


def _end(expires_at: float | None, *, renews: bool) -> str:
    then = "renewed by itself" if renews else "then you have to log in again"
    if expires_at is None:
        return f"not known; {then}"
    end = datetime.fromtimestamp(expires_at, UTC)
    left = (end - datetime.now(UTC)).total_seconds()
    return f"{end:%Y-%m-%dT%H:%M:%SZ}, in {duration(max(0.0, left))}; {then}"


def _row(name: str, text: str) -> str:
    return f"  {name:<11} {text}"
