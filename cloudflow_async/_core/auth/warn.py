"""Warnings that point at the line of the program that uses this package."""

from __future__ import annotations

import os
import sys
import warnings

from cloudflow_async._core.errors import CredentialWarning

_PACKAGE = os.path.dirname(os.path.dirname(os.path.dirname(__file__))) + os.sep


def warn_caller(message: str, category: type[CredentialWarning]) -> None:
    """Warn at the nearest line outside of this package, however many of ours lie between."""
    level, frame = 1, sys._getframe()  # noqa: SLF001 - inspect.stack() reads source files
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
