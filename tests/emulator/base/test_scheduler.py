"""What is done at which instant."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from cloudflow_async.emulator.base.scheduler import Scheduler
from tests.emulator.conftest import NOON, Clock


async def test_what_is_due_is_done_in_order_of_time() -> None:
    """Among equal instants in the order in which it was put there."""
    done: list[str] = []
    clock = Clock()
    scheduler = Scheduler(clock)
    scheduler.start()
    for name, instant in (("late", 60), ("first", 0), ("second", 0), ("early", -60)):
        scheduler.at(NOON + instant, lambda name=name: done.append(name))
    scheduler.catch_up()
    at_noon = list(done)
    clock.now += 60
    scheduler.catch_up()
    scheduler.stop()

    assert at_noon == ["early", "first", "second"]
    assert done == ["early", "first", "second", "late"]


@pytest.mark.virtual_time
async def test_time_passes_by_itself_with_the_clock_of_the_loop(
    virtual_clock: Callable[[], float],
) -> None:
    """What is added later for an earlier instant comes first."""
    done: list[tuple[str, float]] = []
    start = virtual_clock()
    scheduler = Scheduler(virtual_clock)
    scheduler.start()
    for name, seconds in (("a day", 86_400), ("an hour", 3600)):
        scheduler.at(
            start + seconds, lambda name=name: done.append((name, virtual_clock() - start))
        )
    await asyncio.sleep(90_000)
    scheduler.stop()

    assert done == [("an hour", pytest.approx(3600)), ("a day", pytest.approx(86_400))]


async def test_nothing_is_done_while_it_is_stopped() -> None:
    """It is made up for by the next start."""
    done: list[int] = []
    scheduler = Scheduler(Clock())
    scheduler.at(NOON, lambda: done.append(1))
    scheduler.catch_up()
    before = list(done)
    scheduler.start()
    scheduler.stop()

    assert (before, done) == ([], [1])


async def test_what_is_cancelled_is_not_done() -> None:
    """Neither is what was forgotten; to cancel twice, or nothing, does no harm."""
    done: list[int] = []
    clock = Clock()
    scheduler = Scheduler(clock)
    scheduler.start()
    entries = [scheduler.at(NOON + 1, lambda: done.append(1)) for _ in range(2)]
    scheduler.cancel(entries[0])
    scheduler.cancel(entries[0])
    scheduler.cancel(None)
    busy = scheduler.is_busy(patient=True)
    scheduler.clear()
    clock.now += 1
    scheduler.catch_up()

    assert done == []
    assert (busy, scheduler.is_busy(patient=True)) == (True, False)

    scheduler.stop()


async def test_what_is_due_can_cancel_what_is_due_as_well() -> None:
    """When it comes first."""
    done: list[str] = []
    scheduler = Scheduler(Clock())
    scheduler.at(NOON, lambda: scheduler.cancel(second))
    second = scheduler.at(NOON, lambda: done.append("second"))
    scheduler.at(NOON, lambda: done.append("third"))
    scheduler.start()
    scheduler.stop()

    assert done == ["third"]


def test_what_can_wait_counts_when_it_is_due() -> None:
    """Or for those who are patient."""
    clock = Clock()
    scheduler = Scheduler(clock)
    scheduler.at(NOON + 60, print, can_wait=True)
    early = [scheduler.is_busy(patient=patient) for patient in (False, True)]
    clock.now += 60

    assert early == [False, True]
    assert scheduler.is_busy(patient=False)


async def test_entries_can_come_from_another_thread() -> None:
    """They are done in the loop's own."""
    scheduler = Scheduler(Clock())
    scheduler.start()
    happened = asyncio.Event()
    await asyncio.to_thread(scheduler.at, NOON, happened.set)
    await happened.wait()
    scheduler.stop()


async def test_waiting_for_a_change_can_be_given_up() -> None:
    """Those who still wait are told nevertheless."""
    scheduler = Scheduler(Clock())
    tasks = [asyncio.create_task(scheduler.change()) for _ in range(2)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    scheduler.announce()
    await asyncio.wait(tasks)

    assert [task.cancelled() for task in tasks] == [True, False]
