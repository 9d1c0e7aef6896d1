"""A plausible past: pipelines that ran for some weeks, now and then failed, and still run."""

from __future__ import annotations

import random

from .state import Pipeline, State

_PAGE = 100
_MOST_PAGES = 95
"""Fewer than the 100 requests of a minute: reading it all never has to wait for the limit."""

_INTERVALS = (900, 1800, 3600, 7200)
"""Seconds between two executions of a pipeline."""

_FAILED_SHARE = 0.08


def seed(state: State, pipelines: int) -> list[str]:
    """Create pipelines with executions, and return the pipelines' ids."""
    return [_add(state, size) for size in _sizes(state.chance, pipelines)]


def _sizes(chance: random.Random, pipelines: int) -> list[int]:
    """Return how many executions each pipeline has, some dozens to a few hundred."""
    ranges = chance.choices(((24, 100), (101, 200), (201, 300)), weights=(5, 3, 2), k=pipelines)
    sizes = [chance.randint(*limits) for limits in ranges]
    while sum(map(_pages, sizes)) > max(_MOST_PAGES, pipelines):
        sizes[sizes.index(max(sizes))] //= 2
    return sizes


def _pages(size: int) -> int:
    return -(-size // _PAGE)


def _add(state: State, size: int) -> str:
    pipeline = state.add_pipeline()
    interval = state.chance.choice(_INTERVALS)
    newest = state.now - state.chance.randint(10, 240)
    for left in reversed(range(size)):
        jitter = state.chance.randint(0, interval // 4) if left else 0
        started_at = newest - left * interval - jitter
        _execute(state, pipeline, started_at, newest=not left)
    return pipeline.id


def _execute(state: State, pipeline: Pipeline, started_at: int, *, newest: bool) -> None:
    """Record one execution; only the newest one can still be running."""
    status = "failed" if state.chance.random() < _FAILED_SHARE else "completed"
    longest = min(600, state.now - started_at)
    duration_ms = state.chance.randint(5, longest) * 1000
    if newest and state.chance.random() < 0.5:
        status = "running"
    state.add_execution(pipeline, started_at=started_at, status=status, duration_ms=duration_ms)
