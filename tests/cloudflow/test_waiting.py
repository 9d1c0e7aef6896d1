"""Waiting for ends: when the history is looked at, by whom it is shared, and how waits end."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import math
import random
import sys
import traceback
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import attrs
import pytest

from cloudflow_async._core.errors import (
    AuthenticationError,
    ClientClosedError,
    CloudFlowError,
    DeadlineExceededError,
    DecodeError,
    InvalidArgumentError,
    NoCredentialsError,
    NotFoundError,
    PaginationError,
    RateLimitedError,
    RequestTimeoutError,
    ServerError,
    TokenRequestError,
    TransportError,
)
from cloudflow_async._core.paging.pages import Pages
from cloudflow_async.cloudflow.waiting import Waits
from tests.cloudflow.executions import BEGIN, History, Row, history

pytestmark = pytest.mark.virtual_time

MANY = 1000


@attrs.define(slots=False)
class Client:
    """Who waits: the executions of a pipeline, and its waits."""

    rows: History
    waits: Waits[Row] = attrs.field(factory=lambda: Waits(chance=lambda: 0.0))

    async def wait(self, number: int, **options: Any) -> Row:
        """Wait for an execution."""
        return await self.waits.wait(
            "pipe_1",
            f"exec_{number}",
            self.rows.open,
            **{"timeout": None, "router": None, "longest_pause": 30.0, **options},
        )


@attrs.frozen
class Event:
    """An event of an execution."""

    type: str
    data: dict[str, object]


class FakeRouter:
    """A router that hands out what it is told to."""

    def __init__(self) -> None:
        self.handlers: list[Callable[[Any], Awaitable[object]]] = []
        self.types: list[Sequence[str]] = []

    def listen(
        self, types: Sequence[str], handler: Callable[[Any], Awaitable[object]]
    ) -> Callable[[], None]:
        """Add a handler, and return what removes it."""
        self.types.append(types)
        self.handlers.append(handler)
        return lambda: self.handlers.remove(handler)

    async def deliver(self, number: int, type: str = "pipeline.completed") -> None:
        """Hand out an event of an execution."""
        for handler in self.handlers:
            await handler(Event(type, {"execution_id": f"exec_{number}"}))


def now() -> float:
    """Return the virtual time."""
    return asyncio.get_running_loop().time()


def pauses(client: Client) -> list[float]:
    """Return the seconds between requests."""
    return [after - before for before, after in itertools.pairwise(client.rows.asked_at)]


def later(seconds: float, action: Callable[..., object], *arguments: object) -> None:
    """Do something after so many seconds."""
    asyncio.get_running_loop().call_later(seconds, action, *arguments)


def others() -> set[asyncio.Task[Any]]:
    """Return the tasks beside this one."""
    return asyncio.all_tasks() - {asyncio.current_task()}


async def test_what_has_ended_is_returned_at_once() -> None:
    """One look finds it, and no task is left."""
    client = Client(history(50))
    row = await client.wait(49)

    assert "completed" == row.status
    assert (["rows 0"], 0.0) == (client.rows.asked, now())
    assert set() == others()


@pytest.mark.parametrize("status", ["failed", "cancelled_by_operator"])
async def test_every_status_but_running_is_an_end(status: str) -> None:
    """The document's own failed, and one that it does not know."""
    client = Client(history(3))
    client.rows.run(2)
    later(1.5, lambda: client.rows.end(2, status=status))

    assert status == (await client.wait(2)).status


async def test_pauses_grow_to_the_longest() -> None:
    """From 1 second, by half each time, to 30; each look is one request."""
    client = Client(history(500))
    client.rows.run(499)
    later(200, client.rows.end, 499)
    await client.wait(499)
    grow = [1, 1.5, 2.25, 3.375, 5.0625, 7.59375, 11.390625, 17.0859375, 25.62890625]

    assert [*grow, 30, 30, 30, 30, 30][: len(pauses(client))] == pytest.approx(pauses(client))
    assert ["rows 0", *["around 499"] * 14] == client.rows.asked
    assert 200 <= now() <= 230


