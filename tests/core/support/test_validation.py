"""What counts as a number."""

from __future__ import annotations

import math

import pytest

from cloudflow_async._core.support.validation import is_number


@pytest.mark.parametrize("value", [0, -1, 1.5, math.nan, math.inf])
def test_numbers(value: object) -> None:
    """Ints and floats, whatever they are worth."""
    assert is_number(value)


@pytest.mark.parametrize("value", [True, False, None, "1", 1j, [1]])
def test_what_is_no_number(value: object) -> None:
    """A bool is an int to Python, and a mistake in an argument."""
    assert not is_number(value)
