"""Histories that change while they are read: through the emulator, over real sockets."""

from __future__ import annotations

import pytest

from cloudflow_async import CloudFlow
from cloudflow_async._core.errors import DriftError
from cloudflow_async._core.paging.page import Bookmark
from cloudflow_async.emulator import Emulator, Fault
from tests.journeys.conftest import OpenClient, StartEmulator

pytestmark = pytest.mark.virtual_time


@pytest.fixture
async def emulator(start_emulator: StartEmulator) -> Emulator:
    """Return an emulator without a rate limit that matters here."""
    return await start_emulator()


@pytest.fixture
async def client(emulator: Emulator, open_client: OpenClient) -> CloudFlow:
    """Return a client of it."""
    return open_client(emulator)


def a_history(emulator: Emulator, count: int = 347) -> tuple[str, list[str]]:
    """Return a pipeline, and the ids of its executions in the order of the list."""
    pipeline_id = emulator.add_pipeline()
    return pipeline_id, emulator.add_executions(pipeline_id, count)[::-1]


@pytest.mark.parametrize("prefetch", [0, 1, 8])
@pytest.mark.parametrize("page_size", [10, 50, 99, 100])
async def test_deletions_between_pages_lose_no_row(
    emulator: Emulator, client: CloudFlow, page_size: int, prefetch: int
) -> None:
    """Ten of the newest go after each page: naive offsets would miss thirty rows of 347."""
    pipeline_id, ids = a_history(emulator)
    pages = client.pipelines.executions(pipeline_id, page_size=page_size, prefetch=prefetch)
    rows: list[str] = []
    async for page in pages.pages():
        rows += [execution.id for execution in page]
        emulator.delete_executions(pipeline_id, ids[len(rows) - 10 : len(rows)])

    assert ids == rows
    assert pages.report.complete
    assert pages.report.reread >= 1


@pytest.mark.parametrize("prefetch", [0, 1, 8])
@pytest.mark.parametrize("page_size", [10, 100])
async def test_insertions_between_pages_double_no_row(
    emulator: Emulator, client: CloudFlow, page_size: int, prefetch: int
) -> None:
    """New executions come first, and push the old ones into later pages."""
    pipeline_id, ids = a_history(emulator)
    pages = client.pipelines.executions(pipeline_id, page_size=page_size, prefetch=prefetch)
    rows: list[str] = []
    async for page in pages.pages():
        rows += [execution.id for execution in page]
        if len(rows) < 300:
            emulator.add_executions(pipeline_id, 7)

    assert ids == rows
    assert pages.report.duplicates >= 7
    assert pages.report.complete


@pytest.mark.parametrize("page_size", [10, 99, 100])
async def test_both_at_once_show_too(emulator: Emulator, client: CloudFlow, page_size: int) -> None:
    """As many come as go: the total tells nothing, the overlap does."""
    pipeline_id, ids = a_history(emulator)
    pages = client.pipelines.executions(pipeline_id, page_size=page_size)
    rows: list[str] = []
    async for page in pages.pages():
        rows += [execution.id for execution in page]
        if len(rows) < 300:
            emulator.delete_executions(pipeline_id, ids[len(rows) - 5 : len(rows)])
            emulator.add_executions(pipeline_id, 5)

    assert ids == rows
    assert pages.report.complete


async def test_a_collection_survives_a_change_in_the_middle(
    emulator: Emulator, client: CloudFlow
) -> None:
    """Ten rows go while all pages are on their way; few are asked for again."""
    pipeline_id, ids = a_history(emulator, 1480)
    emulator.inject(
        Fault(nth=8, before=lambda emulator: emulator.delete_executions(pipeline_id, ids[:10]))
    )
    pages = client.pipelines.executions(pipeline_id)
    rows = [execution.id for execution in await pages.collect()]

    assert set(ids[10:]) <= set(rows)
    assert len(set(rows)) == len(rows)
    assert len(emulator.requests) <= 15 + 8


async def test_a_bookmark_of_yesterday_finds_its_place(
    emulator: Emulator, client: CloudFlow
) -> None:
    """Written down as JSON, with new executions before it and old ones gone."""
    pipeline_id, ids = a_history(emulator)
    pages = client.pipelines.executions(pipeline_id)
    rows = []
    async for execution in pages:
        rows.append(execution.id)
        if len(rows) == 150:
            break
    note = pages.bookmark.to_dict()
    emulator.delete_executions(pipeline_id, ids[100:140])
    emulator.add_executions(pipeline_id, 25)
    rest = client.pipelines.executions(pipeline_id, start=Bookmark.from_dict(note))
    rows += [execution.id async for execution in rest]

    assert ids == rows
    assert rest.report.complete


async def test_a_change_can_be_an_error(emulator: Emulator, client: CloudFlow) -> None:
    """It tells where the rows handed out end."""
    pipeline_id, _ = a_history(emulator)
    pages = client.pipelines.executions(pipeline_id, prefetch=0, on_drift="raise")
    iterator = pages.pages()
    await anext(iterator)
    emulator.add_executions(pipeline_id, 3)
    with pytest.raises(DriftError, match="it has 350 rows, and had 347, 3 rows came") as caught:
        await anext(iterator)

    assert 100 == caught.value.resume_at


async def test_a_list_can_be_begun_anew(emulator: Emulator, client: CloudFlow) -> None:
    """What is collected is the list after the change."""
    pipeline_id, ids = a_history(emulator)
    emulator.inject(
        Fault(nth=3, before=lambda emulator: emulator.delete_executions(pipeline_id, ids[:9]))
    )
    rows = await client.pipelines.executions(pipeline_id, on_drift="restart").collect()

    assert ids[9:] == [execution.id for execution in rows]


async def test_workflows_are_watched_as_well(emulator: Emulator, client: CloudFlow) -> None:
    """Any list of the API is."""
    for number in range(30):
        emulator.add_workflow(name=f"workflow {number}")
    every = [workflow.id for workflow in await client.workflows.list().collect()]
    pages = client.workflows.list(page_size=10, prefetch=0)
    rows = []
    async for page in pages.pages():
        rows += [workflow.id for workflow in page]
        if len(rows) == 10:
            await client.workflows.delete(rows[0])

    assert every == rows
    assert pages.report.complete
