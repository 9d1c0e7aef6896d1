"""What goes wrong on the way, seen from both ends."""

from __future__ import annotations

import asyncio
import logging

import attrs
import pytest

from cloudflow_async import (
    AuthenticationError,
    CloudFlow,
    DeadlineExceededError,
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
    "silent before": Fault(stall="before", times=None),
    "silent after": Fault(stall="after", times=None),
    "silent in the body": Fault(stall=5, times=None),
    "reset before": Fault(drop="before", reset=True, times=None),
    "reset after": Fault(drop="after", reset=True, times=None),
    "reset in the body": Fault(truncate=5, reset=True, times=None),
    "garbage": Fault(raw=b"\x16\x03\x01\x02\x00 no HTTP\r\n\r\n", times=None),
    "half a status line": Fault(raw=b"HTTP/1.1 20", times=None),
    "half a head": Fault(raw=b"HTTP/1.1 200 OK\r\nContent-Le", stall=100, times=None),
    "a drip": Fault(raw=b"HTTP/1.1 200 OK\r\n", bandwidth=0.1, times=None),
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
    emulator.inject(attrs.evolve(fault, times=1))
    workflow = await open_client(emulator).workflows.get(workflow_id)

    assert "here" == workflow.name
    assert 2 == len(emulator.requests)


@pytest.mark.parametrize(
    ("fault", "made"),
    [
        (Fault(stall="before"), 0),
        (Fault(stall="after"), 1),
        (Fault(stall=5), 1),
        (Fault(drop="before", reset=True), 0),
        (Fault(drop="after", reset=True), 1),
        (Fault(raw=b"garbage"), 0),
        (Fault(raw=b"garbage", processed=True), 1),
    ],
)
async def test_whether_a_post_was_applied_is_for_the_emulator_to_say(
    start_emulator: StartEmulator, open_client: OpenClient, fault: Fault, made: int
) -> None:
    """The client cannot know, and says so, after one attempt."""
    emulator = await start_emulator()
    emulator.inject(fault)
    client = open_client(emulator)
    with pytest.raises(OutcomeUnknownError) as caught:
        await client.workflows.create(
            name="once", trigger={"type": "webhook"}, steps=[{"type": "fetch_data", "source": "x"}]
        )
    workflows = await client.workflows.list().collect()

    assert (True, 1) == (caught.value.may_have_been_applied, caught.value.attempts)
    assert ["once"] * made == [workflow.name for workflow in workflows]


async def test_silence_costs_the_time_of_an_attempt(
    start_emulator: StartEmulator, open_client: OpenClient
) -> None:
    """Then a GET is sent anew, on another connection, and succeeds."""
    emulator = await start_emulator()
    workflow_id = emulator.add_workflow()
    emulator.inject(Fault(stall="after"))
    client = open_client(emulator, timeout=7.0)
    begun_at = asyncio.get_running_loop().time()
    await client.workflows.get(workflow_id)
    took = asyncio.get_running_loop().time() - begun_at

    assert 7 <= took < 12
    assert [None, 200] == [request.status for request in emulator.requests]
    assert [1, 2] == [request.connection for request in emulator.requests]


@pytest.mark.parametrize(
    "fault", [Fault(piece_size=1, times=None), Fault(bandwidth=1e4, times=None)]
)
async def test_pages_in_pieces_have_the_same_rows(
    start_emulator: StartEmulator, open_client: OpenClient, fault: Fault
) -> None:
    """All of them, over one connection."""
    emulator = await start_emulator()
    pipeline_id = emulator.add_pipeline()
    emulator.add_executions(pipeline_id, 7)
    client = open_client(emulator)
    pages = client.pipelines.executions(pipeline_id, page_size=3, prefetch=0)
    whole = [row async for row in pages]
    emulator.inject(fault)
    in_pieces = [row async for row in pages]

    assert 7 == len(whole)
    assert whole == in_pieces
    assert {1} == {request.connection for request in emulator.requests}


async def test_a_slow_answer_does_not_outlast_the_deadline(
    start_emulator: StartEmulator, open_client: OpenClient
) -> None:
    """It would take a minute; each piece comes in time, but the call ends after five seconds."""
    emulator = await start_emulator()
    workflow_id = emulator.add_workflow()
    emulator.inject(Fault(bandwidth=10, times=None))
    client = open_client(emulator, deadline=5.0)
    begun_at = asyncio.get_running_loop().time()
    with pytest.raises(DeadlineExceededError):
        await client.workflows.get(workflow_id)

    assert pytest.approx(5, abs=0.1) == asyncio.get_running_loop().time() - begun_at


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