async def test_pauses_are_up_to_a_quarter_shorter() -> None:
    """Many processes that began together do not stay in step."""
    client = Client(history(3), Waits(chance=lambda: 1.0))
    client.rows.run(2)
    later(1.8, client.rows.end, 2)
    await client.wait(2)

    assert [0, 0.75, 1.875] == [round(at, 3) for at in client.rows.asked_at]


@pytest.mark.parametrize("longest", [(30.0, 2.0), (2.0, 30.0)])
async def test_the_longest_pause_is_the_shortest_that_somebody_asked_for(
    longest: tuple[float, float],
) -> None:
    """Of two waiters of one execution either may be the more impatient."""
    client = Client(history(3))
    client.rows.run(2)
    later(60, client.rows.end, 2)
    await asyncio.gather(*(client.wait(2, longest_pause=each) for each in longest))

    assert {1, 1.5, 2} == {round(pause, 3) for pause in pauses(client)}


@pytest.mark.parametrize("numbers", [[999] * MANY, range(MANY)], ids=["of one", "of many"])
async def test_a_thousand_waiters_cost_the_requests_of_one(numbers: Sequence[int]) -> None:
    """For one execution, and for a thousand that began in the same second."""
    client = Client(history(MANY))
    for row in client.rows.rows:
        row.started_at = BEGIN
    client.rows.run(*range(MANY))
    later(100, client.rows.end, *range(MANY))
    alone = Client(client.rows)
    await alone.wait(0)
    cost, client.rows.asked = client.rows.asked, []
    client.rows.run(*range(MANY))
    later(100, client.rows.end, *range(MANY))
    rows = await asyncio.gather(*(client.wait(number) for number in numbers))

    assert [f"exec_{number}" for number in numbers] == [row.id for row in rows]
    assert len(client.rows.asked) <= len(cost)


async def test_many_of_one_pipeline_stay_in_step() -> None:
    """A hundred who come one after another, for as many executions, end up sharing each look."""
    client = Client(history(200), Waits(random.Random(1).random))
    client.rows.run(*range(100, 200))
    tasks = []
    for number in range(100, 200):
        tasks.append(asyncio.create_task(client.wait(number)))
        await asyncio.sleep(0.1)
    await asyncio.sleep(50)
    coming, client.rows.asked = client.rows.asked, []
    await asyncio.sleep(600)
    steady, client.rows.asked = client.rows.asked, []
    client.rows.end(*range(100, 200))
    await asyncio.gather(*tasks)

    assert len(coming) <= 35
    assert len(steady) <= 30
    assert len(client.rows.asked) <= 4


async def test_a_newcomer_is_looked_for_soon() -> None:
    """At once when the last look was long ago, else a second after it; others do not wait less."""
    client = Client(history(3))
    client.rows.run(1, 2)
    first = asyncio.create_task(client.wait(2))
    await asyncio.sleep(20)
    before = client.rows.asked_at[-1]
    await client.wait(0)

    assert 20 == now()
    client.rows.asked_at.clear()
    await client.wait(0)

    assert [21] == client.rows.asked_at
    assert before < 20
    client.rows.end(2)
    await first


async def test_one_that_has_not_begun_is_waited_for() -> None:
    """It appears after 10 seconds in a long history, which was read in whole once."""
    client = Client(history(1000))
    later(10, client.rows.rows.append, Row("exec_1000", BEGIN.replace(day=27), "running"))
    later(15, client.rows.end, 1000)
    row = await client.wait(1000)

    assert "exec_1000" == row.id
    assert 1 == client.rows.asked.count("rows 400")
    assert client.rows.asked[-1] == "around 4320"
    assert 15 <= now() <= 25


async def test_reading_it_in_whole_keeps_nobody_waiting() -> None:
    """While a thousand pages are read for one, another's end is seen on the way."""
    client = Client(history(2000, delay=1.0))
    client.rows.run(1999)
    lost = asyncio.create_task(client.wait(5000))
    later(20, client.rows.end, 1999)
    await client.wait(1999)

    assert now() <= 40
    assert "rows 500" in client.rows.asked
    lost.cancel()


