"""A string whose value is hidden in `repr`."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from cloudflow_async._core.support.secret import Secret

KEY = "cf_live_0123456789abcd"


def test_it_reveals_its_text_when_asked() -> None:
    """One method, easy to search for, gives the text."""
    assert KEY == Secret(KEY).reveal()


@pytest.mark.parametrize("show", [repr, str, "{}".format, "{!r:>40}".format, ascii])
def test_it_shows_at_most_the_last_four_characters(show: Callable[[Secret], str]) -> None:
    """Enough to tell two keys apart, in every way of printing."""
    assert "***abcd" == show(Secret(KEY)).strip()


@pytest.mark.parametrize(("text", "shown"), [("a" * 15, "***"), ("a" * 16, "***aaaa"), ("", "***")])
def test_a_short_one_shows_nothing(text: str, shown: str) -> None:
    """Below 16 characters, four would be too much of it."""
    assert shown == repr(Secret(text))


def test_equality_is_by_text() -> None:
    """Two with the same text are equal; a plain string never is."""
    assert Secret(KEY) == Secret(KEY)
    assert Secret(KEY) != Secret(KEY + "x")
    assert Secret(KEY) != KEY


def test_texts_that_no_encoding_takes_can_be_compared() -> None:
    """An error of the encoding would carry the text, so there is none."""
    assert Secret("é\ud800") == Secret("é\ud800")
    assert Secret("\ud800") != Secret("é")


def test_it_has_no_hash() -> None:
    """A hash in a log would help to guess it."""
    with pytest.raises(TypeError):
        hash(Secret(KEY))


@pytest.mark.parametrize("travel", [pickle.dumps, copy.copy, copy.deepcopy])
def test_it_does_not_travel(travel: Callable[[Any], Any]) -> None:
    """Pickling and copying say what to do instead, without the text."""
    with pytest.raises(TypeError, match="make it anew") as caught:
        travel(Secret(KEY))

    assert KEY not in str(caught.value)


def test_it_has_no_attributes_to_walk_over() -> None:
    """Tools that print `vars()` of everything find nothing."""
    assert not hasattr(Secret(KEY), "__dict__")
