"""The line of the program that uses this package, however many of ours lie between."""

from __future__ import annotations

import os
import sys
from types import FrameType

_PACKAGE = os.path.dirname(os.path.dirname(__file__)) + os.sep


def find_caller() -> tuple[FrameType, int]:
    """Return the nearest frame outside of this package.

    Beside it stands how many levels above the function that asks it is, as `stacklevel` of
    `warnings.warn` counts them.
    """
    level, frame = 0, sys._getframe()  # noqa: SLF001 - inspect.stack() reads source files
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    return frame, level
