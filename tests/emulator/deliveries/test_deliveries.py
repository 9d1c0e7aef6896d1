"""What is recorded of a delivery."""

from __future__ import annotations

from cloudflow_async.emulator import RecordedDelivery
from cloudflow_async.emulator.base.scheduler import Entry
from cloudflow_async.emulator.cloudflow.state import Webhook
from cloudflow_async.emulator.deliveries.deliveries import Delivery, DeliveryAttempt
from cloudflow_async.emulator.deliveries.sending import Outcome
from tests.emulator.conftest import NOON

HOOK = Webhook(
    id="hook_1", url="http://127.0.0.1/", events=("workflow.failed",), secret="s", created_at=NOON
)


def delivery(answers_to_lose: int = 0) -> Delivery:
    """Return one that was not attempted yet."""
    return Delivery(
        id="msg_1",
        account="default",
        webhook=HOOK,
        event="workflow.failed",
        body=b"{}",
        created_at=NOON,
        copies=1,
        answers_to_lose=answers_to_lose,
        on_their_way=2,
    )


def test_a_record_tells_how_a_delivery_stands() -> None:
    """What is recorded once does not change with the delivery."""
    one = delivery()
    one.planned = Entry(NOON + 5, print, can_wait=True)
    before = one.recorded()
    one.open(NOON + 5)

    assert before == RecordedDelivery(
        id="msg_1",
        account="default",
        webhook_id="hook_1",
        url="http://127.0.0.1/",
        event="workflow.failed",
        body=b"{}",
        created_at=NOON,
        state="pending",
        attempts=(),
        next_attempt_at=NOON + 5,
    )
    assert one.recorded().attempts == (DeliveryAttempt(at=NOON + 5),)


def test_an_attempt_is_completed_by_its_outcome() -> None:
    """Each by its own, in whatever order they come; a KiB of the answer is kept."""
    one = delivery()
    numbers = [one.open(NOON), one.open(NOON)]
    one.close(numbers[1], Outcome(error="no answer within 10 s"))
    one.close(numbers[0], Outcome(status=500, answer=b"x" * 2000))

    assert one.attempts == [
        DeliveryAttempt(at=NOON, status=500, answer=b"x" * 1024),
        DeliveryAttempt(at=NOON, error="no answer within 10 s"),
    ]
    assert one.on_their_way == 0


def test_answers_can_get_lost() -> None:
    """Those of the first attempts; what never came cannot get lost."""
    one = delivery(answers_to_lose=2)
    outcomes = [Outcome(error="refused"), Outcome(status=200), Outcome(status=200)]
    known = [one.close(one.open(NOON), outcome) for outcome in outcomes]

    assert known == [
        Outcome(error="refused"),
        Outcome(error="the answer was lost"),
        Outcome(status=200),
    ]
    assert one.attempts[1].error == "the answer was lost"


def test_neither_secrets_nor_bodies_are_shown() -> None:
    """A record of a delivery can be printed."""
    one = delivery()
    one.close(one.open(NOON), Outcome(status=400, answer=b"canary"))
    shown = repr(one.recorded())

    assert "body=<2 bytes>" in shown
    assert "answer=<6 bytes>" in shown
    assert "canary" not in shown
    assert "secret" not in repr(HOOK)
