"""Events on their way: to whom, how often, when again, and when no more."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from aiohttp import web
from standardwebhooks import Webhook as OfficialWebhook

from cloudflow_async.emulator import DeliveryFault, Emulator, RecordedDelivery
from cloudflow_async.emulator.cloudflow.state import Webhook
from cloudflow_async.emulator.deliveries.dispatcher import SCHEDULE
from tests.emulator.conftest import Clock, until
from tests.emulator.receiver import Receiver

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
EVENTS = ("workflow.started", "workflow.completed", "workflow.failed")
DATA = {"workflow_id": "wf_8x7k2m9p"}

virtual_time = pytest.mark.virtual_time


def register(
    emulator: Emulator,
    url: str,
    *,
    events: tuple[str, ...] = EVENTS,
    secret: str | None = SECRET,
    account: str = "default",
) -> str:
    """Register a webhook behind the API's back and return its id."""
    state = emulator._app.account(account)
    hook = Webhook(
        id=state.new_id("hook_"), url=url, events=events, secret=secret, created_at=state.now
    )
    state.webhooks[hook.id] = hook
    return hook.id


@pytest.fixture
async def flowing(virtual_clock: Callable[[], float]) -> AsyncIterator[Emulator]:
    """Return an emulator whose clock goes with a loop of virtual time."""
    async with Emulator(clock=virtual_clock) as running:
        yield running


@pytest.fixture
def threaded() -> Iterator[Emulator]:
    """Return an emulator that runs in a thread of its own."""
    emulator = Emulator()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(emulator.start(), loop).result(5)
    yield emulator
    asyncio.run_coroutine_threadsafe(emulator.stop(), loop).result(5)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.close()


def only(emulator: Emulator) -> RecordedDelivery:
    """Return the one delivery that there is."""
    (delivery,) = emulator.deliveries
    return delivery


async def test_an_event_is_delivered_as_documented(emulator: Emulator, clock: Clock) -> None:
    """The documented payload, in the envelope of Standard Webhooks."""
    async with Receiver() as receiver:
        hook = register(emulator, receiver.url)
        ids = emulator.emit("workflow.failed", DATA)
        await emulator.wait_for_deliveries()
        (received,) = receiver.received

    assert received.json == {
        "event": "workflow.failed",
        "timestamp": "2026-01-24T12:00:00Z",
        "data": DATA,
    }
    assert received.id == ids[0]
    assert received.id.startswith("msg_")
    assert received.headers["webhook-timestamp"] == str(int(clock.now))
    assert received.headers["webhook-signature"].startswith("v1,")
    assert received.headers["Content-Type"] == "application/json"
    assert received.headers["User-Agent"] == "cloudflow-emulator"

    delivery = only(emulator)

    assert (delivery.webhook_id, delivery.url) == (hook, receiver.url)
    assert (delivery.state, delivery.next_attempt_at) == ("delivered", None)
    assert [(attempt.at, attempt.status) for attempt in delivery.attempts] == [(clock.now, 204)]


async def test_a_delivery_satisfies_the_specifications_own_library() -> None:
    """On the real clock, which that library goes by."""
    async with Emulator() as emulator, Receiver() as receiver:
        register(emulator, receiver.url)
        emulator.emit("workflow.completed", DATA)
        await emulator.wait_for_deliveries()
        (received,) = receiver.received
    payload = OfficialWebhook(SECRET).verify(received.body, dict(received.headers))

    assert payload["data"] == DATA


async def test_without_a_secret_it_is_delivered_unsigned(emulator: Emulator) -> None:
    """As it was registered."""
    async with Receiver() as receiver:
        register(emulator, receiver.url, secret=None)
        emulator.emit("workflow.failed", DATA)
        await emulator.wait_for_deliveries()

    assert "webhook-signature" not in receiver.received[0].headers


