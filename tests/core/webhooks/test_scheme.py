"""What binds a delivery to a secret: Standard Webhooks."""

from __future__ import annotations

import ast
import base64
import hmac
import inspect
import itertools
import json
import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st

from cloudflow_async._core.errors import InvalidArgumentError, WebhookVerificationError
from cloudflow_async._core.webhooks import scheme
from cloudflow_async._core.webhooks.scheme import StandardWebhooks
from cloudflow_async._core.webhooks.secrets import check_keys, find_keys
from cloudflow_async._core.webhooks.verify import sign_webhook, verify_delivery
from tests.core.webhooks.samples import BODY, NOW, OTHERS, SECRET, signed, verified

VECTOR = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
VECTOR_BODY = b'{"test": 2432232314}'

ids = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters=".,"),
    min_size=1,
    max_size=40,
)


def signature_of(secret: str = SECRET, **changes: Any) -> str:
    """Return one entry of the signature header."""
    return signed(secret=secret, **changes)["webhook-signature"]


def test_the_published_vector() -> None:
    """Id, time, body and secret of the specification give its signature, and are accepted."""
    headers = sign_webhook(
        VECTOR_BODY, secret=SECRET, message_id=VECTOR["webhook-id"], timestamp=1614265330
    )
    delivery = verify_delivery(VECTOR_BODY, VECTOR, secrets=SECRET, now=1614265330)

    assert VECTOR == headers
    assert (VECTOR["webhook-id"], 1614265330, VECTOR_BODY) == (
        delivery.id,
        delivery.sent_at,
        delivery.body,
    )


@given(
    key=st.binary(min_size=24, max_size=64), message_id=ids, value=st.dictionaries(ids, st.text())
)
def test_the_reference_library_accepts_what_we_sign(
    key: bytes, message_id: str, value: dict[str, str]
) -> None:
    """Whatever the key, the id and the body."""
    secret = "whsec_" + base64.b64encode(key).decode()
    body = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    headers = sign_webhook(body, secret=secret, message_id=message_id, timestamp=time.time())

    assert json.loads(body) == standardwebhooks.Webhook(secret).verify(body, headers)


@given(
    key=st.binary(min_size=24, max_size=64),
    message_id=ids,
    text=st.text(st.characters(codec="utf-8")),
    sent_at=st.integers(0, 2**36),
)
def test_we_accept_what_the_reference_library_signs(
    key: bytes, message_id: str, text: str, sent_at: int
) -> None:
    """Whatever the key, the id, the body and the time."""
    secret = "whsec_" + base64.b64encode(key).decode()
    moment = datetime.fromtimestamp(sent_at, UTC)
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(sent_at),
        "webhook-signature": standardwebhooks.Webhook(secret).sign(message_id, moment, text),
    }
    delivery = verify_delivery(text.encode(), headers, secrets=secret, now=sent_at)

    assert (message_id, sent_at, text.encode()) == (delivery.id, delivery.sent_at, delivery.body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1,"b":"\xc3\xa9"}',
        b'{"a": 1, "b": "\xc3\xa9" }',
        b'{"b": "\xc3\xa9", "a": 1}',
        b'{"a": 1, "b": "\\u00e9"}',
        b'\xef\xbb\xbf{"a": 1, "b": "\xc3\xa9"}',
        b'{"a": 1, "b": "\xe9"}',
        b'{"a": 1, "b": "e\xcc\x81"}',
        '{"a": 1, "b": "é"}'.encode("utf-16"),
        b'{"a": 1, "b": "\xc3\xa9"}\n',
        b'{"a": 1.0, "b": "\xc3\xa9"}',
        b'{"a": 1, "b": "\xc3\xa9"',
        b"",
    ],
)
def test_the_very_bytes_are_signed(body: bytes) -> None:
    """A body that means the same, or nearly, is another body."""
    original = b'{"a": 1, "b": "\xc3\xa9"}'

    assert original == verified(signed(original), original).body
    with pytest.raises(WebhookVerificationError, match="No signature fits"):
        verified(signed(original), body)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("webhook-id", "msg_2"),
        ("webhook-timestamp", str(NOW + 1)),
        ("webhook-timestamp", f"0{NOW}"),
    ],
)
def test_id_and_time_are_signed(header: str, value: str) -> None:
    """Neither can be changed without the key, not even how the time is written."""
    with pytest.raises(WebhookVerificationError, match="No signature fits"):
        verified(signed() | {header: value})


@pytest.mark.parametrize("age", [0, 1, 299, 300, -299, -300])
def test_a_time_within_the_tolerance_is_accepted(age: int) -> None:
    """300 seconds each way, both ends included."""
    assert NOW - age == verified(signed(timestamp=NOW - age)).sent_at


