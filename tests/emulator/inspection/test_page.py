"""The inspection page as HTML; `journeys/test_inspection_page.py` looks at it in a browser."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser

import attrs
import pytest
from multidict import CIMultiDict, CIMultiDictProxy, MultiDict

from cloudflow_async.emulator import DeliveryAttempt, RecordedDelivery, RecordedRequest
from cloudflow_async.emulator.base.problems import Reply
from cloudflow_async.emulator.deliveries.deliveries import DeliveryState
from cloudflow_async.emulator.inspection.page import (
    MOST_DELIVERIES,
    MOST_REQUESTS,
    inspection,
    refusal,
)
from tests.emulator.conftest import NOON

HOSTILE = "\"'></pre></code><script>alert(1)</script><img src=x onerror=alert(1)>&amp;\udcff"
KEY = "cf_live_0123456789abcdef"

REQUEST = RecordedRequest(
    method="GET",
    path="/v2/workflows",
    query=MultiDict(limit="2"),
    headers=CIMultiDictProxy(CIMultiDict({"X-API-Key": KEY, "Accept": "*/*"})),
    received_at=NOON + 0.25,
    connection=3,
    route="/workflows",
    identity="key 1",
    request_id="req_1",
    status=200,
    rate_limit_remaining=149,
)

DELIVERY = RecordedDelivery(
    id="msg_1",
    account="default",
    webhook_id="hook_1",
    url="http://127.0.0.1:9/hook",
    event="workflow.failed",
    body=b'{"event":"workflow.failed"}',
    created_at=NOON,
    state="pending",
    attempts=(
        DeliveryAttempt(at=NOON, status=500, answer=b"no <luck>"),
        DeliveryAttempt(at=NOON + 5, error="no answer within 10 s"),
        DeliveryAttempt(at=NOON + 6, error="the answer was lost", answer=b"done"),
        DeliveryAttempt(at=NOON + 7),
    ),
    next_attempt_at=NOON + 300,
)


def shown(
    *entries: RecordedRequest | RecordedDelivery, resent: str | None = None, token: str = "t"
) -> str:
    """Return the page that shows some requests and deliveries."""
    reply = inspection(
        [entry for entry in entries if isinstance(entry, RecordedRequest)],
        [entry for entry in entries if isinstance(entry, RecordedDelivery)],
        token=token,
        base="http://127.0.0.1:8787",
        resent=resent,
    )
    return html(reply)


def html(reply: Reply) -> str:
    """Return the text of a page."""
    assert reply.raw is not None
    return reply.raw.decode()


def cells(text: str) -> list[str]:
    """Return what stands in the cells after the first one, as text."""
    found = re.findall(r'<td role="cell" data-label="[^"]+"><div>(.*?)</div></td>', text, re.DOTALL)
    return [" ".join(unescape(re.sub("<[^>]+>", " ", cell)).split()) for cell in found]


class Reader(HTMLParser):
    """Notes the tags of a page, and the attributes that could run something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith(("on", "style"))]


def test_a_request_is_shown_with_its_rate_limit() -> None:
    """Method, path and query open the details; credentials are hidden."""
    text = shown(REQUEST)

    assert "<code>GET /v2/workflows?limit=2</code></summary>" in text
    assert cells(text) == ["2026-01-24 12:00:00.250", "200", "key 1", "149", "0 bytes"]
    assert "X-API-Key: ***cdef\nAccept: */*" in text
    assert "<dd><code>req_1</code></dd>" in text
    assert KEY not in text


def test_what_is_not_known_of_a_request_is_said() -> None:
    """No answer, nobody, not counted, no endpoint."""
    text = shown(
        attrs.evolve(
            REQUEST, status=None, identity=None, rate_limit_remaining=None, route=None, body=b"x"
        )
    )

    assert cells(text)[1:] == ["none", "unknown", "not counted", "1 byte"]
    assert "<dt>Endpoint</dt><dd><code>none</code></dd>" in text


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        ("application/json", b'{"secret":"whsec_1"}', '{"secret":"***"}'),
        ("Application/X-WWW-form-urlencoded; charset=utf-8", b"code=abc&a=b", "code=***&a=b"),
    ],
)
def test_a_body_is_shown_by_its_kind(content_type: str, body: bytes, expected: str) -> None:
    """JSON and forms hide their credentials in their own ways."""
    headers = CIMultiDictProxy(CIMultiDict({"Content-Type": content_type}))
    text = shown(attrs.evolve(REQUEST, headers=headers, body=body))

    assert f"<div>Body, {len(body)} bytes</div><pre>\n{expected}</pre>" in unescape(text)


def test_long_texts_are_cut() -> None:
    """Lines, header values and bodies; how long a body is, is said."""
    headers = CIMultiDictProxy(CIMultiDict({"X-Long": "h" * 5000}))
    text = shown(attrs.evolve(REQUEST, path="/" + "p" * 5000, headers=headers, body=b"b" * 5000))

    assert "Body, 5000 bytes, the first 2048 of them" in text
    assert [len(run) for run in re.findall("h{100,}|b{100,}", text)] == [512, 2048]
    assert "p" * 155 + "...</code></summary>" in text


