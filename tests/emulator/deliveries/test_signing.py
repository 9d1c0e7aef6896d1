"""Signatures, compared with those that others make."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from cloudflow_async.emulator.deliveries.signing import delivery_headers, key_of

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()


def test_the_vector_of_the_specification() -> None:
    """The value that is printed there."""
    headers = delivery_headers(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1_614_265_330,
        body=b'{"test": 2432232314}',
    )

    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_the_specifications_own_library_agrees() -> None:
    """It verifies what is signed here."""
    now = int(datetime.now(UTC).timestamp())
    body = '{"event":"workflow.failed","data":{"name":"ä"}}'.encode()
    headers = delivery_headers(SECRET, message_id="msg_1", timestamp=now, body=body)

    assert Webhook(SECRET).verify(body, headers)["event"] == "workflow.failed"


def test_without_a_secret_there_is_no_signature() -> None:
    """Id and timestamp are there all the same."""
    headers = delivery_headers(None, message_id="msg_1", timestamp=1, body=b"")

    assert headers == {"webhook-id": "msg_1", "webhook-timestamp": "1"}


@pytest.mark.parametrize("size", [24, 64])
def test_after_the_prefix_stands_base64(size: int) -> None:
    """Of 24 to 64 bytes."""
    key = bytes(size)

    assert key_of("whsec_" + base64.b64encode(key).decode()) == key


@pytest.mark.parametrize(
    "secret",
    [
        "whsec_your_webhook_secret",
        "whsec_" + base64.b64encode(bytes(23)).decode(),
        "whsec_" + base64.b64encode(bytes(65)).decode(),
        SECRET.rstrip("="),
        SECRET[:-2] + "9=",
        SECRET.removeprefix("whsec_"),
        "correct horse battery stäple",
    ],
)
def test_any_other_secret_is_the_text_itself(secret: str) -> None:
    """The sample of the API document, other sizes, base64 in another than its one form."""
    assert key_of(secret) == secret.encode()


def test_half_a_surrogate_pair_is_a_secret_too() -> None:
    """JSON can say it."""
    assert key_of("\ud800") == b"\xed\xa0\x80"