@pytest.mark.parametrize(
    ("age", "problem"),
    [
        (301, r"301 s ago; 300 s are allowed"),
        (300.5, r"s ago; 300 s"),
        (-301, r"301 s ahead of now; 300 s"),
        (-10 * 365 * 86400, r"s ahead of now"),
        (NOW, r"s ago"),
    ],
)
def test_a_time_beyond_the_tolerance_is_refused(age: float, problem: str) -> None:
    """Too old and too new alike, although it is signed."""
    with pytest.raises(WebhookVerificationError, match=problem):
        verified(signed(timestamp=NOW), now=NOW + age)


def test_the_tolerance_can_be_chosen() -> None:
    """In seconds, fractions included."""
    headers = signed(timestamp=NOW - 2)

    assert verified(headers, tolerance=2)
    assert verified(headers, tolerance=10**9)
    with pytest.raises(WebhookVerificationError, match="2 s ago"):
        verified(headers, tolerance=1.5)


@pytest.mark.parametrize(
    "timestamp",
    [
        "-5",
        "1e9",
        "1769251500.0",
        " 1769251500",
        "1769251500 ",
        "+1769251500",
        "1_769_251_500",
        "0x69748b6c",
        "nan",
        "inf",
        "1769251500, 1769251500",
        "1769251500000",  # milliseconds
        "9" * 5000,
    ],
)
def test_a_time_is_digits_alone(timestamp: str) -> None:
    """What Python's own int() or float() would take is refused before it is compared."""
    with pytest.raises(WebhookVerificationError, match="webhook-timestamp is malformed"):
        verified(signed() | {"webhook-timestamp": timestamp})


@pytest.mark.parametrize(
    "timestamp", ["\u0661\u0667\u0666\u0669", "١٧٦٩٢٥١٥٠٠", "1769251500\n", ""]
)
def test_a_time_is_ascii(timestamp: str) -> None:
    """Digits of other scripts, and ends of lines, are none."""
    with pytest.raises(WebhookVerificationError, match="webhook-timestamp is"):
        verified(signed() | {"webhook-timestamp": timestamp})


@pytest.mark.parametrize("message_id", ["a", "msg_1", "!~:/+-=", "x" * 256])
def test_an_id_is_visible_ascii(message_id: str) -> None:
    """Up to 256 characters."""
    assert message_id == verified(signed(message_id=message_id)).id


@pytest.mark.parametrize("message_id", ["a.b", ".", "x" * 257, "a b", "a,b", "msg_1, msg_1"])
def test_an_id_that_could_be_read_in_two_ways_is_refused(message_id: str) -> None:
    """No dot, which separates what is signed, and no comma, which joins repeated headers."""
    with pytest.raises(WebhookVerificationError, match="webhook-id is malformed"):
        verified(signed() | {"webhook-id": message_id})
    with pytest.raises(InvalidArgumentError, match="message_id has 1 to 256 visible"):
        signed(message_id=message_id)


@pytest.mark.parametrize("message_id", ["", "é", "a\n", "\ud800", None, 5, b"msg_1"])
def test_what_is_no_id_is_not_signed(message_id: Any) -> None:
    """Empty, not ASCII, or no text."""
    with pytest.raises(InvalidArgumentError, match="message_id"):
        signed(message_id=message_id)


@pytest.mark.parametrize("timestamp", [-1, 10**11])
def test_a_time_that_no_header_can_carry_is_not_signed(timestamp: int) -> None:
    """Before 1970, or in milliseconds."""
    with pytest.raises(InvalidArgumentError, match="Unix time in seconds"):
        signed(timestamp=timestamp)


@pytest.mark.parametrize("secrets", [*itertools.permutations([SECRET, *OTHERS[:2]])])
@pytest.mark.parametrize("place", range(4))
def test_any_secret_fits_any_signature_in_any_order(secrets: tuple[str, ...], place: int) -> None:
    """During a rotation both sides may know several, and versions to come stand beside ours."""
    entries = ["v1a,c2lnbmF0dXJl", signature_of(OTHERS[3]), "v2,whatever=/+"]
    entries.insert(place, signature_of())

    assert verified(signed() | {"webhook-signature": " ".join(entries)}, secrets=list(secrets))


def test_five_secrets_meet_sixteen_signatures() -> None:
    """The fifth fits the sixteenth; one signature more, and none is looked at."""
    entries = [*["v2,abc"] * 10, *[signature_of(OTHERS[0])] * 5, signature_of()]
    headers = signed() | {"webhook-signature": " ".join(entries)}
    secrets = [*OTHERS, SECRET]

    assert verified(headers, secrets=secrets)
    with pytest.raises(WebhookVerificationError, match="more than 16 signatures"):
        verified(headers | {"webhook-signature": " ".join(["v2,a", *entries])}, secrets=secrets)


def test_each_key_signs() -> None:
    """A sender that rotates sends a signature of each, and either one suffices."""
    keys = check_keys(find_keys([SECRET, OTHERS[0]], "base64"))
    headers = StandardWebhooks().sign(BODY, keys=keys, message_id="msg_1", timestamp=NOW)

    assert f"{signature_of()} {signature_of(OTHERS[0])}" == headers["webhook-signature"]
    for secret in (SECRET, OTHERS[0]):
        assert verified(headers, secrets=secret)


