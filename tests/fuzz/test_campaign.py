"""A campaign sees what escapes, what hangs and what is wrong, and can try an input again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator

import pytest

from . import campaign as campaigns
from .campaign import AsyncTry, Campaign, Try, chance_of
from .decoding import plainly


def trying(attempt: Try, *outcomes: str) -> Campaign:
    """Return a campaign of this."""
    return Campaign(
        name="sample",
        words="a sample",
        quick=10,
        deep=100,
        outcomes=frozenset(outcomes),
        prepare=lambda: plainly(attempt),
    )


def serving(attempt: AsyncTry) -> Campaign:
    """Return a campaign of this, on a loop."""

    @contextlib.asynccontextmanager
    async def serve() -> AsyncIterator[AsyncTry]:
        yield attempt

    return Campaign(
        name="sample", words="a sample", quick=10, deep=100, outcomes=frozenset(), serve=serve
    )


def test_an_input_follows_from_seed_and_number() -> None:
    """Tried alone, it is the same as among the others."""
    seen: list[float] = []

    def attempt(chance: random.Random) -> str:
        seen.append(chance.random())
        return "fine"

    one = trying(attempt)
    one.run(10, seed=3)
    one.run(1, seed=3, first=7)

    assert 10 == len(set(seen))
    assert seen[7] == seen[10] == chance_of("sample", 3, 7).random()


def test_what_escapes_is_found_with_the_command_that_repeats_it() -> None:
    """By the number of its input; the others go on."""

    def attempt(chance: random.Random) -> str:
        if chance.random() < 0.3:
            raise KeyError("x")
        return "fine"

    one = trying(attempt, "fine")
    tally = one.run(20)
    first = next(n for n in range(20) if chance_of("sample", 0, n).random() < 0.3)

    assert 20 == tally.inputs == tally.outcomes["fine"] + tally.count("foreign")
    assert first == tally.findings[0].number
    assert f"--only sample --seed 0 --first {first} --count 1" in one.problems(tally)
    assert one.problems(tally).startswith("foreign: KeyError (test_campaign.py:")


def test_what_is_wrong_is_told_apart() -> None:
    """An assertion of the campaign's own is no exception that escaped."""

    def attempt(chance: random.Random) -> str:
        raise AssertionError("a lie")

    tally = trying(attempt).run(2)

    assert (0, 0, 2) == tuple(tally.count(kind) for kind in ("foreign", "hang", "wrong"))


def test_an_outcome_that_never_occurs_is_a_problem() -> None:
    """Inputs that are all refused at sight would prove nothing."""
    one = trying(lambda _: "refused", "refused", "accepted")

    assert "sample, seed 0: never accepted" == one.problems(one.run(5))


def test_a_computation_without_end_is_a_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ended after some seconds of the processor, whatever it catches."""
    monkeypatch.setattr(campaigns, "_CPU_SECONDS", 0.02)

    def attempt(chance: random.Random) -> str:
        while True:
            with contextlib.suppress(Exception):
                chance.random()

    tally = trying(attempt).run(1)

    assert 1 == tally.count("hang")


@pytest.mark.parametrize("has_timer", [False, True])
def test_a_wait_without_end_is_a_hang(has_timer: bool) -> None:
    """With a timer set or with none."""

    async def attempt(chance: random.Random) -> str:
        if has_timer:
            asyncio.get_running_loop().call_later(10_000, print)
        await asyncio.Event().wait()
        return "never"

    tally = serving(attempt).run(2)

    assert 2 == tally.count("hang")


def test_a_timeout_of_what_is_tried_is_foreign() -> None:
    """It is none of our errors."""

    async def attempt(chance: random.Random) -> str:
        raise TimeoutError

    assert 1 == serving(attempt).run(1).count("foreign")


@pytest.mark.parametrize("is_logged", [False, True])
def test_complaints_behind_the_back_of_the_caller_are_found(is_logged: bool) -> None:
    """What the loop or a library logs as an error."""

    async def attempt(chance: random.Random) -> str:
        if is_logged:
            logging.getLogger("aiohttp.server").error("Error handling request")
        else:
            asyncio.get_running_loop().call_soon(lambda: 1 / 0)
        await asyncio.sleep(0)
        return "fine"

    assert 1 == serving(attempt).run(1).count("wrong")
