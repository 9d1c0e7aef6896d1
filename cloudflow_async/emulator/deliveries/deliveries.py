"""What is delivered, and what became of each attempt to deliver it."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

from cloudflow_async.emulator.base.scheduler import Entry
from cloudflow_async.emulator.cloudflow.state import Webhook

from .sending import Outcome

DeliveryState: TypeAlias = Literal["pending", "delivered", "failed", "disabled"]

_EXCERPT = 1024


def _size(content: bytes) -> str:
    return f"<{len(content)} bytes>"


@attrs.frozen(kw_only=True)
class DeliveryAttempt:
    """One POST to the receiver.  While it is on its way it has neither status nor error."""

    at: float
    """Unix seconds on the emulator's clock when it began."""

    status: int | None = None
    """Of the answer; None: there is none."""

    error: str | None = None
    """Why there is no answer; None: there is one, or it is awaited."""

    answer: bytes = attrs.field(default=b"", repr=_size)
    """Body of the answer, its first KiB."""


@attrs.frozen(kw_only=True)
class RecordedDelivery:
    """One event on its way to one webhook, as it stands."""

    id: str
    """What `webhook-id` says, in each attempt."""

    account: str
    """Whose webhook it is."""

    webhook_id: str
    url: str
    event: str
    """Such as `workflow.completed`."""

    body: bytes = attrs.field(repr=_size)
    """The same in each attempt."""

    created_at: float
    """Unix seconds on the emulator's clock."""

    state: DeliveryState
    """`pending` as long as an attempt will follow, `delivered` after an answer with a status of
    200 to 299, `failed` after the last attempt, `disabled` when the webhook was given up."""

    attempts: tuple[DeliveryAttempt, ...]
    """Oldest first."""

    next_attempt_at: float | None
    """Unix seconds on the emulator's clock; None: none is planned, or one is on its way."""


@attrs.define(kw_only=True, eq=False)
class Delivery:
    """The same, while it changes."""

    id: str
    account: str
    webhook: Webhook
    event: str
    body: bytes
    created_at: float
    copies: int
    """How often it is sent at once, the first time."""

    answers_to_lose: int
    """How many of the attempts, from the first on, are treated as if no answer had come."""

    state: DeliveryState = "pending"
    attempts: list[DeliveryAttempt] = attrs.Factory(list)
    rounds: int = 0
    """How many instants of the schedule have come."""

    on_their_way: int = 0
    """Attempts that have not ended, or not even begun."""

    planned: Entry | None = None
    """The next instant of the schedule."""

    def open(self, at: float) -> int:
        """Note that an attempt begins, and return its number."""
        self.attempts.append(DeliveryAttempt(at=at))
        return len(self.attempts) - 1

    def close(self, number: int, outcome: Outcome) -> Outcome:
        """Note how an attempt ended, and return what the sender gets to know of it."""
        if outcome.status is not None and number < self.answers_to_lose:
            outcome = Outcome(error="the answer was lost")
        self.on_their_way -= 1
        self.attempts[number] = attrs.evolve(
            self.attempts[number],
            status=outcome.status,
            error=outcome.error,
            answer=outcome.answer[:_EXCERPT],
        )
        return outcome

    def recorded(self) -> RecordedDelivery:
        """Return how it stands."""
        planned = self.planned
        return RecordedDelivery(
            id=self.id,
            account=self.account,
            webhook_id=self.webhook.id,
            url=self.webhook.url,
            event=self.event,
            body=self.body,
            created_at=self.created_at,
            state=self.state,
            attempts=tuple(self.attempts),
            next_attempt_at=None if planned is None else planned.at,
        )
