"""Find the secret of a webhook, or make a new one."""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
from pathlib import Path
from typing import Final

import attrs

from cloudflow_async._core.auth.profiles.secrets import Place
from cloudflow_async._core.auth.stores.private_paths import check_directory
from cloudflow_async._core.errors import InvalidArgumentError
from cloudflow_async._core.support.files.paths import reason, shown, to_path
from cloudflow_async._core.support.secret import Secret
from cloudflow_async._core.webhooks import SecretEncoding, check_keys, find_keys
from cloudflow_async.cli.shared.console import FAILED, CommandError

from .bodies import NEVER_ARGUMENTS

_BYTES: Final = 32


@attrs.frozen(kw_only=True)
class SecretPlace:
    """Where the person says that the secret lies."""

    env: str | None = attrs.field(default=None, repr=False)
    """Variable of the environment."""

    file: str | None = attrs.field(default=None, repr=False)
    """Path of a file."""

    encoding: SecretEncoding = "base64"
    """How the key is made of the secret."""

    @property
    def is_given(self) -> bool:
        """Whether the person named any place."""
        return self.env is not None or self.file is not None

    def read(self) -> Secret:
        """Return the secret, which can be used as one.

        Raises:
            CommandError: Not exactly one place is named, or what lies there is no secret.
            CredentialError: There is nothing, or it cannot be read.
        """
        secret = self._place().read()
        try:
            check_keys(find_keys(secret.reveal(), self.encoding))
        except InvalidArgumentError as error:
            text = error.message.replace(
                'pass secret_encoding="utf8"', "add --secret-encoding utf8"
            )
            raise CommandError(text) from None
        return secret

    def _place(self) -> Place:
        if (self.env is None) == (self.file is None):
            raise CommandError(
                f"say where the secret lies, by --secret-env or --secret-file. {NEVER_ARGUMENTS}"
            )
        way, value = ("file", self.file) if self.env is None else ("env", self.env)
        return Place(way=way, value=value or "", where="the webhook", key=f"--secret-{way}")


def new_secret() -> Secret:
    """Return a new random secret, in the form that Standard Webhooks gives it."""
    return Secret("whsec_" + base64.b64encode(secrets.token_bytes(_BYTES)).decode())


@attrs.frozen
class NewSecretFile:
    """A file with a new secret, which nobody but its owner can read."""

    path: Path
    """Where it is."""

    secret: Secret
    """What is in it."""

    def remove(self) -> None:
        """Remove it: nothing was registered with its secret."""
        with contextlib.suppress(OSError):
            self.path.unlink()


def write_new_secret(given: str) -> NewSecretFile:
    """Make a secret, and write it to a file that is not there yet.

    Raises:
        CommandError: There is such a file, or it cannot be written.
        InsecureFileError: Everybody may replace files in that folder.
    """
    new = NewSecretFile(to_path(given), new_secret())
    try:
        check_directory(new.path.parent)
        _write(new)
    except FileExistsError as error:
        raise CommandError(
            f"{shown(new.path)} exists: to use the secret in it, say --secret-file."
        ) from error
    except OSError as error:
        raise CommandError(
            f"cannot write {shown(new.path)}: {reason(error)}.", status=FAILED
        ) from (error)
    return new


def _write(new: NewSecretFile) -> None:
    descriptor = os.open(new.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{new.secret.reveal()}\n")
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        new.remove()
        raise
