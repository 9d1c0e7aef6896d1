"""Who is cancelled at any moment leaves nothing behind, and can go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.faults.checks import holdings

from .random_cancels import cancel_at_random
from .scenes import SCENES, Scene, Stage, open_stage
from .stepper import back_to, cancel_at, each_turn, leftovers

pytestmark = pytest.mark.virtual_time


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    """Return an emulator that limits nothing, a server with logins, and an empty folder."""
    # What is cancelled loses no power.
    monkeypatch.setattr("os.fsync", lambda descriptor: None)
    async with open_stage(tmp_path) as stage:
        monkeypatch.setenv("CLOUDFLOW_API_KEY", stage.emulator.api_key)
        yield stage


@pytest.mark.slow
@pytest.mark.parametrize("kind", SCENES, ids=lambda kind: kind.__name__)
async def test_at_every_turn(kind: type[Scene], stage: Stage) -> None:
    """Cancelled at any turn of the loop: nothing is held, lost, doubled, or called otherwise."""
    await _cancelled(kind, stage, 10**9)
    turns = await each_turn(lambda turn: _cancelled(kind, stage, turn))

    assert kind.turns < turns


async def _cancelled(kind: type[Scene], stage: Stage, turn: int) -> bool:
    before = holdings()
    scene = kind(stage)
    async with scene.client:
        await scene.prepare()
        cancelled = await cancel_at(turn, scene.work())
        await scene.leave()
        await asyncio.sleep(0)

        assert {} == leftovers(scene.client)
        if cancelled:
            await scene.again()
    await back_to(before)
    return cancelled


@pytest.mark.slow
async def test_at_random(stage: Stage) -> None:
    """Of 500 calls that stand in line, wait for a connection or are answered, none leaves a trace.

    The next hundred succeed.
    """
    figures = await cancel_at_random(stage, 500, seed=7)

    assert 500 == figures.calls
    assert 250 <= figures.cancelled