async def test_only_those_who_registered_for_an_event_get_it(emulator: Emulator) -> None:
    """Each in a delivery of its own; an event for which nobody can register goes to all."""
    async with Receiver() as one, Receiver() as other, Receiver() as stranger:
        register(emulator, one.url, events=("workflow.failed",))
        register(emulator, other.url)
        register(emulator, stranger.url, account="acme")
        ids = emulator.emit("workflow.failed", DATA) + emulator.emit("workflow.started", DATA)
        emulator.emit("billing.changed", {}, times=2)
        await emulator.wait_for_deliveries()

    assert len(set(ids)) == 3
    assert sorted(one.events) == ["billing.changed"] * 2 + ["workflow.failed"]
    assert sorted(other.events) == [
        *["billing.changed"] * 2,
        "workflow.failed",
        "workflow.started",
    ]
    assert stranger.events == []


async def test_accounts_have_events_of_their_own(emulator: Emulator) -> None:
    """The record says whose."""
    async with Receiver() as receiver:
        register(emulator, receiver.url, account="acme")
        emulator.account("acme").emit("workflow.failed", DATA)
        await emulator.wait_for_deliveries()

    assert only(emulator).account == "acme"
    assert receiver.events == ["workflow.failed"]


@pytest.mark.parametrize(
    ("data", "message"),
    [({"a": {1}}, "not JSON"), ({"a": float("nan")}, "JSON"), ({"a": "x" * 2**20}, "1048576")],
)
def test_what_is_no_event_is_refused(data: dict[str, object], message: str) -> None:
    """Before anything is delivered."""
    emulator = Emulator()
    register(emulator, "http://127.0.0.1/")
    with pytest.raises(ValueError, match=message):
        emulator.emit("workflow.failed", data)

    assert emulator.deliveries == []


@virtual_time
async def test_what_fails_is_tried_eight_times(flowing: Emulator) -> None:
    """After 5 s, 5 min, 30 min, 2 h, 5 h, 10 h and 10 h: the same id, another timestamp."""
    async with Receiver(500) as receiver:
        register(flowing, receiver.url)
        flowing.emit("workflow.failed", DATA)
        await flowing.wait_for_deliveries()
        early = only(flowing)
        await flowing.wait_for_deliveries(retries=True, timeout=200_000)
    delivery = only(flowing)
    times = [attempt.at for attempt in delivery.attempts]
    waits = [later - earlier for earlier, later in itertools.pairwise(times)]

    assert SCHEDULE == (0, 5, 300, 1800, 7200, 18_000, 36_000, 36_000)
    assert waits == pytest.approx(SCHEDULE[1:], abs=0.1)
    assert (early.state, early.next_attempt_at) == ("pending", pytest.approx(times[0] + 5, abs=0.1))
    assert (delivery.state, delivery.next_attempt_at) == ("failed", None)
    assert len({received.id for received in receiver.received}) == 1
    assert len({received.body for received in receiver.received}) == 1
    assert [int(one.headers["webhook-timestamp"]) for one in receiver.received] == [
        int(instant) for instant in times
    ]
    assert len({received.headers["webhook-signature"] for received in receiver.received}) == 8


@virtual_time
@pytest.mark.parametrize("failures", range(8))
async def test_it_ends_with_the_first_success(flowing: Emulator, failures: int) -> None:
    """After however many failures."""
    async with Receiver(*[500] * failures, 200) as receiver:
        register(flowing, receiver.url)
        flowing.emit("workflow.failed", DATA)
        await flowing.wait_for_deliveries(retries=True, timeout=200_000)
        await asyncio.sleep(100_000)

    assert only(flowing).state == "delivered"
    assert len(receiver.received) == failures + 1


@pytest.mark.parametrize("status", [301, 302, 400, 401, 404, 409, 429, 500, 503])
async def test_only_2xx_is_success(emulator: Emulator, clock: Clock, status: int) -> None:
    """Whatever else is answered, another attempt is planned."""
    async with Receiver(status) as receiver:
        register(emulator, receiver.url)
        emulator.emit("workflow.failed", DATA)
        await emulator.wait_for_deliveries()
    delivery = only(emulator)

    assert delivery.attempts[0].status == status
    assert (delivery.state, delivery.next_attempt_at) == ("pending", clock.now + 5)


async def test_a_clock_that_is_turned_by_hand_brings_the_next_attempt(
    emulator: Emulator, clock: Clock
) -> None:
    """When somebody waits for it, or a request arrives."""
    async with Receiver(500, 500, 200) as receiver:
        register(emulator, receiver.url)
        emulator.emit("workflow.failed", DATA)
        for wait in (0, 5, 300):
            clock.now += wait
            await emulator.wait_for_deliveries()

    assert [attempt.status for attempt in only(emulator).attempts] == [500, 500, 200]


