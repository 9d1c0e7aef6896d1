"""Bytes and headers in, a delivery that can be trusted out."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from cloudflow_async._core.errors import InvalidArgumentError, WebhookVerificationError
from cloudflow_async._core.webhooks import (
    Delivery,
    DeliveryHeaders,
    WebhookKey,
    check_body,
    check_time,
    check_tolerance,
    sign_webhook,
    verify_delivery,
)
from tests.canaries import Lookout
from tests.core.webhooks.samples import BODY, CANARY, NOW, OTHERS, SECRET, signed, verified


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_body_is_bytes_of_any_kind(kind: Callable[[bytes], Any]) -> None:
    """What a framework gathered in a buffer is taken too, and becomes bytes."""
    body = verified(signed(), kind(BODY)).body

    assert (bytes, BODY) == (type(body), body)


@pytest.mark.parametrize("body", [BODY.decode(), {"event": "x"}, None, [1]])
def test_a_body_that_was_decoded_is_refused_with_the_way_out(body: Any) -> None:
    """Text and JSON are not what was signed; the message says how to get at the bytes."""
    with pytest.raises(InvalidArgumentError, match=r"raw bytes.*request\.read\(\)"):
        verified(signed(), body)
    with pytest.raises(InvalidArgumentError, match="raw bytes"):
        signed(body)


@pytest.mark.parametrize("value", [None, "300", True, math.nan, math.inf, Decimal(1), 10**400])
def test_what_is_no_number_is_neither_a_time_nor_a_tolerance(value: Any) -> None:
    """A mistake of the program, not of a sender."""
    with pytest.raises(InvalidArgumentError, match="tolerance is a number of seconds above 0"):
        verified(signed(), tolerance=value)
    with pytest.raises(InvalidArgumentError, match="now is a Unix time"):
        verified(signed(), now=value)
    with pytest.raises(InvalidArgumentError, match="timestamp is a Unix time"):
        signed(timestamp=value)


def test_a_datetime_is_no_time() -> None:
    """Times are Unix seconds here, as time.time() gives them."""
    with pytest.raises(InvalidArgumentError, match=r"now is .* time\.time\(\)"):
        verified(signed(), now=datetime.fromtimestamp(NOW, UTC))


@pytest.mark.parametrize("tolerance", [0, -1, -0.0])
def test_a_tolerance_is_above_zero(tolerance: float) -> None:
    """With none at all, nothing would ever arrive in time."""
    with pytest.raises(InvalidArgumentError, match="above 0"):
        check_tolerance(tolerance)


def test_what_is_right_is_returned() -> None:
    """The checks stand where their values are used."""
    assert (BODY, 0.5, -1) == (check_body(BODY), check_tolerance(0.5), check_time("now", -1))


def test_fractions_of_a_second_are_dropped() -> None:
    """The header has whole seconds."""
    assert str(NOW) == signed(timestamp=NOW + 0.9)["webhook-timestamp"]


@pytest.mark.parametrize("secret", ["whsec_your_webhook_secret", SECRET])
def test_a_secret_of_text_signs_and_verifies(secret: str) -> None:
    """With ``secret_encoding="utf8"`` on both sides, and only then."""
    headers = signed(secret=secret, secret_encoding="utf8")

    assert verified(headers, secrets=secret, secret_encoding="utf8")
    with pytest.raises(WebhookVerificationError, match="No signature fits"):
        verified(headers, secrets=SECRET)


@pytest.mark.parametrize("travel", [lambda it: pickle.loads(pickle.dumps(it)), copy.deepcopy])  # noqa: S301 - our own
def test_a_delivery_travels_and_hides_its_body(travel: Callable[[Delivery], Delivery]) -> None:
    """It may be queued; what logs show of it has no customer's data."""
    delivery = verified(signed())

    assert delivery == travel(delivery)
    assert "Delivery(id='msg_1', sent_at=1769251500)" == repr(delivery)


class LastByte:
    """A scheme that signs with the sum of all bytes, to show what a scheme may be."""

    def sign(
        self, body: bytes, *, keys: Sequence[WebhookKey], message_id: str, timestamp: int
    ) -> Mapping[str, str]:
        """Return one header with everything."""
        return {"X-Sum": f"{message_id} {timestamp} {self._sum(body, keys[0])}"}

    def verify(
        self,
        body: bytes,
        headers: DeliveryHeaders,
        *,
        keys: Sequence[WebhookKey],
        now: float,
        tolerance: float,
    ) -> Delivery:
        """Return the delivery if a sum is right."""
        message_id, timestamp, told = headers.one("x-sum").split(" ")
        if abs(int(timestamp) - now) > tolerance or told not in {
            str(self._sum(body, key)) for key in keys
        }:
            raise WebhookVerificationError("wrong")
        return Delivery(id=message_id, sent_at=int(timestamp), body=body)

    def _sum(self, body: bytes, key: WebhookKey) -> int:
        return sum(body) + sum(key.reveal())


def test_another_scheme_can_be_used() -> None:
    """It gets keys, checked headers and the time, and needs nothing else."""
    headers = signed(scheme=LastByte())

    assert {"X-Sum"} == headers.keys()
    assert "msg_1" == verified(headers, scheme=LastByte(), secrets=[OTHERS[0], SECRET]).id
    with pytest.raises(WebhookVerificationError, match="wrong"):
        verified(headers, BODY + b"!", scheme=LastByte())


REFUSED: dict[str, Any] = {
    "body": lambda: verify_delivery(b"{}", signed(secret=CANARY), secrets=CANARY, now=NOW),
    "age": lambda: verify_delivery(BODY, signed(secret=CANARY), secrets=[CANARY], now=0),
    "header": lambda: verify_delivery(BODY, {}, secrets=(CANARY,), now=NOW),
    "text": lambda: verify_delivery("{}", {}, secrets=CANARY, now=NOW),  # type: ignore[arg-type]
    "tolerance": lambda: verify_delivery(BODY, {}, secrets=CANARY, now=NOW, tolerance=0),
    "secret": lambda: verify_delivery(BODY, {}, secrets=f"{CANARY}x", now=NOW),
    "secrets": lambda: verify_delivery(BODY, {}, secrets=[CANARY] * 6, now=NOW),
    "signed secret": lambda: sign_webhook(BODY, secret=f"{CANARY}x", message_id="1", timestamp=1),
    "signed id": lambda: sign_webhook(BODY, secret=CANARY, message_id=".", timestamp=1),
}


@pytest.mark.parametrize("call", REFUSED.values(), ids=REFUSED)
def test_no_error_shows_a_secret(call: Callable[[], object]) -> None:
    """Not in its text, not in what it is chained to, and not in the variables of our frames."""
    lookout = Lookout()
    with pytest.raises((WebhookVerificationError, InvalidArgumentError)) as caught:
        call()
    lookout.see("error", caught.value)

    assert [] == lookout.finds()
    assert caught.value.__context__ is None


def test_no_refusal_shows_the_signature_that_would_fit() -> None:
    """Whoever reads an error could otherwise sign what he sent."""
    due = signed(b"{}")["webhook-signature"]
    lookout = Lookout()
    lookout.plant("signature", due)
    with pytest.raises(WebhookVerificationError) as caught:
        verified(signed(), b"{}")
    lookout.see("error", caught.value)

    assert [] == lookout.finds()
