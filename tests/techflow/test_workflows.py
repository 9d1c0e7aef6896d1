"""Workflows: what is sent, and what is made of the answers."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import attrs
import pytest

from cloudflow_async import (
    UNSET,
    DecodeError,
    InvalidArgumentError,
    NotFoundError,
    OutcomeUnknownError,
)
from cloudflow_async._core.codec.decode import decode, encode
from cloudflow_async.techflow import Execution, TechFlow, Workflow
from tests.raw_server import Peer, answer, dropping, resetting, saying
from tests.techflow.conftest import WORKFLOW, Serve, as_json

DETAILS = WORKFLOW | {
    "description": "Long",
    "triggers": ["manual", {"type": "cron", "at": None}],
    "owner": {"team": 5},
    "tags": None,
}


def test_details_are_read_whole() -> None:
    """What the document does not show is kept; triggers come as they are."""
    assert Workflow(
        id="wf_123",
        name="My Workflow",
        status="active",
        description="Long",
        triggers=("manual", {"type": "cron", "at": None}),
        extra={"owner": {"team": 5}, "tags": None},
    ) == decode(Workflow, DETAILS)


@pytest.mark.parametrize("triggers", [[], ["manual"], [None, 5, 2.5, True, [[]], {"a": {}}]])
def test_triggers_may_be_anything(triggers: list[Any]) -> None:
    """The document shows an empty list and a string; each item comes and goes as it is."""
    workflow = decode(Workflow, WORKFLOW | {"triggers": triggers})

    assert tuple(triggers) == workflow.triggers
    assert WORKFLOW | {"triggers": triggers} == encode(workflow)


@pytest.mark.parametrize("triggers", ["manual", {}, 5])
def test_triggers_that_are_no_list(triggers: Any) -> None:
    """They are named."""
    with pytest.raises(DecodeError) as caught:
        decode(Workflow, WORKFLOW | {"triggers": triggers})

    assert "triggers" == caught.value.path


def test_what_may_be_missing() -> None:
    """Id and name are needed; anything else may be absent or null."""
    bare = Workflow(id="wf_1", name="x")
    nulls = {"status": None, "description": None, "triggers": None}

    assert bare == decode(Workflow, {"id": "wf_1", "name": "x"} | nulls)
    for name in ("id", "name"):
        with pytest.raises(DecodeError, match=f"{name} is missing"):
            decode(Workflow, {key: value for key, value in WORKFLOW.items() if key != name})


@pytest.mark.parametrize(
    "model",
    [decode(Workflow, DETAILS), Execution(id="exec_1", extra={"n": [1]})],
    ids=["Workflow", "Execution"],
)
def test_models_pickle_copy_and_compare(model: Any) -> None:
    """Copies of any kind are equal and hash alike; none can be changed."""
    for other in (
        pickle.loads(pickle.dumps(model)),  # noqa: S301 - our own bytes
        copy.copy(model),
        copy.deepcopy(model),
        attrs.evolve(model),
    ):
        assert (type(model), model, hash(model)) == (type(other), other, hash(other))
    with pytest.raises(AttributeError):
        model.id = "x"
    assert encode(model) == encode(decode(type(model), encode(model)))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"triggers": []}),
        ({"description": None}, {"description": None, "triggers": []}),
        ({"description": "", "triggers": ("manual",)}, {"description": "", "triggers": ["manual"]}),
        ({"triggers": [{"type": "cron"}]}, {"triggers": [{"type": "cron"}]}),
    ],
)
async def test_create(serve: Serve, given: dict[str, Any], expected: dict[str, Any]) -> None:
    """What is not given is not sent, but for the triggers, of which there are none then."""
    served = await serve(as_json(WORKFLOW))

    await served.tf.workflows.create(name="x", **given)

    assert {"name": "x"} | expected == served.body()


async def test_update(serve: Serve) -> None:
    """The workflow is read and put back with the change; nothing else of it is lost."""
    changed = DETAILS | {"name": "New"}
    served = await serve(as_json(DETAILS), as_json(changed))

    updated = await served.tf.workflows.update("wf_123", name="New")

    assert decode(Workflow, changed) == updated
    assert ["GET /v2/workflows/wf_123", "PUT /v2/workflows/wf_123"] == served.lines
    assert changed == served.body()


@pytest.mark.parametrize(
    "change",
    [
        {"status": "paused"},
        {"description": None},
        {"triggers": []},
        {"name": "y", "description": "z", "triggers": ["manual"]},
    ],
    ids=str,
)
async def test_update_of_each_field(serve: Serve, change: dict[str, Any]) -> None:
    """Each field takes its place, null included."""
    served = await serve(as_json(DETAILS))

    await served.tf.workflows.update("wf_123", **change)

    assert DETAILS | change == served.body()


@pytest.mark.parametrize("change", [{}, {"name": UNSET, "triggers": UNSET}], ids=str)
async def test_empty_update(serve: Serve, change: dict[str, Any]) -> None:
    """An update without a change is refused before anything is sent."""
    served = await serve(as_json(WORKFLOW))

    with pytest.raises(InvalidArgumentError, match="at least one field"):
        await served.tf.workflows.update("wf_123", **change)

    assert [] == served.requests


async def test_update_of_what_is_gone(serve: Serve) -> None:
    """Nothing is put where nothing was found."""
    served = await serve(answer(b"", status=404))

    with pytest.raises(NotFoundError):
        await served.tf.workflows.update("wf_123", name="New")

    assert ["GET /v2/workflows/wf_123"] == served.lines


@pytest.mark.parametrize(
    ("workflow", "expected"),
    [
        (Workflow(id="wf_123", name="x", extra={"tags": None}), {"name": "x", "tags": None}),
        ({"id": "wf_123", "any": None}, {"any": None}),
    ],
)
async def test_replace(serve: Serve, workflow: Any, expected: dict[str, Any]) -> None:
    """The whole is sent as it is given, by one request."""
    served = await serve(as_json(WORKFLOW))

    await served.tf.workflows.replace("wf_123", workflow)

    assert {"id": "wf_123"} | expected == served.body()
    assert ["PUT /v2/workflows/wf_123"] == served.lines


@pytest.mark.parametrize("triggers", ["manual", {"type": "manual"}, 5, None])
async def test_triggers_that_are_refused(serve: Serve, triggers: Any) -> None:
    """What is no list is refused, with an example of what is one."""
    served = await serve(as_json(WORKFLOW))

    with pytest.raises(InvalidArgumentError, match=r'such as \["manual"\]'):
        await served.tf.workflows.create(name="x", triggers=triggers)
    with pytest.raises(InvalidArgumentError, match=r'such as \["manual"\]'):
        await served.tf.workflows.update("wf_123", triggers=triggers)
    assert [] == served.requests


CALLS: dict[str, Any] = {
    "get": lambda tf, workflow_id: tf.workflows.get(workflow_id),
    "update": lambda tf, workflow_id: tf.workflows.update(workflow_id, name="x"),
    "replace": lambda tf, workflow_id: tf.workflows.replace(workflow_id, WORKFLOW),
    "delete": lambda tf, workflow_id: tf.workflows.delete(workflow_id),
    "execute": lambda tf, workflow_id: tf.workflows.execute(workflow_id),
}


@pytest.mark.parametrize("workflow_id", ["", ".", "..", "a\nb", None, 5, "x" * 257], ids=repr)
@pytest.mark.parametrize("call", CALLS)
async def test_ids_that_are_refused(call: str, workflow_id: Any) -> None:
    """An id that is no segment of a path is refused before anything is sent."""
    async with TechFlow("your_key", base_url="http://127.0.0.1:1/v2") as tf:
        with pytest.raises(InvalidArgumentError, match="workflow_id"):
            await CALLS[call](tf, workflow_id)


async def test_ids_are_encoded(serve: Serve) -> None:
    """An id stays one segment."""
    served = await serve(as_json(WORKFLOW))

    await served.tf.workflows.execute("../a?b#c")

    assert ["POST /v2/workflows/..%2Fa%3Fb%23c/execute"] == served.lines


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", None),
        (b"OK", None),
        (b"[]", None),
        (b'{"id": 5}', None),
        (b"{}", Execution()),
        (b'{"id": "exec_1", "n": 1}', Execution(id="exec_1", extra={"n": 1})),
    ],
)
async def test_execute(serve: Serve, body: bytes, expected: Execution | None) -> None:
    """The document shows no answer, so none is an error."""
    served = await serve(answer(body))

    found = await served.tf.workflows.execute("wf_123")

    assert expected == found
    assert b"" == served.requests[0].body


async def cutting(peer: Peer) -> None:
    """Answer with less than was announced."""
    await saying(answer(b"{}", headers={"Content-Length": "20"}))(peer)


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    "fault",
    [dropping, resetting, cutting, saying(answer(b"", status=500))],
    ids=["dropped", "reset", "cut", "500"],
)
async def test_a_post_is_sent_once(serve: Serve, fault: Any) -> None:
    """What may have been created or started is not sent again."""
    served = await serve(fault)

    with pytest.raises(OutcomeUnknownError) as caught:
        await served.tf.workflows.execute("wf_123")
    with pytest.raises(OutcomeUnknownError):
        await served.tf.workflows.create(name="x")

    assert caught.value.may_have_been_applied
    assert ["POST /v2/workflows/wf_123/execute", "POST /v2/workflows"] == served.lines


@pytest.mark.virtual_time
async def test_other_methods_are_sent_again(serve: Serve) -> None:
    """A PUT of the whole can be repeated, and a DELETE that finds nothing then has been done."""
    served = await serve(dropping, as_json(WORKFLOW))
    await served.tf.workflows.replace("wf_123", WORKFLOW)
    other = await serve(dropping, answer(b"", status=404))
    await other.tf.workflows.delete("wf_123")

    assert ["PUT /v2/workflows/wf_123"] * 2 == served.lines
    assert ["DELETE /v2/workflows/wf_123"] * 2 == other.lines


async def test_delete(serve: Serve) -> None:
    """Whatever a successful answer carries, nothing is made of it."""
    served = await serve(answer(b"gone"))

    await served.tf.workflows.delete("wf_123")

    assert ["DELETE /v2/workflows/wf_123"] == served.lines
