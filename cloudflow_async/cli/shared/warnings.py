"""Print library warnings as one-line CLI messages."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from cloudflow_async._core.errors import CredentialWarning

from .console import say

_LOG = logging.getLogger("cloudflow_async")


class _Lines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say(f"warning: {record.getMessage()}")


@contextmanager
def warnings_told() -> Iterator[None]:
    """Tell what the engine warns of, in its log or about a credential."""
    lines = _Lines(logging.WARNING)
    _LOG.addHandler(lines)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default", CredentialWarning)
            warnings.showwarning = _tell_or(warnings.showwarning)
            yield
    finally:
        _LOG.removeHandler(lines)


@contextmanager
def warnings_held_back() -> Iterator[None]:
    """Tell what the log warns of when this has succeeded; an error would say the same again."""
    held: list[logging.LogRecord] = []

    def hold(record: logging.LogRecord) -> bool:
        held.append(record)
        return False

    _LOG.addFilter(hold)
    try:
        yield
    finally:
        _LOG.removeFilter(hold)
    for record in held:
        _LOG.handle(record)


def _tell_or(show: Callable[..., None]) -> Callable[..., None]:
    def tell(message: Warning | str, category: type[Warning], *place: Any) -> None:
        if issubclass(category, CredentialWarning):
            say(f"warning: {message}")
        else:
            show(message, category, *place)

    return tell