async def test_reading_it_in_whole_ends_with_the_one_it_was_for() -> None:
    """Others go on waiting without it."""
    client = Client(history(1000, delay=0.5))
    client.rows.run(999)
    patient = asyncio.create_task(client.wait(999))
    with pytest.raises(DeadlineExceededError):
        await client.wait(5000, timeout=5)
    asked = len(client.rows.asked)
    await asyncio.sleep(20)

    assert "rows 200" in client.rows.asked
    assert {"around 999"} == set(client.rows.asked[asked + 1 :])
    patient.cancel()


if sys.version_info >= (3, 12):  # where tasks can be eager

    async def test_eager_tasks_share_the_first_look_too() -> None:
        """The poller does not begin before all who come in the same turn are there."""
        asyncio.get_running_loop().set_task_factory(
            getattr(asyncio, "eager_task_factory")  # noqa: B009  # not in 3.11
        )
        client = Client(history(50))
        await asyncio.gather(*(client.wait(number) for number in range(50)))

        assert ["rows 0"] == client.rows.asked


async def test_the_timeout_says_that_it_still_ran() -> None:
    """It is exact, and nothing is left behind."""
    client = Client(history(3))
    client.rows.run(2)
    with pytest.raises(
        DeadlineExceededError, match=r"'exec_2' of 'pipe_1' still ran after 7\.5 seconds of waiting"
    ) as caught:
        await client.wait(2, timeout=7.5)

    assert 7.5 == now()
    assert isinstance(caught.value, TimeoutError)
    assert set() == others()
    assert {} == client.waits._pollers


async def test_the_timeout_says_that_it_was_not_seen() -> None:
    """The id may be wrong."""
    client = Client(history(3))

    with pytest.raises(DeadlineExceededError, match="'exec_9' of 'pipe_1' was not seen in the"):
        await client.wait(9, timeout=5)


async def test_the_timeout_names_the_last_trouble() -> None:
    """It is the cause, and what its answer said is in the error."""
    client = Client(history(3))
    down = ServerError("HTTP 503", status=503, code="maintenance", request_id="r", attempts=5)
    client.rows.errors = [down] * 9

    with pytest.raises(DeadlineExceededError, match=r"waiting\. Last: HTTP 503") as caught:
        await client.wait(2, timeout=5)

    error = caught.value
    assert (503, "maintenance", "r", 5) == (
        error.status,
        error.code,
        error.request_id,
        error.attempts,
    )
    assert down is error.__cause__


async def test_the_timeout_does_not_name_trouble_that_is_over() -> None:
    """A later look succeeded."""
    client = Client(history(3, errors=[ServerError("HTTP 503", status=503)]))
    client.rows.run(2)

    with pytest.raises(DeadlineExceededError, match=r"waiting\.$") as caught:
        await client.wait(2, timeout=5)

    assert (None, None) == (caught.value.status, caught.value.__cause__)


async def test_a_timeout_of_one_leaves_the_others() -> None:
    """Each waiter has a bound of its own."""
    client = Client(history(3))
    client.rows.run(2)
    later(10, client.rows.end, 2)
    patient = asyncio.create_task(client.wait(2))
    with pytest.raises(DeadlineExceededError):
        await client.wait(2, timeout=2)

    assert 2 == now()
    assert "completed" == (await patient).status


async def test_an_outer_timeout_is_not_ours() -> None:
    """`asyncio.timeout` around a wait raises its own TimeoutError, and ends the looks."""
    client = Client(history(3))
    client.rows.run(2)
    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(3):
            await client.wait(2)

    assert not isinstance(caught.value, CloudFlowError)
    assert set() == others()


async def test_a_cancelled_waiter_leaves_the_others() -> None:
    """The looks end with the last one, in the middle of a request too."""
    client = Client(history(3, delay=0.5))
    client.rows.run(1, 2)
    tasks = [asyncio.create_task(client.wait(number)) for number in (1, 2, 2)]
    await asyncio.sleep(1)
    tasks[0].cancel()
    tasks[1].cancel()
    await asyncio.sleep(10)
    looks = len(client.rows.asked)

    assert not tasks[2].done()
    assert looks > 3
    assert client.rows.asked[-1] == "around 2"

    await asyncio.sleep(client.rows.asked_at[-1] - now() + 7.8)
    tasks[2].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert {asyncio.CancelledError} == set(map(type, results))
    assert set() == others()
    assert {} == client.waits._pollers


