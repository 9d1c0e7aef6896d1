"""No credential."""

from __future__ import annotations

from cloudflow_async._core.auth import AnonymousAuth, Refusal
from cloudflow_async._core.messages import Request


async def test_nothing_is_sent_and_nothing_renewed() -> None:
    """No header, and no answer to a 401."""
    request = Request(method="GET", path="/workflows", target="/workflows")

    assert {} == await AnonymousAuth().sign(request)
    assert not await AnonymousAuth().renew(Refusal(signed={}))


def test_it_shows_what_it_is() -> None:
    """The repr of a client contains it."""
    assert "AnonymousAuth()" == repr(AnonymousAuth())
