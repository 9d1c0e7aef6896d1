"""One run for all who ask: who ends it, who learns how it ended, and when it runs again."""

from __future__ import annotations

import asyncio
import gc
import logging
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import pytest

from cloudflow_async._core.auth.single_flight import SingleFlight
from cloudflow_async._core.errors import (
    CloudFlowError,
    CredentialError,
    TokenRequestError,
    WrongLoopError,
)

MANY = 1000


@attrs.define
class Work:
    """Work that takes a second, goes through a script, and counts."""

    outcomes: list[Any] = attrs.field(factory=lambda: ["done"])
    seconds: float = 1.0
    runs: int = 0
    ended: int = 0

    async def __call__(self) -> Any:
        """Return or raise what the script says next; its last outcome answers all further runs."""
        self.runs += 1
        outcome = self.outcomes[min(self.runs, len(self.outcomes)) - 1]
        await asyncio.sleep(self.seconds)
        self.ended += 1
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


@pytest.mark.virtual_time
async def test_all_who_ask_at_once_share_one_run() -> None:
    """Among a thousand, the work is done once; who asks later gets a run of their own."""
    work = Work(["first", "second"])
    flight = SingleFlight(work)
    results = await asyncio.gather(*(flight.run() for _ in range(MANY)))

    assert {"first"} == set(results)
    assert "second" == await flight.run()
    assert 2 == work.runs


@pytest.mark.virtual_time
async def test_a_caller_who_is_cancelled_ends_nothing_for_the_others() -> None:
    """Not even the one who began the run."""
    work = Work()
    flight = SingleFlight(work)
    leader, *others = [asyncio.create_task(flight.run()) for _ in range(MANY)]
    await asyncio.sleep(0.001)
    leader.cancel()
    results = await asyncio.gather(leader, *others, return_exceptions=True)

    assert isinstance(results[0], asyncio.CancelledError)
    assert {"done"} == set(results[1:])
    assert 1 == work.runs


@pytest.mark.virtual_time
async def test_a_run_goes_on_when_all_its_callers_are_gone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The next one to ask finds it under way; and a failure that nobody waits for is no noise."""
    work = Work([TokenRequestError("down")])
    flight = SingleFlight(work)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await flight.run()
    await flight.settled()
    counted = (work.runs, work.ended)
    del flight, work
    gc.collect()

    assert (1, 1) == counted
    assert [] == caplog.messages


@pytest.mark.virtual_time
@pytest.mark.parametrize("error", [TokenRequestError("down", status=500), OSError(5, "disk")])
async def test_each_caller_gets_an_error_of_its_own(error: Exception) -> None:
    """Of the same type, with the same attributes, and with where the work failed."""
    flight = SingleFlight(Work([error]))
    found = await asyncio.gather(*(flight.run() for _ in range(MANY)), return_exceptions=True)
    first, second = found[0], found[1]

    assert {type(error)} == {type(each) for each in found}
    assert MANY == len({id(each) for each in found} - {id(error)})
    assert isinstance(first, Exception)
    assert isinstance(second, Exception)
    assert (vars(error), error.args) == (vars(first), first.args)
    assert "__call__" in [frame.name for frame in traceback.extract_tb(first.__traceback__)]
    assert len(traceback.extract_tb(first.__traceback__)) == len(
        traceback.extract_tb(second.__traceback__)
    )


class _OneOfAKindError(Exception):
    """An exception of somebody else's that cannot be made from its arguments."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(one + two)


@pytest.mark.virtual_time
async def test_an_error_that_cannot_be_copied_is_raised_itself() -> None:
    """A store of the user's own may raise anything; how it failed must not get lost."""
    error = _OneOfAKindError(1, 2)
    with pytest.raises(_OneOfAKindError) as caught:
        await SingleFlight(Work([error])).run()

    assert error is caught.value


async def test_a_failure_can_be_forgiven() -> None:
    """Then the next run need not wait for the cool-down."""
    work = Work([TokenRequestError("down"), "up"], seconds=0.0)
    flight = SingleFlight(work, cool_down=60.0)
    with pytest.raises(TokenRequestError):
        await flight.run()
    flight.forgive()

    assert "up" == await flight.run()


@pytest.mark.virtual_time
async def test_after_a_failure_there_is_a_pause() -> None:
    """For a second all who ask get the same error at once; then the work is tried again."""
    loop = asyncio.get_running_loop()
    work = Work([TokenRequestError("down"), "up"], seconds=0.0)
    flight = SingleFlight(work)
    for seconds in (0.0, 0.3, 0.6, 0.9):
        await asyncio.sleep(seconds - loop.time())
        with pytest.raises(TokenRequestError):
            await flight.run()
    runs = work.runs
    await asyncio.sleep(0.2)

    assert "up" == await flight.run()
    assert (1, 2) == (runs, work.runs)


