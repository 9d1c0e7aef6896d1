"""What a delivery tells: the payload that all events share, and the class of each known type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final, cast

import attrs

from cloudflow_async._core.codec.decode import decode
from cloudflow_async._core.codec.fields import fields_of, is_model, unknown_fields
from cloudflow_async._core.codec.json import loads
from cloudflow_async._core.codec.timestamps import parse_instant
from cloudflow_async._core.errors import DecodeError, WebhookPayloadError
from cloudflow_async._core.messages import Json
from cloudflow_async._core.public import public

from .scheme import Delivery

_TYPE: Final = "event"
_TIMESTAMP: Final = "timestamp"
_DATA: Final = "data"
_LONGEST_TYPE: Final = 128
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@public("cloudflow_async")
@attrs.frozen(kw_only=True)
class WebhookEvent:
    """An event out of a delivery that can be trusted; its class for types that are not known."""

    id: str
    """The delivery's id: the same whenever the sender delivers this event again."""

    type: str
    """Such as ``workflow.completed``."""

    timestamp: datetime | None
    """When it happened, in UTC, by the payload; None when the payload does not tell."""

    sent_at: datetime
    """When this delivery was signed, in UTC; another one for each attempt."""

    data: Mapping[str, Json] = attrs.field(hash=False)
    """What happened, as it came; empty when the payload has no such object."""

    extra: Mapping[str, Json] = unknown_fields()
    """The payload's other fields, as they came; a `timestamp` or `data` of another form too."""


@public("cloudflow_async")
class EventData(Mapping[str, Json]):
    """What the data of known events have in common: they read like the JSON that came, too.

    So ``event.data["workflow_id"]`` works for every event, whether its type is known or not.
    Fields that are None are absent there.  Subclasses are models.
    """

    __slots__ = ()

    def __getitem__(self, name: str) -> Json:
        return _fields(self)[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_fields(self))

    def __len__(self) -> int:
        return len(_fields(self))


def _fields(data: EventData) -> dict[str, Json]:
    fields = attrs.asdict(cast(Any, data), recurse=False)
    extra = fields.pop("extra")
    return {**extra, **{name: value for name, value in fields.items() if value is not None}}


def parse_event(delivery: Delivery, events: Mapping[str, type[WebhookEvent]]) -> WebhookEvent:
    """Return the event of a delivery.

    It is of the class of its type where the data fit; anything else becomes a plain
    `WebhookEvent`, so that what a sender adds or changes still arrives.

    Args:
        delivery: A delivery that can be trusted.
        events: The known types, each with its class.

    Raises:
        WebhookPayloadError: The body is no JSON object, or it names no event.
    """
    payload = _read_payload(delivery.body)
    event_type, timestamp = _take_type(payload), _take_instant(payload)
    cls, data = _read_data(events.get(event_type, WebhookEvent), _take_data(payload))
    return cls(
        id=delivery.id,
        type=event_type,
        timestamp=timestamp,
        sent_at=_EPOCH + timedelta(seconds=delivery.sent_at),
        data=data,
        extra=payload,
    )


def _read_payload(body: bytes) -> dict[str, Json]:
    try:
        payload = loads(body)
    except DecodeError:
        payload = None
    # Raised here, because the error above may quote the body.
    if not isinstance(payload, dict):
        raise WebhookPayloadError("The delivery is signed, but its body is no JSON object.")
    return payload


def _take_type(payload: dict[str, Json]) -> str:
    name = payload.pop(_TYPE, None)
    if not (isinstance(name, str) and 1 <= len(name) <= _LONGEST_TYPE):
        raise WebhookPayloadError(
            f'The delivery is signed, but its body has no "{_TYPE}" of 1 to {_LONGEST_TYPE} '
            "characters."
        )
    return name


def _take_instant(payload: dict[str, Json]) -> datetime | None:
    text = payload.get(_TIMESTAMP)
    try:
        moment = parse_instant(text) if isinstance(text, str) else None
    except (ValueError, OverflowError):
        moment = None
    if moment is not None:
        del payload[_TIMESTAMP]
    return moment


def _take_data(payload: dict[str, Json]) -> dict[str, Json]:
    data = payload.get(_DATA)
    if not isinstance(data, dict):
        return {}
    del payload[_DATA]
    return data


def _read_data(
    cls: type[WebhookEvent], data: dict[str, Json]
) -> tuple[type[WebhookEvent], Mapping[str, Json]]:
    model = _model_of(cast(Any, cls))
    if model is not None:
        try:
            return cls, decode(model, data)
        except DecodeError:
            pass
    return WebhookEvent, data


@cache
def _model_of(cls: type[Any]) -> type[EventData] | None:
    """Return the class of an event's data; None when it has none of its own."""
    kind = {field.name: field for field in fields_of(cls)}[_DATA].type
    return kind if is_model(kind) else None