async def test_a_refused_target_is_a_failed_attempt(emulator: Emulator) -> None:
    """The record says why; the emulator's own address is refused as well."""
    for url in ("http://169.254.169.254/", "https://93.184.216.34/", emulator.base_url):
        register(emulator, url)
    emulator.emit("workflow.failed", DATA)
    await emulator.wait_for_deliveries()
    errors = [delivery.attempts[0].error for delivery in emulator.deliveries]

    assert errors == [
        "refused: nothing is delivered to 169.254.169.254",
        "refused: 93.184.216.34 is a public address, and webhooks go to loopback only",
        "refused: that is the emulator itself",
    ]
    assert {delivery.state for delivery in emulator.deliveries} == {"pending"}
    assert emulator.requests == []


async def test_410_disables_the_webhook(emulator: Emulator, clock: Clock) -> None:
    """What else was on its way there is given up; others get their events."""
    async with Receiver(500, 410, 204) as gone, Receiver() as other:
        register(emulator, gone.url)
        register(emulator, other.url)
        emulator.emit("workflow.failed", DATA)
        await emulator.wait_for_deliveries()
        emulator.emit("workflow.started", DATA)
        await emulator.wait_for_deliveries()
        clock.now += 5
        emulator.emit("workflow.completed", DATA)
        await emulator.wait_for_deliveries(retries=True)
    states = [(one.event, one.state) for one in emulator.deliveries if one.url == gone.url]

    assert states == [("workflow.failed", "disabled"), ("workflow.started", "disabled")]
    assert gone.events == ["workflow.failed", "workflow.started"]
    assert other.events == ["workflow.failed", "workflow.started", "workflow.completed"]
    assert {one.next_attempt_at for one in emulator.deliveries} == {None}


@virtual_time
async def test_a_lost_answer_brings_the_delivery_again(flowing: Emulator) -> None:
    """With the same id: at least once is what is promised."""
    flowing.inject(DeliveryFault(lose_answers=1))
    async with Receiver() as receiver:
        register(flowing, receiver.url)
        flowing.emit("workflow.failed", DATA)
        await flowing.wait_for_deliveries(retries=True, timeout=60)
    delivery = only(flowing)

    assert len(receiver.received) == 2
    assert len({received.id for received in receiver.received}) == 1
    assert [(one.status, one.error) for one in delivery.attempts] == [
        (None, "the answer was lost"),
        (204, None),
    ]
    assert delivery.state == "delivered"


@virtual_time
async def test_copies_are_sent_at_once(flowing: Emulator) -> None:
    """Three of them, the answer of the first lost: delivered, and not tried again."""
    flowing.inject(DeliveryFault(event="workflow.failed", copies=3, lose_answers=1))
    async with Receiver() as receiver:
        register(flowing, receiver.url)
        flowing.emit("workflow.started", DATA)
        flowing.emit("workflow.failed", DATA)
        await flowing.wait_for_deliveries(retries=True, timeout=60)
    started, failed = flowing.deliveries

    assert (len(started.attempts), len(failed.attempts)) == (1, 3)
    assert [attempt.status for attempt in failed.attempts] == [None, 204, 204]
    assert failed.state == "delivered"
    assert len({received.id for received in receiver.received}) == 2


@virtual_time
async def test_copies_that_all_fail_are_tried_again_once(flowing: Emulator) -> None:
    """The schedule knows one next attempt, not three."""
    flowing.inject(DeliveryFault(copies=3))
    async with Receiver(500, 500, 500, 204) as receiver:
        register(flowing, receiver.url)
        flowing.emit("workflow.failed", DATA)
        await flowing.wait_for_deliveries(retries=True, timeout=60)

    assert [attempt.status for attempt in only(flowing).attempts] == [500, 500, 500, 204]


async def test_faults_can_be_taken_off_duty_again(emulator: Emulator) -> None:
    """Together with those of requests."""
    emulator.inject(DeliveryFault(copies=3))
    emulator.clear_faults()
    async with Receiver() as receiver:
        register(emulator, receiver.url)
        emulator.emit("workflow.failed", DATA)
        await emulator.wait_for_deliveries()

    assert len(receiver.received) == 1