NO_SIGNATURE = "webhook-signature is malformed, or has no signature of version v1"


def test_no_signature_of_our_version_fits_nothing() -> None:
    """Signatures of unknown versions are skipped, and prove nothing."""
    with pytest.raises(WebhookVerificationError, match=NO_SIGNATURE):
        verified(signed() | {"webhook-signature": "v1a,abc v2,def"})


MALFORMED: list[Callable[[str], str]] = [
    lambda text: text[:-1],
    lambda text: text + "=",
    lambda text: text + "==x",
    lambda text: text + ",",
    lambda text: text + ",b",
    lambda text: text.replace("=", "%3D"),
    lambda text: text[:-2] + chr(ord(text[-2]) + 1) + "=",
    lambda text: text[:3] + text[7:],
    lambda text: "v1,AAAA" + text[3:],
    lambda text: text.replace(",", ""),
    lambda text: text.replace(",", ",,"),
    lambda text: text.replace("v1", ""),
    lambda text: text.replace("v1", "V1"),
    lambda text: text[3:],
    lambda _: "v1,",
    lambda _: "v1",
    lambda _: ",",
    lambda _: "garbage",
    lambda _: "v1,garbage",
    lambda _: "v1,a,b",
    lambda _: "v1," + "A" * 5000,
]


@pytest.mark.parametrize("change", MALFORMED)
def test_a_malformed_signature_alone_is_refused(change: Callable[[str], str]) -> None:
    """A signature has one form, and without one of that form a delivery is refused."""
    entry = change(signature_of())
    for header in (entry, f"{entry} {entry}", f"v2,abc {entry}"):
        with pytest.raises(WebhookVerificationError, match=NO_SIGNATURE):
            verified(signed() | {"webhook-signature": header})


@pytest.mark.parametrize("change", [*MALFORMED, lambda _: ""])
def test_a_malformed_signature_beside_a_good_one_is_skipped(change: Callable[[str], str]) -> None:
    """In either order, a good signature suffices; beside one of another key nothing does."""
    good, bad, entry = signature_of(), signature_of(OTHERS[0]), change(signature_of())
    for header in (f"{good} {entry}", f"{entry} {good}", f"{entry} {good} {entry}"):
        assert verified(signed() | {"webhook-signature": header})
    for header in (f"{bad} {entry}", f"{entry} {bad}"):
        with pytest.raises(WebhookVerificationError, match="No signature fits"):
            verified(signed() | {"webhook-signature": header})


def test_malformed_signatures_count() -> None:
    """With them there are 16 entries at most, too."""
    headers = signed()
    for count, fits in ((15, True), (16, False)):
        header = " ".join([*["v1,x"] * count, signature_of()])
        with nullcontext() if fits else pytest.raises(WebhookVerificationError, match="more than"):
            assert verified(headers | {"webhook-signature": header})


@pytest.mark.parametrize("text", ["v1,\u0661", "", " \n"])
def test_a_signature_header_is_printable_ascii(text: str) -> None:
    """A header with other characters is refused as a whole, a good signature in it included."""
    for header in (text, f"{signature_of()} {text}\n"):
        with pytest.raises(WebhookVerificationError, match="webhook-signature is"):
            verified(signed() | {"webhook-signature": header})


@pytest.mark.parametrize("place", range(4))
def test_every_pair_is_compared(monkeypatch: pytest.MonkeyPatch, place: int) -> None:
    """How many comparisons there are does not tell which signature fits."""
    compared: list[tuple[bytes, bytes]] = []
    original = hmac.compare_digest

    def compare_digest(left: bytes, right: bytes) -> bool:
        compared.append((left, right))
        return original(left, right)

    monkeypatch.setattr(hmac, "compare_digest", compare_digest)
    entries = [signature_of(secret) for secret in OTHERS[:3]]
    entries.insert(place, signature_of())
    verified(signed() | {"webhook-signature": " ".join(entries)}, secrets=[SECRET, OTHERS[3]])

    assert 2 * 4 == len(compared)
    assert {32} == {len(side) for pair in compared for side in pair}


def test_signatures_are_compared_in_constant_time_alone() -> None:
    """No operator compares what was signed, and the loops over the pairs have no way out."""
    tree = ast.parse(inspect.getsource(scheme))
    names = {"candidate", "candidates", "digest", "signature", "signatures", "content"}
    compared = {
        ast.unparse(side)
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare)
        for side in [node.left, *node.comparators]
    }
    (pairs,) = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and "compare_digest" in ast.unparse(node)
    ]
    ways_out = (ast.Break, ast.Continue, ast.If, ast.IfExp, ast.BoolOp, ast.Raise)

    assert set() == compared & names
    assert not [node for node in ast.walk(pairs) if isinstance(node, ways_out)]
    assert isinstance(pairs.body[-1], ast.Return)
    assert 1 == sum(isinstance(node, ast.Return) for node in ast.walk(pairs))
