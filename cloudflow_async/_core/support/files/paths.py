"""Paths that callers give, and how messages show them."""

from __future__ import annotations

import os
from pathlib import Path

from cloudflow_async._core.errors import InvalidArgumentError


def to_path(path: str | os.PathLike[str]) -> Path:
    """Return a path as one, with ``~`` expanded; nothing is looked up.

    Raises:
        InvalidArgumentError: It is none.
    """
    given: object = path
    text: object = os.fspath(given) if isinstance(given, str | os.PathLike) else None
    if not isinstance(text, str) or not text or "\0" in text:
        raise InvalidArgumentError("A path is a str or a Path that is not empty and has no NUL.")
    return Path(os.path.expanduser(text))


def shown(path: Path) -> str:
    """Return a path for a message, in quotes, with control characters escaped."""
    return repr(str(path))


def reason(error: OSError) -> str:
    """Return why the system refused, without the path that it may name."""
    return error.strerror or type(error).__name__
