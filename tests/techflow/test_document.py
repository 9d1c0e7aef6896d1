"""What the API document says, item by item, read from its own words under tests/documents."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cloudflow_async import (
    AuthenticationError,
    BadRequestError,
    CloudFlowError,
    NotFoundError,
    OutcomeUnknownError,
    RateLimitedError,
    RetryPolicy,
    ServerError,
    StatusError,
)
from cloudflow_async.techflow import EVENTS, Execution, TechFlow, Workflow
from tests.raw_server import answer
from tests.techflow.conftest import DOCUMENTS, KEY, WORKFLOW, Serve, as_json

SAMPLE = json.loads((DOCUMENTS / "list_workflows.200.json").read_bytes())
REQUEST = json.loads((DOCUMENTS / "create_workflow.request.json").read_bytes())
ENDPOINTS = (DOCUMENTS / "endpoints.txt").read_text().splitlines()
STATUSES = [int(code) for code in re.findall(r"\d+", (DOCUMENTS / "error_codes.txt").read_text())]
EXAMPLE = (DOCUMENTS / "python_example.txt").read_text()

Call = Callable[[TechFlow], Awaitable[Any]]

CALLS: dict[str, Call] = {
    "GET /workflows": lambda tf: tf.workflows.list().collect(),
    "POST /workflows": lambda tf: tf.workflows.create(**REQUEST),
    "GET /workflows/{workflow_id}": lambda tf: tf.workflows.get("wf_123"),
    "PUT /workflows/{workflow_id}": lambda tf: tf.workflows.replace("wf_123", WORKFLOW),
    "DELETE /workflows/{workflow_id}": lambda tf: tf.workflows.delete("wf_123"),
    "GET /executions": lambda tf: tf.executions.list().collect(),
    "POST /workflows/{workflow_id}/execute": lambda tf: tf.workflows.execute("wf_123"),
}

MINE = Workflow(id="wf_123", name="My Workflow", status="active")
RUN = {"id": "exec_1", "workflow_id": "wf_123", "status": "running"}

ANSWERS: dict[str, tuple[bytes, Any]] = {
    "GET /workflows": (as_json(SAMPLE), [MINE]),
    "POST /workflows": (as_json(WORKFLOW), MINE),
    "GET /workflows/{workflow_id}": (as_json(WORKFLOW), MINE),
    "PUT /workflows/{workflow_id}": (as_json(WORKFLOW), MINE),
    "DELETE /workflows/{workflow_id}": (answer(b""), None),
    "GET /executions": (as_json({"executions": [RUN]}), [Execution(**RUN)]),
    "POST /workflows/{workflow_id}/execute": (as_json(RUN), Execution(**RUN)),
}

BODIES: dict[str, Any] = {
    "POST /workflows": REQUEST,
    "PUT /workflows/{workflow_id}": WORKFLOW,
}

ERRORS: dict[int, type[StatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    404: NotFoundError,
    429: RateLimitedError,
    500: ServerError,
}

ERROR_BODIES: dict[str, bytes] = {
    "empty": b"",
    "HTML": b"<html><body>Sorry</body></html>",
    "JSON": b'{"errors":[{"detail":"odd"}]}',
    "JSON text": b'"odd"',
    "CloudFlow's": b'{"error":{"code":"odd","message":"Odd"}}',
}


def test_every_endpoint_is_tried_here() -> None:
    """There are seven in the document."""
    assert ENDPOINTS == [*CALLS] == [*ANSWERS]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_endpoint(serve: Serve, endpoint: str) -> None:
    """Each sends one request as documented, with one credential, and reads its answer."""
    response, expected = ANSWERS[endpoint]
    served = await serve(response)

    found = await CALLS[endpoint](served.tf)

    method, path = endpoint.replace("{workflow_id}", "wf_123").split()
    (sent,) = served.requests
    head = sent.head.decode()
    assert expected == found
    assert f"{method} /v2{path}" == f"{sent.method} {sent.target}"
    assert [f"Bearer {KEY}"] == re.findall(r"(?im)^authorization: (.*?)\r$", head)
    assert head.count(KEY) == 1
    assert BODIES.get(endpoint) == (json.loads(sent.body) if sent.body else None)


@pytest.mark.parametrize("body", ERROR_BODIES)
@pytest.mark.parametrize("status", [status for status in STATUSES if status != 200])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_status(serve: Serve, endpoint: str, status: int, body: str) -> None:
    """The status decides on the error, whatever body comes; the body is kept."""
    sent = ERROR_BODIES[body]
    served = await serve(answer(sent, status=status), retry=RetryPolicy.never())

    with pytest.raises(CloudFlowError) as caught:
        await CALLS[endpoint](served.tf)

    error = caught.value
    if status == 500 and endpoint.startswith("POST"):
        assert isinstance(error, OutcomeUnknownError)
        error = error.__cause__  # type: ignore[assignment]
    assert isinstance(error, StatusError)
    assert ERRORS[status] is type(error)
    assert (status, sent.decode(), 1) == (error.status, error.body, error.attempts)
    assert endpoint == f"{error.method} {error.path}"
    assert str(error).startswith(f"{endpoint}: {status}")


def test_every_status_is_tried_here() -> None:
    """There are five beside success in the document."""
    assert {200, *ERRORS} == {*STATUSES}


def test_every_event_has_its_class() -> None:
    """There are six in the document."""
    listed = re.findall(r"`(.+)`", (DOCUMENTS / "webhook_events.txt").read_text())

    assert listed == [*EVENTS]


async def test_the_python_example(serve: Serve) -> None:
    """The document's own example runs once it names our client and awaits its calls."""
    served = await serve(as_json(SAMPLE), as_json(WORKFLOW))
    base_url = served.tf.base_url
    text = (
        EXAMPLE.replace("import techflow", "from cloudflow_async.techflow import TechFlow")
        .replace("techflow.Client(", f"TechFlow(base_url={base_url!r}, ")
        .replace("= client.workflows", "= await client.workflows")
    )
    program = compile(text, "example", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    names: dict[str, Any] = {}
    running = eval(program, names)  # noqa: S307 - the document's
    assert inspect.isawaitable(running)

    try:
        await running
    finally:
        await names["client"].close()

    assert [MINE] == [*names["workflows"]]
    assert MINE == names["workflow"]
    assert ["GET /v2/workflows", "POST /v2/workflows"] == served.lines
    assert {"name": "My Workflow", "triggers": ["manual"]} == served.body()
    assert all(b"Bearer your_key" in sent.head for sent in served.requests)
