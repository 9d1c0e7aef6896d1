"""Which workflows TechFlow accepts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudflow_async.emulator.base.problems import Problem
from cloudflow_async.emulator.techflow.bodies import read_document, read_value

DEFAULTS = {"status": "active", "description": None, "triggers": []}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "name",
        {},
        {"title": "n"},
        {"name": None},
        {"name": 1},
        {"name": ["n"]},
        {"name": ""},
        {"name": " "},
        {"name": "n", "triggers": "manual"},
        {"name": "n", "triggers": {}},
        {"name": "n", "triggers": None},
        {"name": "n", "description": 1},
        {"name": "n", "status": None},
        {"name": "n", "status": ""},
        {"name": "n", "id": "wf_2"},
        {"name": "n", "id": None},
    ],
)
def test_what_is_no_workflow_is_a_400(value: Any) -> None:
    """No object, no name, or a documented field of another type; or another workflow's id."""
    with pytest.raises(Problem) as refused:
        read_document(value, "wf_1")

    assert 400 == refused.value.status


@pytest.mark.parametrize(
    "fields",
    [
        {"triggers": ["manual"]},
        {"triggers": [{"type": "cron"}, 1, None]},
        {"description": ""},
        {"description": "d"},
        {"status": "anything"},
        {"unknown": {"kept": [1]}},
    ],
)
def test_what_is_sent_is_kept(fields: dict[str, Any]) -> None:
    """The document does not say what a trigger is, nor which other fields there may be."""
    assert {**DEFAULTS, "name": "n", **fields} == read_document({"name": "n", **fields})


@pytest.mark.parametrize("identifier", [None, "wf_1"])
def test_the_id_is_no_part_of_the_document(identifier: str | None) -> None:
    """A new workflow gets one of its own, an old one keeps its."""
    sent = {"id": "wf_1", "name": "n"}

    assert {**DEFAULTS, "name": "n"} == read_document(sent, identifier)
    assert {"id": "wf_1", "name": "n"} == sent


def result(read: Callable[[Any], Any], value: Any) -> tuple[Any, int]:
    """Return what is read and 200, or nothing and the status of the refusal."""
    try:
        return read(value), 200
    except Problem as refused:
        return {}, refused.status


@given(JSON | st.fixed_dictionaries({"name": JSON}, optional={"triggers": JSON, "x": JSON}))
def test_any_json_is_a_workflow_or_a_400(value: Any) -> None:
    """Nothing else comes of it, and what is accepted is kept."""
    document, status = result(read_document, value)
    sent = {name: value[name] for name in document if name in value}

    assert status in {200, 400}
    assert document == {**document, **sent}
    assert status == 400 or {*value} - {"id"} == {*sent}


@given(st.binary(max_size=40))
def test_any_bytes_are_json_or_a_400(body: bytes) -> None:
    """Of whatever content type: there is no 415 in the document."""
    _, status = result(read_value, body)

    assert status in {200, 400}