@pytest.mark.virtual_time
async def test_errors_of_the_pause_do_not_grow() -> None:
    """Raised a hundred times, an error's traceback is as long as the first time."""
    flight = SingleFlight(Work([TokenRequestError("down")], seconds=0.0))
    lengths = []
    for _ in range(100):
        with pytest.raises(TokenRequestError) as caught:
            await flight.run()
        lengths.append(len(traceback.extract_tb(caught.value.__traceback__)))

    assert 1 == len(set(lengths[1:]))


@pytest.mark.virtual_time
async def test_a_run_in_the_background_is_joined_by_who_needs_it() -> None:
    """`start` returns at once and begins one run however often it is called."""
    work = Work()
    flight = SingleFlight(work)
    for _ in range(MANY):
        flight.start()

    assert 0 == work.ended
    assert "done" == await flight.run()
    assert 1 == work.runs


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    ("error", "shown"),
    [(TokenRequestError("it is down"), "it is down"), (KeyError("canary"), "KeyError")],
)
async def test_a_failure_in_the_background_is_logged(
    caplog: pytest.LogCaptureFixture, error: Exception, shown: str
) -> None:
    """Nobody else would know; of what is not ours only the type, for it may show anything."""
    flight = SingleFlight(Work([error]), name="a test")
    flight.start()
    await flight.settled()
    flight.start()
    await asyncio.sleep(0)

    assert [("cloudflow_async", logging.WARNING)] == [entry[:2] for entry in caplog.record_tuples]
    assert f"a test failed in the background: {shown}" == caplog.messages[0]


@pytest.mark.virtual_time
async def test_a_success_in_the_background_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """It is what was expected."""
    flight = SingleFlight(Work())
    flight.start()
    await flight.settled()

    assert [] == caplog.messages


async def test_who_has_nothing_under_way_is_settled() -> None:
    """`settled` returns at once."""
    await SingleFlight(Work()).settled()


@pytest.mark.virtual_time
async def test_a_run_that_is_cancelled_is_not_the_callers_cancellation(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Who cancels all tasks of a loop ends the run, too; who waited may try again."""
    flight = SingleFlight(Work(), name="to be cancelled")
    flight.start()
    caller = asyncio.create_task(flight.run())
    await asyncio.sleep(0.1)
    next(task for task in asyncio.all_tasks() if task.get_name() == "to be cancelled").cancel()
    with pytest.raises(CredentialError, match="cancelled"):
        await caller

    assert "done" == await flight.run()
    assert [] == caplog.messages


def test_one_loop_after_another() -> None:
    """Neither a run nor a failure of a loop that has ended counts for the next one."""
    work = Work([CredentialError("down"), "second", "third"], seconds=0.0)
    flight = SingleFlight(work)

    async def fail() -> None:
        with pytest.raises(CredentialError):
            await flight.run()

    async def begin() -> None:
        flight.start()

    asyncio.run(fail())
    asyncio.run(begin())

    assert "third" == asyncio.run(flight.run())
    assert 3 == work.runs


def test_a_loop_that_was_closed_in_the_middle_is_forgotten() -> None:
    """Its run will never end, so nobody waits for it."""
    work = Work(seconds=0.0)
    flight = SingleFlight(work)

    async def begin() -> None:
        work.seconds = 3600.0
        flight.start()
        await asyncio.sleep(0)
        work.seconds = 0.0

    loop = asyncio.new_event_loop()
    loop.run_until_complete(begin())
    loop.close()

    assert "done" == asyncio.run(flight.run())
    assert (2, 1) == (work.runs, work.ended)


@pytest.mark.parametrize("use", [SingleFlight[Any].run, SingleFlight[Any].settled])
async def test_two_loops_at_once_are_told_apart(
    use: Callable[[SingleFlight[Any]], Awaitable[Any]],
) -> None:
    """The second one gets an error that names both; the first one goes on."""
    flight = SingleFlight(Work(seconds=0.0))
    await flight.run()

    async def elsewhere() -> None:
        await use(flight)

    with pytest.raises(WrongLoopError, match=r"(?s)in use on .*create one for each event loop"):
        await asyncio.to_thread(asyncio.run, elsewhere())

    assert "done" == await flight.run()


async def test_what_no_error_stands_for_ends_the_caller_too() -> None:
    """A `BaseException` is not copied, not remembered, and not turned into another."""
    work = Work([GeneratorExit(), "done"], seconds=0.0)
    flight = SingleFlight(work)
    with pytest.raises(GeneratorExit):
        await flight.run()

    assert "done" == await flight.run()
    assert not issubclass(GeneratorExit, CloudFlowError)
