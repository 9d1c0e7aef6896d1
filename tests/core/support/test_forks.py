"""Who is told that this process is a forked child; what that means is in `tests.lifecycle`."""

from __future__ import annotations

import os
import warnings

import pytest

from cloudflow_async._core.support import forks


class Owner:
    """Remembers that it was told."""

    def __init__(self) -> None:
        self.left = 0

    def leave(self) -> None:
        """Count."""
        self.left += 1


@pytest.fixture(autouse=True)
def _stay_ourselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forks, "_forks", forks.count())
    monkeypatch.setattr(forks, "_OWNERS", type(forks._OWNERS)())


def test_a_child_tells_those_who_have_sockets() -> None:
    """Once each, however often they said that they have some; and it counts itself."""
    owner = Owner()
    before = forks.count()
    forks.watch(owner)
    forks.watch(owner)
    forks._begin_child()

    assert 1 == owner.left
    assert before + 1 == forks.count()


def test_who_has_gone_is_not_told() -> None:
    """Watching keeps nobody alive."""
    owner = Owner()
    forks.watch(owner)
    del owner

    assert 0 == len(forks._OWNERS)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks")
def test_it_happens_at_each_fork() -> None:
    """In the child, before anything else runs there."""
    before, owner = forks.count(), Owner()
    forks.watch(owner)
    with warnings.catch_warnings():
        # The process of the tests may have threads; the child does nothing that they could block.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        os._exit(10 * owner.left + forks.count() - before)
    _, status = os.waitpid(child, 0)

    assert 11 == os.waitstatus_to_exitcode(status)
    assert before == forks.count()
