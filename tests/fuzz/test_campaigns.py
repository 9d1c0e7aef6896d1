"""As many inputs to each reader as a push has time for: nothing escapes, hangs or lies."""

from __future__ import annotations

import pytest

from .campaign import Campaign
from .campaigns import CAMPAIGNS


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("campaign", CAMPAIGNS, ids=lambda campaign: campaign.name)
def test_nothing_escapes(campaign: Campaign) -> None:
    """Each input ends in a value or in one of our errors, and each outcome occurs."""
    tally = campaign.run(campaign.quick)

    assert "" == campaign.problems(tally)
    assert campaign.quick == tally.inputs == tally.outcomes.total()


def test_the_suite_tries_as_many_as_is_promised() -> None:
    """20,000 inputs to decoders, 2,000 answers, 1,000 requests; a hundred times as many deep."""
    quick = {each.name: each.quick for each in CAMPAIGNS}
    deep = {each.name: each.deep for each in CAMPAIGNS}
    decoders = ("models", "json", "pages", "bookmarks", "answers", "token-answers")

    assert 20_000 <= sum(quick[name] for name in decoders)
    assert 2_000_000 <= sum(deep[name] for name in decoders)
    assert (2_000, 1_000) == (quick["responses"], quick["requests"])
    assert (100_000, 100_000, 10_000) == (deep["responses"], deep["requests"], deep["webhooks"])
