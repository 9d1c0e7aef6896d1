"""What is done while somebody cancels it, and what has to be true after that.

All scenes play on servers that work: what goes wrong is that the caller goes away.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar, Final

import attrs

from cloudflow_async import CloudFlow, Execution, LocalLimiter
from cloudflow_async._core.auth import ApiKeyAuth, Auth
from cloudflow_async._core.auth.oauth2.oauth2 import OAuth2Auth
from cloudflow_async._core.auth.stores.token_store import MemoryTokenStore
from cloudflow_async.cli.export.counts import Tally
from cloudflow_async.cli.export.display.progress import QuietLines
from cloudflow_async.cli.export.inputs import ExportOptions
from cloudflow_async.cli.export.output.destination import open_destination
from cloudflow_async.cli.export.resume import ExportComplete
from cloudflow_async.cli.export.run import export_rows
from cloudflow_async.emulator import Emulator, EmulatorLimits
from tests.faults.server import arrived
from tests.rotating_server import RotatingServer, rotating_server
from tests.virtual_time import VirtualTimeLoop

from .unlimited import UNLIMITED

_PAGE_SIZE: Final = 3
_SIZES: Final = (7, 4, 0)
"""Executions of each pipeline."""

_SECONDS: Final = 3.0
"""How long an execution runs that is waited for."""


@attrs.frozen
class Stage:
    """Where scenes play, one after the other."""

    emulator: Emulator
    logins: RotatingServer
    folder: Path


@asynccontextmanager
async def open_stage(folder: Path) -> AsyncIterator[Stage]:
    """Open the servers; the loop has to be one of virtual time."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    limits = EmulatorLimits(requests=10**6, burst=10**6)
    async with (
        Emulator(clock=loop.unix_time, rate_limits=limits) as emulator,
        rotating_server(loop.unix_time) as logins,
    ):
        # The pool of threads is there for good.
        await asyncio.to_thread(int)
        yield Stage(emulator, logins, folder)


class Scene(ABC):
    """Work that is cancelled; made anew for each time."""

    turns: ClassVar[int] = 6
    """Turns of the loop that it takes, at least."""

    def __init__(self, stage: Stage, client: CloudFlow | None = None) -> None:
        self.stage = stage
        self.client = client or CloudFlow(
            auth=self._auth(),
            base_url=self._base_url(),
            limiter=LocalLimiter(UNLIMITED),
        )

    async def prepare(self) -> None:  # noqa: B027 - most have nothing to do
        """Do what comes before it, and is not cancelled."""

    @abstractmethod
    async def work(self) -> None:
        """Do what is cancelled."""

    async def leave(self) -> None:  # noqa: B027 - most have nothing to do
        """Close what `prepare` opened."""

    @abstractmethod
    async def again(self) -> None:
        """Do it to its end, and fail if the first time has spoilt anything."""

    def _auth(self) -> Auth:
        return ApiKeyAuth(self.stage.emulator.api_key)

    def _base_url(self) -> str:
        return self.stage.emulator.base_url


class Get(Scene):
    """Reads a workflow."""

    async def work(self) -> None:
        """Get it."""
        await self.client.workflows.get(self.stage.emulator.add_workflow())

    async def again(self) -> None:
        """Get another one."""
        await self.work()


class Create(Scene):
    """Creates a workflow."""

    def __init__(self, stage: Stage, client: CloudFlow | None = None) -> None:
        super().__init__(stage, client)
        self.before = len(stage.emulator.requests)

    async def work(self) -> None:
        """Create it."""
        await self.client.workflows.create(
            name="w", trigger={"type": "webhook"}, steps=[{"type": "fetch_data", "source": "x"}]
        )

    async def again(self) -> None:
        """It was sent once at most; the next one is sent once."""
        await arrived()
        sent = len(self.stage.emulator.requests)
        await self.work()

        assert sent - self.before <= 1
        assert sent + 1 == len(self.stage.emulator.requests)


class _Histories(Scene):
    """Something with the histories of some pipelines."""

    sizes: ClassVar[tuple[int, ...]] = _SIZES

    def __init__(self, stage: Stage, client: CloudFlow | None = None) -> None:
        super().__init__(stage, client)
        self.seen: list[str] = []
        self.ids = [stage.emulator.add_pipeline() for _ in self.sizes]
        self.rows = {
            pipeline: list(reversed(stage.emulator.add_executions(pipeline, size)))
            for pipeline, size in zip(self.ids, self.sizes, strict=True)
        }

    @property
    def _all(self) -> list[str]:
        return sorted(itertools.chain.from_iterable(self.rows.values()))

    async def _take(self, rows: AsyncIterable[Execution]) -> None:
        async for row in rows:
            self.seen.append(row.id)


class Iterate(_Histories):
    """Iterates over rows, and goes on with the same iterator."""

    turns = 10
    sizes = _SIZES[:1]

    def __init__(self, stage: Stage, client: CloudFlow | None = None) -> None:
        super().__init__(stage, client)
        self.pages = self.client.pipelines.executions(self.ids[0], page_size=_PAGE_SIZE)
        self.iterator = aiter(self.pages)

    async def work(self) -> None:
        """Take the rows one by one."""
        await self._take(self.iterator)

    async def again(self) -> None:
        """Each row comes once and in order."""
        await self.work()

        assert self.rows[self.ids[0]] == self.seen