@virtual_time
async def test_a_delivery_can_be_made_once_more(flowing: Emulator) -> None:
    """By hand, with its id; when that fails, it is tried again as a new one would be."""
    async with Receiver(204, 500, 204) as receiver:
        register(flowing, receiver.url)
        (delivery_id,) = flowing.emit("workflow.failed", DATA)
        await flowing.wait_for_deliveries()
        flowing.redeliver(delivery_id)
        await flowing.wait_for_deliveries()
        pending = only(flowing)
        await flowing.wait_for_deliveries(retries=True, timeout=60)
    delivery = only(flowing)

    assert pending.state == "pending"
    assert [attempt.status for attempt in delivery.attempts] == [204, 500, 204]
    assert delivery.attempts[2].at - delivery.attempts[1].at == pytest.approx(5, abs=0.1)
    assert {received.id for received in receiver.received} == {delivery_id}

    with pytest.raises(KeyError):
        flowing.redeliver("msg_x")


async def test_redelivering_comes_before_the_planned_attempt(
    emulator: Emulator, clock: Clock
) -> None:
    """Which is not made in addition."""
    async with Receiver(500, 204) as receiver:
        register(emulator, receiver.url)
        (delivery_id,) = emulator.emit("workflow.failed", DATA)
        await emulator.wait_for_deliveries()
        emulator.redeliver(delivery_id)
        await emulator.wait_for_deliveries()
        clock.now += 5
        await emulator.wait_for_deliveries(retries=True)

    assert [attempt.status for attempt in only(emulator).attempts] == [500, 204]


async def test_not_more_than_32_attempts_are_made_at_once(emulator: Emulator) -> None:
    """The others wait for their turn, and get it."""
    gate = asyncio.Event()

    async def hold(_request: object) -> web.StreamResponse:
        await gate.wait()
        return web.Response()

    async with Receiver(hold) as receiver:
        register(emulator, receiver.url)
        emulator.emit("workflow.failed", DATA, times=100)
        await until(lambda: len(receiver.received) >= 32)
        for _ in range(50):
            await asyncio.sleep(0)
        held = len(receiver.received)
        gate.set()
        await emulator.wait_for_deliveries()

    assert (held, receiver.busiest) == (32, 32)
    assert len({received.id for received in receiver.received}) == 100
    assert {delivery.state for delivery in emulator.deliveries} == {"delivered"}


async def test_ids_repeat_with_the_seed_after_a_reset(emulator: Emulator) -> None:
    """Deliveries are forgotten, those on their way are broken off, and nothing comes later."""
    waiting = asyncio.Event()

    async def never(_request: object) -> None:
        await waiting.wait()

    async with Receiver(never, 204) as receiver:
        register(emulator, receiver.url)
        first = emulator.emit("workflow.failed", DATA)
        await until(lambda: bool(receiver.received))
        emulator.reset()
        forgotten = emulator.deliveries
        register(emulator, receiver.url)
        second = emulator.emit("workflow.failed", DATA)
        await emulator.wait_for_deliveries(retries=True)

    assert forgotten == []
    assert first == second
    assert [attempt.status for attempt in only(emulator).attempts] == [204]


async def test_a_reset_forgets_what_was_still_to_come(emulator: Emulator, clock: Clock) -> None:
    """A later attempt is not made, a fault does not hit."""
    async with Receiver(500) as receiver:
        register(emulator, receiver.url)
        emulator.emit("workflow.failed", DATA)
        await emulator.wait_for_deliveries()
        emulator.inject(DeliveryFault(copies=3))
        emulator.reset()
        clock.now += 5
        await emulator.wait_for_deliveries(retries=True)
        register(emulator, receiver.url)
        emulator.emit("workflow.failed", DATA)
        await emulator.wait_for_deliveries()

    assert len(receiver.received) == 2


