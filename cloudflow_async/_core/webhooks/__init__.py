"""Webhooks: what comes in is verified, read and handed to handlers; no file here does any I/O.

The files, in the order in which a delivery travels:

    router          who gets it, and the status that answers it; it alone is given a clock
    dedupe              ... each delivery once
    verify          bytes and headers become a delivery that can be trusted
    scheme              ... by its signature: Standard Webhooks, or another one
    headers             ... each header once, in printable ASCII
    secrets             ... with the keys that our secrets stand for
    strict_base64       ... and base64 in its one strict form
    events          the delivery's payload becomes an event
"""

from .dedupe import DedupeStore, MemoryDedupeStore
from .events import EventData, WebhookEvent, parse_event
from .headers import DeliveryHeaders, WebhookHeaders
from .router import Router
from .scheme import Delivery, StandardWebhooks, WebhookScheme
from .secrets import SecretEncoding, Secrets, WebhookKey, check_keys, find_keys
from .verify import (
    TOLERANCE,
    check_body,
    check_time,
    check_tolerance,
    sign_webhook,
    verify_delivery,
)

__all__ = [
    "TOLERANCE",
    "DedupeStore",
    "Delivery",
    "DeliveryHeaders",
    "EventData",
    "MemoryDedupeStore",
    "Router",
    "SecretEncoding",
    "Secrets",
    "StandardWebhooks",
    "WebhookEvent",
    "WebhookHeaders",
    "WebhookKey",
    "WebhookScheme",
    "check_body",
    "check_keys",
    "check_time",
    "check_tolerance",
    "find_keys",
    "parse_event",
    "sign_webhook",
    "verify_delivery",
]
