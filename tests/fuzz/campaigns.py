"""All campaigns."""

from __future__ import annotations

from typing import Final

from . import answering, asking, decoding, entering, kept, receiving, wires
from .campaign import Campaign

CAMPAIGNS: Final[tuple[Campaign, ...]] = (
    *decoding.CAMPAIGNS,
    *answering.CAMPAIGNS,
    *asking.CAMPAIGNS,
    *kept.CAMPAIGNS,
    *entering.CAMPAIGNS,
    *wires.CAMPAIGNS,
    *receiving.CAMPAIGNS,
)
