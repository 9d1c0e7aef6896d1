"""A mock server that answers every request with the sample of the API document."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from cloudflow_async import CloudFlow, PaginationError, ResponseMismatchError
from cloudflow_async.techflow import TechFlow
from tests.raw_server import Peer, RawServer, answer

_DOCUMENTS = Path(__file__).parents[1] / "documents"

_SAMPLES = {
    ("GET", "/workflows"): "cloudflow/list_workflows.200.json",
    ("GET", "/workflows/"): "cloudflow/get_workflow.200.json",
    ("PATCH", "/workflows/"): "cloudflow/update_workflow.200.json",
    ("GET", "/pipelines/"): "cloudflow/list_executions.200.json",
    ("GET", "/analytics/"): "cloudflow/workflow_metrics.200.json",
}


def _sample(method: str, target: str) -> bytes:
    path = max((path for verb, path in _SAMPLES if verb == method and target.startswith(path)))
    return (_DOCUMENTS / _SAMPLES[method, path]).read_bytes()


@pytest.fixture
async def mock() -> AsyncIterator[RawServer]:
    """Return a server that has nothing but the samples."""

    async def script(peer: Peer) -> None:
        while True:
            sent = await peer.request()
            await peer.send(answer(_sample(sent.method, sent.target)))

    async with RawServer(script) as server:
        yield server


def client(mock: RawServer, **options: Any) -> CloudFlow:
    """Return a client of the server."""
    return CloudFlow("cf_test_canary", base_url=mock.url, **options)


CALLS: list[tuple[str, Callable[[CloudFlow], Awaitable[Any]]]] = [
    ("id", lambda cf: cf.workflows.get("wf_mine")),
    ("id", lambda cf: cf.workflows.update("wf_mine", status="paused")),
    ("workflow_id", lambda cf: cf.analytics.workflow_metrics("wf_mine", period="7d")),
    ("data[0].pipeline_id", lambda cf: cf.pipelines.executions("pipe_mine")),
]


@pytest.mark.parametrize(("path", "call"), CALLS)
async def test_an_answer_about_another_resource_names_the_switch(
    path: str, call: Callable[[CloudFlow], Awaitable[Any]], mock: RawServer
) -> None:
    """By default the sample of another id is refused, and the message says what a mock needs."""
    async with client(mock) as cf:
        with pytest.raises(ResponseMismatchError, match="check_response_ids=False") as caught:
            await call(cf)

    assert path == caught.value.path


@pytest.mark.parametrize(("path", "call"), CALLS)
async def test_with_the_switch_the_sample_is_handed_out(
    path: str, call: Callable[[CloudFlow], Awaitable[Any]], mock: RawServer
) -> None:
    """A client, or a view of it, with ``check_response_ids=False`` takes the answer of any id."""
    async with client(mock) as cf, client(mock, check_response_ids=False) as lenient:
        answers = [await call(lenient), await call(cf.with_options(check_response_ids=False))]
        with pytest.raises(ResponseMismatchError):
            await call(lenient.with_options(check_response_ids=True))

    assert answers[0] == answers[1]
    assert "mine" not in repr(answers[0])


async def test_of_a_list_that_is_repeated_the_first_page_can_be_read(mock: RawServer) -> None:
    """The sample says that more pages follow, and the second one has the offset of the first."""
    async with client(mock, check_response_ids=False) as cf:
        first = await cf.pipelines.executions("pipe_mine")
        with pytest.raises(PaginationError, match="from offset 1") as caught:
            await cf.pipelines.executions("pipe_mine").collect()
        bounded = await cf.pipelines.executions("pipe_mine", max_items=1).collect()
        workflows = await cf.workflows.list().collect()

    assert ["exec_7m3k9x2p"] == [row.id for row in first] == [row.id for row in bounded]
    assert 0 == caught.value.resume_at
    assert ["wf_8x7k2m9p"] == [workflow.id for workflow in workflows]


async def test_techflow_has_the_switch_too() -> None:
    """`get`, `update` and `replace` of TechFlow take the sample of another id with the switch."""
    sample = json.loads((_DOCUMENTS / "techflow/list_workflows.200.json").read_bytes())
    workflow = sample["workflows"][0]

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(answer(json.dumps(workflow).encode()))

    async with RawServer(script) as server:
        async with TechFlow("key", base_url=server.url, check_response_ids=False) as tf:
            answers = [
                await tf.workflows.get("wf_mine"),
                await tf.workflows.update("wf_mine", name="new"),
                await tf.workflows.replace("wf_mine", {"name": "new"}),
            ]
        async with TechFlow("key", base_url=server.url) as tf:
            with pytest.raises(ResponseMismatchError, match="check_response_ids=False"):
                await tf.workflows.get("wf_mine")

    assert [workflow["id"]] * 3 == [each.id for each in answers]