def test_a_delivery_is_shown_with_its_attempts() -> None:
    """What came of each, and when the next follows; answers stand in the details."""
    text = shown(DELIVERY)
    time, state, attempts, action = cells(text)

    assert "<code>workflow.failed</code></summary>" in text
    assert "to http://127.0.0.1:9/hook" in text
    assert (time, state) == ("2026-01-24 12:00:00.000", "pending")
    assert attempts == (
        "2026-01-24 12:00:00.000 500 2026-01-24 12:00:05.000 no answer within 10 s "
        "2026-01-24 12:00:06.000 the answer was lost 2026-01-24 12:00:07.000 on its way "
        "next 2026-01-24 12:05:00.000"
    )
    assert action == "Resend workflow.failed, msg_1"
    assert "Answer 500, <time>2026-01-24 12:00:00.000</time></div><pre>\nno &lt;luck&gt;" in text
    assert "Answer that was lost, <time>2026-01-24 12:00:06.000</time></div><pre>\ndone" in text
    assert text.count("<pre>") == 3


@pytest.mark.parametrize(
    ("state", "expected"),
    [("delivered", "delivered"), ("failed", "failed"), ("disabled", "webhook disabled")],
)
def test_states_are_words(state: DeliveryState, expected: str) -> None:
    """Colour alone says nothing."""
    assert cells(shown(attrs.evolve(DELIVERY, state=state)))[1] == expected


def test_of_many_attempts_the_last_ones_are_shown() -> None:
    """Ten of them, and how many there were before."""
    attempts = tuple(DeliveryAttempt(at=NOON + number, status=500) for number in range(14))
    text = shown(attrs.evolve(DELIVERY, attempts=attempts, next_attempt_at=None))

    assert cells(text)[2].startswith("4 earlier ones 2026-01-24 12:00:04.000 500")
    assert cells(text)[2].count("500") == 10


def test_each_delivery_has_a_form_that_carries_the_token() -> None:
    """To its own id."""
    text = shown(DELIVERY, token="secret-token")

    assert '<form method="post" action="/_emulator/redeliver">' in text
    assert '<input type="hidden" name="token" value="secret-token">' in text
    assert '<input type="hidden" name="delivery" value="msg_1">' in text


def test_the_page_says_what_was_sent_again() -> None:
    """Next to the button, which gets the focus; an id that it does not show changes nothing."""
    text = shown(DELIVERY, resent="msg_1")

    assert '<button id="resend-msg_1" autofocus aria-describedby="note">' in text
    assert '<p class="note" id="note">Sent again: see its last attempt.</p>' in text
    assert shown(DELIVERY, resent="msg_2") == shown(DELIVERY)


def test_an_empty_page_says_what_to_do() -> None:
    """With the address of this emulator."""
    text = shown()

    assert "<table" not in text
    assert "http://127.0.0.1:8787/v2/workflows</code>" in text
    assert "<code>POST /v2/webhooks/{workflow_id}/trigger</code>" in text


def test_only_the_newest_are_shown_and_they_come_first() -> None:
    """The page stays small, however much has arrived."""
    requests = [
        attrs.evolve(REQUEST, request_id=f"req_{number}", body=b"x" * 10_000)
        for number in range(5000)
    ]
    deliveries = [attrs.evolve(DELIVERY, id=f"msg_{number}") for number in range(500)]
    text = shown(*requests, *deliveries)
    rows = re.findall(r'<tr role="row" id="(\w+)">', text)

    assert rows[:2] == ["req_4999", "req_4998"]
    assert rows[MOST_REQUESTS : MOST_REQUESTS + 2] == ["msg_499", "msg_498"]
    assert len(rows) == MOST_REQUESTS + MOST_DELIVERIES
    assert "The newest 200 of 5000, newest first" in text
    assert len(text) < 1_500_000


def test_nothing_from_outside_becomes_markup() -> None:
    """Wherever a sender, a receiver or a test can put a text."""
    attempts = (
        DeliveryAttempt(at=NOON, error=HOSTILE),
        DeliveryAttempt(at=NOON, status=200, answer=HOSTILE.encode("utf-8", "replace")),
    )
    body = HOSTILE.encode("utf-8", "replace")
    text = shown(
        attrs.evolve(
            REQUEST,
            method="<b>",
            path="/" + HOSTILE,
            query=MultiDict({HOSTILE: HOSTILE}),
            headers=CIMultiDictProxy(CIMultiDict({"X-<b>": HOSTILE, "Cookie": HOSTILE})),
            body=body,
            route="/" + HOSTILE,
            identity=HOSTILE,
        ),
        attrs.evolve(
            DELIVERY,
            account=HOSTILE,
            url="http://h/" + HOSTILE,
            event=HOSTILE,
            body=body,
            attempts=attempts,
        ),
        resent=HOSTILE,
    )
    reader = Reader(text)

    assert reader.handlers == []
    assert reader.tags.count("script") == 1
    assert {"img", "b"}.isdisjoint(reader.tags)


@pytest.mark.parametrize("instant", [1e20, float("inf"), float("nan"), -1e20])
def test_a_clock_that_shows_no_date_is_shown_as_it_is(instant: float) -> None:
    """Clocks of tests may begin anywhere."""
    assert cells(shown(attrs.evolve(REQUEST, received_at=instant)))[0] == str(instant)


def test_a_refusal_says_why_and_leads_back() -> None:
    """With its status."""
    reply = refusal(403, "No <way>", "Because & so.")
    text = html(reply)

    assert reply.status == 403
    assert "<h1>No &lt;way&gt;</h1>\n<p>Because &amp; so.</p>" in text
    assert '<a href="/_emulator">' in text


def test_the_policy_lets_the_page_load_and_send_to_itself_alone() -> None:
    """Its script asks the emulator, and its forms go there."""
    policy = inspection([], [], token="t", base="http://h").headers["Content-Security-Policy"]
    directives = policy.split("; ")

    assert directives[0] == "default-src 'none'"
    assert directives[3:] == [
        "connect-src 'self'",
        "form-action 'self'",
        "img-src data:",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
