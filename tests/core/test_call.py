"""What a call ends with."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cloudflow_async._core.call import Call
from cloudflow_async._core.errors import NotFoundError, OutcomeUnknownError, ServerError
from cloudflow_async._core.http.timeouts import Scope
from cloudflow_async._core.messages import Request
from cloudflow_async._core.options import Options


def a_call(method: str = "POST", *, deadline_at: float | None = None, **changes: Any) -> Call:
    """Return a call that was tried twice."""
    max_wait = changes.pop("max_wait", None)
    return Call(
        request=Request(method=method, path="/things/{id}", target="/things/7"),
        options=Options(max_wait=max_wait),
        deadline_at=deadline_at,
        repeatable=False,
        scope=Scope(),
        attempts=2,
        **changes,
    )


def test_its_name_is_the_template() -> None:
    """Ids are in no message."""
    assert "GET /things/{id}" == str(a_call("GET"))


@pytest.mark.parametrize(
    ("method", "lost", "applied"),
    [("GET", True, False), ("DELETE", True, True), ("DELETE", False, False), ("PUT", True, True)],
)
def test_a_failure_is_counted(method: str, *, lost: bool, applied: bool) -> None:
    """What changes nothing is never said to have been applied."""
    error = ServerError("broken")

    assert error is a_call(method, lost=lost).final(error)
    assert (2, applied) == (error.attempts, error.may_have_been_applied)


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_what_may_have_been_applied_is_said_to_be_unknown(method: str) -> None:
    """With the failure that left it open, which comes out as it is when nothing was lost."""
    error = ServerError("broken")
    unknown = a_call(method, lost=True).final(error)

    assert isinstance(unknown, OutcomeUnknownError)
    assert unknown.error is unknown.__cause__ is error
    assert (2, True) == (unknown.attempts, unknown.may_have_been_applied)
    assert f"{method} /things/{{id}} may have been applied: it failed (broken)" in str(unknown)
    assert error is a_call(method).final(error)


@pytest.mark.parametrize(
    ("method", "lost", "error", "deleted"),
    [
        ("DELETE", True, NotFoundError("x"), True),
        ("DELETE", False, NotFoundError("x"), False),
        ("DELETE", True, ServerError("x"), False),
        ("GET", True, NotFoundError("x"), False),
    ],
)
def test_a_lost_delete_that_finds_nothing_has_done_its_work(
    method: str, error: Any, *, lost: bool, deleted: bool
) -> None:
    """Its answer counts the attempts."""
    call = a_call(method, lost=lost)

    assert deleted is call.was_deleted_before(error)
    assert (204, 2) == (call.deleted().status, call.deleted().attempts)


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    ("deadline", "most", "expected"),
    [
        (None, None, None),
        (5, None, 5),
        (None, 3, 3),
        (5, 3, 3),
        (2, 3, 2),
        (-1, None, 0),
        (-1, 3, 0),
    ],
)
async def test_the_shorter_of_two_bounds_counts(
    deadline: float | None, most: float | None, expected: float | None
) -> None:
    """A deadline that has passed leaves no time at all."""
    now = asyncio.get_running_loop().time()
    call = a_call(deadline_at=None if deadline is None else now + deadline, max_wait=most)

    assert expected == call.max_wait()
    assert (None if deadline is None else max(deadline, 0)) == call.left()
