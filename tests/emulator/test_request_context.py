"""What is known of a request on its way."""

from __future__ import annotations

from typing import Any, cast

import pytest

from cloudflow_async.emulator.base.problems import Problem
from cloudflow_async.emulator.credentials.identities import Identity
from cloudflow_async.emulator.request_context import RequestContext

CALLER = Identity(name="key 1", scopes=frozenset(), budget=1)


def context(**known: Any) -> RequestContext:
    """Return a context of which nothing else matters."""
    anything = cast(Any, None)
    others = {"request": anything, "api": anything, "match": None, "verdict": None}
    return RequestContext(**{"request_id": "req_1", "path": "/", "number": 1, **others, **known})


def test_what_is_known_is_given() -> None:
    """Who asks, and what was sent."""
    known = context(caller=CALLER, body=b"{}")

    assert (CALLER, b"{}") == (known.identified(), known.readable_body())


def test_what_is_not_known_is_told_when_it_is_asked_for() -> None:
    """Not earlier: first comes the counting."""
    nobody, garbage = Problem(401), Problem(413)
    unknown = context(caller=nobody, unreadable=garbage)

    with pytest.raises(Problem) as who:
        unknown.identified()
    with pytest.raises(Problem) as what:
        unknown.readable_body()

    assert (nobody, garbage) == (who.value, what.value)
