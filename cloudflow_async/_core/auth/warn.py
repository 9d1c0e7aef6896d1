"""Warnings that point at the line of the program that uses this package."""

from __future__ import annotations

import warnings

from cloudflow_async._core.errors import CredentialWarning
from cloudflow_async._core.support.caller import find_caller


def warn_caller(message: str, category: type[CredentialWarning]) -> None:
    """Warn at the nearest line outside of this package, however many of ours lie between."""
    _, level = find_caller()
    warnings.warn(message, category, stacklevel=level)