async def test_who_comes_after_the_last_has_left_begins_anew() -> None:
    """A poller that is being ended takes no newcomers."""
    client = Client(history(3, delay=0.5))
    client.rows.run(2)
    first = asyncio.create_task(client.wait(2))
    await asyncio.sleep(0.2)
    first.cancel()
    await asyncio.sleep(0)
    client.rows.end(2)
    row = await client.wait(2)

    assert "completed" == row.status
    assert 2 == len(client.rows.asked)


@pytest.mark.parametrize(
    "error",
    [
        AuthenticationError("HTTP 401", status=401),
        DecodeError("not an execution"),
        NoCredentialsError("none"),
        NotFoundError("no such pipeline", status=404),
        RateLimitedError("quota", status=429, code="quota_exceeded"),
        ServerError("not implemented", status=501),
        TransportError("bad certificate", retryable=False),
        ZeroDivisionError("a limiter of somebody"),
    ],
    ids=lambda error: f"{type(error).__name__} {error}",
)
async def test_an_error_that_would_repeat_itself_ends_all_waits(error: Exception) -> None:
    """Each waiter gets an instance of its own; the next one to wait begins anew."""
    client = Client(history(3))
    client.rows.run(1, 2)
    tasks = [asyncio.create_task(client.wait(number)) for number in (1, 2, 2)]
    await asyncio.sleep(0.5)
    client.rows.errors.append(error)
    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert {type(error)} == set(map(type, results))
    assert [str(error)] * 3 == [str(result) for result in results]
    assert 3 == len(set(map(id, results)))
    assert all("fetch" in _functions(result) for result in results)
    assert 1 == now()
    assert set() == others()
    assert "completed" == (await client.wait(0)).status


def _functions(error: object) -> set[str]:
    assert isinstance(error, Exception)
    return {frame.name for frame in traceback.extract_tb(error.__traceback__)}


