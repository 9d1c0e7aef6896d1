"""What reads JSON: the decoder of models, the reader of bodies, page styles and bookmarks."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import attrs

from cloudflow_async._core.codec import json as bodies
from cloudflow_async._core.codec.decode import decode, decode_list, encode
from cloudflow_async._core.errors import DecodeError, InvalidArgumentError
from cloudflow_async._core.paging.page import Bookmark, Page
from cloudflow_async._core.paging.page_styles import offset_envelope, whole_list
from cloudflow_async.cloudflow.events import PipelineEventData, WorkflowEventData
from cloudflow_async.cloudflow.workflows import WorkflowSummary
from cloudflow_async.techflow.executions import Execution as TechFlowExecution
from cloudflow_async.techflow.workflows import Workflow as TechFlowWorkflow
from tests.cloudflow.samples import SAMPLES, document

from .campaign import Campaign, Try
from .mutating import changed_bytes, changed_json, random_json
from .oracles import check_message

MODELS: list[tuple[type[Any], Any]] = [
    *SAMPLES,
    (WorkflowEventData, document("webhook_payload")["data"]),
    (PipelineEventData, document("webhook_payload")["data"]),
    (TechFlowWorkflow, {"id": "wf_123", "name": "My Workflow", "status": "active", "steps": []}),
    (TechFlowExecution, {"id": "exec_1", "workflow_id": "wf_123", "status": "running"}),
]
"""Each model of answers, with an object that is one."""


@contextlib.contextmanager
def plainly(attempt: Try) -> Iterator[Try]:
    """Prepare nothing."""
    yield attempt


def _decode(chance: random.Random) -> str:
    cls, sample = chance.choice(MODELS)
    if chance.random() < 0.25:
        return _decode_rows(cls, sample, chance)
    value = changed_json(sample, chance) if chance.random() < 0.9 else random_json(chance)
    try:
        model = decode(cls, value)
    except DecodeError as error:
        _check_refusal(error)
        return "refused"
    assert model == decode(cls, encode(model)), "it does not come back"
    return "model"


def _decode_rows(cls: type[Any], sample: Any, chance: random.Random) -> str:
    rows = [sample if chance.random() < 0.5 else changed_json(sample, chance) for _ in range(3)]
    alone = [_alone(cls, row) for row in rows]
    try:
        models = decode_list(cls, rows)
    except DecodeError as error:
        _check_refusal(error)
        place = int((error.path or "").removeprefix("data[").partition("]")[0])
        assert alone[place] is None, "a row is named that can be read"
        return "rows refused"
    assert alone == models, "rows are read otherwise than alone"
    return "rows"


def _alone(cls: type[Any], row: Any) -> Any:
    try:
        return decode(cls, row)
    except DecodeError:
        return None


def _check_refusal(error: DecodeError) -> None:
    assert error.path, "the path is missing"
    check_message(error)


_BODIES = [json.dumps(sample).encode() for _, sample in MODELS] + [
    b'{"error": {"code": "rate_limit_exceeded", "retry_after": 42, "x": [1.5e3, -0, "\\u00e9"]}}',
    b'[0, -1, 1E5, 18446744073709551615, 18446744073709551616, "\xc3\xa9\\n", true, false, null]',
]


def _read_body(chance: random.Random) -> str:
    body = changed_bytes(chance.choice(_BODIES), chance)
    found, slow = _outcome(bodies.loads, body), _outcome(bodies._read, body)
    assert found == slow, f"the two readers disagree on {body!r:.200}"
    return "refused" if found.startswith("!") else "read"


def _outcome(read: Callable[[bytes], Any], body: bytes) -> str:
    try:
        return repr(read(body))
    except DecodeError as error:
        check_message(error)
        return f"!{error.message}"


_PAGE = document("list_workflows.200")


def _read_page(chance: random.Random) -> str:
    value = changed_json(_PAGE, chance)
    style = chance.choice((offset_envelope, whole_list("data"), whole_list("workflows")))
    offset, limit = chance.choice((0, 0, 5, 10**6)), chance.choice((1, 50, 100))
    try:
        page: Page[Any] = style(WorkflowSummary, value, offset, limit)
    except DecodeError as error:
        _check_refusal(error)
        return "refused"
    assert all(isinstance(item, WorkflowSummary) for item in page.items)
    return "page"


_BOOKMARK = {"offset": 100, "last_ids": ["exec_1", "exec_2"], "total": 347}


def _read_bookmark(chance: random.Random) -> str:
    value = changed_json(_BOOKMARK, chance)
    try:
        bookmark = Bookmark.from_dict(value)
    except InvalidArgumentError as error:
        check_message(error)
        return "refused"
    assert value == bookmark.to_dict(), "it does not come back"
    assert attrs.asdict(bookmark).keys() == value.keys()
    return "bookmark"


CAMPAIGNS = [
    Campaign(
        name="models",
        words="documents with fields gone, new or of another type: a model, or a named path",
        quick=8_000,
        deep=1_200_000,
        outcomes=frozenset({"model", "refused", "rows", "rows refused"}),
        prepare=lambda: plainly(_decode),
    ),
    Campaign(
        name="json",
        words="damaged bodies: both JSON readers give the same value, or the same refusal",
        quick=6_500,
        deep=400_000,
        outcomes=frozenset({"read", "refused"}),
        prepare=lambda: plainly(_read_body),
    ),
    Campaign(
        name="pages",
        words="damaged envelopes of lists, in each style",
        quick=1_000,
        deep=100_000,
        outcomes=frozenset({"page", "refused"}),
        prepare=lambda: plainly(_read_page),
    ),
    Campaign(
        name="bookmarks",
        words="damaged bookmarks",
        quick=500,
        deep=50_000,
        outcomes=frozenset({"bookmark", "refused"}),
        prepare=lambda: plainly(_read_bookmark),
    ),
]
