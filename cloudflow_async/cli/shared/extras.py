"""Import optional libraries, with a one-line message when one is missing."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .console import CommandError


def load(module: str, *, extra: str, wanted: str) -> Any:
    """Import a module of an optional library.

    Args:
        module: Such as ``pyarrow.parquet``.
        extra: Which extra of this package brings it.
        wanted: What the person has asked for, as they did.

    Raises:
        CommandError: It is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != module.partition(".")[0]:
            raise
        raise CommandError(
            f"{wanted} needs an extra: pip install 'cloudflow-async[{extra}]'."
        ) from error
