"""What a delivery that can be trusted tells."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from cloudflow_async._core.codec import json as strict_json
from cloudflow_async._core.codec.fields import unknown_fields
from cloudflow_async._core.errors import WebhookPayloadError, WebhookVerificationError
from cloudflow_async._core.messages import Json
from cloudflow_async._core.webhooks import Delivery, EventData, WebhookEvent, parse_event
from tests.canaries import Lookout
from tests.core.webhooks.samples import NOW, signed, verified


@attrs.frozen(kw_only=True, weakref_slot=False)
class ThingData(EventData):
    """The data of a known event."""

    id: str
    size: int | None = None
    extra: Mapping[str, Json] = unknown_fields()


@attrs.frozen(kw_only=True)
class ThingMade(WebhookEvent):
    """A known event with data of its own."""

    data: ThingData


@attrs.frozen(kw_only=True)
class ThingPainted(WebhookEvent):
    """A known event without data of its own."""


EVENTS: Mapping[str, type[WebhookEvent]] = {"thing.made": ThingMade, "thing.painted": ThingPainted}
PAYLOAD: dict[str, Any] = {
    "event": "thing.made",
    "timestamp": "2026-01-24T10:45:00Z",
    "data": {"id": "t_1", "size": 3},
}


def parsed(payload: Any) -> WebhookEvent:
    """Return the event of a payload, or of a body."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return parse_event(Delivery(id="msg_1", sent_at=NOW, body=body), EVENTS)


def test_a_known_event() -> None:
    """It has its class, the time of the payload, that of the header, and typed data."""
    event = ThingMade(
        id="msg_1",
        type="thing.made",
        timestamp=datetime(2026, 1, 24, 10, 45, tzinfo=UTC),
        sent_at=datetime(2026, 1, 24, 10, 45, tzinfo=UTC),
        data=ThingData(id="t_1", size=3),
    )

    assert event == parsed(PAYLOAD)


def test_an_unknown_event() -> None:
    """What a sender adds one day arrives as it came."""
    event = parsed(PAYLOAD | {"event": "thing.sold", "data": {"to": [1, None]}, "new": {}})

    assert (WebhookEvent, "thing.sold") == (type(event), event.type)
    assert {"to": [1, None]} == event.data
    assert {"new": {}} == event.extra


def test_a_known_event_whose_data_are_not_declared() -> None:
    """It is a plain event: there is nothing to tell it apart by."""
    event = parsed(PAYLOAD | {"event": "thing.painted"})

    assert (WebhookEvent, {"id": "t_1", "size": 3}) == (type(event), event.data)


@pytest.mark.parametrize("data", [{}, {"id": None}, {"id": 5}, {"id": "t_1", "size": "3"}])
def test_data_that_do_not_fit_still_arrive(data: Any) -> None:
    """The event is a plain one then, and nothing of it is lost."""
    event = parsed(PAYLOAD | {"data": data})

    assert (WebhookEvent, "thing.made", data) == (type(event), event.type, event.data)


@pytest.mark.parametrize("data", [None, [], [1], "text", 5, True])
def test_data_that_are_no_object_are_kept_aside(data: Any) -> None:
    """`data` is an object always; what came instead is in `extra`."""
    event = parsed(PAYLOAD | {"data": data})

    assert ({}, {"data": data}) == (event.data, event.extra)


def test_data_may_be_missing() -> None:
    """Then there are none, and `extra` does not claim otherwise."""
    event = parsed({"event": "thing.sold"})

    assert ({}, {}, None) == (event.data, event.extra, event.timestamp)


@pytest.mark.parametrize(
    "timestamp",
    [None, 5, "", "yesterday", "2026-01-24", "2026-01-24T10:45:00", "0001-01-01T00:00:00+14:00"],
)
def test_a_time_that_cannot_be_read_is_kept_aside(timestamp: Any) -> None:
    """`timestamp` is None then, and `extra` has what came."""
    event = parsed(PAYLOAD | {"timestamp": timestamp})

    assert (None, {"timestamp": timestamp}) == (event.timestamp, event.extra)
    assert ThingMade is type(event)


@pytest.mark.parametrize("text", ["2026-01-24T12:45:00+02:00", "2026-01-24 10:45:00z"])
def test_times_are_utc(text: str) -> None:
    """The time of a payload may have any form that RFC 3339 allows; the event has it in UTC."""
    event = parsed(PAYLOAD | {"timestamp": text})

    assert datetime(2026, 1, 24, 10, 45, tzinfo=UTC) == event.timestamp
    assert timedelta(0) == event.sent_at.utcoffset()


