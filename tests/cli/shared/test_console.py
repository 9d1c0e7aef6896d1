"""What commands tell the person."""

from __future__ import annotations

import sys

import pytest

from cloudflow_async.cli.shared.console import duration, plural, say


def test_say_writes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output is left to the rows."""
    say("hello")

    assert ("", "hello\n") == tuple(capsys.readouterr())


def test_say_is_silent_without_standard_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With standard error closed nothing falls back into the rows on standard output."""
    monkeypatch.setattr(sys, "stderr", None)

    say("hello")

    assert "" == capsys.readouterr().out


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (1234, "1,234 rows")]
)
def test_plural(count: int, said: str) -> None:
    """A count has its noun in the right form, and its thousands apart."""
    assert said == plural(count, "row")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0, "0.0 s"),
        (9.94, "9.9 s"),
        (9.97, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (125, "2 min 05 s"),
        (3599.7, "1 h 00 min"),
        (7500, "2 h 05 min"),
    ],
)
def test_duration(seconds: float, said: str) -> None:
    """Seconds are told in the units of a person, and rounded before the unit is chosen."""
    assert said == duration(seconds)
