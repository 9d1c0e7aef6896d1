"""Chance that repeats."""

from __future__ import annotations

from cloudflow_async.emulator.base.seeded_random import letters, seeded


def test_chance_repeats_with_the_seed_and_differs_by_purpose() -> None:
    """What one purpose draws does not depend on what another one drew."""
    first, same = letters(seeded(1, "ids"), 8), letters(seeded(1, "ids"), 8)
    other_seed, other_purpose = letters(seeded(2, "ids"), 8), letters(seeded(1, "keys"), 8)

    assert first == same
    assert len({first, other_seed, other_purpose}) == 3
