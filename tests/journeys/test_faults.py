"""What goes wrong on the way, seen from both ends."""

from __future__ import annotations

import asyncio
import logging

import pytest

from cloudflow_async import (
    AuthenticationError,
    CloudFlow,
    NotFoundError,
    OutcomeUnknownError,
    RetryPolicy,
    ServerError,
    TransportError,
)
from cloudflow_async.emulator import Fault
from tests.journeys.conftest import OpenClient, StartEmulator

pytestmark = pytest.mark.virtual_time

FAULTS = {
    "dropped before": Fault(drop="before", times=None),
    "dropped after": Fault(drop="after", times=None),
    "500": Fault(status=500, times=None),
    "502": Fault(status=502, body="html", times=None),
    "503": Fault(status=503, times=None),
    "504": Fault(status=504, body="empty", times=None),
    "500 after": Fault(status=500, processed=True, times=None),
    "truncated": Fault(truncate=5, times=None),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
async def test_a_post_is_sent_once(
    start_emulator: StartEmulator, open_client: OpenClient, fault: Fault
) -> None:
    """However it fails, the server sees one copy, and the error says that it may have worked."""
    emulator = await start_emulator()
    emulator.inject(fault)
    with pytest.raises(OutcomeUnknownError) as caught:
        await open_client(emulator).workflows.create(
            name="once", trigger={"type": "webhook"}, steps=[{"type": "fetch_data", "source": "x"}]
        )

    assert 1 == len(emulator.requests) == caught.value.attempts
    assert caught.value.may_have_been_applied


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
async def test_a_get_is_sent_as_often_as_it_says(
    start_emulator: StartEmulator, open_client: OpenClient, fault: Fault
) -> None:
    """Three times, or five where the server asks for patience; `attempts` is what arrived."""
    emulator = await start_emulator()
    workflow_id = emulator.add_workflow()
    emulator.inject(fault)
    with pytest.raises((ServerError, TransportError)) as caught:
        await open_client(emulator).workflows.get(workflow_id)

    assert (5 if fault.status == 503 else 3) == len(emulator.requests) == caught.value.attempts
    assert not caught.value.may_have_been_applied


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
async def test_a_get_survives_one_fault(
    start_emulator: StartEmulator, open_client: OpenClient, fault: Fault
) -> None:
    """The second attempt succeeds."""
    emulator = await start_emulator()
    workflow_id = emulator.add_workflow(name="here")
    emulator.inject(Fault(status=fault.status, drop=fault.drop, truncate=fault.truncate, times=1))
    workflow = await open_client(emulator).workflows.get(workflow_id)

    assert "here" == workflow.name
    assert 2 == len(emulator.requests)


async def test_a_delete_whose_answer_was_lost_is_done(
    start_emulator: StartEmulator, open_client: OpenClient
) -> None:
    """The second one finds nothing, and that is what was wanted."""
    emulator = await start_emulator()
    workflow_id = emulator.add_workflow()
    client = open_client(emulator)
    emulator.inject(Fault(drop="after"))
    await client.workflows.delete(workflow_id)
    with pytest.raises(NotFoundError):
        await client.workflows.get(workflow_id)

    assert [None, 404, 404] == [request.status for request in emulator.requests]


async def test_a_gateways_page_does_not_hide_the_status(
    start_emulator: StartEmulator, open_client: OpenClient
) -> None:
    """A 502 with HTML is a `ServerError` with the beginning of the page."""
    emulator = await start_emulator()
    emulator.inject(FAULTS["502"])
    client = open_client(emulator, retry=RetryPolicy.never())
    with pytest.raises(ServerError) as caught:
        await client.workflows.get("wf_1")
    error = caught.value

    assert (502, None, 1, "GET", "/workflows/{workflow_id}") == (
        error.status,
        error.code,
        error.attempts,
        error.method,
        error.path,
    )
    assert "gateway" in error.body
    assert error.request_id == emulator.requests[0].request_id


async def test_a_wrong_key_is_tried_once_and_never_shown(
    start_emulator: StartEmulator, caplog: pytest.LogCaptureFixture
) -> None:
    """A 401 from the server, without the key in error or logs."""
    caplog.set_level(logging.DEBUG)
    emulator = await start_emulator()
    key = "cf_live_wrong0canary"
    async with CloudFlow(key, base_url=emulator.base_url) as client:
        with pytest.raises(AuthenticationError) as caught:
            await client.workflows.list()

    assert "authentication_failed" == caught.value.code
    assert 1 == len(emulator.requests)
    assert key not in f"{caught.value!r} {caught.value.body} {caplog.text} {client!r}"


async def test_cancelled_calls_leave_nothing(
    start_emulator: StartEmulator, open_client: OpenClient
) -> None:
    """300 calls cancelled at moments all over their way: the next 50 succeed."""
    emulator = await start_emulator()
    emulator.inject(Fault(delay=0.5, times=None, probability=0.5))
    emulator.inject(Fault(drop="before", times=None, probability=0.2))
    client = open_client(emulator)
    calls = [asyncio.create_task(client.request("GET", "/workflows")) for _ in range(300)]
    for number, call in enumerate(calls):
        await asyncio.sleep(0.01 * (number % 3))
        call.cancel()
    await asyncio.wait(calls)
    emulator.clear_faults()
    results = await asyncio.gather(*(client.request("GET", "/workflows") for _ in range(50)))
    statistics = client.statistics()

    assert {200} == {result.status for result in results}
    assert (0, 0) == (statistics.in_flight, statistics.waiting)
