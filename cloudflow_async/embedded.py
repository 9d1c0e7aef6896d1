"""An emulator and a client on it in one ``async with``: the API without network or account."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence

import attrs

from cloudflow_async.cloudflow.client import CloudFlow
from cloudflow_async.emulator import Emulator

from ._core.rate_limit.limiter import Limiter
from .emulator.base.rate_limiter import LimitsMode


@attrs.frozen(kw_only=True)
class Embedded:
    """What `embedded` gives."""

    emulator: Emulator
    """Running; whatever is arranged on it, the client sees."""

    client: CloudFlow
    """Speaks to the emulator, with its key, through a real socket."""

    pipeline_ids: Sequence[str]
    """The made-up pipelines; the API itself has no list of them."""


@contextlib.asynccontextmanager
async def embedded(
    *,
    pipelines: int = 0,
    seed: int = 0,
    limits_mode: LimitsMode = "bucket",
    limiter: Limiter | None = None,
) -> AsyncIterator[Embedded]:
    """Run an emulator and a client on it; both are closed at the end of the ``async with``.

    For other options of either, open `Emulator` and `CloudFlow` yourself: it is two lines.

    Args:
        pipelines: Pipelines to make up, each with some weeks of executions.
        seed: Keys, ids and made-up figures follow from it.
        limits_mode: How the emulator counts requests: ``bucket``, ``fixed``, ``sliding`` or
            ``windows``.
        limiter: The client's; None: one with the documented limits.

    Example:
        ```python
        async with embedded(pipelines=3) as local:
            async for execution in local.client.pipelines.executions(local.pipeline_ids[0]):
                print(execution.id, execution.status)
        ```
    """
    async with Emulator(seed=seed, limits_mode=limits_mode) as emulator:
        ids = emulator.seed_history(pipelines) if pipelines else []
        async with CloudFlow(
            emulator.api_key, base_url=emulator.base_url, limiter=limiter
        ) as client:
            yield Embedded(emulator=emulator, client=client, pipeline_ids=tuple(ids))
