"""What the session tells a credential."""

from __future__ import annotations

from cloudflow_async._core.auth.protocol import Refusal


def test_a_refusal_does_not_show_what_was_refused() -> None:
    """It may be a key that is right, and that the server does not know yet."""
    refusal = Refusal(signed={"X-API-Key": "cf_live_canary0123456789"}, date=7.0)

    assert "canary" not in repr(refusal)
