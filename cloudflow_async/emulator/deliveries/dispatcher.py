"""Deliver events: at least once, again and again until the receiver says that it has them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Container
from functools import partial
from typing import Protocol

from cloudflow_async.emulator.base.scheduler import Scheduler
from cloudflow_async.emulator.base.seeded_random import letters, seeded
from cloudflow_async.emulator.cloudflow.bodies import WEBHOOK_EVENTS
from cloudflow_async.emulator.cloudflow.serializers import event_body
from cloudflow_async.emulator.cloudflow.state import JsonObject, Webhook

from .deliveries import Delivery, RecordedDelivery
from .faults import DeliveryFaultPlan
from .sending import Outcome, post
from .signing import delivery_headers
from .targets import Targets

SCHEDULE = (0, 5, 300, 1800, 7200, 18_000, 36_000, 36_000)
"""Seconds to wait before each attempt, counted from the end of the one before (the example of
the Standard Webhooks specification)."""

_MOST_AT_ONCE = 32
_LARGEST_BODY = 1024 * 1024
_GONE = 410
_STOPPED = Outcome(error="the emulator was stopped before an answer came")


class Audience(Protocol):
    """Those who are told of events."""

    account: str
    """What their deliveries are filed under."""

    webhooks: dict[str, Webhook]
    """Theirs, by id."""


class Dispatcher:
    """All deliveries of one emulator.

    Args:
        clock: Returns Unix seconds.
        seed: The ids of deliveries follow from it.
        scheduler: Tells when an attempt is due.
        targets: Where deliveries may go.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        seed: int,
        scheduler: Scheduler,
        targets: Targets,
        *,
        size: int,
    ) -> None:
        self.faults: DeliveryFaultPlan = DeliveryFaultPlan()
        self._clock = clock
        self._seed = seed
        self._scheduler = scheduler
        self._targets = targets
        self._size = size
        self._queue: deque[Delivery] = deque()
        self._tasks: set[asyncio.Task[Outcome]] = set()
        self._deliveries: dict[str, Delivery] = {}
        self._chance = seeded(seed, "deliveries")

    def start(self) -> None:
        """Go on with what was left when it was stopped."""
        self._fill()

    async def stop(self, patience: float) -> None:
        """End attempts that are on their way; the scheduler is stopped already.

        Args:
            patience: Seconds to wait for their end.
        """
        self._cancel_tasks()
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=patience)

    def clear(self) -> None:
        """Forget all deliveries and faults, and begin again at the seed."""
        self.faults.clear()
        self._deliveries = {}
        self._queue.clear()
        self._chance = seeded(self._seed, "deliveries")
        self._cancel_tasks()

    def publish(
        self,
        audience: Audience,
        event: str,
        data: JsonObject,
        *,
        known: Container[str] = WEBHOOK_EVENTS,
    ) -> list[str]:
        """Deliver an event to the webhooks of an account, and return the deliveries' ids.

        Args:
            audience: The account.
            event: Such as `workflow.failed`.
            data: What the payload has as `data`.
            known: The events that webhooks can be registered for; any other goes to all.

        Raises:
            ValueError: `data` is not JSON, or more than 1 MiB of it.
        """
        body = event_body(event, self._clock(), data)
        if len(body) > _LARGEST_BODY:
            raise ValueError(f"an event has {_LARGEST_BODY} bytes at most, not {len(body)}")
        return [
            self._add(audience.account, webhook, event, body)
            for webhook in list(audience.webhooks.values())
            if webhook.active and (event in webhook.events or event not in known)
        ]

    def recorded(self) -> list[RecordedDelivery]:
        """Return how all deliveries stand, oldest first."""
        return [delivery.recorded() for delivery in list(self._deliveries.values())]

    def redeliver(self, delivery_id: str) -> None:
        """Make an attempt now; when it fails, the schedule begins anew.

        Raises:
            KeyError: No such delivery.
        """
        delivery = self._deliveries[delivery_id]
        self._scheduler.at(self._clock(), partial(self._begin_anew, delivery))

    async def settle(self, *, retries: bool, timeout: float) -> None:
        """Wait until nothing is left to do; it may be called on any loop.

        Args:
            retries: Whether later attempts count before they are due.
            timeout: Seconds, on the emulator's loop.

        Raises:
            TimeoutError: It took longer.
            RuntimeError: The emulator is not running.
        """
        loop = self._scheduler.loop
        settling = self._settle(retries=retries, timeout=timeout)
        if loop is None or loop is asyncio.get_running_loop():
            await settling
        else:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(settling, loop))

    async def _settle(self, *, retries: bool, timeout: float) -> None:
        self._scheduler.catch_up()
        try:
            async with asyncio.timeout(timeout):
                while self._is_busy(retries=retries):
                    await self._scheduler.change()
        except TimeoutError:
            raise TimeoutError(f"after {timeout} s {self._left()}") from None

    def _is_busy(self, *, retries: bool) -> bool:
        if self._scheduler.loop is None:
            raise RuntimeError("the emulator is not running")
        return bool(self._tasks or self._queue) or self._scheduler.is_busy(patient=retries)

    def _left(self) -> str:
        """Say what there is to wait for."""
        on_their_way = len(self._tasks) + len(self._queue)
        if on_their_way:
            return f"{on_their_way} deliveries were still on their way"
        return f"there was still something to come: the clock stands at {self._clock()}"

    def _add(self, account: str, webhook: Webhook, event: str, body: bytes) -> str:
        fault = self.faults.choose(event)
        delivery = Delivery(
            id="msg_" + letters(self._chance, 24),
            account=account,
            webhook=webhook,
            event=event,
            body=body,
            created_at=self._clock(),
            copies=fault.copies if fault else 1,
            answers_to_lose=fault.lose_answers if fault else 0,
        )
        self._deliveries[delivery.id] = delivery
        self._drop_oldest()
        self._plan(delivery, can_wait=False)
        return delivery.id

    def _drop_oldest(self) -> None:
        """Forget the deliveries that have ended, the oldest first, when there are too many."""
        if len(self._deliveries) <= self._size:
            return
        for delivery in self._deliveries.values():
            if delivery.state != "pending":
                del self._deliveries[delivery.id]
                return

    def _plan(self, delivery: Delivery, *, can_wait: bool) -> None:
        at = self._clock() + SCHEDULE[delivery.rounds]
        delivery.planned = self._scheduler.at(at, partial(self._begin, delivery), can_wait=can_wait)

    def _begin(self, delivery: Delivery) -> None:
        copies = delivery.copies if not delivery.attempts else 1
        delivery.planned = None
        delivery.rounds += 1
        delivery.on_their_way += copies
        self._queue.extend([delivery] * copies)
        self._fill()

    def _begin_anew(self, delivery: Delivery) -> None:
        self._scheduler.cancel(delivery.planned)
        delivery.state = "pending"
        delivery.rounds = 0
        self._begin(delivery)

    def _fill(self) -> None:
        """Begin as many attempts as there are places for; none while it is stopped."""
        while self._scheduler.loop is not None and self._queue and len(self._tasks) < _MOST_AT_ONCE:
            self._attempt(self._queue.popleft())

    def _attempt(self, delivery: Delivery) -> None:
        at = self._clock()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "cloudflow-emulator",
            **delivery_headers(
                delivery.webhook.secret,
                message_id=delivery.id,
                timestamp=int(at),
                body=delivery.body,
            ),
        }
        number = delivery.open(at)
        sending = post(delivery.webhook.url, delivery.body, headers, targets=self._targets)
        task = asyncio.create_task(sending)
        self._tasks.add(task)
        task.add_done_callback(partial(self._ended, delivery, number))

    def _ended(self, delivery: Delivery, number: int, task: asyncio.Task[Outcome]) -> None:
        self._tasks.discard(task)
        outcome = delivery.close(number, _STOPPED if task.cancelled() else task.result())
        if self._deliveries.get(delivery.id) is delivery:
            self._conclude(delivery, outcome)
        self._fill()
        self._scheduler.announce()

    def _conclude(self, delivery: Delivery, outcome: Outcome) -> None:
        if outcome.status is not None and 200 <= outcome.status <= 299:
            self._end(delivery)
            delivery.state = "delivered"
        elif outcome.status == _GONE:
            self._disable(delivery.webhook)
        elif delivery.state == "pending" and not delivery.on_their_way:
            self._try_again(delivery)

    def _try_again(self, delivery: Delivery) -> None:
        if delivery.rounds < len(SCHEDULE):
            self._plan(delivery, can_wait=True)
        else:
            delivery.state = "failed"

    def _disable(self, webhook: Webhook) -> None:
        """Give a webhook up: its receiver has said that it is gone for good."""
        webhook.active = False
        for delivery in list(self._deliveries.values()):
            if delivery.webhook is webhook and delivery.state == "pending":
                self._end(delivery)
                delivery.state = "disabled"

    def _end(self, delivery: Delivery) -> None:
        self._scheduler.cancel(delivery.planned)
        delivery.planned = None

    def _cancel_tasks(self) -> None:
        for task in list(self._tasks):
            task.get_loop().call_soon_threadsafe(task.cancel)
