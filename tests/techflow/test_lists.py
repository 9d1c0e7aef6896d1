"""Lists that are not paged, in all the ways in which they are read."""

from __future__ import annotations

from typing import Any

import pytest

from cloudflow_async import DecodeError, Page
from cloudflow_async.techflow import Workflow
from tests.raw_server import answer
from tests.techflow.conftest import Serve, as_json

ROWS = [{"id": f"wf_{number}", "name": "x", "status": "active"} for number in range(250)]
IDS = [row["id"] for row in ROWS]


async def test_awaited(serve: Serve) -> None:
    """The first page is the whole list, however long it is."""
    served = await serve(as_json({"workflows": ROWS}))

    page = await served.tf.workflows.list()

    assert isinstance(page, Page)
    assert IDS == [workflow.id for workflow in page]
    assert (0, 250, False) == (page.offset, page.total, page.has_more)


async def test_iterated(serve: Serve) -> None:
    """Row by row, page by page and collected: each is one request without a query."""
    served = await serve(as_json({"workflows": ROWS}))
    rows = served.tf.workflows.list()

    assert IDS == [workflow.id async for workflow in rows]
    assert [250] == [len(page) async for page in rows.pages()]
    assert IDS == [workflow.id for workflow in await rows.collect()]
    assert ["GET /v2/workflows"] * 3 == served.lines
    assert 250 == rows.total


async def test_left_early(serve: Serve) -> None:
    """A loop that is left asks for nothing more."""
    served = await serve(as_json({"workflows": ROWS}))

    async for workflow in served.tf.workflows.list():
        assert "wf_0" == workflow.id
        break

    assert 1 == len(served.requests)


async def test_nothing_there(serve: Serve) -> None:
    """An empty list is a list."""
    served = await serve(as_json({"workflows": []}))

    assert [] == await served.tf.workflows.list().collect()
    assert [] == [*await served.tf.workflows.list()]


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({}, "workflows"),
        ({"workflows": None}, "workflows"),
        ({"workflows": {}}, "workflows"),
        ({"data": []}, "workflows"),
        ("workflows", "workflows"),
        (None, "workflows"),
        ({"workflows": [ROWS[0], {"name": "x"}]}, "workflows[1].id"),
        ({"workflows": [{"id": 5, "name": "x"}]}, "workflows[0].id"),
    ],
)
async def test_an_answer_that_is_no_list(serve: Serve, value: Any, path: str) -> None:
    """The error says where it is wrong, and of which request."""
    served = await serve(as_json(value, headers={"X-Request-Id": "req_1"}))

    with pytest.raises(DecodeError) as caught:
        await served.tf.workflows.list()

    error = caught.value
    assert (path, "req_1", 1) == (error.path, error.request_id, error.attempts)
    assert not error.may_have_been_applied


@pytest.mark.virtual_time
async def test_an_answer_that_was_cut(serve: Serve) -> None:
    """It is asked for again."""
    served = await serve(answer(b'{"workflows": [{"id"'), as_json({"workflows": ROWS[:1]}))

    found = await served.tf.workflows.list().collect()

    assert [Workflow(id="wf_0", name="x", status="active")] == found
    assert 2 == len(served.requests)
