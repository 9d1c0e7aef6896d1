"""Executions, of which the document shows none."""

from __future__ import annotations

from typing import Any

import pytest

from cloudflow_async import DecodeError
from cloudflow_async.techflow import Execution
from tests.techflow.conftest import Serve, as_json

ROWS: list[dict[str, Any]] = [
    {"id": "exec_1", "workflow_id": "wf_123", "status": "running", "started_at": "now"},
    {"execution": 2},
    {},
]
EXECUTIONS = [
    Execution(id="exec_1", workflow_id="wf_123", status="running", extra={"started_at": "now"}),
    Execution(extra={"execution": 2}),
    Execution(),
]


@pytest.mark.parametrize("answer", [{"executions": ROWS}, ROWS], ids=["envelope", "array"])
async def test_list(serve: Serve, answer: Any) -> None:
    """In an envelope like that of workflows, or as an array; rows may have any fields."""
    served = await serve(as_json(answer))
    rows = served.tf.executions.list()

    assert EXECUTIONS == await rows.collect() == [row async for row in rows] == [*await rows]
    assert ["GET /v2/executions"] * 3 == served.lines


@pytest.mark.parametrize(
    ("answer", "path"),
    [
        ({"executions": [{"id": 5}]}, "executions[0].id"),
        ([{}, []], "executions[1]"),
        ({"workflows": []}, "executions"),
    ],
)
async def test_what_is_no_execution(serve: Serve, answer: Any, path: str) -> None:
    """The error says where."""
    served = await serve(as_json(answer))

    with pytest.raises(DecodeError) as caught:
        await served.tf.executions.list()

    assert path == caught.value.path
