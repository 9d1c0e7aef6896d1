"""Read bodies as bytes, without decoding or encoding them."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, Final, TypeAlias

from cyclopts import Parameter

from cloudflow_async.cli.export.inputs import STANDARD_STREAM
from cloudflow_async.cli.shared.console import CommandError

Body: TypeAlias = Annotated[str, Parameter(metavar="FILE", allow_leading_hyphen=True)]
"""A path, or ``-``, that needs no option's name before it."""

NEVER_ARGUMENTS: Final = "Secrets are never arguments, which all programs can see: see --help."

_SECRET: Final = re.compile("-*[a-z-]*(secret|token|key|password|code)")


def names_a_secret(argument: str) -> bool:
    """Tell whether an argument looks like an option that takes a secret; there is none."""
    name = argument.partition("=")[0]
    return argument.startswith("-") and _SECRET.fullmatch(name) is not None


def read_bytes(source: str) -> bytes:
    """Return what is in a file, or on standard input.

    Raises:
        CommandError: It cannot be read.
    """
    _refuse_option(source)
    try:
        if source != STANDARD_STREAM:
            return Path(source).read_bytes()
        # Null where a process was started with its standard input closed.
        return b"" if sys.stdin is None else sys.stdin.buffer.read()
    except OSError as error:
        raise CommandError(f"cannot read {source}: {error.strerror}.") from error


def _refuse_option(source: str) -> None:
    # A leading hyphen is let through for the sake of "-" alone.
    if source.startswith("-") and source != STANDARD_STREAM:
        hint = f" {NEVER_ARGUMENTS}" if names_a_secret(source) else ""
        raise CommandError(f"Unknown option: {source.partition('=')[0]}.{hint}")
