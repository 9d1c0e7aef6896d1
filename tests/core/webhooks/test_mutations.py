"""Whatever a sender does to a delivery, it is an event or a refusal."""

from __future__ import annotations

import hmac

import pytest

from cloudflow_async._core.webhooks import scheme
from tests.core.webhooks.mutations import run

COUNT = 20_000


@pytest.mark.slow
def test_mutated_deliveries_are_events_or_refusals() -> None:
    """No foreign exception, nothing accepted that was not signed; and each outcome occurs."""
    tally = run(COUNT)

    assert {} == tally.foreign
    assert [] == tally.false_accepts
    assert COUNT == tally.refused + tally.unreadable + tally.accepted
    assert min(tally.refused, tally.unreadable, tally.accepted) > COUNT / 200


@pytest.mark.parametrize("lost", ["id", "timestamp", "body"])
def test_the_tally_sees_what_is_not_signed(monkeypatch: pytest.MonkeyPatch, lost: str) -> None:
    """A verifier that forgets a part of what is signed accepts mutants of it."""

    def content(message_id: str, timestamp: str, body: bytes) -> bytes:
        parts = {"id": message_id.encode(), "timestamp": timestamp.encode(), "body": body}
        return b".".join(part for name, part in parts.items() if name != lost)

    monkeypatch.setattr(scheme, "_signed_content", content)

    assert run(500).false_accepts


def test_the_tally_sees_a_foreign_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    """A comparison of texts, which refuses what is not ASCII, is what others stumble over."""

    def compare(left: bytes, right: bytes) -> bool:
        raise TypeError("comparing strings with non-ASCII characters is not supported")

    monkeypatch.setattr(hmac, "compare_digest", compare)

    assert {"TypeError"} == {line.split(":")[0] for line in run(100).foreign}
