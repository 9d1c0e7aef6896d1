"""The line of the program that uses the package; `auth/test_warn.py` looks past frames of it."""

from __future__ import annotations

import sys

import pytest

from cloudflow_async._core.support.caller import find_caller


def test_it_is_the_nearest_line_outside_of_the_package() -> None:
    """Asked from a test, it is the test's own, one level above."""
    assert (sys._getframe(), 1) == find_caller()


def test_it_ends_at_the_outermost_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody outside of the package calls, as in a thread, there still is a line."""
    monkeypatch.setattr("cloudflow_async._core.support.caller._PACKAGE", "")
    frame, level = find_caller()

    assert frame.f_back is None
    assert level > 1
