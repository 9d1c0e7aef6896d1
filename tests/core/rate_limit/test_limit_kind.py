"""Telling a bucket from windows by what answers say."""

from __future__ import annotations

import pytest

from cloudflow_async._core.rate_limit.limit_kind import LimitKind
from tests.core.rate_limit.servers import COUNTS, EPOCH

SECOND = 0.6
"""Seconds in which 100 a minute gain one."""


def seen(mode: str, sent: int, gap: float = 0.0) -> LimitKind:
    """Return what is thought of a server after so many answers, some seconds apart."""
    shape, count = LimitKind(), COUNTS[mode]()
    now = EPOCH + 7.3
    for _ in range(sent):
        left = count.left(now)
        count.take(now)
        if left > 1:
            shape.observe(left - 1, round(count.whole_at(now) - now + 0.5), SECOND)
        now += gap
    return shape


@pytest.mark.parametrize("gap", [0.0, 0.05, 0.3])
def test_a_bucket_is_known_by_its_size(gap: float) -> None:
    """Remaining and what comes back until the reset are the same sum, whatever was sent."""
    assert seen("bucket", 90, gap).refills is True


@pytest.mark.parametrize("gap", [0.0, 0.05, 0.3, 1.0])
@pytest.mark.parametrize("mode", ["fixed", "fixed_from_first", "sliding", "windows"])
def test_windows_are_none(mode: str, gap: float) -> None:
    """There a request takes from the sum, and nothing brings it back."""
    assert seen(mode, 90, gap).refills is False


def test_few_answers_tell_nothing() -> None:
    """One, or some between which too little has changed."""
    assert [None, None, None] == [seen("bucket", sent).refills for sent in (0, 1, 5)]
    assert seen("sliding", 3).refills is None


def test_what_is_not_known_is_judged_by_the_size() -> None:
    """One answer is like a bucket of 150, or it is not; after that what was seen decides."""
    assert seen("bucket", 1).is_like(150, SECOND)
    assert not seen("bucket", 1).is_like(100, SECOND)
    assert not seen("fixed", 1).is_like(150, SECOND)
    assert not seen("fixed", 0).is_like(150, SECOND)
    assert seen("bucket", 90).is_like(100, SECOND)
    assert not seen("sliding", 51).is_like(150, SECOND)


def test_a_server_that_changes_its_mind_is_followed() -> None:
    """A bucket that is one no longer is found out by the first answer that does not fit."""
    shape = seen("bucket", 90)
    shape.observe(20, 30.0, SECOND)

    assert shape.refills is False