def test_fields_named_like_ours_do_not_pass_for_them() -> None:
    """What the payload calls ``id`` or ``sent_at`` is not what was signed in the headers."""
    mimicry = {"id": "msg_2", "sent_at": "x", "type": "y", "extra": 5, "": 6}
    event = parsed(PAYLOAD | mimicry)

    assert ("msg_1", "thing.made", mimicry) == (event.id, event.type, event.extra)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"5",
        b"<html>",
        b'{"event":"a"} {}',
        b'{"event":"a","x":NaN}',
        b'{"event":"a","x":1e999}',
        b'{"event":"a","x":' + b"[" * 100_000,
        b'{"event":"\xff"}',
        b'\xef\xbb\xbf{"event":"a"}',
        '{"event":"a"}'.encode("utf-16"),
    ],
    ids=lambda body: body[:20],
)
@pytest.mark.parametrize("has_orjson", [True, False])
def test_a_body_that_is_no_json_object(
    body: bytes, monkeypatch: pytest.MonkeyPatch, has_orjson: bool
) -> None:
    """It is signed, so its sender can be told that it is at fault; nothing of it is quoted."""
    if not has_orjson:
        monkeypatch.setattr(strict_json, "_quick", None)
    with pytest.raises(
        WebhookPayloadError, match=r"^The delivery is signed, .* JSON object\.$"
    ) as e:
        parsed(body)

    assert e.value.__context__ is None


@pytest.mark.parametrize("name", [None, "", 5, ["a"], {}, "x" * 129])
def test_a_body_without_an_event(name: Any) -> None:
    """Its name has 1 to 128 characters."""
    with pytest.raises(WebhookPayloadError, match='no "event" of 1 to 128 characters'):
        parsed({"event": name})
    with pytest.raises(WebhookPayloadError):
        parsed({"type": "thing.made"})

    assert "x" * 128 == parsed({"event": "x" * 128}).type
    assert "x" == parsed({"event": "x"}).type


def test_an_unreadable_delivery_cannot_be_handled_either() -> None:
    """Who does not tell apart what is signed from what is not catches both."""
    assert issubclass(WebhookPayloadError, WebhookVerificationError)


def test_no_payload_is_read_before_its_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be trusted reaches neither the JSON parser nor a model."""
    seen: list[bytes] = []
    monkeypatch.setattr("cloudflow_async._core.webhooks.events.loads", seen.append)
    with pytest.raises(WebhookVerificationError, match="No signature fits"):
        parse_event(verified(signed(), b"{"), EVENTS)

    assert [] == seen


def test_typed_data_read_like_json() -> None:
    """Code that does not know the type reads ``event.data`` like that of any other event."""
    data = parsed(PAYLOAD | {"data": {"id": "t_1", "size": None, "new": [1]}}).data

    assert isinstance(data, ThingData)
    assert ("t_1", [1], None) == (data["id"], data["new"], data.get("size"))
    assert {"id": "t_1", "new": [1]} == dict(data) == {**data}
    assert (2, {"id", "new"}) == (len(data), set(data))
    with pytest.raises(KeyError, match="size"):
        data["size"]


def test_events_can_be_collected() -> None:
    """They have a hash, although their data, which are a dictionary, have none."""
    event = parsed({"event": "thing.sold", "data": {"to": []}})

    assert {event} == {event, parsed({"event": "thing.sold", "data": {"to": []}})}


def test_models_inside_of_data_stay_models() -> None:
    """Reading data like JSON takes nothing apart."""
    inner: Any = ThingData(id="t_2")

    assert inner is ThingData(id="t_1", extra={"inner": inner})["inner"]


@pytest.mark.parametrize("cls", [WebhookEvent, Delivery])
def test_fields_are_named(cls: type[Any]) -> None:
    """So that one more of them, anywhere, changes nobody's program."""
    kinds = {each.kind for each in inspect.signature(cls).parameters.values()}

    assert {inspect.Parameter.KEYWORD_ONLY} == kinds


def test_documented_fields_win() -> None:
    """An undocumented field cannot stand before one that is documented."""
    assert {"id": "t_1"} == dict(ThingData(id="t_1", extra={"id": "t_2"}))


def test_an_error_shows_nothing_of_a_body() -> None:
    """A payload may hold what its customer does not want in logs."""
    lookout = Lookout()
    lookout.plant("payload", "a customer's own affair")
    for body in (b"a customer's own affair", b'{"event": 5, "x": "a customer\'s own affair"}'):
        with pytest.raises(WebhookPayloadError) as caught:
            parsed(body)
        lookout.read("error", f"{caught.value!r} {caught.value.__context__!r}")

    assert [] == lookout.finds()


_OWN_EVENT = """
from collections.abc import Mapping
import attrs
from cloudflow_async._core.codec.fields import unknown_fields
from cloudflow_async._core.messages import Json
from cloudflow_async._core.webhooks import Delivery, EventData, WebhookEvent, parse_event

@attrs.frozen(kw_only=True, weakref_slot=False)
class ParcelData(EventData):
    parcel: str
    extra: Mapping[str, Json] = unknown_fields()

@attrs.frozen(kw_only=True)
class ParcelLost(WebhookEvent):
    data: ParcelData

BODY = b'{"event": "parcel.lost", "timestamp": "2026-01-24T10:30:00Z", "data": {"parcel": "p_1"}}'
delivery = Delivery(id="msg_1", sent_at=1769251500, body=BODY)
print(parse_event(delivery, {"parcel.lost": ParcelLost}).data.parcel)
"""


def test_a_subclass_in_another_module_is_read_in_a_new_process() -> None:
    """Its base class refers to `Json`, which `cloudflow_async` has not loaded by then."""
    run = subprocess.run(
        [sys.executable, "-c", _OWN_EVENT], capture_output=True, text=True, check=False
    )

    assert ("p_1\n", "") == (run.stdout, run.stderr)
