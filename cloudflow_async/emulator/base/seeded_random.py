"""Chance that repeats: every random choice of the emulator follows from its seed."""

from __future__ import annotations

import random
import string

_ALPHABET = string.ascii_lowercase + string.digits


def seeded(seed: int, purpose: str) -> random.Random:
    """Return a generator of its own for one purpose, so that purposes do not disturb another."""
    return random.Random(f"{seed}:{purpose}")  # noqa: S311 - it has to repeat, not to be secret


def letters(generator: random.Random, count: int) -> str:
    """Return `count` characters such as ids are made of."""
    return "".join(generator.choices(_ALPHABET, k=count))