async def test_what_is_emitted_before_the_start_is_delivered_after_it(clock: Clock) -> None:
    """There is no loop before."""
    emulator = Emulator(clock=clock)
    async with Receiver() as receiver:
        register(emulator, receiver.url)
        emulator.emit("workflow.failed", DATA)
        waiting = only(emulator)
        async with emulator:
            await emulator.wait_for_deliveries()

    assert (waiting.attempts, waiting.next_attempt_at) == ((), clock.now)
    assert only(emulator).state == "delivered"


async def test_stopping_ends_deliveries_and_starting_goes_on(
    emulator: Emulator, clock: Clock
) -> None:
    """What was on its way is tried again, what waited for its turn is delivered."""
    waiting = asyncio.Event()

    async def never(_request: object) -> None:
        await waiting.wait()

    async with Receiver(*[never] * 32, 204) as receiver:
        register(emulator, receiver.url)
        emulator.emit("workflow.failed", DATA, times=40)
        await until(lambda: len(receiver.received) == 32)
        await emulator.stop()
        stopped = emulator.deliveries
        await emulator.start()
        await emulator.wait_for_deliveries()
        queued = [one.state for one in emulator.deliveries]
        clock.now += 5
        await emulator.wait_for_deliveries(retries=True)

    assert [len(one.attempts) for one in stopped] == [1] * 32 + [0] * 8
    assert {one.attempts[0].error for one in stopped[:32]} == {
        "the emulator was stopped before an answer came"
    }
    assert queued == ["pending"] * 32 + ["delivered"] * 8
    assert {one.state for one in emulator.deliveries} == {"delivered"}


async def test_waiting_ends_with_an_error_when_time_is_up(emulator: Emulator) -> None:
    """It says what there is to wait for."""
    waiting = asyncio.Event()

    async def never(_request: object) -> None:
        await waiting.wait()

    async with Receiver(never) as receiver:
        emulator.plan_runs(workflow := emulator.add_workflow(trigger={"type": "webhook"}))
        emulator._app.runs.start(emulator._app.state, emulator._app.state.workflows[workflow])
        with pytest.raises(TimeoutError, match="the clock stands at 1769256000"):
            await emulator.wait_for_deliveries(timeout=0.01)
        register(emulator, receiver.url)
        emulator.emit("workflow.failed", DATA)
        with pytest.raises(TimeoutError, match="1 deliveries were still on their way"):
            await emulator.wait_for_deliveries(timeout=0.01)


async def test_waiting_ends_with_an_error_when_the_emulator_stops() -> None:
    """Nothing more will happen then; the same goes for one that was not started."""
    emulator = Emulator(clock=Clock())
    with pytest.raises(RuntimeError, match="not running"):
        await emulator.wait_for_deliveries()
    await emulator.start()
    emulator._app.scheduler.at(emulator._app.state.now + 60, print)
    task = asyncio.create_task(emulator.wait_for_deliveries())
    await asyncio.sleep(0)
    await emulator.stop()

    with pytest.raises(RuntimeError, match="not running"):
        await task


async def test_everything_works_from_another_thread(threaded: Emulator) -> None:
    """With the receiver on the loop of the test, and the emulator on its own."""
    async with Receiver(500, 204) as receiver:
        register(threaded, receiver.url)
        (delivery_id,) = threaded.emit("workflow.failed", DATA)
        await threaded.wait_for_deliveries()
        threaded.redeliver(delivery_id)
        await threaded.wait_for_deliveries(retries=True)
        delivery = only(threaded)
        threaded.reset()
        forgotten = threaded.deliveries

    assert [attempt.status for attempt in delivery.attempts] == [500, 204]
    assert forgotten == []


def test_a_test_without_a_loop_can_wait_too(threaded: Emulator) -> None:
    """In a loop of a moment's life."""
    register(threaded, "http://169.254.169.254/")
    threaded.emit("workflow.failed", DATA)
    asyncio.run(threaded.wait_for_deliveries())

    assert len(only(threaded).attempts) == 1


async def test_no_task_exists_before_the_first_delivery(emulator: Emulator) -> None:
    """Nor after the last."""
    before = len(asyncio.all_tasks())
    async with Receiver() as receiver:
        register(emulator, receiver.url)
        emulator.emit("workflow.failed", DATA)
        await emulator.wait_for_deliveries()
    await asyncio.sleep(0)

    assert before == len(asyncio.all_tasks())