class OddError(Exception):
    """An exception that cannot be copied."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__("odd")


async def test_an_error_that_cannot_be_copied_comes_as_it_is() -> None:
    """Better a shared one than another."""
    client = Client(history(3, errors=[OddError(1, 2)]))

    with pytest.raises(OddError):
        await client.wait(2)


@pytest.mark.parametrize(
    "error",
    [
        DeadlineExceededError("no room within the rate limit"),
        DecodeError("damaged", retryable=True),
        PaginationError("contradiction"),
        RateLimitedError("HTTP 429", status=429),
        RequestTimeoutError("no answer"),
        ServerError("HTTP 503", status=503),
        TokenRequestError("no token", retryable=True),
        TransportError("broken"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_an_error_that_passes_is_waited_out(error: Exception) -> None:
    """The session has tried again already; the next look is the next attempt."""
    client = Client(history(3, errors=[error, error]))

    assert "completed" == (await client.wait(2)).status
    assert [0, 1, 2.5] == client.rows.asked_at


async def test_the_server_says_how_long_to_leave_it_alone() -> None:
    """A wait that the session refused to sleep is kept all the same."""
    error = ServerError("maintenance", status=503, retry_after=600.0)
    client = Client(history(3, errors=[error]))
    await client.wait(2)

    assert [0, 600] == client.rows.asked_at


async def test_trouble_while_reading_it_in_whole_is_waited_out() -> None:
    """The reading goes on where it was, half a minute later; looks go on meanwhile."""
    client = Client(history(1000))
    broken = [TransportError("broken")]

    def before(request: str) -> None:
        if request == "rows 300":
            client.rows.errors, broken[:] = broken[:], []

    client.rows.before = before
    await client.wait(650)

    assert ["rows 300", "rows 300"] == [one for one in client.rows.asked if one == "rows 300"]
    assert 1 == client.rows.asked.count("rows 200")
    assert 31 <= now() <= 32


async def test_closing_ends_all_waits_at_once() -> None:
    """During a pause, and during a request; each waiter gets an instance of its own."""
    client = Client(history(3))
    client.rows.run(1, 2)
    tasks = [asyncio.create_task(client.wait(number)) for number in (1, 2, 2)]
    await asyncio.sleep(5)
    client.waits.close()
    client.waits.close()
    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert 5 == now()
    assert {ClientClosedError} == set(map(type, results))
    assert "'pipe_1': the client was closed meanwhile" in str(results[0])
    assert 3 == len(set(map(id, results)))
    assert set() == others()


async def test_a_poller_that_is_cancelled_leaves_nobody_waiting() -> None:
    """Some frameworks cancel all tasks that they find."""
    client = Client(history(3))
    client.rows.run(2)
    waiter = asyncio.create_task(client.wait(2))
    await asyncio.sleep(5)
    [poller] = others() - {waiter}
    poller.cancel()
    with pytest.raises(ClientClosedError, match="cancelled"):
        await waiter

    client.rows.end(2)
    assert "completed" == (await client.wait(2)).status


def test_another_event_loop_begins_anew() -> None:
    """What waited on a loop that ended without a word is forgotten; close leaves it alone."""
    client = Client(history(3))
    client.rows.run(2)
    first = asyncio.new_event_loop()
    abandoned = first.create_task(client.wait(2))
    first.run_until_complete(asyncio.sleep(0.01))

    async def close() -> None:
        client.waits.close()

    asyncio.run(close())
    first.run_until_complete(asyncio.sleep(0.01))

    assert not abandoned.done()
    client.rows.end(2)
    assert "completed" == asyncio.run(client.wait(2)).status
    abandoned.cancel()
    first.run_until_complete(asyncio.gather(abandoned, return_exceptions=True))
    first.run_until_complete(asyncio.sleep(0))
    first.close()


async def test_a_delivery_ends_the_wait_at_once() -> None:
    """Without one, looks come at the longest pause only; the listener is removed."""
    client, router = Client(history(500)), FakeRouter()
    client.rows.run(499)
    later(40, client.rows.end, 499)
    waiter = asyncio.create_task(client.wait(499, router=router))
    await asyncio.sleep(40.5)
    looks = list(client.rows.asked_at)
    await router.deliver(499)
    row = await waiter

    assert [0, 30] == looks
    assert 40.5 == now()
    assert "completed" == row.status
    assert ["rows 0", "around 499", "around 499"] == client.rows.asked
    assert ([["*"]], []) == (router.types, router.handlers)


async def test_a_delivery_that_got_lost_is_made_up_for() -> None:
    """The next look finds what it would have told."""
    client, router = Client(history(3)), FakeRouter()
    client.rows.run(2)
    later(31, client.rows.end, 2)
    await client.wait(2, router=router, longest_pause=20.0)

    assert [0, 20, 40] == client.rows.asked_at


async def test_a_delivery_before_the_history_shows_it() -> None:
    """Then looks come often: it cannot be long."""
    client, router = Client(history(3)), FakeRouter()
    client.rows.run(2)
    waiter = asyncio.create_task(client.wait(2, router=router))
    await asyncio.sleep(10)
    await router.deliver(2, "pipeline.failed")
    later(2, client.rows.end, 2)
    await waiter

    assert [0, 10, 11, 12.5] == client.rows.asked_at


async def test_a_delivery_during_a_look_is_followed_by_another() -> None:
    """What is on its way already may be out of date."""
    client, router = Client(history(3, delay=2.0)), FakeRouter()
    client.rows.run(2)
    waiter = asyncio.create_task(client.wait(2, router=router))
    await asyncio.sleep(1)
    client.rows.end(2)
    await router.deliver(2)
    await waiter

    assert ([0, 2], 4) == (client.rows.asked_at, now())


async def test_a_router_of_one_makes_others_no_slower() -> None:
    """Who has none keeps looking, also for an execution that deliveries tell another of."""
    client, router = Client(history(3)), FakeRouter()
    client.rows.run(2)
    later(4, client.rows.end, 2)
    without = asyncio.create_task(client.wait(2))
    await asyncio.sleep(0.5)
    await asyncio.gather(without, client.wait(2, router=router))

    assert [0, 1, 2.5, 4.75] == client.rows.asked_at


@pytest.mark.parametrize(
    ("number", "type"), [(1, "pipeline.completed"), (2, "workflow.started"), (3, "x.failed")]
)
async def test_deliveries_of_others_change_nothing(number: int, type: str) -> None:
    """Of another execution, or of a beginning."""
    client, router = Client(history(4)), FakeRouter()
    client.rows.run(2)
    waiter = asyncio.create_task(client.wait(2, router=router))
    await asyncio.sleep(5)
    await router.deliver(number, type)
    await asyncio.sleep(5)

    assert [0] == client.rows.asked_at
    waiter.cancel()


async def test_a_delivery_for_one_is_one_request() -> None:
    """Others that wait in the same pipeline are not looked for before their time."""
    client, router = Client(history(50)), FakeRouter()
    client.rows.run(*range(30, 50))
    tasks = [asyncio.create_task(client.wait(n, router=router)) for n in range(30, 50)]
    await asyncio.sleep(5)
    client.rows.asked.clear()
    client.rows.end(31, 32)
    await router.deliver(31)
    await asyncio.sleep(1)
    await router.deliver(32)
    await asyncio.sleep(1)

    assert ["around 31", "around 32"] == client.rows.asked
    assert 18 == len(router.handlers)
    for task in tasks:
        task.cancel()


async def test_a_router_that_refuses_leaves_nothing_behind() -> None:
    """What it raises comes out."""

    class Refusing(FakeRouter):
        def listen(self, types: Any, handler: Any) -> Any:
            raise CloudFlowError("full")

    client = Client(history(3))
    with pytest.raises(CloudFlowError, match="full"):
        await client.wait(2, router=Refusing())

    assert set() == others()
    assert ([], {}) == (client.rows.asked, client.waits._pollers)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"timeout": 0}, "timeout"),
        ({"timeout": -1.0}, "timeout"),
        ({"timeout": math.nan}, "timeout"),
        ({"timeout": "5"}, "timeout"),
        ({"timeout": True}, "timeout"),
        ({"longest_pause": 0.5}, "poll"),
        ({"longest_pause": math.inf}, "poll"),
        ({"longest_pause": math.nan}, "poll"),
        ({"longest_pause": None}, "poll"),
    ],
    ids=str,
)
async def test_figures_out_of_range(options: dict[str, Any], message: str) -> None:
    """They are refused before anything is asked."""
    client = Client(history(3))
    with pytest.raises(InvalidArgumentError, match=message):
        await client.wait(2, **options)

    assert ([], set()) == (client.rows.asked, others())


@pytest.mark.parametrize("execution_id", ["", "x" * 257, None, 7])
async def test_an_id_that_none_can_have(execution_id: Any) -> None:
    """It would be waited for in vain."""
    client = Client(history(3))

    with pytest.raises(InvalidArgumentError, match="execution_id must be a str of 1 to 256"):
        await client.waits.wait(
            "pipe_1", execution_id, client.rows.open, timeout=1, router=None, longest_pause=30
        )


async def test_pipelines_are_looked_at_each_by_itself() -> None:
    """What goes wrong with one ends no waits of another."""
    waits: Waits[Row] = Waits()
    good, bad = history(3), history(3, errors=[NotFoundError("gone", status=404)])

    async def wait(pipeline_id: str, open_list: Callable[..., Pages[Row]]) -> Row:
        return await waits.wait(
            pipeline_id, "exec_2", open_list, timeout=9, router=None, longest_pause=30
        )

    results = await asyncio.gather(
        wait("pipe_good", good.open), wait("pipe_bad", bad.open), return_exceptions=True
    )

    assert ["Row", "NotFoundError"] == [type(result).__name__ for result in results]


async def test_contexts_of_waiters_are_their_own() -> None:
    """A variable that one waiter has set is still its own after the wait."""
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable")
    client = Client(history(3))

    async def wait(value: int) -> int:
        variable.set(value)
        await client.wait(2)
        return variable.get()

    assert [1, 2] == await asyncio.gather(wait(1), wait(2))
