"""Register a webhook."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

import attrs

from cloudflow_async._core.errors import (
    CloudFlowError,
    CredentialError,
    InvalidArgumentError,
    StatusError,
    TransportError,
)
from cloudflow_async._core.http.response import printable
from cloudflow_async._core.support.files.paths import shown
from cloudflow_async._core.support.secret import Secret
from cloudflow_async.cli.shared.console import CommandError, say
from cloudflow_async.cli.shared.credentials import find_credential
from cloudflow_async.cli.shared.errors import told
from cloudflow_async.cli.shared.signals import run
from cloudflow_async.cloudflow.client import CloudFlow
from cloudflow_async.cloudflow.webhooks import Webhook

from .secrets import NewSecretFile, SecretPlace, write_new_secret

_NOT_REGISTERED: Final = (CredentialError, InvalidArgumentError, StatusError, TransportError)
"""Errors after which there is certainly no webhook; its fate left open is another error."""


@attrs.frozen(kw_only=True)
class NewWebhook:
    """What is to be registered, and with which credential."""

    url: str
    """Where deliveries go."""

    events: Sequence[str]
    """Which ones."""

    profile: str | None = None
    """Whose credential to use; None: what a bare ``CloudFlow()`` finds."""

    base_url: str | None = None
    """None: the profile's, the environment's, or the documented one."""


def register(webhook: NewWebhook, place: SecretPlace, new_secret_file: str | None) -> int:
    """Register a webhook with the secret in a place, or with a new one, and tell its id.

    Args:
        webhook: What is to be registered.
        place: Where its secret lies.
        new_secret_file: Where to write a new one instead; None: nowhere.

    Returns:
        0; 130 and 143 where a signal ended it.

    Raises:
        CommandError: It was not registered, or nobody knows whether it was.
    """
    with told():
        if new_secret_file is None:
            return run(partial(_register, webhook, place.read()))
        if place.is_given:
            raise CommandError("--new-secret-file excludes --secret-env and --secret-file.")
        return _register_with_new(webhook, write_new_secret(new_secret_file))


def _register_with_new(webhook: NewWebhook, new: NewSecretFile) -> int:
    kept = f"The new secret is in {shown(new.path)}."
    try:
        status = run(partial(_register, webhook, new.secret))
    except CloudFlowError as error:
        if isinstance(error, _NOT_REGISTERED):
            new.remove()
        else:
            say(kept)
        raise
    say(kept)
    return status


async def _register(webhook: NewWebhook, secret: Secret) -> None:
    chain = await find_credential(webhook.profile, base_url=webhook.base_url)
    async with CloudFlow(auth=chain) as client:
        created = await client.webhooks.create(
            url=webhook.url, events=webhook.events, secret=secret.reveal()
        )
    print(_describe(created, webhook), flush=True)  # noqa: T201 - what the command is for


def _describe(created: Webhook, asked: NewWebhook) -> str:
    # The document shows no answer: what it does not tell is as it was asked for.
    events = ", ".join(created.events or asked.events)
    rows = {"webhook": created.id or "not named", "url": created.url or asked.url, "events": events}
    return "\n".join(f"  {name:<11} {printable(text)}" for name, text in rows.items())