class GoOn(Iterate):
    """Iterates over rows, and goes on from the bookmark."""

    async def again(self) -> None:
        """Each row comes once and in order."""
        await self.pages.aclose()
        start = self.pages.bookmark
        await self._take(self.client.pipelines.executions(self.ids[0], start=start))

        assert self.rows[self.ids[0]] == self.seen


class Collect(_Histories):
    """Collects all rows."""

    turns = 10
    sizes = _SIZES[:1]

    async def work(self) -> None:
        """Collect them."""
        rows = self.client.pipelines.executions(self.ids[0], page_size=_PAGE_SIZE)
        self.seen = [row.id for row in await rows.collect()]

    async def again(self) -> None:
        """They are all there."""
        await self.work()

        assert self.rows[self.ids[0]] == self.seen


class FanOut(_Histories):
    """Reads several histories at once, with a checkpoint, and goes on from it."""

    turns = 15

    async def work(self) -> None:
        """Take the rows as they arrive."""
        async with self.client.pipelines.fan_out(
            self.ids, page_size=_PAGE_SIZE, checkpoint=self._path
        ) as history:
            await self._take(history)

    async def again(self) -> None:
        """Each row comes once, and no file is left; at its end the checkpoint is gone already."""
        if not self.seen or self._path.exists():
            await self.work()

        assert self._all == sorted(self.seen)
        assert [] == os.listdir(self.stage.folder)

    @property
    def _path(self) -> Path:
        return self.stage.folder / f"{self.ids[0]}.checkpoint"


class Export(_Histories):
    """Writes several histories to a file, and goes on with it."""

    turns = 15

    async def prepare(self) -> None:
        """Open the file."""
        self._path.parent.mkdir(exist_ok=True)
        self._options = ExportOptions(
            pipeline_ids=self.ids, base_url=self.client.base_url, resume=True, concurrency=2
        )
        self._destination = await asyncio.to_thread(
            open_destination, str(self._path), self._options
        )
        self._destination.output.__enter__()

    async def leave(self) -> None:
        """Close the file."""
        await asyncio.to_thread(self._destination.output.__exit__, None, None, None)

    async def work(self) -> None:
        """Write what is not written yet."""
        await export_rows(self._options, self._destination, QuietLines(), Tally())

    async def again(self) -> None:
        """Each row is written once, and nothing else but a record that it is complete is left."""
        checkpoint = self._path.with_name(f"{self._path.name}.checkpoint")
        if checkpoint.exists() or not self._path.exists():
            await self.prepare()
            with contextlib.suppress(ExportComplete):
                await self.work()
            await self.leave()
        written = [json.loads(line)["id"] for line in self._path.read_text().splitlines()]

        assert self._all == sorted(written)
        left = {*os.listdir(self._path.parent)} - {f"{self._path.name}.complete"}
        assert {self._path.name} == left

    @property
    def _path(self) -> Path:
        return self.stage.folder / self.ids[0] / "rows.jsonl"


class Refresh(Scene):
    """Is refused, refreshes its token, and calls again."""

    turns = 10

    def _auth(self) -> Auth:
        logins = self.stage.logins
        logins.expire()
        logins.forms.clear()
        self.signing = OAuth2Auth(
            "app",
            store=MemoryTokenStore(attrs.evolve(logins.token(), expires_at=logins.clock() + 3600)),
            token_url=logins.token_url,
            clock=logins.clock,
        )
        return self.signing

    def _base_url(self) -> str:
        return self.stage.logins.base_url

    async def work(self) -> None:
        """Call with a token that the server does not accept any more."""
        await self.client.request("GET", "/workflows")

    async def again(self) -> None:
        """The refresh that was begun is the only one."""
        await self.work()

        assert 1 == len(self.stage.logins.forms)
        assert not self.stage.logins.revoked


class Wait(Scene):
    """Waits for the end of an execution."""

    turns = 15

    def __init__(self, stage: Stage, client: CloudFlow | None = None) -> None:
        super().__init__(stage, client)
        workflow = stage.emulator.add_workflow(trigger={"type": "webhook"})
        stage.emulator.plan_runs(workflow, seconds=_SECONDS)
        self.workflow, self.pipeline = workflow, stage.emulator.pipeline_of(workflow)

    async def work(self) -> None:
        """Begin an execution and wait for it."""
        answer = await self.client.workflows.trigger(self.workflow, {})
        assert isinstance(answer, dict)
        await self.client.pipelines.wait_for_execution(self.pipeline, str(answer["execution_id"]))

    async def again(self) -> None:
        """Wait for another one."""
        await self.work()


SCENES: Final[tuple[type[Scene], ...]] = (
    Get,
    Create,
    Iterate,
    GoOn,
    Collect,
    FanOut,
    Export,
    Refresh,
    Wait,
)
